"""Loaded by a server as it starts, where a test asks for that: has calls of the system fail on some files.

FAULTS names a file of JSON: ``{"fsync": ["disks.json.new", 28]}`` has every fsync of a file of that ending fail with
that number. As long as there is no such file everything works.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

_CONTROL = os.environ.get("FAULTS", "")


def _failing(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
    def failing(fd: int, *args: Any) -> Any:
        ending, number = _wanted().get(name, ("", 0))
        if number and os.readlink(f"/proc/self/fd/{fd}").endswith(ending):
            raise OSError(number, os.strerror(number))
        return call(fd, *args)

    return failing


def _wanted() -> dict[str, tuple[str, int]]:
    try:
        with open(_CONTROL) as file:
            found: dict[str, tuple[str, int]] = json.load(file)
    except OSError:
        return {}
    return found


if _CONTROL:
    for _name in ("preadv", "pwrite", "fsync", "fdatasync"):
        setattr(os, _name, _failing(_name, getattr(os, _name)))
