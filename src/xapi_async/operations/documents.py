"""Small things that are kept but are no objects of the API: by name, as plain JSON values."""

from __future__ import annotations

from typing import Any, Protocol

Document = dict[str, Any]


class Documents(Protocol):
    """Where they are kept."""

    def get(self, name: str) -> Document | None:
        """The document of that name, or None."""
        ...

    async def put(self, name: str, value: Document) -> None:
        """Keep a document in place of the one of that name; it is durable when this returns."""
        ...


class MemoryDocuments:
    """Documents that a restart forgets, for tests and for servers that are to forget."""

    def __init__(self) -> None:
        self._documents: dict[str, Document] = {}

    def get(self, name: str) -> Document | None:
        """The document of that name, or None."""
        return self._documents.get(name)

    async def put(self, name: str, value: Document) -> None:
        """Keep a document until the end of the process."""
        self._documents[name] = value
