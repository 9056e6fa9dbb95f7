"""Every message of this package, and its work in the background."""

from __future__ import annotations

from xapi_async.operations.context import Background, Handlers
from xapi_async.operations.hosts import (
    availability,
    caching,
    certificates,
    evacuation,
    high_availability,
    licensing,
    life,
    measuring,
    plugins,
    power,
    querying,
    settings,
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
    )
    for name, handler in module.HANDLERS.items()
}

BACKGROUND: tuple[Background, ...] = (*life.BACKGROUND, *measuring.BACKGROUND, *versions.BACKGROUND)
