"""Where VMs can run, and the choice among those places."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import NamedTuple

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.types import NULL_REF
from xapi_async.objects.reader import Reader
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.devices.placement import host_tiers
from xapi_async.operations.host_memory import Load, capacity, loads, one
from xapi_async.operations.hosts.reaching import is_host_live
from xapi_async.operations.vm.can_boot import Boot, boot_error
from xapi_async.operations.vm.facts import is_hvm
from xapi_async.operations.vm.features import is_upgrading, the_pool
from xapi_async.operations.vm.hosts import cpu_flags

FULL_SCORE = 1000
"""The score of a host whose guests can all have the most memory they may."""


async def get_possible_hosts(ctx: Context, vm: str) -> tuple[str, ...]:
    """VM.get_possible_hosts: where the VM could be started now."""
    target = ctx.store.get(VM, vm)
    if target.scheduled_to_be_resident_on != NULL_REF:
        return (target.scheduled_to_be_resident_on,)
    return tuple(
        host.ref
        for host in ctx.store.all(Host)
        if boot_error(Boot(ctx.store, target, host)) is None and is_host_live(ctx.store, host)
    )


async def assert_can_boot_here(ctx: Context, self: str, host: str) -> None:
    """VM.assert_can_boot_here. Raises why the VM could not be started on the host now."""
    target, place = ctx.store.get(VM, self), ctx.store.get(Host, host)
    if is_upgrading(ctx.store):
        master = ctx.store.get(Host, the_pool(ctx.store).master)
        if platform_version(place) != platform_version(master):
            raise ApiError("VM_HOST_INCOMPATIBLE_VERSION", host, self)
    error = boot_error(Boot(ctx.store, target, place))
    if error is not None:
        raise error


def choose_host(reader: Reader, vm: VM, rng: random.Random) -> str:
    """The host for a VM to start or resume on. Raises NO_HOSTS_AVAILABLE [], or why there is no virtual GPU for it."""
    for with_memory in (True, False):
        for tier in _tiers(reader, vm):
            chosen = _select(reader, vm, tier, rng, with_memory=with_memory)
            if chosen is not None:
                return chosen
    raise ApiError("NO_HOSTS_AVAILABLE")


def cpu_error(reader: Reader, vm: VM, host: Host) -> ApiError | None:
    """Why a guest that was started elsewhere could not go on with a host's processors; None where it could."""
    before = vm.last_boot_CPU_flags
    if vm.power_state == "Halted" or "vendor" not in before:
        return None
    offered = cpu_flags(host, hvm=is_hvm(reader, vm))
    if before["vendor"] != offered["vendor"]:
        text = f"the guest was started on a processor of {before['vendor']}, the host has one of {offered['vendor']}"
    elif not has_cpu_features(offered["features"], before.get("features", "")):
        text = "the host's processor lacks features that the guest was started with"
    else:
        return None
    return ApiError("VM_INCOMPATIBLE_WITH_THIS_HOST", vm.ref, host.ref, text)


def has_cpu_features(offered: str, needed: str) -> bool:
    """Whether a feature set holds another; each is written as hexadecimal words joined by dashes."""
    try:
        have, want = ([int(word, 16) for word in text.split("-") if word] for text in (offered, needed))
    except ValueError:
        return offered == needed
    have += [0] * (len(want) - len(have))
    return all(word & ~have[index] == 0 for index, word in enumerate(want))


def platform_version(host: Host) -> tuple[int, ...]:
    """A host's platform version as numbers to compare; the lowest where it says none."""
    text = host.software_version.get("platform_version", "")
    return tuple(int(part) for part in text.split(".") if part.isdigit())


def is_newest(reader: Reader, host: Host) -> bool:
    """Whether no host of the pool has a later platform version."""
    return all(platform_version(other) <= platform_version(host) for other in reader.all(Host))


class _Candidate(NamedTuple):
    """A host and how well it would do; below 0: not at all. definite: even if all guests take their maximum."""

    host: Host
    definite: int
    probable: int
    possible: int


def _tiers(reader: Reader, vm: VM) -> list[list[Host]]:
    tiers = host_tiers(reader, vm.ref)
    if tiers is None:
        return [list(reader.all(Host))]
    return [[reader.get(Host, ref) for ref in tier] for tier in tiers]


def _select(reader: Reader, vm: VM, hosts: list[Host], rng: random.Random, *, with_memory: bool) -> str | None:
    master = the_pool(reader).master
    load, own = loads(reader, vm), one(vm)
    left = {
        host.ref: _rate(host, capacity(reader, host), load(host.ref).plus(own), is_master=host.ref == master)
        for host in hosts
    }
    upgrading = is_upgrading(reader)
    for category in range(0 if vm.affinity in left else 1, 4):
        ranked = sorted(
            ((score, ref) for ref, candidate in left.items() if (score := _score(candidate, vm, category)) >= 0),
            key=lambda pair: -pair[0],
        )
        for ref in _drawn([ref for _, ref in ranked], rng):
            host = left.pop(ref).host
            if _is_valid(Boot(reader, vm, host), upgrading=upgrading, with_memory=with_memory):
                return ref
    return None


def _score(candidate: _Candidate, vm: VM, category: int) -> int:
    """How well a host does in a category: the VM's own preference, then definite, probable, possible."""
    if category == 0:
        return candidate.possible if candidate.host.ref == vm.affinity else -1
    return (candidate.definite, candidate.probable, candidate.possible)[category - 1]


def _drawn(ranked: list[str], rng: random.Random) -> Iterator[str]:
    """Hosts in a random order that favours the first."""
    left = list(ranked)
    while left:
        yield left.pop(int(len(left) * rng.random() ** 2))


def _rate(host: Host, room: int, load: Load, *, is_master: bool) -> _Candidate:
    """How well a host would do. room: bytes it has for VMs. load: what its guests would have then."""
    overhead, least, most, largest = load
    free = room - overhead
    definite, probable = free - largest, free - most
    if is_master:  # it has other work to do
        definite, probable = (-((1 - value) // 2) for value in (definite, probable))
    if free >= most:
        possible = FULL_SCORE
    elif free < least:
        possible = -1
    else:
        possible = FULL_SCORE * (free - least) // (most - least)
    return _Candidate(host, definite, probable, possible)


def _is_valid(boot: Boot, *, upgrading: bool, with_memory: bool) -> bool:
    reader, vm, host = boot.reader, boot.vm, boot.host
    return (
        (host.enabled or vm.is_control_domain)
        and "evacuate" not in host.current_operations.values()
        and cpu_error(reader, vm, host) is None
        and boot_error(boot, with_memory=with_memory) is None
        and not (upgrading and not is_newest(reader, host))
    )


HANDLERS: Handlers = {
    "VM.get_possible_hosts": get_possible_hosts,
    "VM.assert_can_boot_here": assert_can_boot_here,
}
