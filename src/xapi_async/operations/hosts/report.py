"""Status reports: what is known of a host, gathered for somebody who looks for a fault."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any, cast
from xml.etree.ElementTree import Element, SubElement, tostring

import orjson

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.host_metrics import HostMetrics
from xapi_async.datamodel.classes.pbd import PBD
from xapi_async.datamodel.classes.pif import PIF
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.task import Task
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.language import ApiClass
from xapi_async.objects.entity import Entity, declared_class
from xapi_async.operations.context import Services
from xapi_async.operations.hosts.logs import hypervisor_log
from xapi_async.operations.storage.facts import live


@dataclass(frozen=True)
class Part:
    """A part of a report. pii: whether it tells of persons: ``no``, ``maybe``, ``if_customized``, ``yes``."""

    key: str
    content_type: str
    pii: str
    gather: Callable[[Services, Host], bytes]
    is_default: bool = True


def _log(services: Services, host: Host) -> bytes:
    return hypervisor_log(services, host).encode()


def _host(services: Services, host: Host) -> bytes:
    return _records([host, *live(services.store, HostMetrics, [host.metrics])])


def _network(services: Services, host: Host) -> bytes:
    return _records(live(services.store, PIF, host.PIFs))


def _storage(services: Services, host: Host) -> bytes:
    pbds = list(live(services.store, PBD, host.PBDs))
    return _records([*pbds, *live(services.store, SR, [pbd.SR for pbd in pbds])])


def _vms(services: Services, host: Host) -> bytes:
    return _records(live(services.store, VM, host.resident_VMs))


def _tasks(services: Services, host: Host) -> bytes:
    return _records(services.store.all(Task))


PARTS: tuple[Part, ...] = (
    Part("host", "application/json", "maybe", _host),
    Part("hypervisor-log", "text/plain", "no", _log),
    Part("network", "application/json", "yes", _network),
    Part("storage", "application/json", "maybe", _storage),
    Part("vms", "application/json", "if_customized", _vms),
    Part("tasks", "application/json", "maybe", _tasks, is_default=False),
)
"""Everything a report can contain."""

UNKNOWN = {"min-size": "-1", "max-size": "-1", "min-time": "-1", "max-time": "-1"}
"""How large a part will be, and how long gathering it takes, is not known before."""


def capabilities_xml() -> str:
    """The parts as XML, for clients that let people choose."""
    root = Element("system-status-capabilities")
    for part in PARTS:
        checked = "yes" if part.is_default else "no"
        facts = {"key": part.key, "content-type": part.content_type, "default-checked": checked, "pii": part.pii}
        SubElement(root, "capability", {**facts, **UNKNOWN})
    return tostring(root, encoding="unicode")


def build_report(services: Services, host: Host, keys: Collection[str] | None = None) -> bytes:
    """A report as a compressed tar archive. keys: of the parts wanted, else those chosen by default."""
    folder = f"bug-report-{host.hostname or host.uuid}"
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for part in PARTS:
            if part.key in keys if keys is not None else part.is_default:
                content = part.gather(services, host)
                info = tarfile.TarInfo(f"{folder}/{part.key}{ENDINGS[part.content_type]}")
                info.size, info.mtime = len(content), int(services.clock.now())
                archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


ENDINGS = {"application/json": ".json", "text/plain": ".txt"}


def _records(objects: Iterable[ApiClass]) -> bytes:
    return orjson.dumps([_record(target) for target in objects], option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS)


def _record(target: ApiClass) -> dict[str, Any]:
    cls = declared_class(cast(Entity, target))
    return {"class": cls.FACTS.name, "ref": target.ref, **{name: getattr(target, name) for name in cls.FIELDS}}
