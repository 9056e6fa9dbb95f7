"""What can be wrong with a database, in one line that says what to do about it."""

from __future__ import annotations

import sqlite3
from pathlib import Path


class DatabaseError(Exception):
    """A database that cannot be used, or a change that it could not take. The message is one line."""


def explained(error: Exception, path: Path | str) -> DatabaseError:
    """An error of SQLite or of the system as a :class:`DatabaseError` about the database at ``path``."""
    if isinstance(error, DatabaseError):
        return error
    if isinstance(error, PermissionError):
        return DatabaseError(f"{path}: permission denied; let the server's user read and write the file and its folder")
    if isinstance(error, OSError):
        return DatabaseError(f"{path}: {error.strerror or error}")
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    advice = _ADVICE.get(code)
    return DatabaseError(f"{path}: {advice or error}")


_ADVICE: dict[int, str] = {
    sqlite3.SQLITE_FULL: "the disk is full; make room, and the server goes on by itself",
    sqlite3.SQLITE_IOERR: "the disk does not read or write; see to it, and the server goes on by itself",
    sqlite3.SQLITE_NOTADB: "is not a database of this server; name another file, or put a backup in its place",
    sqlite3.SQLITE_CORRUPT: "the database is damaged; put a backup in its place",
    sqlite3.SQLITE_PERM: "permission denied; let the server's user read and write the file and its folder",
    sqlite3.SQLITE_READONLY: "cannot be written; let the server's user write the file and its folder",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened; let the server's user read and write the file and its folder",
    sqlite3.SQLITE_BUSY: "is in use by another program; stop that first",
    sqlite3.SQLITE_LOCKED: "is in use by another program; stop that first",
}
