"""Every message of this package, and its work in the background."""

from __future__ import annotations

from xapi_async.operations.context import Background, Handlers
from xapi_async.operations.hosts import (
    availability,
    caching,
    certificates,
    evacuation,
    heartbeats,
    high_availability,
    licensing,
    life,
    local_database,
    measuring,
    plugins,
    power,
    querying,
    settings,
    static_disks,
    statistics,
    uploading,
    versions,
)

HANDLERS: Handlers = {
    name: handler
    for module in (
        availability,
        evacuation,
        high_availability,
        power,
        querying,
        settings,
        statistics,
        licensing,
        caching,
        certificates,
        plugins,
        uploading,
        heartbeats,
        local_database,
        static_disks,
    )
    for name, handler in module.HANDLERS.items()
}

BACKGROUND: tuple[Background, ...] = (*life.BACKGROUND, *measuring.BACKGROUND, *versions.BACKGROUND)
