"""VM: guests put to sleep and woken. The VM stays running, with all its memory; only its guest does nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.hypervisor.driver import HypervisorError
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.hosts.reaching import require_reachable
from xapi_async.operations.vm.facts import is_hvm
from xapi_async.operations.vm.hosts import api_error
from xapi_async.operations.vm.rules import bad_power_state


async def s3_suspend(ctx: Context, vm: str) -> None:
    """VM.s3_suspend: have the guest of a running VM sleep, in the state that ACPI calls S3.

    Raises as :func:`_tell`, or VM_FAILED_SHUTDOWN_ACKNOWLEDGMENT [] where the guest takes no note.
    """
    await _tell(ctx, vm, ctx.services.hypervisor.sleep)


async def s3_resume(ctx: Context, vm: str) -> None:
    """VM.s3_resume: wake the guest of a running VM; nothing happens to one that is awake. Raises as :func:`_tell`."""
    await _tell(ctx, vm, ctx.services.hypervisor.wake)


async def _tell(ctx: Context, ref: str, message: Callable[[str], Awaitable[None]]) -> None:
    """Raise VM_IS_TEMPLATE [VM], VM_BAD_POWER_STATE, VM_HVM_REQUIRED [VM], or as a host that is not reached."""
    vm = ctx.store.get(VM, ref)
    if vm.is_a_template:
        raise ApiError("VM_IS_TEMPLATE", ref)
    if vm.power_state != "Running":
        raise bad_power_state(vm, "running")
    if not is_hvm(ctx.store, vm):  # others have no ACPI
        raise ApiError("VM_HVM_REQUIRED", ref)
    require_reachable(ctx.services, vm.resident_on)
    try:
        await message(vm.uuid)
    except (HypervisorError, ApiError) as error:
        raise api_error(ctx.store, error, ref) from error


HANDLERS: Handlers = {"VM.s3_suspend": s3_suspend, "VM.s3_resume": s3_resume}
