"""VIF: which addresses a guest may use, and which it is told to use."""

from __future__ import annotations

from collections.abc import Sequence

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.network import Network
from xapi_async.datamodel.classes.sdn_controller import SDNController
from xapi_async.datamodel.classes.vif import VIF
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.classes.vm_guest_metrics import VMGuestMetrics
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.types import NULL_REF
from xapi_async.objects.reader import Reader
from xapi_async.operations.context import Context, Handler, Handlers
from xapi_async.operations.networking.checks import require_cidr, require_feature, require_ip, the_pool, uses_vswitch
from xapi_async.operations.networking.records import put

FAMILIES = (4, 6)
STATIC_SETTINGS_KEY = "feature-static-ip-setting"
"""What a guest's agent says ``1`` to when it takes addresses from the server."""


async def set_locking_mode(ctx: Context, self: str, value: str) -> None:
    """VIF.set_locking_mode.

    For ``locked``, raises OPERATION_NOT_ALLOWED [text] where a controller rules the switch, or
    LICENCE_RESTRICTION ["VIF_locking"].
    """
    async with ctx.store.transaction() as tx:
        vif = tx.get(VIF, self)
        if value == "locked":
            if any(True for _ in tx.all(SDNController)) and uses_vswitch(tx.get(Host, _host_of(tx, vif))):
                raise ApiError("OPERATION_NOT_ALLOWED", "the pool's switches are under a controller, which decides")
            require_feature(tx, "VIF_locking")
        tx.set(vif, locking_mode=value)


def effective_locking_mode(reader: Reader, vif: VIF) -> str:
    """The mode in force: the VIF's own, or else that of its network."""
    if vif.locking_mode != "network_default":
        return vif.locking_mode
    network = reader.find(Network, vif.network)
    return network.default_locking_mode if network else "unlocked"


def _field(family: int) -> str:
    return f"ipv{family}_allowed"


def _setter(family: int) -> Handler:
    async def set_allowed(ctx: Context, self: str, value: Sequence[str]) -> None:
        """VIF.set_ipv4_allowed, VIF.set_ipv6_allowed: replace the addresses, each kept once."""
        async with ctx.store.transaction() as tx:
            vif = tx.get(VIF, self)
            if value:
                require_feature(tx, "VIF_locking")
            for address in value:
                require_ip(address, _field(family), family)
            tx.set(vif, **{_field(family): tuple(dict.fromkeys(value))})

    return set_allowed


def _adder(family: int) -> Handler:
    async def add_allowed(ctx: Context, self: str, value: str) -> None:
        """VIF.add_ipv4_allowed, VIF.add_ipv6_allowed."""
        async with ctx.store.transaction() as tx:
            vif = tx.get(VIF, self)
            require_feature(tx, "VIF_locking")
            require_ip(value, _field(family), family)
            put(tx, vif, **{_field(family): tuple(dict.fromkeys((*getattr(vif, _field(family)), value)))})

    return add_allowed


def _remover(family: int) -> Handler:
    async def remove_allowed(ctx: Context, self: str, value: str) -> None:
        """VIF.remove_ipv4_allowed, VIF.remove_ipv6_allowed; an address that is not there is no error."""
        async with ctx.store.transaction() as tx:
            vif = tx.get(VIF, self)
            kept = tuple(address for address in getattr(vif, _field(family)) if address != value)
            put(tx, vif, **{_field(family): kept})

    return remove_allowed


def _configurer(family: int) -> Handler:
    async def configure(ctx: Context, self: str, mode: str, address: str, gateway: str) -> None:
        """VIF.configure_ipv4, VIF.configure_ipv6: the address a guest is told to use.

        For Static, raises LICENCE_RESTRICTION ["Guest_ip_setting"], INVALID_CIDR_ADDRESS_SPECIFIED ["address"],
        ADDRESS_VIOLATES_LOCKING_CONSTRAINT [address] or INVALID_IP_ADDRESS_SPECIFIED ["gateway"];
        for any mode VM_LACKS_FEATURE [VM].
        """
        async with ctx.store.transaction() as tx:
            vif = tx.get(VIF, self)
            if mode == "Static":
                require_feature(tx, "Guest_ip_setting")
                require_cidr(address, "address", family)
                bare = address.partition("/")[0]
                if effective_locking_mode(tx, vif) == "locked" and bare not in getattr(vif, _field(family)):
                    raise ApiError("ADDRESS_VIOLATES_LOCKING_CONSTRAINT", address)
                if gateway:
                    require_ip(gateway, "gateway", family)
            _require_static_settings(tx, vif.VM)
            tx.set(
                vif,
                **{
                    f"ipv{family}_configuration_mode": mode,
                    f"ipv{family}_addresses": (address,),
                    f"ipv{family}_gateway": gateway,
                },
            )

    return configure


def _require_static_settings(reader: Reader, vm: str) -> None:
    guest = reader.find(VMGuestMetrics, reader.get(VM, vm).guest_metrics)
    if guest is None or guest.other.get(STATIC_SETTINGS_KEY) != "1":
        raise ApiError("VM_LACKS_FEATURE", vm)


def _host_of(reader: Reader, vif: VIF) -> str:
    """Where the VIF's VM is; the master for VMs that are nowhere."""
    vm = reader.find(VM, vif.VM)
    return vm.resident_on if vm is not None and vm.resident_on != NULL_REF else the_pool(reader).master


HANDLERS: Handlers = {
    "VIF.set_locking_mode": set_locking_mode,
    **{f"VIF.set_ipv{family}_allowed": _setter(family) for family in FAMILIES},
    **{f"VIF.add_ipv{family}_allowed": _adder(family) for family in FAMILIES},
    **{f"VIF.remove_ipv{family}_allowed": _remover(family) for family in FAMILIES},
    **{f"VIF.configure_ipv{family}": _configurer(family) for family in FAMILIES},
}
