"""Recordings as text: XML as rrdtool dumps it, and the looser JSON that some clients of the API ask for."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

from xapi_async.transfer.statistics.archives import HEARTBEAT, NAN, STEP, Archive, Figure, Recording

_SPECIAL = {math.inf: "Infinity", -math.inf: "-Infinity"}


def number(value: float) -> str:
    """A value as clients read it."""
    if math.isfinite(value):
        return f"{value:.4f}"
    return _SPECIAL.get(value, "NaN")


Node = tuple[str, Any]
"""A name with a text, a number, or the nodes below it; ``database`` with rows of values."""


def dump_xml(recording: Recording) -> Iterator[str]:
    """A whole recording, in pieces; its rows oldest first."""
    yield "<rrd>"
    for node in _head(recording):
        yield _xml(node)
    for figure in recording.figures:
        yield _xml(("ds", _figure(figure)))
    for archive in recording.archives:
        yield "<rra>" + "".join(map(_xml, _archive(archive)))
        yield "<cdp_prep>" + "".join(_xml(("ds", prepared)) for prepared in _prepared(recording, archive))
        yield "</cdp_prep><database>"
        for values in _rows(recording, archive):
            yield "<row>" + "".join(f"<v>{value}</v>" for value in values) + "</row>"
        yield "</database></rra>"
    yield "</rrd>"


def dump_json(recording: Recording) -> Iterator[str]:
    """The same with unquoted names, which is no strict JSON."""
    yield "{" + ",".join(map(_json, _head(recording)))
    yield ",ds:[" + ",".join(_json_object(_figure(figure)) for figure in recording.figures) + "],rra:["
    for position, archive in enumerate(recording.archives):
        yield ("," if position else "") + "{" + ",".join(map(_json, _archive(archive)))
        yield ",cdp_prep:{ds:[" + ",".join(map(_json_object, _prepared(recording, archive))) + "]},database:["
        yield ",".join("[" + ",".join(values) + "]" for values in _rows(recording, archive))
        yield "]}"
    yield "]}"


def _head(recording: Recording) -> Iterable[Node]:
    return ("version", "0003"), ("step", STEP), ("lastupdate", recording.time)


def _figure(figure: Figure) -> list[Node]:
    # What is measured are rates and levels already, so that nothing is derived from differences.
    return [
        ("name", figure.name),
        ("type", "GAUGE"),
        ("minimal_heartbeat", float(HEARTBEAT)),
        ("min", figure.minimum),
        ("max", figure.maximum),
        ("last_ds", number(figure.last)),
        ("value", 0.0),
        ("unknown_sec", 0),
    ]


def _archive(archive: Archive) -> list[Node]:
    return [("cf", archive.cf), ("pdp_per_row", archive.steps), ("params", [("xff", archive.xff)])]


def _prepared(recording: Recording, archive: Archive) -> Iterator[list[Node]]:
    """How far each figure's next row is."""
    for position, figure in enumerate(recording.figures):
        is_known = position < len(archive.gathered)
        yield [
            ("primary_value", figure.last),
            ("secondary_value", 0.0),
            ("value", archive.gathered[position] if is_known else 0.0),
            ("unknown_datapoints", archive.unknown[position] if is_known else 0),
        ]


def _rows(recording: Recording, archive: Archive) -> Iterator[list[str]]:
    width = len(recording.figures)
    for row in tuple(archive.rows):
        yield [*map(number, row.values), *([number(NAN)] * (width - len(row.values)))]


def _xml(node: Node) -> str:
    name, content = node
    text = "".join(map(_xml, content)) if isinstance(content, list) else _plain(content)
    return f"<{name}>{text}</{name}>"


def _json(node: Node) -> str:
    name, content = node
    if isinstance(content, list):
        return f"{name}:{_json_object(content)}"
    return f'{name}:"{content}"' if isinstance(content, str) else f"{name}:{_plain(content)}"


def _json_object(nodes: Iterable[Node]) -> str:
    return "{" + ",".join(map(_json, nodes)) + "}"


def _plain(value: str | float) -> str:
    return number(value) if isinstance(value, float) else str(value)
