"""LVHD: a class without objects, whose one message hosts answer by an extension that none of them has."""

from __future__ import annotations

from typing import Any

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.errors import ApiError
from xapi_async.operations.context import Context, Handlers

EXTENSION = "LVHD.enable_thin_provisioning"


async def enable_thin_provisioning(ctx: Context, host: str, *rest: Any) -> str:
    """LVHD.enable_thin_provisioning. Raises MESSAGE_METHOD_UNKNOWN [extension]."""
    ctx.store.get(Host, host)
    raise ApiError("MESSAGE_METHOD_UNKNOWN", EXTENSION)


HANDLERS: Handlers = {EXTENSION: enable_thin_provisioning}
