"""Whether a VM could run on any host of the pool, as what high availability restarts has to."""

from __future__ import annotations

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.network import Network
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.reader import Reader
from xapi_async.operations.networking.visibility import require_properly_shared, vm_networks
from xapi_async.operations.vm.can_boot import required_srs, sees_sr


def require_agile(reader: Reader, vm: VM) -> None:
    """Raise VM_HAS_VGPU [VM], VM_HAS_VUSBS [VM] or HA_CONSTRAINT_VIOLATION_… of what is not shared by all hosts."""
    if vm.VGPUs:
        raise ApiError("VM_HAS_VGPU", vm.ref)
    if vm.VUSBs:
        raise ApiError("VM_HAS_VUSBS", vm.ref)
    hosts = [host.ref for host in reader.all(Host) if host.enabled]
    for ref in required_srs(reader, vm):
        sr = reader.find(SR, ref)
        if sr is None or not sr.shared or not all(sees_sr(reader, host, ref) for host in hosts):
            raise ApiError("HA_CONSTRAINT_VIOLATION_SR_NOT_SHARED", ref)
    for network in vm_networks(reader, vm.ref):
        require_properly_shared(reader, reader.get(Network, network.ref))


def agility_error(reader: Reader, vm: VM) -> ApiError | None:
    """What ties the VM to some hosts; None where nothing does."""
    try:
        require_agile(reader, vm)
    except ApiError as error:
        return error
    return None
