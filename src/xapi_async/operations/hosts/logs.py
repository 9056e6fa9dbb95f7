"""The log of a host's hypervisor: what it says as it boots, then what it was asked to write."""

from __future__ import annotations

from collections.abc import Iterator

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.host_metrics import HostMetrics
from xapi_async.objects.reader import Reader
from xapi_async.operations.context import Services


def hypervisor_log(services: Services, host: Host) -> str:
    """The whole log, as one text."""
    return "".join(f"{line}\n" for line in (*_boot(services.store, host), *services.hypervisor.log(host.uuid)))


def _boot(reader: Reader, host: Host) -> Iterator[str]:
    software, cpu, metrics = host.software_version, host.cpu_info, reader.find(HostMetrics, host.metrics)
    total = metrics.memory_total if metrics else 0
    yield f"(XEN) Xen version {software.get('xen', 'unknown')} {software.get('date', '')}".rstrip()
    yield f"(XEN) System RAM: {total >> 20}MB ({total >> 10}kB)"
    yield f"(XEN) Detected {cpu.get('speed', '0')} MHz processor."
    for number in range(_number(cpu.get("cpu_count", ""))):
        yield f"(XEN) CPU{number}: {cpu.get('modelname', '')} stepping {cpu.get('stepping', '')}"
    yield f"(XEN) Brought up {cpu.get('cpu_count', '0')} CPUs"
    iommu = "enabled" if host.chipset_info.get("iommu") == "true" else "disabled"
    yield f"(XEN) I/O virtualisation {iommu}"
    yield f"(XEN) Using scheduler: {host.sched_policy}"
    yield "(XEN) *** LOADING DOMAIN 0 ***"


def _number(text: str) -> int:
    return int(text) if text.isdigit() else 0
