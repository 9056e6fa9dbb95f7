"""How much memory hosts have to spare: the one account that placement, migration and host calls share.

A guest counts with what it can be ballooned down to and its overhead, from the moment its host is chosen.
"""

from __future__ import annotations

from collections.abc import Iterator

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.host_metrics import HostMetrics
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.types import NULL_REF
from xapi_async.objects.reader import Reader


def capacity(reader: Reader, host: Host) -> int:
    """Bytes a host has for VMs, its control domain included."""
    metrics = reader.find(HostMetrics, host.metrics)
    return (metrics.memory_total if metrics else 0) - host.memory_overhead


def reservations(reader: Reader) -> dict[str, list[VM]]:
    """VMs for which memory is reserved on a host they are not on yet, by host."""
    found: dict[str, list[VM]] = {}
    for vm in reader.all(VM):
        if vm.scheduled_to_be_resident_on != NULL_REF:
            found.setdefault(vm.scheduled_to_be_resident_on, []).append(vm)
    return found


def guests_of(reader: Reader, host: Host, reserved: dict[str, list[VM]], starting: str = "") -> Iterator[VM]:
    """The VMs that count on a host; one both resident and reserved counts twice.

    reserved: from :func:`reservations`. starting: a VM whose own reservation is left out.
    """
    for ref in host.resident_VMs:
        vm = reader.find(VM, ref)
        if vm is not None:
            yield vm
    yield from (vm for vm in reserved.get(host.ref, ()) if vm.ref != starting)


def free_memory(reader: Reader, host: Host, *, starting: str = "", reserved: dict[str, list[VM]] | None = None) -> int:
    """Bytes left on a host for more VMs; never below 0.

    starting: a VM whose own reservation there does not count. reserved: from :func:`reservations`, where many
    hosts are asked at once.
    """
    if reserved is None:
        reserved = reservations(reader)
    used = sum(vm.memory_dynamic_min + vm.memory_overhead for vm in guests_of(reader, host, reserved, starting))
    return max(0, capacity(reader, host) - used)
