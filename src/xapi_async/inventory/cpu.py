"""Processors: what a host says of them, the record of each, and what the pool has in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import zip_longest

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.host_cpu import HostCpu
from xapi_async.inventory.hardware import CpuSettings
from xapi_async.inventory.maker import Maker


def cpu_info(cpu: CpuSettings) -> dict[str, str]:
    """host.cpu_info."""
    return {
        "cpu_count": str(cpu.count),
        "socket_count": str(cpu.sockets),
        "vendor": cpu.vendor,
        "speed": f"{cpu.speed:.3f}",
        "modelname": cpu.model_name,
        "family": str(cpu.family),
        "model": str(cpu.model),
        "stepping": str(cpu.stepping),
        "flags": cpu.flags,
        "features": cpu.features,
        "features_pv": cpu.features_pv,
        "features_hvm": cpu.features_hvm,
    }


def create_host_cpus(maker: Maker, host: Host) -> None:
    """Create a record for each logical processor that host.cpu_info counts."""
    info = host.cpu_info
    for number in range(_number(info.get("cpu_count", ""))):
        maker.create(
            HostCpu,
            host=host.ref,
            number=number,
            vendor=info.get("vendor", ""),
            speed=_number(info.get("speed", "")),
            modelname=info.get("modelname", ""),
            family=_number(info.get("family", "")),
            model=_number(info.get("model", "")),
            stepping=info.get("stepping", ""),
            flags=info.get("flags", ""),
        )


def pool_cpu_info(hosts: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """pool.cpu_info from the hosts' cpu_info; hosts without all the keys are left out."""
    known = [info for info in hosts if _SUMMED.keys() <= info.keys()]
    if not known:
        return dict(_SUMMED)
    return {
        "vendor": known[0]["vendor"],
        "cpu_count": str(sum(_number(info["cpu_count"]) for info in known)),
        "socket_count": str(sum(_number(info["socket_count"]) for info in known)),
        "features_pv": common_features(info["features_pv"] for info in known),
        "features_hvm": common_features(info["features_hvm"] for info in known),
    }


def common_features(words: Iterable[str]) -> str:
    """What all feature words allow; shorter ones are filled up with zeros."""
    sets = [[int(word, 16) for word in text.split("-")] if text else [] for text in words]
    if not sets:
        return ""
    common = sets[0]
    for other in sets[1:]:
        common = [a & b for a, b in zip_longest(common, other, fillvalue=0)]
    return "-".join(f"{word:08x}" for word in common)


_SUMMED = {"vendor": "", "cpu_count": "0", "socket_count": "0", "features_pv": "", "features_hvm": ""}


def _number(text: str) -> int:
    """The whole part of a number, 0 where there is none."""
    try:
        return int(float(text))
    except ValueError:
        return 0
