"""The disks that proxies keep their caches on."""

from __future__ import annotations

from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.language import RO_RUNTIME
from xapi_async.objects.entity import start_value
from xapi_async.operations.calling import call
from xapi_async.operations.context import Context

VDI_NAME = "PVS cache VDI"


async def new_cache_disk(ctx: Context, sr: str, size: int) -> str:
    """Create the disk of a cache; gives it. Raises what VDI.create does."""
    values = {field.name: start_value(field) for field in VDI.FIELDS.values() if field.qualifier != RO_RUNTIME}
    chosen = {
        "name_label": VDI_NAME,
        "name_description": VDI_NAME,
        "SR": sr,
        "virtual_size": size,
        "type": "pvs_cache",
        "sharable": False,
        "read_only": False,
    }
    return str(await call(ctx, "VDI.create", {**values, **chosen}))
