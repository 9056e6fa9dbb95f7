"""Every message of this package."""

from __future__ import annotations

from xapi_async.operations.context import Handlers
from xapi_async.operations.vm_copies import (
    cloning,
    destroying,
    migrating,
    migration_checks,
    provisioning,
    quiescing,
    reverting,
    snapshotting,
    storage_migration,
)

HANDLERS: Handlers = {
    **cloning.HANDLERS,
    **destroying.HANDLERS,
    **provisioning.HANDLERS,
    **snapshotting.HANDLERS,
    **quiescing.HANDLERS,
    **reverting.HANDLERS,
    **migrating.HANDLERS,
    **migration_checks.HANDLERS,
    **storage_migration.HANDLERS,
}
