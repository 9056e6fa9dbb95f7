"""Every message of class VM that is built here, and the work that goes on by itself."""

from __future__ import annotations

from xapi_async.operations.context import Background, Handlers
from xapi_async.operations.vm import (
    allocating,
    between_hosts,
    bios,
    creating,
    flags,
    guest_agent,
    guest_events,
    memory,
    miscellany,
    placement,
    querying,
    running,
    sleeping,
    starting,
    stopping,
    vcpus,
)

_MODULES = (
    allocating,
    between_hosts,
    bios,
    creating,
    flags,
    guest_agent,
    memory,
    miscellany,
    placement,
    querying,
    running,
    sleeping,
    starting,
    stopping,
    vcpus,
)

HANDLERS: Handlers = {name: handler for module in _MODULES for name, handler in module.HANDLERS.items()}

BACKGROUND: tuple[Background, ...] = guest_events.BACKGROUND
