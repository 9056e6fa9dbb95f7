"""Copies of the database that hosts of the pool keep: files in a folder beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.database import Database
from xapi_async.objects.errors import DatabaseError


def kept_copies(database: Database) -> Callable[[str], Awaitable[None]]:
    """What keeps a copy under a name, in the place of an older one of that name. Raises INTERNAL_ERROR [text].

    One copy is made at a time. Of a database in memory none is.
    """
    one = asyncio.Lock()

    async def keep(name: str) -> None:
        if database.path is None:
            return
        folder = database.path.with_name(f"{database.path.name}.copies")
        try:
            async with one:
                await asyncio.to_thread(folder.mkdir, mode=0o700, exist_ok=True)
                await database.backup(folder / f"{name}.db")
        except (DatabaseError, OSError) as error:
            raise ApiError("INTERNAL_ERROR", f"the copy of the database could not be kept: {error}") from error

    return keep
