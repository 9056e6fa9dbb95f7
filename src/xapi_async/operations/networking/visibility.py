"""Which hosts can see a network, as the placement of VMs asks."""

from __future__ import annotations

from collections.abc import Iterable

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.network import Network
from xapi_async.datamodel.classes.vif import VIF
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.types import NULL_REF
from xapi_async.objects.reader import Reader
from xapi_async.operations.networking.checks import is_bond_slave, local_pif, pifs


def vm_networks(reader: Reader, vm: str) -> list[Network]:
    """The networks of a VM's interfaces, each once, in order of the interfaces."""
    vifs = (reader.find(VIF, ref) for ref in reader.get(VM, vm).VIFs)
    networks = {vif.network: reader.find(Network, vif.network) for vif in vifs if vif is not None}
    return [network for network in networks.values() if network is not None]


def assert_can_see(reader: Reader, vm: str, host: str, networks: Iterable[Network] | None = None) -> None:
    """Check that a host sees the networks a VM needs (those of its VIFs, or else the ones given).

    Raises VM_REQUIRES_NETWORK [VM, first missing network], or HOST_CANNOT_ATTACH_NETWORK [host, network]
    where the host reaches it only through a member of a bond.
    """
    required = list(vm_networks(reader, vm) if networks is None else networks)
    for network in required:
        if not is_visible(reader, network, host):
            raise ApiError("VM_REQUIRES_NETWORK", vm, network.ref)
    for network in required:
        pif = local_pif(reader, network, host)
        if pif is not None and is_bond_slave(reader, pif):
            raise ApiError("HOST_CANNOT_ATTACH_NETWORK", host, network.ref)


def is_visible(reader: Reader, network: Network, host: str) -> bool:
    """Whether a VM on the host could use the network.

    An internal network sticks to the host where a running VM first uses it.
    """
    if network.PIFs:
        return local_pif(reader, network, host) is not None
    if network.other_config.get("assume_network_is_shared") == "true" or not network.managed:
        return True
    homes = _homes_of_users(reader, network)
    return not homes or host in homes


def is_properly_shared(reader: Reader, network: Network) -> bool:
    """Whether every enabled host has an interface of its own, not one inside a bond, on the network."""
    reached = {pif.host for pif in pifs(reader, network.PIFs) if not is_bond_slave(reader, pif)}
    return all(host.ref in reached for host in reader.all(Host) if host.enabled)


def require_properly_shared(reader: Reader, network: Network) -> None:
    """Raise HA_CONSTRAINT_VIOLATION_NETWORK_NOT_SHARED [network]."""
    if not is_properly_shared(reader, network):
        raise ApiError("HA_CONSTRAINT_VIOLATION_NETWORK_NOT_SHARED", network.ref)


def _homes_of_users(reader: Reader, network: Network) -> set[str]:
    """Where the running VMs that use a network are."""
    vifs = (reader.find(VIF, ref) for ref in network.VIFs)
    vms = (reader.find(VM, vif.VM) for vif in vifs if vif is not None)
    return {vm.resident_on for vm in vms if vm is not None and vm.power_state == "Running"} - {NULL_REF}
