"""Hosts fit for work on the disks of a VM."""

from __future__ import annotations

import random
from collections.abc import Iterable

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.pbd import PBD
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.reader import Reader
from xapi_async.operations.vm.can_boot import required_srs
from xapi_async.operations.vm.features import the_pool


def hosts_seeing(reader: Reader, srs: Iterable[str]) -> list[str]:
    """The hosts that have all these SRs plugged in."""
    found = {host.ref: None for host in reader.all(Host)}
    for ref in srs:
        sr = reader.find(SR, ref)
        pbds = (reader.find(PBD, pbd) for pbd in (sr.PBDs if sr else ()))
        seeing = {pbd.host for pbd in pbds if pbd is not None and pbd.currently_attached}
        found = {host: None for host in found if host in seeing}
    return list(found)


def host_seeing_disks(reader: Reader, vm: VM, rng: random.Random) -> str:
    """A host, at random, that sees all storage of a VM. Raises NO_HOSTS_AVAILABLE []."""
    found = hosts_seeing(reader, required_srs(reader, vm))
    if not found:
        raise ApiError("NO_HOSTS_AVAILABLE")
    return rng.choice(found)


def master(reader: Reader) -> str:
    """The master of the pool."""
    return the_pool(reader).master
