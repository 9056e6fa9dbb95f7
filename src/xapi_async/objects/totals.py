"""Sums over the objects of a class that are kept as they change, so that asking for one goes through none of them.

They count the newest state: what has been staged is in them, as whoever hands out what is limited must
not hand it out twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Generic, TypeVar

from xapi_async.datamodel.language import ApiClass

A = TypeVar("A", bound=ApiClass)

Amounts = tuple[int, ...]
Share = tuple[tuple[str, Amounts], ...]
"""What one object adds to which sums; to one of them more than once, if it likes."""


class Sum(Generic[A]):
    """What is summed up. share: what an object of the class adds; width: how many amounts that are."""

    __slots__ = ("cls", "share", "width")

    def __init__(self, cls: type[A], share: Callable[[A], Share], width: int) -> None:
        self.cls = cls
        self.share = share
        self.width = width


class Totals(Generic[A]):
    """The sums over some objects, by key."""

    def __init__(self, what: Sum[A], objects: Iterable[A] = ()) -> None:
        self.what = what
        self._sums: dict[str, Amounts] = {}
        self._shares: dict[str, Share] = {}
        self._nothing: Amounts = (0,) * what.width
        for found in objects:
            self.note(found.ref, found)

    def of(self, key: str) -> Amounts:
        """The sums of a key."""
        return self._sums.get(key, self._nothing)

    def note(self, ref: str, now: A | None) -> None:
        """Count an object as it is now; None where it is gone."""
        share = self.what.share(now) if now is not None else ()
        before = self._shares.get(ref, ())
        if share == before:
            return
        _add(self._sums, before, -1)
        _add(self._sums, share, 1)
        if share:
            self._shares[ref] = share
        else:
            self._shares.pop(ref, None)

    def adjusted(self, changes: Mapping[str, A | None]) -> Adjusted:
        """The sums as they would be with some objects changed, or gone where that is None."""
        delta: dict[str, Amounts] = {}
        for ref, now in changes.items():
            _add(delta, self._shares.get(ref, ()), -1)
            _add(delta, self.what.share(now) if now is not None else (), 1)
        return Adjusted(self, delta)


class Adjusted:
    """Sums with the changes of an open transaction in them."""

    __slots__ = ("_base", "_delta")

    def __init__(self, base: Totals[A], delta: Mapping[str, Amounts]) -> None:
        self._base = base
        self._delta = delta

    def of(self, key: str) -> Amounts:
        """The sums of a key."""
        base = self._base.of(key)
        delta = self._delta.get(key)
        return base if delta is None else tuple(map(int.__add__, base, delta))


def _add(sums: dict[str, Amounts], share: Share, sign: int) -> None:
    for key, amounts in share:
        before = sums.get(key)
        now = tuple(sign * amount for amount in amounts)
        if before is not None:
            now = tuple(map(int.__add__, before, now))
        if any(now):
            sums[key] = now
        else:
            sums.pop(key, None)
