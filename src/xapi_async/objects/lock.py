"""One database, one server: a lock that the system takes back when its holder dies."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from xapi_async.objects.errors import DatabaseError, explained


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of the database at ``path``, a file of that name with ``.lock`` after it.

    Raises DatabaseError, which names the process, where another holds it.
    """
    # The file stays: removing it could take the lock from under somebody who has just opened it.
    side = path.with_name(path.name + ".lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(side, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise explained(error, side) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
            raise DatabaseError(
                f"{path}: in use by another server (process {holder}); stop that first, or name another database"
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)
