"""What the crash harness kills, as it sees it."""

from __future__ import annotations

from typing import Any, Protocol


class KilledError(Exception):
    """The process is gone; whether the operation was done nobody knows yet."""


class Target(Protocol):
    """What is killed. Operations are named and described in :mod:`tests.durability.store_process`.

    operations: those it can do. newest: the newest generation it has answered with.
    """

    operations: frozenset[str]
    newest: int

    async def start(self) -> None:
        """Start it; the first call waits until it answers."""
        ...

    async def call(self, operation: str, *arguments: Any) -> Any:
        """The result of an operation. Raises KilledError."""
        ...

    async def kill(self) -> None: ...
