"""Encoded records that are kept with their objects until these change, within a budget of bytes.

The encoded forms hang on the object itself, as its memo, and the store drops a memo with the change
that makes it stale. So nothing here can be out of date; this module only counts.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Literal

from xapi_async.objects.entity import Entity

Form = Literal["xml", "json", "answer"]


class Forms:
    """The memo of an object: its record in each encoding, where it has been encoded.

    answer: the XML as the whole answer of get_record. was_asked_for: whether that was given before.
    """

    __slots__ = ("__weakref__", "answer", "json", "was_asked_for", "xml")

    def __init__(self) -> None:
        self.xml: bytes | None = None
        self.json: bytes | None = None
        self.answer: bytes | None = None
        self.was_asked_for = False


def unkept(entities: Iterable[Entity], form: Form) -> Iterator[Entity]:
    """Those of some objects whose record is not kept in a form."""
    return (entity for entity in entities if entity.memo is None or getattr(entity.memo, form) is None)


class Kept:
    """All encoded records of one server.

    budget: bytes that they may take together. when_full: what is called when records are to make room, so
    that nobody holds them any longer.
    """

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self.when_full: list[Callable[[], None]] = []
        self._sizes: dict[weakref.ref[Forms], int] = {}  # in the order in which they came
        self.used = 0

    def keep(self, entity: Entity, form: Form, encoded: bytes) -> None:
        """Keep a record; the oldest ones make room where there is none."""
        size = len(encoded)
        if size > self._budget:
            return
        forms = entity.memo
        if forms is None:
            forms = entity.memo = Forms()
        setattr(forms, form, encoded)
        # References to the same thing are equal while it lives, so a second form adds to the first one's entry.
        reference = weakref.ref(forms, self._gone)
        self._sizes[reference] = self._sizes.get(reference, 0) + size
        self.used += size
        if self.used > self._budget:
            for let_go in self.when_full:
                let_go()
        while self.used > self._budget:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        reference = next(iter(self._sizes))
        self.used -= self._sizes.pop(reference)
        forms = reference()
        if forms is not None:
            forms.xml = forms.json = forms.answer = None

    def _gone(self, reference: weakref.ref[Forms]) -> None:
        self.used -= self._sizes.pop(reference, 0)
