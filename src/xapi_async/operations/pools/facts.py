"""Plain facts about the pool that several of its messages ask for."""

from __future__ import annotations

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.pool import Pool
from xapi_async.datamodel.errors import ApiError
from xapi_async.inventory.licences import is_on
from xapi_async.objects.reader import Reader
from xapi_async.operations.context import Services
from xapi_async.operations.vm.features import the_pool

PRIORITY = 3
"""Of messages that call for attention without anything being lost."""


def has_feature(reader: Reader, feature: str) -> bool:
    """Whether the pool's licence has a feature, named as errors name it."""
    return is_on(feature, the_pool(reader).restrictions)


def require_feature(reader: Reader, feature: str) -> None:
    """Raise LICENCE_RESTRICTION [feature] where the licence lacks it."""
    if not has_feature(reader, feature):
        raise ApiError("LICENCE_RESTRICTION", feature)


def require_ha_off(reader: Reader) -> None:
    """Raise HA_IS_ENABLED [] where high availability is on."""
    if the_pool(reader).ha_enabled:
        raise ApiError("HA_IS_ENABLED")


def slaves_first(reader: Reader, pool: Pool) -> list[Host]:
    """Every host, the master last."""
    return sorted(reader.all(Host), key=lambda host: host.ref == pool.master)


def master_first(reader: Reader, pool: Pool) -> list[Host]:
    """Every host, the master first."""
    return sorted(reader.all(Host), key=lambda host: host.ref != pool.master)


async def post(services: Services, name: str, cls: str, uuid: str, body: str, priority: int = PRIORITY) -> None:
    """Keep a message about an object, where the server keeps messages at all."""
    if services.messages is not None:
        await services.messages.post(name, priority, cls, uuid, body)
