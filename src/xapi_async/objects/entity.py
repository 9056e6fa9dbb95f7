"""Live objects: one Python class with slots for each class of the datamodel.

A live object is an instance of a class derived from the datamodel's, so ``isinstance(vm, VM)`` holds
and its attributes have the declared types. Committed objects change only inside
:mod:`xapi_async.objects.store`; everybody else sees them whole. Inside a transaction one works on a
*draft*: an object of the same class that holds only what was written and reads the rest through.
"""

from __future__ import annotations

import uuid as uuid_module
from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any, ClassVar, TypeVar, cast

from xapi_async.datamodel.classes import CLASSES
from xapi_async.datamodel.language import NOTHING, ApiClass, Computed, Field
from xapi_async.datamodel.types import zero

Values = dict[str, Any]


class Entity(ApiClass):
    """What every live object has beside the fields of its class.

    ref: its reference. created, modified: the generations of its creation and last change.
    memo: whatever readers want to keep until the object changes, such as its encoded record.
    """

    __slots__ = ("created", "memo", "modified", "ref")

    # The names of all fields in order, and a function that reads them all at once.
    FIELD_NAMES: ClassVar[tuple[str, ...]] = ()
    read_all: ClassVar[Callable[[Any], tuple[Any, ...]]]

    ref: str
    created: int
    modified: int
    memo: Any

    def values(self) -> Values:
        """All fields and their values, internal ones included."""
        return {name: getattr(self, name) for name in self.FIELD_NAMES}

    def __repr__(self) -> str:
        return f"<{self.FACTS.name} {self.ref}>"


class Draft(Entity):
    """An object as a transaction sees it: the slots written so far, and ``base`` for all others."""

    # No slots here: Python can lay out only one base's, and that is the live class's.
    base: Entity
    changes: Values

    def __getattr__(self, name: str) -> Any:
        # Python asks here exactly when the slot of that name is still unset.
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.base, name)


E = TypeVar("E", bound=ApiClass)

_LIVE: dict[type[ApiClass], type[Entity]] = {}
_DRAFTS: dict[type[ApiClass], type[Draft]] = {}


def live_class(cls: type[ApiClass]) -> type[Entity]:
    """The class of live objects for a class of the datamodel."""
    return _LIVE[cls]


def new_entity(cls: type[ApiClass], ref: str, values: Mapping[str, Any]) -> Entity:
    """An object with these values; fields not given start with their default, or else with their type's zero."""
    entity = _LIVE[cls].__new__(_LIVE[cls])
    entity.ref = ref
    entity.created = entity.modified = 0
    entity.memo = None
    for name, start in _STARTS[cls]:
        setattr(entity, name, values.get(name, start))
    return entity


def new_draft(base: Entity) -> Draft:
    """A draft that reads through to ``base``."""
    draft = _DRAFTS[_declared(type(base))].__new__(_DRAFTS[_declared(type(base))])
    draft.ref = base.ref
    draft.base = base
    draft.changes = {}
    return draft


def frozen_copy(entity: Entity) -> Entity:
    """The object as it is now, untouched by later changes."""
    cls = declared_class(entity)
    copy = new_entity(cls, entity.ref, entity.values())
    copy.created, copy.modified, copy.memo = entity.created, entity.modified, entity.memo
    return copy


def declared_class(entity: Entity) -> type[ApiClass]:
    """The class of the datamodel that an object belongs to."""
    return _declared(type(entity))


def new_ref() -> str:
    """A reference nobody has yet."""
    return f"OpaqueRef:{uuid_module.uuid4()}"


def new_uuid() -> str:
    """A uuid nobody has yet."""
    return str(uuid_module.uuid4())


def start_value(field: Field[Any]) -> Any:
    """What a field holds in a new object when nothing is given."""
    if field.default is NOTHING:
        return zero(field.type)
    if isinstance(field.default, Computed):
        return field.default.stated
    return field.default


def _declared(cls: type[Entity]) -> type[ApiClass]:
    return _DECLARED[cls]


def _build(cls: type[ApiClass]) -> None:
    names = tuple(cls.FIELDS)
    body: dict[str, Any] = {
        "__slots__": names,
        "__module__": __name__,
        "FIELD_NAMES": names,
        "read_all": staticmethod(attrgetter(*names)) if len(names) > 1 else staticmethod(lambda e: (e.uuid,)),
    }
    # Python's type() call cannot be followed by the type checker, so each result is cast once, here.
    live = cast("type[Entity]", type(cls.__name__, (Entity, cls), body))
    draft = cast("type[Draft]", type(f"{cls.__name__}Draft", (live, Draft), {"__module__": __name__}))
    _LIVE[cls] = live
    _DRAFTS[cls] = draft
    _DECLARED[live] = _DECLARED[draft] = cls
    _STARTS[cls] = tuple((field.name, start_value(field)) for field in cls.FIELDS.values())


_DECLARED: dict[type[Entity], type[ApiClass]] = {}
_STARTS: dict[type[ApiClass], tuple[tuple[str, Any], ...]] = {}
for _cls in CLASSES:
    if _cls.FACTS.in_database:
        _build(_cls)
