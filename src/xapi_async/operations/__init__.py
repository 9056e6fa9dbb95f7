"""What the explicit messages do: one module per API class, a package where it is large.

Each exports ``HANDLERS``, and ``BACKGROUND`` where it has work that goes on by itself. They are
gathered here and nowhere else.
"""

from __future__ import annotations

from functools import partial
from typing import Any, cast

from xapi_async.objects.entity import Entity, put_off
from xapi_async.objects.store import Store
from xapi_async.operations import (
    blob,
    collector,
    database_copies,
    networking,
    secret,
    subject,
    vm_appliance,
    vmss,
    vmss_running,
)
from xapi_async.operations.context import Background, Handlers
from xapi_async.operations.devices import messages as devices
from xapi_async.operations.devices.vusb import RULES as VUSB_RULES
from xapi_async.operations.hosts import messages as hosts
from xapi_async.operations.hosts.rules import RULES as HOST_RULES
from xapi_async.operations.marking import Rules, allowed_operations
from xapi_async.operations.networking.vif_rules import RULES as VIF_RULES
from xapi_async.operations.pools import messages as pools
from xapi_async.operations.pools.rules import RULES as POOL_RULES
from xapi_async.operations.replication import background as replication
from xapi_async.operations.storage import messages as storage
from xapi_async.operations.vm import messages as vms
from xapi_async.operations.vm.rules import RULES as VM_RULES
from xapi_async.operations.vm_appliance_rules import RULES as APPLIANCE_RULES
from xapi_async.operations.vm_copies import messages as vm_copies


def handlers() -> Handlers:
    """Every explicit message there is, by wire name."""
    return {
        **networking.HANDLERS,
        **storage.HANDLERS,
        **devices.HANDLERS,
        **vms.HANDLERS,
        **blob.HANDLERS,
        **secret.HANDLERS,
        **database_copies.HANDLERS,
        **subject.HANDLERS,
        **vm_copies.HANDLERS,
        **hosts.HANDLERS,
        **vm_appliance.HANDLERS,
        **vmss.HANDLERS,
        **pools.HANDLERS,
    }


def background() -> tuple[Background, ...]:
    """All work that goes on as long as the server runs."""
    return (
        *networking.BACKGROUND,
        *storage.BACKGROUND,
        *collector.BACKGROUND,
        *vms.BACKGROUND,
        *vmss_running.BACKGROUND,
        *hosts.BACKGROUND,
        *pools.BACKGROUND,
        *replication.BACKGROUND,
    )


def rules() -> tuple[Rules[Any], ...]:
    """The rules of every class that shows allowed_operations."""
    return (*storage.RULES, HOST_RULES, POOL_RULES, VM_RULES, VIF_RULES, VUSB_RULES, APPLIANCE_RULES)


def put_off_refreshing(store: Store) -> None:
    """Have allowed_operations of every object computed when they are first read.

    For the start over a database, which does not keep them: large pools would take seconds to go through.
    """
    for table in rules():
        late = {"allowed_operations": partial(allowed_operations, store, table)}
        for entity in store.table(table.cls).values():
            put_off(cast(Entity, entity), late)
