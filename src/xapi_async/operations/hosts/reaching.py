"""Whether the host that a call is about would answer it."""

from __future__ import annotations

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.host_metrics import HostMetrics
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.reader import Reader
from xapi_async.operations.context import Context, Services
from xapi_async.operations.vm.features import the_pool
from xapi_async.operations.vm.hosts import require_reachable


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
    store = services.store
    host = store.get(Host, ref)
    metrics = store.find(HostMetrics, host.metrics)
    is_live = metrics is not None and metrics.live and services.hypervisor.is_alive(host.uuid)
    if is_live or is_master(store, ref):
        raise ApiError("HOST_IS_LIVE", ref)
    return host
