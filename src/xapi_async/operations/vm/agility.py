"""Whether a VM could run on any host of the pool, as what high availability restarts has to."""

from __future__ import annotations

from xapi_async.datamodel.classes.network import Network
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.reader import Reader
from xapi_async.operations.networking.visibility import require_properly_shared, vm_networks
from xapi_async.operations.storage.facts import is_properly_shared
from xapi_async.operations.vm.can_boot import required_srs

Shared = dict[str, ApiError | None]
"""What was found out about SRs and networks: the error of those that are not shared by all hosts."""


def require_agile(reader: Reader, vm: VM) -> None:
    """Raise VM_HAS_VGPU [VM], VM_HAS_VUSBS [VM] or HA_CONSTRAINT_VIOLATION_… of what is not shared by all hosts."""
    error = agility_error(reader, vm)
    if error is not None:
        raise error


def agility_error(reader: Reader, vm: VM, known: Shared | None = None) -> ApiError | None:
    """What ties the VM to some hosts; None where nothing does.

    known: where many VMs are asked about at once, what their storage and networks have in common.
    """
    known = {} if known is None else known
    if vm.VGPUs:
        return ApiError("VM_HAS_VGPU", vm.ref)
    if vm.VUSBs:
        return ApiError("VM_HAS_VUSBS", vm.ref)
    for sr in required_srs(reader, vm):
        if sr not in known:
            known[sr] = _sr_error(reader, sr)
        if known[sr] is not None:
            return known[sr]
    for network in vm_networks(reader, vm.ref):
        if network.ref not in known:
            known[network.ref] = _network_error(reader, network.ref)
        if known[network.ref] is not None:
            return known[network.ref]
    return None


def _sr_error(reader: Reader, ref: str) -> ApiError | None:
    sr = reader.find(SR, ref)
    if sr is not None and is_properly_shared(reader, sr):
        return None
    return ApiError("HA_CONSTRAINT_VIOLATION_SR_NOT_SHARED", ref)


def _network_error(reader: Reader, ref: str) -> ApiError | None:
    try:
        require_properly_shared(reader, reader.get(Network, ref))
    except ApiError as error:
        return error
    return None
