"""What is to last and is no object: small named documents, and lists of rows."""

from __future__ import annotations

from typing import Any, Protocol

import orjson

from xapi_async.objects.writer import Writer


class Keeping(Protocol):
    """JSON values by name, wherever they are kept."""

    async def get(self, name: str) -> Any:
        """The value; None where there is none."""
        ...

    async def put(self, name: str, value: Any) -> None:
        """Set a value."""
        ...

    async def delete(self, name: str) -> None:
        """Remove a value; no error where there is none."""
        ...


class MemoryDocuments:
    """JSON values by name, kept no longer than this object."""

    def __init__(self) -> None:
        self._values: dict[str, bytes] = {}

    async def get(self, name: str) -> Any:
        """The value; None where there is none."""
        value = self._values.get(name)
        return None if value is None else orjson.loads(value)

    async def put(self, name: str, value: Any) -> None:
        """Set a value. Raises TypeError for what is no JSON."""
        self._values[name] = orjson.dumps(value)

    async def delete(self, name: str) -> None:
        """Remove a value; no error where there is none."""
        self._values.pop(name, None)


class Documents:
    """JSON values by name, such as ``tls`` or ``passwords``."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def get(self, name: str) -> Any:
        """The value; None where there is none. Raises DatabaseError."""
        for (value,) in await self._writer.fetch("SELECT value FROM documents WHERE name = ?", (name,)):
            return orjson.loads(value)
        return None

    async def put(self, name: str, value: Any) -> None:
        """Set a value; it is durable when this returns. Raises DatabaseError, TypeError for what is no JSON."""
        await self._writer.write_together("INSERT OR REPLACE INTO documents VALUES (?, ?)", (name, orjson.dumps(value)))

    async def delete(self, name: str) -> None:
        """Remove a value; no error where there is none. Raises DatabaseError."""
        await self._writer.write_together("DELETE FROM documents WHERE name = ?", (name,))


class Log:
    """A list of JSON values, each with a key of its own, in the order in which they were appended."""

    def __init__(self, writer: Writer, name: str) -> None:
        self._writer = writer
        self._name = name

    async def append(self, key: str, value: Any) -> None:
        """Put a value at the end; durable when this returns. Raises DatabaseError, TypeError for what is no JSON.

        A value that the key has already is replaced by it.
        """
        await self._writer.write_together(
            "INSERT OR REPLACE INTO logs (log, key, value) VALUES (?, ?, ?)", (self._name, key, orjson.dumps(value))
        )

    async def delete(self, key: str) -> None:
        """Remove a value; no error where there is none. Raises DatabaseError."""
        await self._writer.write_together("DELETE FROM logs WHERE log = ? AND key = ?", (self._name, key))

    async def rows(self) -> list[tuple[str, Any]]:
        """All keys and values, oldest first. Raises DatabaseError."""
        rows = await self._writer.fetch("SELECT key, value FROM logs WHERE log = ? ORDER BY number", (self._name,))
        return [(key, orjson.loads(value)) for key, value in rows]
