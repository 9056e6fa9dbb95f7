"""Which interface a host is managed through, and what follows from its address."""

from __future__ import annotations

from xapi_async.datamodel.classes.console import Console
from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.network import Network
from xapi_async.datamodel.classes.pif import PIF
from xapi_async.datamodel.classes.vm import VM
from xapi_async.objects.reader import Reader
from xapi_async.objects.transaction import Transaction
from xapi_async.operations.networking.records import host_pifs, management_pif, put


def address_of(pif: PIF | None) -> str:
    """The address under which a host with this management interface is reached; empty where there is none."""
    if pif is None:
        return ""
    if pif.primary_address_type == "IPv6":
        return next((address.partition("/")[0] for address in pif.IPv6 if address), "")
    return pif.IP


def manage_through(tx: Transaction, pif: PIF) -> None:
    """Make an interface the one its host is managed through; the host's others no longer are."""
    for other in host_pifs(tx, pif.host):
        put(tx, other, management=other.ref == pif.ref)
    settle_address(tx, pif.host)


def stop_managing(tx: Transaction, host: str) -> None:
    """Leave a host without a management interface."""
    for pif in host_pifs(tx, host):
        put(tx, pif, management=False)
    settle_address(tx, host)


def settle_address(tx: Transaction, host_ref: str) -> None:
    """Bring the address of a host, and with it the locations of consoles, up to date."""
    host = tx.get(Host, host_ref)
    address = address_of(management_pif(tx, host_ref))
    if host.address == address:
        return
    tx.set(host, address=address)
    for console in tx.all(Console):
        put(tx, console, location=console_location(tx, console))


def console_location(reader: Reader, console: Console) -> str:
    """Where a console is found once its host's address has changed; empty where the host has no address."""
    vm = reader.find(VM, console.VM)
    host = reader.find(Host, vm.resident_on) if vm else None
    return f"https://{host.address}/console?ref={console.ref}" if host and host.address else ""


def management_bridge(reader: Reader, host: str) -> str:
    """The bridge that a host is managed through; empty where it has none."""
    pif = management_pif(reader, host)
    network = reader.find(Network, pif.network) if pif else None
    return network.bridge if network else ""
