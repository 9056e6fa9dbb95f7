"""What is served beside RPC, put together: every family of handlers in :mod:`xapi_async.transfer`."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from xapi_async.objects.clock import Clock
from xapi_async.objects.store import Store
from xapi_async.operations.blob_files import BlobFiles
from xapi_async.rpc.audit import AuditLog
from xapi_async.transfer import audit_log, blobs, raw_disks
from xapi_async.transfer.access import Access
from xapi_async.transfer.consoles import handlers as consoles
from xapi_async.transfer.disk_services import DiskServices
from xapi_async.transfer.statistics import handlers as statistics
from xapi_async.transfer.statistics.recorder import Recorder
from xapi_async.transfer.xva import exporting, importing
from xapi_async.wire.routing import Routes


def blob_files(database: str, store: Store, clock: Clock, stack: AsyncExitStack) -> BlobFiles:
    """Where the content of blobs is: beside the database; without one, in a folder that goes with ``stack``."""
    if database:
        return BlobFiles(Path(f"{database}.blobs").absolute(), store, clock)
    return BlobFiles(Path(stack.enter_context(TemporaryDirectory(prefix="xapi-async-blobs-"))), store, clock)


def bulk_routes(
    access: Access, disks: DiskServices, blob_content: BlobFiles, audit: AuditLog, recorder: Recorder, clock: Clock
) -> Routes:
    """All handlers beside RPC."""
    return {
        **raw_disks.routes(access, disks),
        **exporting.routes(access, disks),
        **importing.routes(access, disks),
        **blobs.routes(access, blob_content),
        **audit_log.routes(access, audit.read),
        **consoles.routes(access),
        **statistics.routes(access, recorder, clock),
    }
