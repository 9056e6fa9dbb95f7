"""``CONNECT /console`` and its variant for web sockets, ``GET /console``."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TypeVar

from aiohttp import web

from xapi_async.datamodel.classes import VM, Console, Host
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.language import ApiClass
from xapi_async.operations.context import Context
from xapi_async.transfer.access import Access, RefusedError, UntilClose, parameter, transferring
from xapi_async.transfer.consoles.channel import Channel, ClosedError, Framed, Plain
from xapi_async.transfer.consoles.rfb import show
from xapi_async.transfer.consoles.terminal import talk
from xapi_async.transfer.raw_disks import Handler

A = TypeVar("A", bound=ApiClass)

HOST_CONSOLE = "http/connect_console/host_console"
"""The permission for consoles of control domains, whichever way they are reached."""

GOODBYE_SECONDS = 1.0
"""How long a web socket waits for its client to say goodbye too."""

_LABEL = "Connection to VM console"


def routes(access: Access) -> Mapping[tuple[str, str], Handler]:
    """The handlers, by method and the beginning of the path."""
    return {("CONNECT", "/console"): partial(_connect, access), ("GET", "/console"): partial(_upgrade, access)}


async def _connect(access: Access, request: web.BaseRequest) -> web.StreamResponse:
    async with transferring(request, access, "connect_console", _LABEL, refusal=500) as (ctx, ended):
        console = _console(ctx, request)
        response = ended.response = UntilClose({"Cache-Control": "no-cache, no-store"})
        await response.prepare(request)
        await _serve(ctx, console, Plain(request, response))
    return ended.answer


async def _upgrade(access: Access, request: web.BaseRequest) -> web.StreamResponse:
    async with transferring(request, access, "connect_console_ws", _LABEL, refusal=500) as (ctx, ended):
        console = _console(ctx, request)
        socket = web.WebSocketResponse(protocols=("binary",), compress=False, timeout=GOODBYE_SECONDS)
        if not socket.can_prepare(request):
            raise RefusedError(501, ApiError("INTERNAL_ERROR", "the request asks for no web socket"))
        ended.response = socket
        await socket.prepare(request)
        await _serve(ctx, console, Framed(socket))
        await socket.close()
    return ended.answer


async def _serve(ctx: Context, console: Console, channel: Channel) -> None:
    """Have a client use a console until either is gone."""
    look, clock = partial(_lines, ctx, console), ctx.services.clock
    vm = ctx.store.get(VM, console.VM)
    async with ctx.task.cancellable():
        try:
            if console.protocol == "vt100":
                await talk(channel, look, clock)
            else:
                await show(channel, vm.name_label, look, clock)
        except ClosedError:
            return


def _console(ctx: Context, request: web.BaseRequest) -> Console:
    """The console of a request. Raises what it is refused with."""
    console = _named(ctx, parameter(request, "uuid"), parameter(request, "ref"))
    vm = ctx.store.get(VM, console.VM)
    if vm.is_control_domain and not ctx.caller.may(HOST_CONSOLE):
        raise ApiError("RBAC_PERMISSION_DENIED", HOST_CONSOLE, "consoles of hosts are for others")
    if vm.power_state != "Running":
        raise ApiError("VM_BAD_POWER_STATE", vm.ref, "Running", vm.power_state)
    if not _is_offered(ctx, console, vm):
        raise RefusedError(404, ApiError("INTERNAL_ERROR", "the VM has no such console now"))
    return console


def _named(ctx: Context, uuid: str | None, ref: str | None) -> Console:
    """The console that is named by its VM or itself. Raises INTERNAL_ERROR [text] where there is none."""
    store = ctx.store
    vm: VM | None = None
    found: Console | None = None
    if uuid is not None:
        vm = _by_uuid(ctx, VM, uuid)
        found = _by_uuid(ctx, Console, uuid)
    elif ref is not None:
        vm, found = store.find(VM, ref), store.find(Console, ref)
    if vm is not None:
        consoles = (store.find(Console, one) for one in vm.consoles)
        found = next((one for one in consoles if one is not None and one.protocol == "rfb"), None)
    if found is None or store.find(VM, found.VM) is None:
        raise ApiError("INTERNAL_ERROR", "the request names no console")
    return found


def _by_uuid(ctx: Context, cls: type[A], uuid: str) -> A | None:
    try:
        return ctx.store.by_uuid(cls, uuid)
    except ApiError:
        return None


def _is_offered(ctx: Context, console: Console, vm: VM) -> bool:
    if vm.is_control_domain:
        return True
    domain = ctx.services.hypervisor.domain(vm.uuid)
    return domain is not None and any(one.protocol == console.protocol for one in domain.consoles)


def _lines(ctx: Context, console: Console) -> tuple[str, ...] | None:
    """What the guest shows; None once the console is no more."""
    if ctx.store.find(Console, console.ref) is None:
        return None
    vm = ctx.store.find(VM, console.VM)
    if vm is None or vm.power_state not in ("Running", "Paused"):
        return None
    host = ctx.store.find(Host, vm.resident_on)
    return (
        vm.name_label,
        "",
        f"State: {vm.power_state}",
        f"UUID:  {vm.uuid}",
        f"Host:  {host.name_label if host is not None else '-'}",
        "",
        "This guest is simulated.",
    )
