"""What transactions have written and the journal has not yet made durable.

Only later transactions see it. Each object appears as it will be once all that was staged has landed:
a new object itself, or a draft over the committed one, or None where it is to be deleted.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from xapi_async.datamodel.language import ApiClass
from xapi_async.objects.entity import Draft, Entity, new_draft
from xapi_async.objects.transaction import Step


class Staging:
    """The staged state of every object that has one, for as long as a change of it is on its way."""

    def __init__(self) -> None:
        self.objects: dict[str, Entity | None] = {}
        self._by_class: dict[type[ApiClass], dict[str, None]] = {}
        self._uses: dict[str, int] = {}
        self._owners: dict[str, str] = {}
        self._uuids: dict[str, str] = {}

    def uuid_owner(self, uuid: str) -> str | None:
        """Who gets the uuid by a staged change."""
        return self._owners.get(uuid)

    def refs(self, cls: type[ApiClass]) -> Iterator[str]:
        """The staged objects of a class."""
        return (ref for ref in self._by_class.get(cls, ()) if self.objects[ref] is not None)

    def has(self, cls: type[ApiClass]) -> bool:
        """Whether there are any of a class, be they to be deleted."""
        return bool(self._by_class.get(cls))

    def add(self, step: Step, committed: Entity | None) -> None:
        """Stage a step. committed: the object as it is committed."""
        ref = step.ref
        self._uses[ref] = self._uses.get(ref, 0) + 1
        self._by_class.setdefault(step.cls, {})[ref] = None
        if step.operation == "mod":
            draft = self._draft(ref, committed)
            for name, value in step.values.items():
                draft.write(name, value)
            for field, delta in step.links.items():
                for other, is_in in delta.items():
                    draft.note_link(field, other, is_in)
            if "uuid" in step.values:
                self._own(step.values["uuid"], ref)
        elif step.operation == "add":
            self.objects[ref] = step.entity
            self._own(step.entity.uuid, ref)
        else:
            self.objects[ref] = None

    def remove(self, step: Step) -> None:
        """Forget a step that has landed; its object, too, when nothing more of it is on its way."""
        ref = step.ref
        uses = self._uses[ref] - 1
        if uses:
            self._uses[ref] = uses
            return
        del self._uses[ref]
        self.objects.pop(ref, None)
        self._by_class[step.cls].pop(ref, None)
        if ref in self._uuids:
            self._owners.pop(self._uuids.pop(ref), None)

    def clear(self) -> None:
        """Forget everything."""
        self.objects.clear()
        self._uses.clear()
        self._by_class.clear()
        self._owners.clear()
        self._uuids.clear()

    def _draft(self, ref: str, committed: Entity | None) -> Draft:
        current = self.objects.get(ref)
        if not isinstance(current, Draft):
            # A staged new object is built upon as well: later writes must not show in it before it lands.
            current = self.objects[ref] = new_draft(cast(Entity, current or committed))
        return current

    def _own(self, uuid: str, ref: str) -> None:
        self._owners[uuid] = ref
        self._uuids[ref] = uuid
