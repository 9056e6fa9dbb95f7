"""Messages that only storage backends may send, with sessions that no client has: everybody else is refused."""

from __future__ import annotations

from typing import Any

from xapi_async.datamodel.errors import ApiError
from xapi_async.operations.context import Context, Handlers

MESSAGES = (
    "SR.set_physical_size",
    "SR.set_virtual_allocation",
    "SR.set_physical_utilisation",
    "PBD.set_device_config",
    "VDI.db_introduce",
    "VDI.db_forget",
    "VDI.set_managed",
    "VDI.set_sharable",
    "VDI.set_read_only",
    "VDI.set_missing",
    "VDI.set_virtual_size",
    "VDI.set_physical_utilisation",
    "VDI.set_is_a_snapshot",
    "VDI.set_snapshot_of",
    "VDI.set_snapshot_time",
    "VDI.set_metadata_of_pool",
    "VDI.set_cbt_enabled",
)


async def refuse(ctx: Context, *args: Any) -> None:
    """Raise PERMISSION_DENIED [""], to superusers too: drivers here are called, they do not call back."""
    raise ApiError("PERMISSION_DENIED", "")


HANDLERS: Handlers = dict.fromkeys(MESSAGES, refuse)
