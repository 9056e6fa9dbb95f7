"""Checks that several networking messages share: values, the licence, what guards an interface.

Each raises the error that a client is to see, or returns nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface

from xapi_async.datamodel.classes.bond import Bond
from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.network import Network
from xapi_async.datamodel.classes.pif import PIF
from xapi_async.datamodel.classes.pool import Pool
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.network.mac import is_mac
from xapi_async.objects.reader import Reader
from xapi_async.operations.context import Context
from xapi_async.operations.hosts.reaching import reach

FEATURES: Mapping[str, str] = {
    "VIF_locking": "restrict_vif_locking",
    "Guest_ip_setting": "restrict_guest_ip_setting",
    "PVS_proxy": "restrict_pvs_proxy",
    "IGMP_snooping": "restrict_igmp_snooping",
}
"""Licensed features of networking, and the restriction that takes each away."""

_ADDRESSES = {4: IPv4Address, 6: IPv6Address}
_WITH_PREFIX = {4: IPv4Interface, 6: IPv6Interface}

# Hosts and the pool


def reach_pif(ctx: Context, ref: str) -> PIF:
    """An interface, to change it on its host. Raises HOST_OFFLINE [host] or CANNOT_CONTACT_HOST [host]."""
    pif = ctx.store.get(PIF, ref)
    reach(ctx, pif.host)
    return pif


def the_pool(reader: Reader) -> Pool:
    """The pool; there is always exactly one."""
    return next(iter(reader.all(Pool)))


def has_feature(reader: Reader, feature: str) -> bool:
    """Whether the pool's licence has a feature of :data:`FEATURES`."""
    return the_pool(reader).restrictions.get(FEATURES[feature], "true") != "true"


def require_feature(reader: Reader, feature: str) -> None:
    """Raise LICENCE_RESTRICTION [feature] where the licence lacks it."""
    if not has_feature(reader, feature):
        raise ApiError("LICENCE_RESTRICTION", feature)


def ha_plans(reader: Reader) -> bool:
    """Whether high availability is on and changes must leave its plan whole."""
    pool = the_pool(reader)
    return pool.ha_enabled and not pool.ha_allow_overcommit


def ha_protected(vm: VM) -> bool:
    """Whether high availability restarts the VM."""
    return vm.ha_always_run and vm.ha_restart_priority == "restart"


def uses_vswitch(host: Host) -> bool:
    """Whether a host's bridges are those of the virtual switch."""
    return host.software_version.get("network_backend", "openvswitch") == "openvswitch"


def require_vswitch(reader: Reader, host: str | None = None) -> None:
    """Raise OPENVSWITCH_NOT_ACTIVE [] where a host, else the master, has no virtual switch."""
    if not uses_vswitch(reader.get(Host, host or the_pool(reader).master)):
        raise ApiError("OPENVSWITCH_NOT_ACTIVE")


# Values


def require_mac(text: str) -> None:
    """Raise MAC_INVALID [MAC]."""
    if not is_mac(text):
        raise ApiError("MAC_INVALID", text)


def require_ip(text: str, field: str, family: int = 4) -> None:
    """Raise INVALID_IP_ADDRESS_SPECIFIED [field] where the text is no address of the family (4 or 6)."""
    try:
        _address(text, family)
    except ValueError:
        raise ApiError("INVALID_IP_ADDRESS_SPECIFIED", field) from None


def _address(text: str, family: int) -> None:
    """Raise ValueError where the text is no address by itself: one that names an interface is none."""
    if "%" in text:
        raise ValueError(text)
    _ADDRESSES[family](text)


def require_cidr(text: str, field: str, family: int = 4) -> None:
    """Raise INVALID_CIDR_ADDRESS_SPECIFIED [field] where the text is not ``address/prefix length``."""
    address, slash, prefix = text.partition("/")
    try:
        # The prefix is a plain number here: Python would take a netmask too.
        if not (slash and prefix.isascii() and prefix.isdigit()):
            raise ValueError(text)
        _address(address, family)
        _WITH_PREFIX[family](f"{address}/{int(prefix)}")
    except ValueError:
        raise ApiError("INVALID_CIDR_ADDRESS_SPECIFIED", field) from None


def require_ip_list(text: str, field: str, family: int = 4) -> None:
    """As :func:`require_ip`, for each address of a list joined by commas; an empty text is an empty list."""
    for entry in text.split(",") if text else ():
        require_ip(entry, field, family)


def require_port(number: int, field: str) -> None:
    """Raise VALUE_NOT_SUPPORTED [field, number, text] where the number is no TCP or UDP port."""
    if not 1 <= number <= 65535:
        raise ApiError("VALUE_NOT_SUPPORTED", field, number, "a port lies between 1 and 65535")


def require_port_range(first: int, last: int, first_field: str, last_field: str) -> None:
    """Raise VALUE_NOT_SUPPORTED where an end is no port, or the last comes before the first."""
    require_port(first, first_field)
    require_port(last, last_field)
    if last < first:
        raise ApiError("VALUE_NOT_SUPPORTED", last_field, last, f"the range starts at {first}, which is later")


# Networks and interfaces


def require_managed_network(network: Network) -> None:
    """Raise NETWORK_UNMANAGED [network]."""
    if not network.managed:
        raise ApiError("NETWORK_UNMANAGED", network.ref)


def require_managed(pif: PIF) -> None:
    """Raise PIF_UNMANAGED [PIF]."""
    if not pif.managed:
        raise ApiError("PIF_UNMANAGED", pif.ref)


def local_pif(reader: Reader, network: Network, host: str) -> PIF | None:
    """The interface that joins a host to a network, if there is one."""
    # Through the host: it has a handful of interfaces, a network has one on every host of the pool.
    owner = reader.find(Host, host)
    return next((pif for pif in pifs(reader, owner.PIFs if owner else ()) if pif.network == network.ref), None)


def require_unconnected(reader: Reader, network: Network, host: str) -> None:
    """Raise NETWORK_ALREADY_CONNECTED [host, PIF] where the host has an interface on the network."""
    existing = local_pif(reader, network, host)
    if existing is not None:
        raise ApiError("NETWORK_ALREADY_CONNECTED", host, existing.ref)


def require_protection_off(reader: Reader, pif: PIF) -> None:
    """Raise HA_IS_ENABLED [] or REDO_LOG_IS_ENABLED [] where an attached interface must stay as it is."""
    if not pif.currently_attached:
        return
    pool = the_pool(reader)
    if pool.ha_enabled:
        raise ApiError("HA_IS_ENABLED")
    if pool.redo_log_enabled:
        raise ApiError("REDO_LOG_IS_ENABLED")


def is_bond_slave(reader: Reader, pif: PIF) -> bool:
    """Whether the interface is a member of a bond that exists."""
    return reader.find(Bond, pif.bond_slave_of) is not None


def bad_property(key: str, value: str) -> ApiError:
    """The error for a property that is not allowed, or not with that value."""
    return ApiError("INVALID_VALUE", "properties", f"{key} = {value}")


def pifs(reader: Reader, refs: Iterable[str]) -> list[PIF]:
    """Those of the interfaces that exist."""
    return [pif for pif in (reader.find(PIF, ref) for ref in refs) if pif is not None]
