"""Every message of the pool and of its updates that is built here, and the work that goes on by itself."""

from __future__ import annotations

from xapi_async.operations.context import Background, Handlers
from xapi_async.operations.pools import (
    certificates,
    disaster_recovery,
    ha,
    ha_members,
    ha_monitor,
    ha_plans,
    joining,
    licences,
    mastership,
    membership,
    miscellany,
    patches,
    redo_log,
    updates,
    wlb,
)

_MODULES = (
    ha,
    ha_members,
    ha_plans,
    membership,
    mastership,
    joining,
    licences,
    certificates,
    redo_log,
    wlb,
    miscellany,
    updates,
    patches,
    disaster_recovery,
)

HANDLERS: Handlers = {name: handler for module in _MODULES for name, handler in module.HANDLERS.items()}

BACKGROUND: tuple[Background, ...] = ha_monitor.BACKGROUND
