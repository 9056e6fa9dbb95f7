"""What the networks need when the server starts."""

from __future__ import annotations

import logging

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.pif import PIF
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.types import NULL_REF
from xapi_async.objects.reader import Reader
from xapi_async.objects.slices import sliced
from xapi_async.objects.transaction import Transaction
from xapi_async.operations.context import Services
from xapi_async.operations.hosts.reaching import is_host_live
from xapi_async.operations.networking.checks import is_bond_slave
from xapi_async.operations.networking.following_master import follow_master
from xapi_async.operations.networking.links import attach_network, bring_up
from xapi_async.operations.networking.network import keep_internal_management_network
from xapi_async.operations.networking.records import host_pifs, put
from xapi_async.operations.networking.scanning import learn
from xapi_async.operations.networking.visibility import vm_networks

log = logging.getLogger(__name__)


async def bring_up_networks(services: Services) -> None:
    """Bring up what every host has up after a start; what cannot be brought up is left down."""
    store = services.store
    for pif in store.all(PIF):
        learn(services, pif)
    await keep_internal_management_network(services)
    for ref in [pif.ref for pif in store.all(PIF) if comes_up_at_start(store, pif)]:
        try:
            await bring_up(services, ref)
        except ApiError as error:
            log.warning("PIF %s did not come up: %s", ref, error)
    for host in [host.ref for host in store.all(Host) if is_host_live(store, host)]:
        await follow_master(services, host)
    await _attach_for_guests(services)


async def _attach_for_guests(services: Services) -> None:
    """Bring up what the guests in the records use: a crash may have come before the host followed a change of them."""
    store = services.store
    used: dict[tuple[str, str], None] = {}
    async for ref in sliced([vm.ref for vm in store.all(VM) if vm.resident_on != NULL_REF], store.turns):
        vm = store.find(VM, ref)
        if vm is not None and vm.resident_on != NULL_REF and not vm.is_control_domain:
            used.update({(network.ref, vm.resident_on): None for network in vm_networks(store, ref)})
    for network, host in used:
        try:
            await attach_network(services, network, host)
        except ApiError as error:
            log.warning("network %s did not come up for the guests on host %s: %s", network, host, error)


def note_nothing_up(tx: Transaction, services: Services, host: Host) -> None:
    """Show that nothing is up yet on a host that has just booted, but for what others manage."""
    services.network.forget_bridges(host.uuid)
    for pif in host_pifs(tx, host.ref):
        if pif.managed:
            put(tx, pif, currently_attached=False)


def comes_up_at_start(reader: Reader, pif: PIF) -> bool:
    """Whether an interface that is down is to be up after a start of its host.

    VLANs and tunnels without an address wait until a VM needs them.
    """
    if pif.currently_attached or not pif.managed or is_bond_slave(reader, pif):
        return False
    return pif.physical or bool(pif.bond_master_of) or pif.ip_configuration_mode != "None"
