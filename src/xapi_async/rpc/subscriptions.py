"""What an event call asks for: ``*``, classes, and single objects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from xapi_async.datamodel.classes import CLASSES, PoolMessage
from xapi_async.datamodel.language import ApiClass

EVENT_CLASSES: dict[str, type[ApiClass]] = {
    cls.FACTS.name.lower(): cls for cls in CLASSES if cls.FACTS.events and cls.FACTS.in_database
}
"""Classes whose changes are told, by lower-case name; messages come beside them."""


@dataclass(frozen=True)
class Subscription:
    """classes: those wanted whole. objects: those wanted singly. messages: whether the class message is wanted."""

    classes: frozenset[type[ApiClass]]
    objects: frozenset[tuple[type[ApiClass], str]]
    messages: bool

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        # Thousands of callers who wait share one of these, and each looks things up by it.
        return hash((self.classes, self.objects, self.messages))

    @cached_property
    def singles(self) -> Mapping[type[ApiClass], frozenset[str]]:
        """The references of objects wanted singly, by their class; none of a class that is wanted whole."""
        found: dict[type[ApiClass], set[str]] = {}
        for cls, ref in self.objects:
            if cls not in self.classes:
                found.setdefault(cls, set()).add(ref)
        return {cls: frozenset(refs) for cls, refs in found.items()}

    @cached_property
    def in_order(self) -> tuple[type[ApiClass], ...]:
        """The classes that it takes a look at, by name."""
        return tuple(sorted((*self.classes, *self.singles), key=lambda cls: cls.FACTS.name))

    def wants(self, cls: type[ApiClass], ref: str) -> bool:
        """Whether a change of this object is asked for."""
        return cls in self.classes or (cls, ref) in self.objects or (self.messages and cls is PoolMessage)


def parse(elements: Iterable[str]) -> Subscription:
    """Read the list a client sent; elements that name nothing select nothing."""
    classes: set[type[ApiClass]] = set()
    objects: set[tuple[type[ApiClass], str]] = set()
    messages = False
    for element in elements:
        if element == "*":
            classes.update(EVENT_CLASSES.values())
            messages = True
            continue
        name, _, ref = element.partition("/")
        name = name.lower()
        # Messages cannot be told apart by reference: one asked for is all asked for.
        messages = messages or name == _MESSAGE
        cls = EVENT_CLASSES.get(name)
        if cls is not None and "/" in element:
            objects.add((cls, ref))
        elif cls is not None:
            classes.add(cls)
    return Subscription(frozenset(classes), frozenset(objects), messages)


_MESSAGE = PoolMessage.FACTS.name
