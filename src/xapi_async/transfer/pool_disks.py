"""The disks of the pool, as transfers use them: through the operations of VDIs and SRs."""

from __future__ import annotations

from collections.abc import Callable

from xapi_async.datamodel.classes import VDI
from xapi_async.objects.entity import STARTS
from xapi_async.operations.context import Context
from xapi_async.operations.storage import vdi
from xapi_async.operations.storage.loopback import in_control_domain
from xapi_async.transfer.disk_services import DiskServices

NAME = "Imported disk"
"""What a disk is called that was made for an upload."""


def pool_disks(elsewhere: Callable[[Context, str], str | None] = lambda ctx, sr: None) -> DiskServices:
    """What transfers of disks need. elsewhere: see :class:`DiskServices`; by default every SR is seen from here."""
    return DiskServices(in_control_domain, _create, vdi.finish, vdi.destroy, elsewhere)


async def _create(ctx: Context, sr: str, size: int) -> str:
    fields = {name: start for name, start in STARTS[VDI].items() if VDI.FIELDS[name].qualifier != "RO/runtime"}
    wanted = {**fields, "SR": sr, "virtual_size": size, "type": "user", "name_label": NAME}
    return await vdi.create(ctx, wanted, unfinished=True)
