"""Copies of pool databases, opened for reading as sessions of their own."""

from __future__ import annotations

import asyncio
from pathlib import Path

from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.dump import read_copy
from xapi_async.objects.errors import DatabaseError
from xapi_async.operations.context import Context, Handlers


async def open_file(ctx: Context, filename: str) -> str:
    """session.create_from_db_file: a session whose reading calls see a dump of a database, or a backup of this server.

    Raises COULD_NOT_IMPORT_DATABASE [text].
    """
    try:
        store = await asyncio.to_thread(read_copy, Path(filename))
    except DatabaseError as error:
        raise ApiError("COULD_NOT_IMPORT_DATABASE", str(error)) from error
    assert ctx.services.open_copy is not None  # servers have it
    return await ctx.services.open_copy(store)


HANDLERS: Handlers = {"session.create_from_db_file": open_file}
