"""VM.call_plugin: what the agent in a guest does on request; and data handed to the guest."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.hypervisor.driver import AgentError, HypervisorError
from xapi_async.operations.context import Context, Handler, Handlers
from xapi_async.operations.marking import marked
from xapi_async.operations.vm.facts import guest_metrics
from xapi_async.operations.vm.features import the_pool
from xapi_async.operations.vm.hosts import api_error
from xapi_async.operations.vm.rules import RULES

PLUGIN = "guest-agent-operation"
LONGEST_WAIT = 3.0
"""Seconds that a busy VM is waited for."""

SECONDS_BETWEEN_CALLS = 10.0
LONGEST_SCRIPT = 1024
SCRIPT_PERMISSION = "vm.start_on"
"""What only those may do who may run scripts in guests: vm-power-admins and above."""
REMOTE_DESKTOP = "feature-ts2"


def call_plugin_handler() -> Handler:
    """The handler, which remembers when each VM was last asked."""
    asked: dict[str, float] = {}

    async def call_plugin(ctx: Context, vm: str, plugin: str, fn: str, args: Mapping[str, str]) -> str:
        """VM.call_plugin: at most one call per VM in ten seconds.

        Raises XENAPI_MISSING_PLUGIN [plugin], VM_CALL_PLUGIN_RATE_LIMIT [VM, interval, seconds left],
        XENAPI_PLUGIN_FAILURE [reason, …] or FEATURE_RESTRICTED [].
        """
        async with marked(ctx, RULES, vm, "call_plugin", longest_wait=LONGEST_WAIT):
            if plugin != PLUGIN:
                raise ApiError("XENAPI_MISSING_PLUGIN", plugin)
            now = ctx.services.clock.now()
            left = asked.get(vm, -SECONDS_BETWEEN_CALLS) + SECONDS_BETWEEN_CALLS - now
            if left > 0:
                raise ApiError("VM_CALL_PLUGIN_RATE_LIMIT", vm, "10.", left)
            for other in [ref for ref, when in asked.items() if when + SECONDS_BETWEEN_CALLS < now]:
                del asked[other]
            asked[vm] = now
            function = FUNCTIONS.get(fn)
            if function is None:
                raise ApiError("XENAPI_PLUGIN_FAILURE", "failed to find fn", f"there is no {fn}", fn)
            return await function(ctx, vm, fn, args)

    return call_plugin


async def _remote_desktop(ctx: Context, vm: str, fn: str, args: Mapping[str, str]) -> str:
    guest = guest_metrics(ctx.store, ctx.store.get(VM, vm))
    if guest is None or guest.other.get(REMOTE_DESKTOP, "") in ("", "0"):
        text = "the guest's agent cannot switch its remote desktop"
        raise ApiError("XENAPI_PLUGIN_FAILURE", "failed to execute fn", text, fn)
    return await _ask(ctx, vm, fn, args)


async def _run_script(ctx: Context, vm: str, fn: str, args: Mapping[str, str]) -> str:
    if the_pool(ctx.store).other_config.get("allow_guest_agent_run_script") != "true":
        raise ApiError("FEATURE_RESTRICTED")
    for name in ("username", "password", "script"):
        if name not in args:
            raise ApiError("XENAPI_PLUGIN_FAILURE", "missing argument", "", f"{name} is needed")
    if not (ctx.caller.is_superuser or ctx.caller.may(SCRIPT_PERMISSION)):
        raise ApiError("RBAC_PERMISSION_DENIED", "vm.call_plugin", "running scripts takes a vm-power-admin")
    if len(args["script"].encode()) > LONGEST_SCRIPT:
        text = f"a script has at most {LONGEST_SCRIPT} bytes"
        raise ApiError("XENAPI_PLUGIN_FAILURE", "length restriction", "", text)
    return await _ask(ctx, vm, fn, args)


async def _ask(ctx: Context, vm: str, fn: str, args: Mapping[str, str]) -> str:
    try:
        async with ctx.task.cancellable():
            return await ctx.services.hypervisor.ask_agent(ctx.store.get(VM, vm).uuid, fn, args)
    except AgentError as error:
        raise ApiError("XENAPI_PLUGIN_FAILURE", error) from error
    except (HypervisorError, ApiError) as error:
        raise api_error(ctx.store, error, vm) from error


FUNCTIONS: Mapping[str, Callable[[Context, str, str, Mapping[str, str]], Awaitable[str]]] = {
    "request-rdp-on": _remote_desktop,
    "request-rdp-off": _remote_desktop,
    "run-script": _run_script,
}
"""What can be asked of an agent."""


async def set_xenstore_data(ctx: Context, self: str, value: Mapping[str, str]) -> None:
    """VM.set_xenstore_data: stored, and shown to a running guest at once."""
    async with ctx.store.transaction() as tx:
        vm = tx.get(VM, self)
        tx.set(vm, xenstore_data=dict(value))
        uuid, is_running = vm.uuid, vm.power_state == "Running"
    if is_running:
        try:
            await ctx.services.hypervisor.set_data(uuid, value)
        except (HypervisorError, ApiError) as error:
            raise api_error(ctx.store, error, self) from error


HANDLERS: Handlers = {"VM.call_plugin": call_plugin_handler(), "VM.set_xenstore_data": set_xenstore_data}
