"""The messages of storage, and its background work."""

from __future__ import annotations

from typing import Any

from xapi_async.operations.context import Background, Handlers
from xapi_async.operations.marking import Rules
from xapi_async.operations.storage import (
    backend_only,
    crashdump,
    data_paths,
    lvhd,
    pbd,
    replication,
    scanning,
    sr,
    sr_rules,
    vbd,
    vbd_rules,
    vdi,
    vdi_cbt,
    vdi_contents,
    vdi_copies,
    vdi_moving,
    vdi_rules,
)

HANDLERS: Handlers = {
    name: handler
    for module in (
        backend_only,
        sr,
        pbd,
        vdi,
        vdi_copies,
        vdi_cbt,
        vdi_contents,
        vdi_moving,
        vbd,
        crashdump,
        data_paths,
        lvhd,
        replication,
    )
    for name, handler in module.HANDLERS.items()
}

BACKGROUND: tuple[Background, ...] = (scanning.scan_by_itself,)

RULES: tuple[Rules[Any], ...] = (sr_rules.RULES, vdi_rules.RULES, vbd_rules.RULES)
