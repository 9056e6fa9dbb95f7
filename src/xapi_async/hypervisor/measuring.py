"""What a simulated host measures of its guests: figures that move as those of an idle guest do."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from xapi_async.hypervisor.driver import DomainConfig, Statistic

IDLE = 0.02
"""The share of a processor that an idle guest uses, on average."""

WAVE_SECONDS = 300.0
"""How long the load takes to go up and down once."""


def statistics_of(config: DomainConfig, memory: int, now: float) -> Sequence[Statistic]:
    """The figures of a domain at a time, in seconds since 1970. memory: bytes it has."""
    return tuple(_figures(config, memory, now))


def host_statistics_of(host: str, cpus: int, interfaces: Sequence[str], now: float) -> Sequence[Statistic]:
    """The figures of a host's processors and network cards. interfaces: the names of the cards."""
    return (*_processors(host, cpus, now), *_cards(host, interfaces, now))


def _processors(host: str, cpus: int, now: float) -> Iterator[Statistic]:
    loads = [_wave(f"{host} cpu{cpu}", now) * 2 * IDLE for cpu in range(cpus)]
    for cpu, load in enumerate(loads):
        yield Statistic(f"cpu{cpu}", f"Use of processor {cpu}", "(fraction)", load, maximum=1.0)
    mean = sum(loads) / len(loads) if loads else 0.0
    yield Statistic("cpu_avg", "Use of all processors together", "(fraction)", mean, maximum=1.0)
    yield Statistic("loadavg", "Processes of the control domain that want to run", "(fraction)", sum(loads))


def _cards(host: str, interfaces: Sequence[str], now: float) -> Iterator[Statistic]:
    sums = {"rx": 0.0, "tx": 0.0}
    for interface in interfaces:
        for way, verb in (("rx", "received"), ("tx", "sent")):
            rate = _wave(f"{host} {interface} {way}", now) * 65536
            sums[way] += rate
            yield Statistic(f"pif_{interface}_{way}", f"Bytes {verb} by {interface}", "B/s", rate)
            yield Statistic(
                f"pif_{interface}_{way}_errors",
                f"Frames {verb} wrongly by {interface}",
                "err/s",
                0.0,
                is_standard=False,
            )
    for way, verb in (("rx", "received"), ("tx", "sent")):
        yield Statistic(f"pif_aggr_{way}", f"Bytes {verb} by all cards", "B/s", sums[way])


def _figures(config: DomainConfig, memory: int, now: float) -> Iterator[Statistic]:
    for cpu in range(config.vcpus):
        load = _wave(f"{config.vm} cpu{cpu}", now) * 2 * IDLE
        yield Statistic(f"cpu{cpu}", f"Use of virtual processor {cpu}", "(fraction)", load, maximum=1.0)
    yield Statistic("memory", "Memory the guest has", "B", float(memory), maximum=float(config.memory_max))
    yield Statistic("memory_target", "Memory the guest is to have", "B", float(config.memory))
    yield Statistic("memory_internal_free", "Memory the guest does not use", "KiB", memory / 2048)
    for device in config.devices:
        names = ("read", "write") if device.kind == "vbd" else ("rx", "tx")
        for name in names:
            rate = _wave(f"{config.vm} {device.key} {name}", now) * 4096
            label = f"{device.kind}_{device.position}_{name}"
            yield Statistic(label, f"Data rate of device {device.position}, {name}", "B/s", rate)


def _wave(name: str, now: float) -> float:
    """A number from 0 to 1 that goes up and down, for every name at another pace."""
    offset = sum(map(ord, name)) % 97
    return (1 + math.sin(2 * math.pi * (now / WAVE_SECONDS + offset / 97))) / 2
