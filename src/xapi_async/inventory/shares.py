"""The file server that the shared storage of a new pool is on, which exists nowhere."""

from __future__ import annotations

import re

SERVER = "storage.example"

_PATH = re.compile(r"/export/xenserver/([1-9][0-9]*)")


def path_of(number: int) -> str:
    """The path of one of its shares."""
    return f"/export/xenserver/{number}"


def number_of(server: str, path: str) -> str:
    """The number of a share that may be one of its; empty for any other."""
    match = _PATH.fullmatch(path) if server == SERVER else None
    return match[1] if match else ""
