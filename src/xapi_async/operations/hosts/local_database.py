"""host: the few values that each host keeps for itself, outside the database that the pool shares.

They outlast the server, and are deleted with nothing: a host that comes back has them.
"""

from __future__ import annotations

from xapi_async.operations.context import Context, Handlers, Services
from xapi_async.operations.hosts.reaching import reach


async def set_localdb_key(ctx: Context, host: str, key: str, value: str) -> None:
    """host.set_localdb_key. Raises HOST_OFFLINE [host] or CANNOT_CONTACT_HOST [host]."""
    await keep(ctx.services, reach(ctx, host).uuid, key, value)


async def keep(services: Services, uuid: str, key: str, value: str | None) -> None:
    """Keep a value on a host, or none any more. uuid: the host's."""
    async with services.hosts.keeping:
        known = await _values(services, uuid)
        changed = {name: text for name, text in known.items() if name != key}
        if value is not None:
            changed[key] = value
        if changed != known:
            await services.documents.put(_document(uuid), changed)


async def kept(services: Services, uuid: str, key: str) -> str | None:
    """The value that a host keeps; None where it keeps none."""
    return (await _values(services, uuid)).get(key)


async def _values(services: Services, uuid: str) -> dict[str, str]:
    values: dict[str, str] = await services.documents.get(_document(uuid)) or {}
    return values


def _document(uuid: str) -> str:
    return f"local values of {uuid}"


HANDLERS: Handlers = {"host.set_localdb_key": set_localdb_key}
