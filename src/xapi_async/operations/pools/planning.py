"""Whether all protected VMs could be restarted after some hosts have failed.

The pool is first looked at once (:func:`situation`), if need be as a change would leave it; what follows from
that is arithmetic without the store.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from heapq import heapify, heapreplace
from math import perm
from typing import NamedTuple

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.types import NULL_REF
from xapi_async.objects.reader import Reader
from xapi_async.operations.host_memory import capacity
from xapi_async.operations.hosts.reaching import is_host_live
from xapi_async.operations.vm.agility import Shared, agility_error
from xapi_async.operations.vm.can_boot import Boot, boot_error
from xapi_async.operations.vm.sizes import needed_to_start

MOST_CHOICES = 3500
"""Orders of failing hosts that are tried one by one; from there on the answer is approximate."""

MOST_HOSTS = 32
"""Hosts of a pool whose plan is exact."""

RESTART = "restart"
"""The restart priority of protected VMs."""


class Answer(Enum):
    """For which of the protected VMs there is a plan."""

    ALL = "all"
    ALL_BUT_FIXED = "all but those tied to some hosts"
    NONE = "none"


@dataclass(frozen=True)
class Supposing:
    """What is to be looked at as if it were so already.

    without: hosts taken as disabled. arriving: hosts by the VMs that come to them. protecting: VMs taken as
    protected too. only: if given, exactly these VMs are.
    """

    without: frozenset[str] = frozenset()
    arriving: Mapping[str, str] = field(default_factory=dict)
    protecting: frozenset[str] = frozenset()
    only: frozenset[str] | None = None


NOTHING = Supposing()


class Guest(NamedTuple):
    """A VM to be packed. size: bytes it needs."""

    vm: str
    size: int


@dataclass(frozen=True)
class Situation:
    """What a plan follows from.

    hosts: how many there are, dead ones included. free: bytes left on those that count. agile: the protected VMs
    that can run anywhere, by the host they are on. has_fixed: whether others are protected. is_placed: whether
    every protected VM is on a host, or could be started now. starts: where those would be started that are not.
    """

    hosts: int
    free: Mapping[str, int]
    agile: Mapping[str, tuple[Guest, ...]]
    has_fixed: bool
    is_placed: bool
    starts: Mapping[str, str] = field(default_factory=dict)


def is_protected(vm: VM) -> bool:
    """Whether high availability is to keep the VM running."""
    return vm.ha_always_run and vm.ha_restart_priority == RESTART


# Looking


def situation(reader: Reader, supposing: Supposing = NOTHING) -> Situation:
    """The pool as it is, or would be."""
    hosts = sorted(reader.all(Host), key=lambda host: host.uuid)
    free = _free(reader, [host for host in hosts if _counts(reader, host, supposing)], supposing)
    agile: dict[str, list[Guest]] = {host: [] for host in free}
    homeless: list[Guest] = []
    starts: dict[str, str] = {}
    shared: Shared = {}
    down, has_fixed = 0, False
    for vm in _protected(reader, supposing):
        guest = Guest(vm.ref, needed_to_start(vm, vm.memory_static_max))
        where, is_agile = _place(vm, supposing), agility_error(reader, vm, shared) is None
        has_fixed |= not is_agile
        if where in free:
            if is_agile:
                agile[where].append(guest)
            continue
        down += 1
        if is_agile:
            homeless.append(guest)
        elif (host := _boots_on(reader, vm, guest, hosts, free)) is not None:
            starts[vm.ref] = host
            free[host] -= guest.size
    packed = pack(homeless, free)
    for guest in homeless:
        if guest.vm in packed:
            agile[packed[guest.vm]].append(guest)
            free[packed[guest.vm]] -= guest.size
    starts |= packed
    placed = {host: tuple(guests) for host, guests in agile.items()}
    return Situation(len(hosts), free, placed, has_fixed, len(starts) == down, starts)


def _counts(reader: Reader, host: Host, supposing: Supposing) -> bool:
    return host.enabled and is_host_live(reader, host) and host.ref not in supposing.without


def _free(reader: Reader, hosts: Iterable[Host], supposing: Supposing) -> dict[str, int]:
    """What is left on hosts if all guests take the most they may."""
    left = {host.ref: capacity(reader, host) for host in hosts}
    for vm in reader.all(VM):
        places = {vm.resident_on, vm.scheduled_to_be_resident_on, supposing.arriving.get(vm.ref, NULL_REF)}
        for place in places & left.keys():
            left[place] -= vm.memory_static_max + vm.memory_overhead
    return left


def _protected(reader: Reader, supposing: Supposing) -> list[VM]:
    if supposing.only is not None:
        return [vm for vm in (reader.find(VM, ref) for ref in supposing.only) if vm is not None]
    return [vm for vm in reader.all(VM) if is_protected(vm) or vm.ref in supposing.protecting]


def _place(vm: VM, supposing: Supposing) -> str:
    """The host a VM is on, or on its way to; the null reference where there is none."""
    if vm.ref in supposing.arriving:
        return supposing.arriving[vm.ref]
    return vm.resident_on if vm.resident_on != NULL_REF else vm.scheduled_to_be_resident_on


def _boots_on(reader: Reader, vm: VM, guest: Guest, hosts: Sequence[Host], free: Mapping[str, int]) -> str | None:
    """The first host that a VM can boot on, if there is one."""
    for host in hosts:
        if boot_error(Boot(reader, vm, host), with_memory=False) is None and free.get(host.ref, 0) >= guest.size:
            return host.ref
    return None


# Computing


def pack(guests: Iterable[Guest], free: Mapping[str, int]) -> dict[str, str]:
    """Hosts by the VMs put on them: the largest first, each where most is left. What does not fit there is left out."""
    most = [(-size, number, host) for number, (host, size) in enumerate(free.items())]
    heapify(most)
    placed = {}
    for guest in sorted(guests, key=lambda guest: -guest.size) if most else ():
        left, number, host = most[0]
        if -left >= guest.size:
            heapreplace(most, (left + guest.size, number, host))
            placed[guest.vm] = host
    return placed


def answer(found: Situation, failures: int) -> Answer:
    """Whether there is a plan for that many hosts failing, whichever they are and in whatever order."""
    alive, has_agile = len(found.free), any(found.agile.values())
    if not found.is_placed or not 0 <= failures <= min(alive, found.hosts) or (failures == alive and has_agile):
        return Answer.NONE
    if has_agile:
        is_small = len(found.free) <= MOST_HOSTS and perm(alive, failures) < MOST_CHOICES
        survives = _survives if is_small else _surely_survives
        if not survives(found.free, found.agile, failures):
            return Answer.NONE
    return Answer.ALL_BUT_FIXED if found.has_fixed else Answer.ALL


def most_failures(found: Situation) -> int:
    """The largest number of failures with a plan for all; 0 where there is none."""
    low, high = 0, found.hosts
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if answer(found, middle) is Answer.ALL else (low, middle - 1)
    return low


def _survives(free: Mapping[str, int], agile: Mapping[str, tuple[Guest, ...]], failures: int) -> bool:
    """Try every order of failures, the VMs of each failed host being packed onto the others."""
    if not failures:
        return True
    for failed in free:
        left = {host: size for host, size in free.items() if host != failed}
        guests, lost = {host: agile[host] for host in left}, agile[failed]
        placed = pack(lost, left)
        if len(placed) < len(lost):
            return False
        for guest in lost:
            host = placed[guest.vm]
            left[host] -= guest.size
            guests[host] = (*guests[host], guest)
        if not _survives(left, guests, failures - 1):
            return False
    return True


def _surely_survives(free: Mapping[str, int], agile: Mapping[str, tuple[Guest, ...]], failures: int) -> bool:
    """As :func:`_survives` in short time; it may say no where there is a plan.

    All VMs are taken to be as large as the largest, all hosts as full as the fullest, and those with most
    memory left fail.
    """
    largest = max(guest.size for guests in agile.values() for guest in guests)
    fullest = max(map(len, agile.values()))
    remaining = sorted(free.values())[: len(free) - failures]
    return sum(max(0, size) // largest for size in remaining) >= failures * fullest
