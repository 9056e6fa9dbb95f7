"""Sets of references that keep up with their relation, however many members they have.

Readers see a tuple, always. A small set is just that, and is copied when it changes. A large one is
kept as a dict in the object's ``unset``, to which adding and from which removing is cheap; its
slot is left unset, and the tuple is made again when somebody reads it (see
:class:`~xapi_async.objects.entity.Entity`).
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from xapi_async.objects.entity import Entity

SMALL = 32
"""How many members are copied rather than kept as a dict."""


def link(entity: Entity, field: str, ref: str) -> None:
    """Put a reference into a set of an object; none is put in twice."""
    members = _members(entity, field)
    if members is None:
        current: tuple[str, ...] = getattr(entity, field)
        if len(current) < SMALL:
            if ref not in current:
                setattr(entity, field, (*current, ref))
            return
        members = _enlarge(entity, field, current)
    members[ref] = None
    _forget(entity, field)


def unlink(entity: Entity, field: str, ref: str) -> None:
    """Take a reference out of a set of an object; no error where it is not in it."""
    members = _members(entity, field)
    if members is None:
        current: tuple[str, ...] = getattr(entity, field)
        if len(current) <= SMALL:
            setattr(entity, field, tuple(item for item in current if item != ref))
            return
        members = _enlarge(entity, field, current)
    members.pop(ref, None)
    _forget(entity, field)


def apply(entity: Entity, links: Mapping[str, Mapping[str, bool]]) -> None:
    """Put in and take out what a transaction noted: by field and reference, True for in."""
    for field, delta in links.items():
        for ref, is_in in delta.items():
            if is_in:
                link(entity, field, ref)
            else:
                unlink(entity, field, ref)


def _members(entity: Entity, field: str) -> dict[str, None] | None:
    found = None if entity.unset is None else entity.unset.get(field)
    return found if isinstance(found, dict) else None


def _enlarge(entity: Entity, field: str, current: tuple[str, ...]) -> dict[str, None]:
    members = dict.fromkeys(current)
    entity.unset = {**(entity.unset or {}), field: members}
    return members


def _forget(entity: Entity, field: str) -> None:
    with suppress(AttributeError):  # unset since an earlier change that nobody has looked at
        delattr(entity, field)
