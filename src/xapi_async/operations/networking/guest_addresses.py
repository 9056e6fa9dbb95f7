"""Addresses of guests on the host internal management network."""

from __future__ import annotations

from ipaddress import IPv4Address

from xapi_async.datamodel.classes.network import Network
from xapi_async.datamodel.classes.vif import VIF
from xapi_async.inventory.networks import INTERNAL_KEY
from xapi_async.objects.transaction import Transaction


def assign_address(tx: Transaction, vif: VIF) -> None:
    """Give a VIF that is being attached an address, where its network gives out any; one held before stays.

    Addresses of VIFs that are gone come free here, not earlier.
    """
    network = tx.find(Network, vif.network)
    if network is None or network.other_config.get(INTERNAL_KEY) != "true":
        return
    assigned = dict(network.assigned_ips)
    if vif.ref in assigned:
        return
    held = {ref: address for ref, address in assigned.items() if tx.find(VIF, ref) is not None}
    address = _first_free(network, set(held.values()))
    if address is not None:
        tx.set(network, assigned_ips={**held, vif.ref: address})


def _first_free(network: Network, taken: set[str]) -> str | None:
    """The first address after the host's own, which is ``ip_begin``, that nobody has."""
    try:
        first = int(IPv4Address(network.other_config["ip_begin"])) + 1
        last = int(IPv4Address(network.other_config["ip_end"]))
    except (KeyError, ValueError):
        return None  # without a valid range there is nothing to give out
    addresses = (str(IPv4Address(number)) for number in range(first, last + 1))
    return next((address for address in addresses if address not in taken), None)
