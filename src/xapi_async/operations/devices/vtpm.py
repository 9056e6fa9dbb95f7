"""VTPM: a class without objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xapi_async.datamodel.errors import ApiError
from xapi_async.operations.context import Context, Handlers


async def create(ctx: Context, args: Mapping[str, Any]) -> str:
    """VTPM.create. Raises NOT_IMPLEMENTED ["VTPM.create"]."""
    raise ApiError("NOT_IMPLEMENTED", "VTPM.create")


async def destroy(ctx: Context, self: str) -> None:
    """VTPM.destroy. Raises NOT_IMPLEMENTED ["VTPM.destroy"]."""
    raise ApiError("NOT_IMPLEMENTED", "VTPM.destroy")


HANDLERS: Handlers = {"VTPM.create": create, "VTPM.destroy": destroy}
