"""VM: virtual processors."""

from __future__ import annotations

from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.classes.vm_metrics import VMMetrics
from xapi_async.datamodel.errors import ApiError
from xapi_async.hypervisor.driver import HypervisorError
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.marking import marked
from xapi_async.operations.vm.facts import is_host_control_domain
from xapi_async.operations.vm.features import require_feature
from xapi_async.operations.vm.hosts import api_error
from xapi_async.operations.vm.memory import put_with_overhead
from xapi_async.operations.vm.rules import RULES


async def set_VCPUs_max(ctx: Context, self: str, value: int) -> None:  # noqa: N802
    """VM.set_VCPUs_max. Raises INVALID_VALUE [text, value] below 1 or below VCPUs_at_startup."""
    async with marked(ctx, RULES, self, "changing_VCPUs"), ctx.store.transaction() as tx:
        vm = tx.get(VM, self)
        if value < 1 or value < vm.VCPUs_at_startup:
            raise ApiError("INVALID_VALUE", "VCPUs_max: at least 1 and not below VCPUs_at_startup", value)
        put_with_overhead(tx, vm, VCPUs_max=value)


async def set_VCPUs_at_startup(ctx: Context, self: str, value: int) -> None:  # noqa: N802
    """VM.set_VCPUs_at_startup, in any state. Raises OPERATION_NOT_ALLOWED [text] or INVALID_VALUE [text, value]."""
    async with ctx.store.transaction() as tx:
        vm = tx.get(VM, self)
        if is_host_control_domain(tx, vm):
            raise ApiError("OPERATION_NOT_ALLOWED", "this cannot be done to the control domain of a host")
        if value < 1 or value > vm.VCPUs_max:
            raise ApiError("INVALID_VALUE", "VCPUs_at_startup: from 1 to VCPUs_max", value)
        put_with_overhead(tx, vm, VCPUs_at_startup=value)


async def set_VCPUs_number_live(ctx: Context, self: str, nvcpu: int) -> None:  # noqa: N802
    """VM.set_VCPUs_number_live. Raises LICENCE_RESTRICTION [feature] or INVALID_VALUE [text, the limit]."""
    async with marked(ctx, RULES, self, "changing_VCPUs_live"):
        require_feature(ctx.store, "Live_set_vcpus")
        vm = ctx.store.get(VM, self)
        if nvcpu < 1:
            raise ApiError("INVALID_VALUE", "VCPUs: too few", 1)
        if nvcpu > vm.VCPUs_max:
            raise ApiError("INVALID_VALUE", "VCPUs: more than VCPUs_max", vm.VCPUs_max)
        try:
            await ctx.services.hypervisor.set_vcpus(vm.uuid, nvcpu)
        except (HypervisorError, ApiError) as error:
            raise api_error(ctx.store, error, self) from error
        async with ctx.store.transaction() as tx:
            target = tx.get(VM, self)
            put_with_overhead(tx, target, VCPUs_at_startup=nvcpu)
            metrics = tx.find(VMMetrics, target.metrics)
            if metrics is not None:
                tx.set(metrics, VCPUs_number=nvcpu)


async def add_to_VCPUs_params_live(ctx: Context, self: str, key: str, value: str) -> None:  # noqa: N802
    """VM.add_to_VCPUs_params_live: checked, then NOT_IMPLEMENTED, as the API has it."""
    async with marked(ctx, RULES, self, "changing_VCPUs_live"):
        raise ApiError("NOT_IMPLEMENTED", "add_to_VCPUs_params_live")


HANDLERS: Handlers = {
    "VM.set_VCPUs_max": set_VCPUs_max,
    "VM.set_VCPUs_at_startup": set_VCPUs_at_startup,
    "VM.set_VCPUs_number_live": set_VCPUs_number_live,
    "VM.add_to_VCPUs_params_live": add_to_VCPUs_params_live,
}
