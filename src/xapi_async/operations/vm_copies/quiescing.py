"""VM.snapshot_with_quiesce: the guest brings its disks to rest and has the snapshot taken itself."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Mapping
from typing import Any, TypeVar

from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.hypervisor.driver import AgentError, HypervisorError
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.hosts.reaching import require_reachable
from xapi_async.operations.marking import marked
from xapi_async.operations.vm.facts import guest_metrics
from xapi_async.operations.vm.features import require_feature
from xapi_async.operations.vm.hosts import api_error
from xapi_async.operations.vm.rule_tables import QUIESCE_FEATURES
from xapi_async.operations.vm.rules import RULES
from xapi_async.operations.vm_copies.destroying import discard_snapshot
from xapi_async.operations.vm_copies.snapshotting import take_snapshot

T = TypeVar("T")

REACTION_SECONDS = 60.0
"""How long the guest may take to react at all."""

FINISH_SECONDS = 600.0
"""How long it may take to bring its disks to rest and to report."""

_GUEST_ERROR = re.compile(r"(XEN_VSS_REQ_ERROR_[A-Z_]+)(?:\D+(\d+))?")


async def snapshot_with_quiesce(ctx: Context, vm: str, new_name: str) -> str:
    """VM.snapshot_with_quiesce.

    Raises as the rules say, LICENCE_RESTRICTION ["VSS"], VM_SNAPSHOT_WITH_QUIESCE_NOT_SUPPORTED [VM],
    VM_SNAPSHOT_WITH_QUIESCE_PLUGIN_DEOS_NOT_RESPOND [VM], VM_SNAPSHOT_WITH_QUIESCE_TIMEOUT [VM],
    VM_SNAPSHOT_WITH_QUIESCE_FAILED [VM, text], or the guest's own XEN_VSS_REQ_ERROR_… [VM, number].
    """
    return await take_quiesced(ctx, vm, new_name)


async def take_quiesced(ctx: Context, vm: str, new_name: str, **extra: Any) -> str:
    """As :func:`snapshot_with_quiesce`. extra: further fields of the snapshot."""
    async with marked(ctx, RULES, vm, "snapshot_with_quiesce"):
        require_reachable(ctx.services, ctx.store.get(VM, vm).resident_on)
        require_feature(ctx.store, "VSS")
        guest = guest_metrics(ctx.store, ctx.store.get(VM, vm))
        if guest is None or not any(guest.other.get(feature) == "1" for feature in QUIESCE_FEATURES):
            raise ApiError("VM_SNAPSHOT_WITH_QUIESCE_NOT_SUPPORTED", vm)
        answer = await _ask(ctx, vm, "snapshot-start", REACTION_SECONDS, "PLUGIN_DEOS_NOT_RESPOND")
        async with ctx.task.child("VM.snapshot") as task:
            own = Context(ctx.services, ctx.caller, task, ctx.origin)
            made = await take_snapshot(own, vm, new_name, **extra)
        try:
            await _ask(ctx, vm, "snapshot-finish", FINISH_SECONDS, "TIMEOUT")
        except BaseException:
            await asyncio.shield(discard_snapshot(ctx, made))
            raise
        async with ctx.store.transaction() as tx:
            snapshot = tx.get(VM, made)
            info = {**snapshot.snapshot_info, "disk-snapshot-type": "quiesced"}
            tx.set(snapshot, transportable_snapshot_id=answer or snapshot.uuid, snapshot_info=info)
        return made


async def _ask(ctx: Context, vm: str, request: str, seconds: float, late: str) -> str:
    """Have the guest's agent do its part. seconds: how long to wait; late: how the error of waiting in vain ends."""
    arguments: Mapping[str, str] = {}
    uuid = ctx.store.get(VM, vm).uuid
    try:
        async with ctx.task.cancellable():
            return await _within(ctx, seconds, ctx.services.hypervisor.ask_agent(uuid, request, arguments))
    except TimeoutError:
        raise ApiError(f"VM_SNAPSHOT_WITH_QUIESCE_{late}", vm) from None
    except AgentError as error:
        text = str(error)
        known = _GUEST_ERROR.search(text)
        if known:
            raise ApiError(known[1], vm, known[2] or "0") from error
        raise ApiError("VM_SNAPSHOT_WITH_QUIESCE_FAILED", vm, text) from error
    except HypervisorError as error:
        raise api_error(ctx.store, error, vm) from error


async def _within(ctx: Context, seconds: float, work: Awaitable[T]) -> T:
    """What work gives. Raises TimeoutError where it takes longer by the server's clock."""
    doing = asyncio.ensure_future(work)
    timer = asyncio.ensure_future(ctx.services.clock.sleep(seconds))
    try:
        await asyncio.wait((doing, timer), return_when=asyncio.FIRST_COMPLETED)
        if not doing.done():
            raise TimeoutError
        return await doing
    finally:
        doing.cancel()
        timer.cancel()


HANDLERS: Handlers = {"VM.snapshot_with_quiesce": snapshot_with_quiesce}
