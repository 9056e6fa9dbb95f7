"""Where storage work is done: which host's connection serves an SR, and how its backend's failures show."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from xapi_async.datamodel.classes.pbd import PBD
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.reader import Reader
from xapi_async.operations.context import Services
from xapi_async.operations.hosts.reaching import require_reachable
from xapi_async.operations.storage.facts import pbds_of, sm_of, the_pool
from xapi_async.storage.driver import NOT_IMPLEMENTED, BackendError, Driver, Repository, api_error


@dataclass(frozen=True, slots=True)
class Site:
    """An SR with the connection by which a host serves it. host, sr: uuids. ref: the SR's reference."""

    driver: Driver
    host: str
    sr: str
    ref: str
    pbd: str


def site_of(services: Services, sr: str, *, plugged: bool = True, host: str | None = None) -> Site:
    """Where the work on an SR is done. plugged: the connection has to be in use. host: where it is to be done.

    Raises HANDLE_INVALID ["SR", sr], SR_HAS_NO_PBDS [SR], HOST_OFFLINE [host] or CANNOT_CONTACT_HOST [host].
    """
    store = services.store
    found = store.get(SR, sr)
    pbd = serving_pbd(store, found)
    if host is not None:
        pbd = next((pbd for pbd in pbds_of(store, found) if pbd.host == host), None)
    if pbd is None or (plugged and not pbd.currently_attached):
        raise ApiError("SR_HAS_NO_PBDS", sr)
    where = require_reachable(services, pbd.host)
    return Site(services.storage.driver(found.type, is_tools=found.is_tools_sr), where.uuid, found.uuid, sr, pbd.ref)


def serving_pbd(reader: Reader, sr: SR) -> PBD | None:
    """The connection of the host that does the work on an SR: the only one there is, or else the master's."""
    pbds = pbds_of(reader, sr)
    if len(pbds) == 1:
        return pbds[0]
    master = the_pool(reader).master
    return next((pbd for pbd in pbds if pbd.host == master), None)


def driver_of(services: Services, sr: SR) -> Driver:
    """The driver of an SR. Raises SR_UNKNOWN_DRIVER [type] where no plugin is installed for it."""
    if sm_of(services.store, sr.type) is None:
        raise ApiError("SR_UNKNOWN_DRIVER", sr.type)
    return services.storage.driver(sr.type, is_tools=sr.is_tools_sr)


def repository(sr: SR, pbd: PBD, size: int = 0) -> Repository:
    """An SR as its driver is told of it, by one host's connection."""
    return Repository(
        sr.uuid,
        sr.type,
        pbd.device_config,
        sr.sm_config,
        sr.shared,
        size,
        sr.content_type,
        sr.name_label,
        sr.name_description,
    )


@contextmanager
def failures(sr: str, vdi: str = "", *, unimplemented: ApiError | None = None) -> Iterator[None]:
    """Turn what a backend raises in the body into the API's errors. sr, vdi: references.

    unimplemented: the error for what the backend does not do at all.
    """
    try:
        yield
    except BackendError as error:
        if error.number == NOT_IMPLEMENTED and unimplemented is not None:
            raise unimplemented from error
        raise api_error(error, sr, vdi) from error


def not_supported(sr: str) -> ApiError:
    """The error for what an SR does not do."""
    return ApiError("SR_OPERATION_NOT_SUPPORTED", sr)
