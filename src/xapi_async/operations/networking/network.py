"""network: making and destroying networks, their purposes, and bringing them up on hosts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xapi_async.datamodel.classes.network import Network
from xapi_async.datamodel.classes.pool import Pool
from xapi_async.datamodel.classes.vif import VIF
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.inventory.networks import INTERNAL_BRIDGE, INTERNAL_KEY, INTERNAL_NETWORK
from xapi_async.objects.transaction import Transaction
from xapi_async.operations.blob import create_new_blob
from xapi_async.operations.context import Context, Handlers, Services
from xapi_async.operations.hosts.reaching import reach
from xapi_async.operations.networking.bridges import (
    fresh_bridge,
    is_bridge_used,
    require_acceptable_bridge,
)
from xapi_async.operations.networking.links import attach_network, release_network
from xapi_async.operations.networking.records import put
from xapi_async.operations.networking.visibility import vm_networks

DEFAULT_MTU = 1500

INCOMPATIBLE_PURPOSES: Mapping[str, str] = {"nbd": "insecure_nbd", "insecure_nbd": "nbd"}
"""Which other purpose no network of the pool may have; purposes not listed go with every other."""


async def create(ctx: Context, args: Mapping[str, Any]) -> str:
    """network.create: a network without interfaces. The bridge is chosen where none is given.

    Raises INVALID_VALUE ["bridge", name] or BRIDGE_NAME_EXISTS [name].
    """
    bridge = args["bridge"]
    async with ctx.store.transaction() as tx:
        if not bridge:
            bridge = fresh_bridge(tx, ctx.services.network.bridge_numbers)
        else:
            if not ctx.caller.is_pool:
                require_acceptable_bridge(bridge)
            if is_bridge_used(tx, bridge):
                raise ApiError("BRIDGE_NAME_EXISTS", bridge)
        mtu = args["MTU"] if args["MTU"] > 0 else DEFAULT_MTU
        return tx.create(Network, **{**args, "MTU": mtu, "bridge": bridge}).ref


async def destroy(ctx: Context, self: str) -> None:
    """network.destroy: the network goes, and with it every VIF on it that is not attached, whosever it is.

    Raises NETWORK_CONTAINS_VIF [VIFs], NETWORK_CONTAINS_PIF [PIFs] or CANNOT_DESTROY_SYSTEM_NETWORK [network].
    """
    async with ctx.store.transaction() as tx:
        network = tx.get(Network, self)
        vifs = _vifs(tx, network)
        used = [vif.ref for vif in vifs if vif.currently_attached or vif.reserved]
        if used:
            raise ApiError("NETWORK_CONTAINS_VIF", *used)
        if network.PIFs:
            raise ApiError("NETWORK_CONTAINS_PIF", *network.PIFs)
        if network.other_config.get(INTERNAL_KEY) == "true":
            raise ApiError("CANNOT_DESTROY_SYSTEM_NETWORK", self)
        for vif in vifs:
            tx.delete(vif)
        tx.delete(network)


async def pool_introduce(
    ctx: Context,
    name_label: str,
    name_description: str,
    MTU: int,
    other_config: Mapping[str, str],
    bridge: str,
    managed: bool,
    purpose: tuple[str, ...],
) -> str:
    """network.pool_introduce: the record as it is given, without a check."""
    async with ctx.store.transaction() as tx:
        return tx.create(
            Network,
            name_label=name_label,
            name_description=name_description,
            MTU=MTU,
            other_config=other_config,
            bridge=bridge,
            managed=managed,
            purpose=purpose,
        ).ref


async def set_default_locking_mode(ctx: Context, network: str, value: str) -> None:
    """network.set_default_locking_mode. Raises VIF_IN_USE [network, VIF] while a VIF on it is attached."""
    async with ctx.store.transaction() as tx:
        target = tx.get(Network, network)
        attached = next((vif for vif in _vifs(tx, target) if vif.currently_attached), None)
        if attached is not None:
            raise ApiError("VIF_IN_USE", network, attached.ref)
        tx.set(target, default_locking_mode=value)


async def add_purpose(ctx: Context, self: str, value: str) -> None:
    """network.add_purpose. Raises NETWORK_INCOMPATIBLE_PURPOSES [new, conflicting] for the whole pool's networks."""
    async with ctx.store.transaction() as tx:
        network = tx.get(Network, self)
        if value in network.purpose:
            return
        conflicting = INCOMPATIBLE_PURPOSES.get(value)
        if any(conflicting in other.purpose for other in tx.all(Network)):
            raise ApiError("NETWORK_INCOMPATIBLE_PURPOSES", value, conflicting)
        tx.set(network, purpose=(value, *network.purpose))


