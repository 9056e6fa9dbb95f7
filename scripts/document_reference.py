"""Write the pages of docs/reference/ that follow from the sources: settings.md and http-handlers.md."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import types
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from xapi_async.config import load
from xapi_async.datamodel.http_actions import HTTP_ACTIONS
from xapi_async.inventory.presets import PRESETS
from xapi_async.server import SECTIONS, assembled

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "reference"
MADE = "<!-- Made by scripts/document-reference from the sources; edit those. -->"

SETTINGS = f"""# Settings

{MADE}

A setting can be given in three places, each overriding the one before it:

1. in a TOML file named by `--config`, under its section;
2. as a variable, `XAPI_SECTION_NAME`, such as `XAPI_SERVER_LOG_LEVEL`;
3. as a flag, `--set section.name=value`; a few have [flags of their own](command-line.md).

In variables and flags a list is written with commas between its items. Tables and lists of tables can
only be given in a file. An unknown section, name or variable that begins with `XAPI_` is an error.

`xapi-async check-config` takes the same flags and shows what would be in force, and where it comes from.
"""


PRESET_HEAD = """## Presets

For `inventory.preset`.

| name | pool |
| --- | --- |
"""

HANDLERS = f"""# HTTP handlers

{MADE}

What this version answers beside calls and the [pages of its own](http.md#pages). Each takes a session or a
name and password, as [told there](http.md#who-asks).

| request | what it does | parameters | weakest role |
| --- | --- | --- | --- |
"""


def pages() -> Mapping[str, str]:
    """The whole pages, by file name."""
    return {"settings.md": settings_page(), "http-handlers.md": asyncio.run(handlers_page())}


async def handlers_page() -> str:
    """The handlers that a server has, as the API's list of them describes them."""
    async with assembled(load(SECTIONS, environment={}, flags={("server", "database"): ""})) as core:
        there = set(core.routes)
    rows = (
        f"| `{action.method} {action.uri}` | {action.doc} "
        f"| {', '.join(f'`{arg}`' for arg in action.args)} | {action.roles[-1] if action.roles else ''} |\n"
        for action in sorted(HTTP_ACTIONS, key=lambda action: (action.uri, action.method))
        if (action.method, action.uri) in there
    )
    return HANDLERS + "".join(rows)


def settings_page() -> str:
    """Every setting there is, from the dataclasses that declare them."""
    sections = "\n".join(line for name, cls in SECTIONS.items() for line in _section(name, cls))
    presets = "\n".join(f"| `{name}` | {preset.doc} |" for name, preset in PRESETS.items())
    return (
        f"{SETTINGS}\n{sections}\n## Presets\n\nFor `inventory.preset`.\n\n| name | pool |\n| --- | --- |\n{presets}\n"
    )


def _section(name: str, cls: type[Any]) -> Iterator[str]:
    yield f"## [{name}]\n"
    yield f"{_about(cls)}\n"
    yield from _table(cls)
    for title, nested in _nested(cls, name):
        yield f"### {title}\n"
        yield f"{_about(nested)}\n"
        yield from _table(nested)


def _about(cls: type[Any]) -> str:
    """The first line of its description, without what only callers need to know."""
    return (cls.__doc__ or "").strip().splitlines()[0].partition(" Raises ")[0]


def _table(cls: type[Any]) -> Iterator[str]:
    hints = typing.get_type_hints(cls)
    yield "| name | type | default | what it is |"
    yield "| --- | --- | --- | --- |"
    for item in dataclasses.fields(cls):
        doc = item.metadata.get("doc", "").replace("|", "\\|")
        if "variable" in item.metadata:
            doc += f" Also as `{item.metadata['variable']}`."
        yield f"| `{item.name}` | {_type(hints[item.name])} | {_default(item)} | {doc} |"
    yield ""


def _nested(cls: type[Any], where: str) -> Iterator[tuple[str, type[Any]]]:
    """The dataclasses that settings are made of, with the place where they stand."""
    for name, hint in typing.get_type_hints(cls).items():
        inner = next((part for part in (hint, *typing.get_args(hint)) if dataclasses.is_dataclass(part)), None)
        if isinstance(inner, type) and not (inner is cls or _is_repeated(cls, name, inner)):
            place = f"{where}.{name}"
            yield (f"[[{place}]]" if typing.get_origin(hint) is tuple else f"[{place}]"), inner
            yield from _nested(inner, place)


def _is_repeated(cls: type[Any], name: str, inner: type[Any]) -> bool:
    """Whether an earlier setting of the same section is described by the same table."""
    for other, hint in typing.get_type_hints(cls).items():
        if other == name:
            return False
        if inner in (hint, *typing.get_args(hint)):
            return True
    return False


def _type(hint: Any) -> str:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_type(arg) for arg in args if arg is not type(None)) + ", or none"
    if origin is typing.Literal:
        return " or ".join(f"`{arg}`" for arg in args)
    if origin is tuple:
        return f"list of {_type(args[0])}"
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return "table"
    if dataclasses.is_dataclass(hint):
        return "table"
    return _TYPES.get(hint.__name__, hint.__name__.lower())


_TYPES = {"str": "text", "int": "whole number", "float": "number", "bool": "true or false", "Path": "path"}


def _default(item: dataclasses.Field[Any]) -> str:
    value = item.default if item.default is not dataclasses.MISSING else None
    if value is None or value in ("", ()):
        return ""
    if dataclasses.is_dataclass(value) or (isinstance(value, tuple) and _holds_tables(value)):
        return "see below"
    if isinstance(value, tuple):
        return f"`{json.dumps(list(value))}`"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value}`".replace("|", "\\|")


def _holds_tables(value: tuple[Any, ...]) -> bool:
    return any(dataclasses.is_dataclass(item) for item in value)


if __name__ == "__main__":
    for name, text in pages().items():
        (FOLDER / name).write_text(text)
