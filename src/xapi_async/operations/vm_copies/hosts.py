"""Hosts fit for work on the disks of a VM."""

from __future__ import annotations

import random
from collections.abc import Iterable

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.reader import Reader
from xapi_async.operations.vm.can_boot import required_srs, sees_sr
from xapi_async.operations.vm.features import the_pool


def hosts_seeing(reader: Reader, srs: Iterable[str]) -> list[str]:
    """The hosts that have all these SRs plugged in."""
    wanted = list(srs)
    return [host.ref for host in reader.all(Host) if all(sees_sr(reader, host.ref, sr) for sr in wanted)]


def host_seeing_disks(reader: Reader, vm: VM, rng: random.Random) -> str:
    """A host, at random, that sees all storage of a VM. Raises NO_HOSTS_AVAILABLE []."""
    found = hosts_seeing(reader, required_srs(reader, vm))
    if not found:
        raise ApiError("NO_HOSTS_AVAILABLE")
    return rng.choice(found)


def master(reader: Reader) -> str:
    """The master of the pool."""
    return the_pool(reader).master
