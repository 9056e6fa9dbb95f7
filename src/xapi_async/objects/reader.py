"""What can be read from, be it the committed state or an open transaction."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar

from xapi_async.datamodel.language import ApiClass
from xapi_async.objects.totals import Adjusted, Sum, Totals

A = TypeVar("A", bound=ApiClass)


class Reader(Protocol):
    """The reading half of :class:`~xapi_async.objects.store.Store` and of a transaction."""

    def find(self, cls: type[A], ref: str) -> A | None:
        """The object, or None where there is none of that class."""
        ...

    def get(self, cls: type[A], ref: str) -> A:
        """The object. Raises HANDLE_INVALID [class, ref]."""
        ...

    def all(self, cls: type[A]) -> Iterable[A]:
        """Every object of the class."""
        ...

    def by_uuid(self, cls: type[A], uuid: str) -> A:
        """The object with the uuid. Raises UUID_INVALID [class, uuid]."""
        ...

    def totals(self, what: Sum[A]) -> Totals[A] | Adjusted:
        """Sums over the class, staged changes in them. Good until the next change."""
        ...