async def remove_purpose(ctx: Context, self: str, value: str) -> None:
    """network.remove_purpose; one that is not there is no error."""
    async with ctx.store.transaction() as tx:
        network = tx.get(Network, self)
        put(tx, network, purpose=tuple(purpose for purpose in network.purpose if purpose != value))


async def attach(ctx: Context, network: str, host: str) -> None:
    """network.attach: bring the network up on the host, even where it is up."""
    reach(ctx, host)
    await attach_network(ctx.services, network, host, again=True)


async def attach_for_vm(ctx: Context, host: str, vm: str) -> None:
    """network.attach_for_vm: bring up on the host what the VM's interfaces need."""
    reach(ctx, host)
    await attach_networks_of_vm(ctx.services, vm, host)


async def detach_for_vm(ctx: Context, host: str, vm: str) -> None:
    """network.detach_for_vm: release what the VM needed; never fails."""
    await release_networks_of_vm(ctx.services, vm, host)


# For those who start and stop VMs


async def attach_networks_of_vm(services: Services, vm: str, host: str) -> None:
    """Bring up every network of a VM's interfaces on a host, as far as not up already.

    Raises BRIDGE_NOT_AVAILABLE [bridge], CANNOT_PLUG_BOND_SLAVE [PIF], PIF_CONFIGURATION_ERROR [PIF, text] …
    """
    for network in vm_networks(services.store, vm):
        await attach_network(services, network.ref, host)


async def release_networks_of_vm(services: Services, vm: str, host: str) -> None:
    """Take away the internal bridges of a VM's networks from a host where no other VM uses them; never fails."""
    if services.store.find(VM, vm) is None:
        return
    for network in vm_networks(services.store, vm):
        await release_unused(services, network.ref, host, but_for=vm)


async def release_unused(services: Services, network: str, host: str, *, but_for: str = "") -> None:
    """Take away an internal network's bridge from a host where no VM (``but_for`` one) is attached to it."""
    store = services.store
    target = store.find(Network, network)
    if target is None or target.PIFs:
        return
    for vif in (store.find(VIF, ref) for ref in target.VIFs):
        vm = store.find(VM, vif.VM) if vif is not None and vif.currently_attached else None
        if vm is not None and vm.ref != but_for and vm.resident_on == host:
            return
    await release_network(services, network, host)


async def keep_internal_management_network(services: Services) -> None:
    """See to it that the pool has its internal management network, on the bridge it should have."""
    if not any(True for _ in services.store.all(Pool)):
        return
    async with services.store.transaction() as tx:
        existing = next((n for n in tx.all(Network) if n.other_config.get(INTERNAL_KEY) == "true"), None)
        if existing is None:
            # The first name of the counter is used up, as the network once started with it.
            fresh_bridge(tx, services.network.bridge_numbers)
            tx.create(Network, **INTERNAL_NETWORK)
        else:
            put(tx, existing, bridge=INTERNAL_BRIDGE)


def _vifs(tx: Transaction, network: Network) -> list[VIF]:
    return [vif for vif in (tx.find(VIF, ref) for ref in network.VIFs) if vif is not None]


HANDLERS: Handlers = {
    "network.create": create,
    "network.destroy": destroy,
    "network.pool_introduce": pool_introduce,
    "network.create_new_blob": create_new_blob(Network),
    "network.set_default_locking_mode": set_default_locking_mode,
    "network.add_purpose": add_purpose,
    "network.remove_purpose": remove_purpose,
    "network.attach": attach,
    "network.attach_for_vm": attach_for_vm,
    "network.detach_for_vm": detach_for_vm,
}
