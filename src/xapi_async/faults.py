"""How the faults of the simulator reach every layer, and how clients inject them while the server runs.

Clients do so by ``host.call_plugin`` with the plugin ``simulator``, on the host that the function is about. What
they inject is kept nowhere: a restart of the server ends it, as it ends what the plugin did to hosts.

========================  ============================================================================
function                  arguments, all texts
========================  ============================================================================
``inject-fault``          ``operation`` (see :mod:`xapi_async.hypervisor.faults`), and ``error`` with
                          ``params`` (a JSON array of texts), or ``delay`` (seconds), or both; optionally
                          ``probability``, ``times``, ``vm`` and ``host`` (uuids). Answers its number.
``list-faults``           Answers a JSON object of all that are in force, by number.
``clear-faults``          ``fault`` (a number), or none for all of them.
``fail-host``             The host dies with all on it. ``noticed`` (``true`` or ``false``): whether the
                          pool sees it at once, as it does by default, or when it misses the heartbeats.
``restore-host``          The host comes back, without guests.
``end-guest``             ``vm`` (uuid), ``reason``: ``shutdown``, ``reboot`` or ``crash``.
========================  ============================================================================
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from typing import Any, cast, get_args

import orjson

from xapi_async.datamodel.classes import VM, Host, HostMetrics
from xapi_async.datamodel.errors import ApiError
from xapi_async.hypervisor.driver import EndReason
from xapi_async.hypervisor.faults import STORAGE, STORAGE_OPERATIONS, Fault, Faults
from xapi_async.hypervisor.simulated import SimulatedHypervisor
from xapi_async.objects.store import Store
from xapi_async.operations.context import Context, Handler, Handlers, Plugin, Services
from xapi_async.operations.hosts.rules import RULES
from xapi_async.operations.marking import refresh
from xapi_async.storage.driver import BackendError, Driver

PLUGIN = "simulator"
BACKEND_FAILURE = "SR_BACKEND_FAILURE_"

# Reaching every layer


def failing(handlers: Handlers, faults: Faults) -> Handlers:
    """The same messages, each of which a fault may refuse before it does anything."""
    return {name: _failing(name, handler, faults) for name, handler in handlers.items()}


def _failing(name: str, handler: Handler, faults: Faults) -> Handler:
    @functools.wraps(handler)
    async def answer(ctx: Context, *args: Any) -> Any:
        if faults.in_force:
            await faults.strike(name, *_concerned(ctx.store, args))
        return await handler(ctx, *args)

    return answer


def _concerned(store: Store, args: tuple[Any, ...]) -> tuple[str, str]:
    """The uuids of the first VM and the first host among the parameters; empty where there is none."""
    texts = [arg for arg in args if isinstance(arg, str)]
    vm = next((vm.uuid for text in texts if (vm := store.find(VM, text)) is not None), "")
    host = next((host.uuid for text in texts if (host := store.find(Host, text)) is not None), "")
    return vm, host


class FailingDriver:
    """A storage driver whose calls a fault may delay or refuse."""

    def __init__(self, driver: Driver, faults: Faults) -> None:
        self._driver = driver
        self._faults = faults

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._driver, name)
        return self._guarded(name, call) if STORAGE + name in STORAGE_OPERATIONS else call

    def _guarded(self, name: str, call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def guarded(*args: Any, **more: Any) -> Any:
            try:
                await self._faults.strike(STORAGE + name, "", "")
            except ApiError as error:
                number = error.code.removeprefix(BACKEND_FAILURE)
                if not number.isdigit():
                    raise
                raise BackendError(int(number), ", ".join(map(str, filter(None, error.params)))) from None
            return await call(*args, **more)

        return guarded


def interposing(faults: Faults) -> Callable[[Driver], Driver]:
    """What puts a :class:`FailingDriver` before a driver as long as there are faults."""
    return lambda driver: cast(Driver, FailingDriver(driver, faults)) if faults.in_force else driver


# The plugin


def simulator_plugin(services: Services, simulator: SimulatedHypervisor) -> Plugin:
    """The plugin that injects faults. Raises XENAPI_PLUGIN_FAILURE [what was wrong, text, text]."""

    async def answer(host: str, function: str, args: Mapping[str, str]) -> str:
        call = _FUNCTIONS.get(function)
        if call is None:
            raise ApiError("XENAPI_PLUGIN_FAILURE", "failed to find fn", function, f"there are {', '.join(_FUNCTIONS)}")
        try:
            return await call(services, simulator, host, dict(args))
        except ValueError as error:
            raise ApiError("XENAPI_PLUGIN_FAILURE", "bad arguments", function, str(error)) from None

    return answer


_Function = Callable[[Services, SimulatedHypervisor, str, dict[str, str]], Awaitable[str]]


async def _inject(services: Services, simulator: SimulatedHypervisor, host: str, args: dict[str, str]) -> str:
    params = orjson.loads(args.pop("params", "[]"))
    if not isinstance(params, list) or not all(isinstance(param, str) for param in params):
        raise ValueError("params: a JSON array of texts")
    given: dict[str, Any] = {field: kind(args.pop(name)) for name, (field, kind) in _ARGUMENTS.items() if name in args}
    _require_used_up(args)
    if "operation" not in given:
        raise ValueError("operation: what is to fail")
    return str(simulator.faults.add(Fault(**given, params=tuple(params))))


_ARGUMENTS: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "operation": ("operation", str),
    "error": ("code", str),
    "vm": ("vm", str),
    "host": ("host", str),
    "probability": ("probability", float),
    "delay": ("delay", float),
    "times": ("times", int),
}
"""The fields of a fault that arguments are for, and how they are read."""


async def _list(services: Services, simulator: SimulatedHypervisor, host: str, args: dict[str, str]) -> str:
    _require_used_up(args)
    return orjson.dumps({str(number): asdict(fault) for number, fault in simulator.faults.in_force.items()}).decode()


async def _clear(services: Services, simulator: SimulatedHypervisor, host: str, args: dict[str, str]) -> str:
    number = args.pop("fault", "")
    _require_used_up(args)
    if number:
        simulator.faults.remove(int(number))
    else:
        simulator.faults.clear()
    return ""


async def _fail_host(services: Services, simulator: SimulatedHypervisor, host: str, args: dict[str, str]) -> str:
    noticed = args.pop("noticed", "true")
    _require_used_up(args)
    if noticed not in ("true", "false"):
        raise ValueError("noticed: true or false")
    uuid = services.store.get(Host, host).uuid
    if simulator.is_alive(uuid):
        simulator.kill_host(uuid)
    if noticed == "true":
        async with services.store.transaction() as tx:
            metrics = tx.find(HostMetrics, tx.get(Host, host).metrics)
            if metrics is not None and metrics.live:
                tx.set(metrics, live=False)
            refresh(tx, RULES, host)
    return ""


async def _restore_host(services: Services, simulator: SimulatedHypervisor, host: str, args: dict[str, str]) -> str:
    _require_used_up(args)
    uuid = services.store.get(Host, host).uuid
    if not simulator.is_alive(uuid):
        simulator.revive_host(uuid)
    return ""


async def _end_guest(services: Services, simulator: SimulatedHypervisor, host: str, args: dict[str, str]) -> str:
    vm, reason = args.pop("vm", ""), args.pop("reason", "")
    _require_used_up(args)
    if reason not in get_args(EndReason):
        raise ValueError(f"reason: one of {', '.join(get_args(EndReason))}")
    services.store.by_uuid(VM, vm)
    simulator.end_guest(vm, cast(EndReason, reason))
    return ""


def _require_used_up(args: Mapping[str, str]) -> None:
    if args:
        raise ValueError(f"there is no argument {', '.join(args)}")


_FUNCTIONS: Mapping[str, _Function] = {
    "inject-fault": _inject,
    "list-faults": _list,
    "clear-faults": _clear,
    "fail-host": _fail_host,
    "restore-host": _restore_host,
    "end-guest": _end_guest,
}
