"""Whether the host that a call is about would answer it."""

from __future__ import annotations

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.host_metrics import HostMetrics
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.reader import Reader
from xapi_async.operations.context import Context, Services
from xapi_async.operations.vm.features import the_pool


def is_host_live(reader: Reader, host: Host) -> bool:
    """Whether the host is known to be up."""
    metrics = reader.find(HostMetrics, host.metrics)
    return metrics is not None and metrics.live


def require_reachable(services: Services, ref: str) -> Host:
    """The host. Raises HOST_OFFLINE [host] where it is known to be down, CANNOT_CONTACT_HOST [host] where it is."""
    host = services.store.get(Host, ref)
    if not is_host_live(services.store, host):
        raise ApiError("HOST_OFFLINE", ref)
    if not services.hypervisor.is_alive(host.uuid):
        raise ApiError("CANNOT_CONTACT_HOST", ref)
    return host


def is_reachable(services: Services, ref: str) -> bool:
    """Whether work can be forwarded to a host."""
    try:
        require_reachable(services, ref)
    except ApiError:
        return False
    return True


def reach(ctx: Context, ref: str) -> Host:
    """The host, to run a call there. Raises HOST_OFFLINE [host], CANNOT_CONTACT_HOST [host]; never of the master."""
    if is_master(ctx.store, ref):
        return ctx.store.get(Host, ref)
    return require_reachable(ctx.services, ref)


def is_master(reader: Reader, ref: str) -> bool:
    """Whether it is the host that clients talk to."""
    return the_pool(reader).master == ref


def require_dead(services: Services, ref: str) -> Host:
    """The host. Raises HOST_IS_LIVE [host] where it is up and answers, or is the master."""
    if is_reachable(services, ref) or is_master(services.store, ref):
        raise ApiError("HOST_IS_LIVE", ref)
    return services.store.get(Host, ref)
