"""Statistics over HTTP: ``/rrd_updates``, ``/vm_rrd``, ``/host_rrd`` and ``/sr_rrd``. None has a task."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from functools import partial

from aiohttp import web

from xapi_async.objects.clock import Clock
from xapi_async.transfer.access import Access, parameter
from xapi_async.transfer.raw_disks import Handler
from xapi_async.transfer.statistics.archives import Recording
from xapi_async.transfer.statistics.recorder import Recorder
from xapi_async.transfer.statistics.texts import dump_json, dump_xml
from xapi_async.transfer.statistics.updates import CFS, Question, Source, Table

_XML = {"Content-Type": "text/xml"}
_CROSS_ORIGIN = {"Access-Control-Allow-Origin": "*"}
_CROSS_ORIGIN_CALLS = {**_CROSS_ORIGIN, "Access-Control-Allow-Headers": "X-Requested-With"}


def routes(access: Access, recorder: Recorder, clock: Clock) -> Mapping[tuple[str, str], Handler]:
    """The handlers, by method and the beginning of the path."""
    return {
        ("GET", "/rrd_updates"): partial(_updates, access, recorder, clock),
        ("GET", "/vm_rrd"): partial(_guest, access, recorder),
        ("GET", "/host_rrd"): partial(_host, access, recorder),
        ("GET", "/sr_rrd"): partial(_repository, access),
    }


async def _updates(access: Access, recorder: Recorder, clock: Clock, request: web.BaseRequest) -> web.StreamResponse:
    async with access.admitted(request, "rrd_updates"):
        question = _question(request, int(clock.now()))
        table = Table(question, recorder.time, list(_sources(request, recorder)))
        if "json" in request.query:
            return await _send(request, _json_pieces(table), _CROSS_ORIGIN_CALLS)
        return await _send(request, _xml_pieces(table), {**_XML, **_CROSS_ORIGIN_CALLS})


async def _guest(access: Access, recorder: Recorder, request: web.BaseRequest) -> web.StreamResponse:
    async with access.admitted(request, "vm_rrd"):
        recording = _found(recorder.guest(_uuid(request)))
        return await _send(request, _dump(request, recording), _headers(request))


async def _host(access: Access, recorder: Recorder, request: web.BaseRequest) -> web.StreamResponse:
    async with access.admitted(request, "host_rrd"):
        recording = _found(recorder.master())
        return await _send(request, _dump(request, recording), {**_headers(request), **_CROSS_ORIGIN})


async def _repository(access: Access, request: web.BaseRequest) -> web.StreamResponse:
    """Nothing is measured of repositories, so none has a recording."""
    async with access.admitted(request, "sr_rrd"):
        _uuid(request)
        return await _send(request, _dump(request, _found(None)), _headers(request))


# What is asked


def _question(request: web.BaseRequest, now: int) -> Question:
    start = _seconds(request, "start")
    if start is None:
        raise web.HTTPBadRequest(reason="start must say from when on")
    cf = request.query.get("cf", "").upper()
    since = start if start >= 0 else max(0, now + start)
    return Question(since, _seconds(request, "interval") or 0, cf if cf in CFS else None)


def _sources(request: web.BaseRequest, recorder: Recorder) -> Iterator[Source]:
    if request.query.get("host") == "true":
        yield from (Source("host", uuid, recording) for uuid, recording in recorder.hosts())
    wanted = request.query.get("vm_uuid", "all")
    if wanted == "all":
        yield from (Source("vm", uuid, recording) for uuid, recording in recorder.running())
    elif wanted != "none":
        recording = recorder.guest(wanted)
        if recording is not None:
            yield Source("vm", wanted, recording)


def _seconds(request: web.BaseRequest, name: str) -> int | None:
    text = request.query.get(name)
    try:
        return None if text is None else int(float(text))
    except (ValueError, OverflowError):
        raise web.HTTPBadRequest(reason=f"{name} is no number of seconds") from None


def _uuid(request: web.BaseRequest) -> str:
    uuid = parameter(request, "uuid")
    if uuid is None:
        raise web.HTTPBadRequest(reason="uuid is missing")
    return uuid


def _found(recording: Recording | None) -> Recording:
    if recording is None:
        raise web.HTTPNotFound(reason="nothing is recorded of that")
    return recording


# What is answered


def _dump(request: web.BaseRequest, recording: Recording) -> Iterator[str]:
    return dump_json(recording) if "json" in request.query else dump_xml(recording)


def _headers(request: web.BaseRequest) -> Mapping[str, str]:
    return {} if "json" in request.query else _XML


async def _send(request: web.BaseRequest, pieces: Iterable[str], headers: Mapping[str, str]) -> web.StreamResponse:
    """Write a text, whose making lets others have their turn after each piece."""
    made: list[bytes] = []
    for piece in pieces:
        made.append(piece.encode())
        await asyncio.sleep(0)
    kind = web.Response if "Content-Type" in headers else _Untyped
    return kind(body=b"".join(made), headers=headers)


class _Untyped(web.Response):
    """An answer without a Content-Type, where aiohttp would put one of its own."""

    async def _prepare_headers(self) -> None:
        await super()._prepare_headers()
        self.headers.pop("Content-Type", None)


def _xml_pieces(table: Table) -> Iterator[str]:
    meta = {"start": table.start, "step": table.step, "end": table.end}
    counts = {"rows": len(table.times), "columns": len(table.legend)}
    yield "<xport><meta>" + "".join(f"<{name}>{value}</{name}>" for name, value in {**meta, **counts}.items())
    yield "<legend>" + "".join(f"<entry>{entry}</entry>" for entry in table.legend) + "</legend></meta><data>"
    for time in table.times:
        yield f"<row><t>{time}</t>" + "".join(f"<v>{value}</v>" for value in table.values(time)) + "</row>"
    yield "</data></xport>"


def _json_pieces(table: Table) -> Iterator[str]:
    legend = ",".join(f'"{entry}"' for entry in table.legend)
    yield f"{{meta: {{start:{table.start},step:{table.step},end:{table.end},rows:{len(table.times)},"
    yield f"columns:{len(table.legend)},legend:[{legend}]}},data:["
    for position, time in enumerate(table.times):
        yield ("," if position else "") + f"{{t:{time},values:[{','.join(table.values(time))}]}}"
    yield "]}"
