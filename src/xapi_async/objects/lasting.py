"""What of a change survives a restart: the entries that a journal keeps of it."""

from __future__ import annotations

from typing import Any

from xapi_async.datamodel.language import ApiClass
from xapi_async.objects.entity import STARTS, Entity, declared_class
from xapi_async.objects.journal import JournalEntry
from xapi_async.objects.relations import COMPUTED
from xapi_async.objects.step import Step

# What survives a restart, by class: names of fields, and what they start with.
_KEPT: dict[type[ApiClass], dict[str, Any]] = {
    cls: {name: start for name, start in starts.items() if cls.FIELDS[name].persist and name not in COMPUTED[cls]}
    for cls, starts in STARTS.items()
    if cls.FACTS.persist
}


def creation(entity: Entity) -> JournalEntry | None:
    """The entry that makes an object as it is now; None for what does not survive a restart."""
    cls = declared_class(entity)
    kept = _KEPT.get(cls)
    if kept is None:
        return None
    values = {}
    for field, start in kept.items():
        value = getattr(entity, field)
        if value is not start and value != start:
            values[field] = value
    return "add", entity.modified, cls.FACTS.name, entity.ref, values


def journal_entry(step: Step, generation: int) -> JournalEntry | None:
    """What of a step survives a restart; None where nothing does."""
    kept = _KEPT.get(step.cls)
    if kept is None:
        return None
    name = step.cls.FACTS.name
    if step.operation == "add":
        made = creation(step.entity)
        return None if made is None else ("add", generation, *made[2:])
    if step.operation == "del":
        return "del", generation, name, step.ref, {}
    values = step.values
    for field in values:
        if field not in kept:
            values = {field: value for field, value in values.items() if field in kept}
            break
    if values or step.links:  # sets are not kept, but that they changed is
        return "mod", generation, name, step.ref, values
    return None
