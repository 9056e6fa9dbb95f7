"""PIF: plugging, addresses and properties of hosts' interfaces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xapi_async.datamodel.classes.pif import PIF
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.reader import Reader
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.hosts.reaching import reach
from xapi_async.operations.networking import vlan as vlans
from xapi_async.operations.networking.checks import (
    bad_property,
    is_bond_slave,
    reach_pif,
    require_cidr,
    require_ip,
    require_ip_list,
    require_managed,
    require_protection_off,
)
from xapi_async.operations.networking.links import bring_up, bring_up_again
from xapi_async.operations.networking.links import plug as bring_up_checked
from xapi_async.operations.networking.records import bond_slaves, host_pifs, vlans_over
from xapi_async.operations.networking.unplugging import unplug as take_down_checked

PROPERTIES: Mapping[str, tuple[str, ...]] = {"gro": ("on", "off")}
"""The properties that can be set, and the values they may have."""


async def plug(ctx: Context, self: str) -> None:
    """PIF.plug."""
    reach_pif(ctx, self)
    await bring_up_checked(ctx.services, self)


async def unplug(ctx: Context, self: str) -> None:
    """PIF.unplug."""
    reach_pif(ctx, self)
    await take_down_checked(ctx.services, self)


async def reconfigure_ip(ctx: Context, self: str, mode: str, IP: str, netmask: str, gateway: str, DNS: str) -> None:
    """PIF.reconfigure_ip: store the IPv4 settings, and use them at once where the interface is up.

    Raises PIF_UNMANAGED, HA_IS_ENABLED, REDO_LOG_IS_ENABLED, INVALID_IP_ADDRESS_SPECIFIED [field] or
    PIF_IS_MANAGEMENT_INTERFACE [PIF].
    """
    pif = reach_pif(ctx, self)
    require_managed(pif)
    require_protection_off(ctx.store, pif)
    if mode == "Static":
        require_ip(IP, "IP")
        require_ip(netmask, "netmask")
    for value, field in ((IP, "IP"), (netmask, "netmask"), (gateway, "gateway")):
        if value:
            require_ip(value, field)
    require_ip_list(DNS, "DNS")
    _require_management_kept(pif, mode, "IPv4")
    await bring_up_again(
        ctx.services, self, ip_configuration_mode=mode, IP=IP, netmask=netmask, gateway=gateway, DNS=DNS
    )


async def reconfigure_ipv6(ctx: Context, self: str, mode: str, IPv6: str, gateway: str, DNS: str) -> None:
    """PIF.reconfigure_ipv6: store the IPv6 settings, and use them at once where the interface is up."""
    pif = reach_pif(ctx, self)
    require_managed(pif)
    require_protection_off(ctx.store, pif)
    if gateway:
        require_ip(gateway, "gateway", 6)
    if IPv6:
        require_cidr(IPv6, "IPv6", 6)
    require_ip_list(DNS, "DNS", 6)
    _require_management_kept(pif, mode, "IPv6")
    values: dict[str, Any] = {"ipv6_configuration_mode": mode, "IPv6": (IPv6,), "ipv6_gateway": gateway}
    if DNS:
        values["DNS"] = DNS
    await bring_up_again(ctx.services, self, **values)


async def set_primary_address_type(ctx: Context, self: str, primary_address_type: str) -> None:
    """PIF.set_primary_address_type. Raises HA_IS_ENABLED, REDO_LOG_IS_ENABLED or PIF_IS_MANAGEMENT_INTERFACE."""
    reach_pif(ctx, self)
    async with ctx.store.transaction() as tx:
        pif = tx.get(PIF, self)
        require_protection_off(tx, pif)
        if pif.management:
            raise ApiError("PIF_IS_MANAGEMENT_INTERFACE", self)
        tx.set(pif, primary_address_type=primary_address_type)


async def set_property(ctx: Context, self: str, name: str, value: str) -> None:
    """PIF.set_property: for a card or a whole bond; those that are up take it into use, VLANs over them too.

    Raises INVALID_VALUE ["properties", "NAME = VALUE"] or CANNOT_CHANGE_PIF_PROPERTIES [PIF].
    """
    reach_pif(ctx, self)
    if value not in PROPERTIES.get(name, ()):
        raise bad_property(name, value)
    async with ctx.store.transaction() as tx:
        pif = tx.get(PIF, self)
        if not pif.bond_master_of and (not pif.physical or is_bond_slave(tx, pif)):
            raise ApiError("CANNOT_CHANGE_PIF_PROPERTIES", self)
        properties = {**pif.properties, name: value}
        for target in (pif, *bond_slaves(tx, pif)):
            tx.set(target, properties=properties)
    if not ctx.store.get(PIF, self).currently_attached:
        return
    for ref in (self, *(vlan.untagged_PIF for vlan in vlans_over(ctx.store, ctx.store.get(PIF, self)))):
        over = ctx.store.find(PIF, ref)
        if over is not None and over.currently_attached:
            await bring_up(ctx.services, ref)


async def create_vlan(ctx: Context, device: str, network: str, host: str, VLAN: int) -> str:
    """PIF.create_VLAN (deprecated): as VLAN.create on a host's device; gives the untagged interface."""
    reach(ctx, host)
    base = base_of_device(ctx.store, host, device)
    return await vlans.create_untagged(ctx, base, VLAN, network)


def base_of_device(reader: Reader, host: str, device: str) -> str:
    """The interface of a host's device that carries untagged traffic. Raises INVALID_VALUE ["device", device]."""
    base = next((pif for pif in host_pifs(reader, host) if pif.device == device and pif.VLAN == -1), None)
    if base is None:
        raise ApiError("INVALID_VALUE", "device", device)
    return base.ref


async def destroy(ctx: Context, self: str) -> None:
    """PIF.destroy (deprecated): as VLAN.destroy. Raises PIF_IS_PHYSICAL [] for what is no VLAN."""
    pif = reach_pif(ctx, self)
    if pif.VLAN < 0:
        raise ApiError("PIF_IS_PHYSICAL")
    await vlans.destroy(ctx, pif.VLAN_master_of)


def _require_management_kept(pif: PIF, mode: str, family: str) -> None:
    if pif.management and mode == "None" and pif.primary_address_type == family:
        raise ApiError("PIF_IS_MANAGEMENT_INTERFACE", pif.ref)


HANDLERS: Handlers = {
    "PIF.plug": plug,
    "PIF.unplug": unplug,
    "PIF.reconfigure_ip": reconfigure_ip,
    "PIF.reconfigure_ipv6": reconfigure_ipv6,
    "PIF.set_primary_address_type": set_primary_address_type,
    "PIF.set_property": set_property,
    "PIF.create_VLAN": create_vlan,
    "PIF.destroy": destroy,
}
