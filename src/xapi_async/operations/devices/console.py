"""console: where the screens and terminals of VMs are found; the server alone makes and deletes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from xapi_async.datamodel.classes.console import Console
from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.entity import new_uuid
from xapi_async.objects.reader import Reader
from xapi_async.objects.transaction import Transaction
from xapi_async.operations.context import Context, Handlers


async def create(ctx: Context, args: Mapping[str, Any]) -> str:
    """console.create. Raises NOT_IMPLEMENTED ["Console.create"]."""
    raise ApiError("NOT_IMPLEMENTED", "Console.create")


async def destroy(ctx: Context, self: str) -> None:
    """console.destroy. Raises NOT_IMPLEMENTED ["Console.destroy"]."""
    raise ApiError("NOT_IMPLEMENTED", "Console.destroy")


# For those who start and stop VMs


def protocols_of(vm: VM, *, is_hvm: bool, has_serial_port: bool = True) -> tuple[str, ...]:
    """The protocols of the consoles a running VM has."""
    if is_hvm:
        return ("rfb", "vt100") if has_serial_port else ("rfb",)
    return ("vt100",) if "disable_pv_vnc" in vm.other_config else ("rfb", "vt100")


def set_consoles(tx: Transaction, vm_ref: str, ports: Mapping[str, int]) -> None:
    """Give a running VM one console for each protocol, on the host where it is.

    ports: by protocol, the port on the host. A console that is on that host already is kept as it is.
    """
    vm = tx.get(VM, vm_ref)
    host = tx.find(Host, vm.resident_on)
    place = f"https://{host.address}/console" if host and host.address else ""
    missing = dict(ports)
    for console in consoles_of(tx, vm):
        if console.protocol in missing and console.location.partition("?")[0] == place:
            del missing[console.protocol]
        else:
            tx.delete(console)
    for protocol, port in missing.items():
        uuid = new_uuid()
        location = f"{place}?uuid={uuid}" if place else ""
        tx.create(Console, uuid=uuid, VM=vm_ref, protocol=protocol, location=location, port=port)


def delete_consoles(tx: Transaction, vm: str) -> None:
    """Delete the consoles of a VM that has halted or is suspended."""
    for console in consoles_of(tx, tx.get(VM, vm)):
        tx.delete(console)


def consoles_of(reader: Reader, vm: VM) -> list[Console]:
    """The consoles of a VM."""
    return _found(reader, vm.consoles)


def _found(reader: Reader, refs: Iterable[str]) -> list[Console]:
    return [console for console in (reader.find(Console, ref) for ref in refs) if console is not None]


HANDLERS: Handlers = {"console.create": create, "console.destroy": destroy}
