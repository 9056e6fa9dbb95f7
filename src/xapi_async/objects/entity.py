"""Live objects: one Python class with slots for each class of the datamodel.

A live object is an instance of a class derived from the datamodel's, so ``isinstance(vm, VM)`` holds
and its attributes have the declared types. Committed objects change only inside
:mod:`xapi_async.objects.store`; everybody else sees them whole. Inside a transaction one works on a
*draft*: an object of the same class that holds only what was written and reads the rest through.
"""

from __future__ import annotations

import uuid as uuid_module
from collections.abc import Callable, Mapping
from contextlib import suppress
from operator import attrgetter
from typing import Any, ClassVar, TypeVar, cast

from xapi_async.datamodel.classes import CLASSES
from xapi_async.datamodel.classes.console import Console
from xapi_async.datamodel.classes.vbd import VBD
from xapi_async.datamodel.classes.vbd_metrics import VBDMetrics
from xapi_async.datamodel.classes.vif import VIF
from xapi_async.datamodel.classes.vif_metrics import VIFMetrics
from xapi_async.datamodel.classes.vm_guest_metrics import VMGuestMetrics
from xapi_async.datamodel.classes.vm_metrics import VMMetrics
from xapi_async.datamodel.language import NOTHING, ApiClass, Computed, Field
from xapi_async.datamodel.types import zero

Values = dict[str, Any]
Links = dict[str, dict[str, bool]]
EMPTY_MAP: Values = {}


Late = Mapping[str, Callable[[Any], Any]]
"""Fields whose values are computed when they are first read, and how. Many objects share one."""

NAMED_BY_REFERENCE: frozenset[type[ApiClass]] = frozenset(
    {VBD, VIF, Console, VBDMetrics, VIFMetrics, VMGuestMetrics, VMMetrics}
)
"""Classes of the objects that come with each VM, which are seldom looked for by uuid.

Their new objects get a reference that is made of their uuid. Then neither the uuid is kept beside it, once they come
from a database, nor an entry of it in an index.
"""

_REF_PREFIX = "OpaqueRef:"
_UUID_LENGTH = 36


class Entity(ApiClass):
    """What every live object has beside the fields of its class.

    ref: its reference. born, modified: the generations of its creation and last change.
    memo: whatever readers want to keep until the object changes, such as its encoded record.
    unset: where values of fields come from whose slots are unset: the members of a large set, see
    :mod:`xapi_async.objects.membership`, or what computes them, see :func:`put_off`. It is replaced, not changed.
    An unset uuid is the one in the reference, see :data:`NAMED_BY_REFERENCE`.
    """

    __slots__ = ("born", "memo", "modified", "ref", "unset")

    # The names of all fields in order, and a function that reads them all at once.
    FIELD_NAMES: ClassVar[tuple[str, ...]] = ()
    read_all: ClassVar[Callable[[Any], tuple[Any, ...]]]

    ref: str
    born: int
    modified: int
    memo: Any
    unset: Mapping[str, dict[str, None] | Callable[[Any], Any]] | None

    def __getattr__(self, name: str) -> Any:
        # Python asks here exactly when the slot of that name is unset: a large set changed since it was read,
        # or a value is computed only when somebody wants it.
        if name == "uuid":
            return uuid_in(self.ref)  # made anew each time: keeping it is what an unset one saves
        source = None if name == "unset" or self.unset is None else self.unset.get(name)
        if source is None:
            raise AttributeError(f"{type(self).__name__} has no {name}")
        value = tuple(source) if isinstance(source, dict) else source(self)
        setattr(self, name, value)
        return value

    def values(self) -> Values:
        """All fields and their values, internal ones included."""
        return {name: getattr(self, name) for name in self.FIELD_NAMES}

    def __repr__(self) -> str:
        return f"<{self.FACTS.name} {self.ref}>"


class Draft(Entity):
    """An object as a transaction sees it: the slots written so far, and ``base`` for all others.

    changes: the fields written, with their values. links: what was put into the sets that follow from
    relations (True) and what was taken out of them (False), by field; the sets themselves are made
    only when they are read, as they can be large.
    """

    # No slots here: Python can lay out only one base's, and that is the live class's.
    base: Entity
    changes: Values
    links: Links

    def __getattr__(self, name: str) -> Any:
        # Python asks here exactly when the slot of that name is still unset.
        if name.startswith("__"):
            raise AttributeError(name)
        value = getattr(self.base, name)
        if name in self.links:
            value = _merged(value, self.links[name])
            setattr(self, name, value)
        return value

    def write(self, name: str, value: Any) -> None:
        """Write a field."""
        setattr(self, name, value)
        self.changes[name] = value

    def note_link(self, field: str, ref: str, is_in: bool) -> None:
        """Put a reference into a set, or take it out."""
        if field in self.links:
            with suppress(AttributeError):  # nobody read it since the last change
                delattr(self, field)
            self.links[field][ref] = is_in
        else:
            self.links[field] = {ref: is_in}


def _merged(base: tuple[str, ...], delta: Mapping[str, bool]) -> tuple[str, ...]:
    """A set after a noted change; what is in it already stays where it is."""
    kept = [ref for ref in base if delta.get(ref, True)]
    present = set(kept) if len(delta) > 1 else kept
    kept.extend([ref for ref, is_in in delta.items() if is_in and ref not in present])
    return tuple(kept)


E = TypeVar("E", bound=ApiClass)

_LIVE: dict[type[ApiClass], type[Entity]] = {}
_DRAFTS: dict[type[ApiClass], type[Draft]] = {}


def live_class(cls: type[ApiClass]) -> type[Entity]:
    """The class of live objects for a class of the datamodel."""
    return _LIVE[cls]


def new_entity(cls: type[ApiClass], ref: str, values: Mapping[str, Any]) -> Entity:
    """An object with these values, by names of fields of the class.

    Fields not given start with their default, or else with their type's zero.
    """
    entity = blank_entity(cls)(ref)
    for name, value in values.items():
        # Most maps are empty, and nobody changes one in place: all of those are the same one.
        setattr(entity, name, value if value or type(value) is not dict else EMPTY_MAP)
    return entity


def blank_entity(cls: type[ApiClass]) -> Callable[[str], Entity]:
    """What makes an object of a class from its reference, with every field as it starts."""
    make = _BLANKS.get(cls)
    if make is None:
        make = _BLANKS[cls] = _blank_maker(cls)
    return make


def put_off(entity: Entity, late: Late) -> None:
    """Forget the values of fields, and compute each when somebody reads it, unless it is written before."""
    entity.unset = late if entity.unset is None else {**entity.unset, **late}
    for field in late:
        delattr(entity, field)


def is_put_off(entity: Entity, field: str) -> bool:
    """Whether a field was put off, and nobody has read or written it since."""
    if entity.unset is None or field not in entity.unset:
        return False
    slot: Any = getattr(type(entity), field)
    try:
        slot.__get__(entity)
    except AttributeError:
        return True
    return False


def name_by_reference(entity: Entity) -> None:
    """Have an object of :data:`NAMED_BY_REFERENCE` go by the uuid in its reference without keeping it."""
    delattr(entity, "uuid")


def has_uuid(ref: str) -> bool:
    """Whether a reference is made of a uuid."""
    return ref.startswith(_REF_PREFIX) and len(ref) == len(_REF_PREFIX) + _UUID_LENGTH


def new_draft(base: Entity) -> Draft:
    """A draft that reads through to ``base``."""
    cls = _DRAFTS[_DECLARED[type(base)]]
    draft = cls.__new__(cls)
    draft.ref = base.ref
    draft.base = base
    draft.changes = {}
    draft.links = {}
    return draft


def frozen_copy(entity: Entity) -> Entity:
    """The object as it is now, untouched by later changes."""
    cls = declared_class(entity)
    copy = new_entity(cls, entity.ref, entity.values())
    copy.born, copy.modified, copy.memo = entity.born, entity.modified, entity.memo
    return copy


def declared_class(entity: Entity) -> type[ApiClass]:
    """The class of the datamodel that an object belongs to."""
    return _DECLARED[type(entity)]


def new_ref() -> str:
    """A reference nobody has yet."""
    return ref_of(new_uuid())


def ref_of(uuid: str) -> str:
    """The reference that is made of a uuid."""
    return f"{_REF_PREFIX}{uuid}"


def uuid_in(ref: str) -> str:
    """The uuid that a reference is made of."""
    return ref[len(_REF_PREFIX) :]


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
    STARTS[cls] = {field.name: start_value(field) for field in cls.FIELDS.values()}


def _blank_maker(cls: type[ApiClass]) -> Callable[[str], Entity]:
    # Written out line by line: a loop over the fields takes several times as long, and a start makes very many objects.
    live = _LIVE[cls]
    known: dict[str, Any] = {"live": live, "new": live.__new__}
    lines = ["def make(ref):", "entity = new(live)", "entity.ref = ref", "entity.born = entity.modified = 0"]
    lines.append("entity.memo = entity.unset = None")
    for name, start in STARTS[cls].items():
        known[f"start_of_{name}"] = start
        lines.append(f"entity.{name} = start_of_{name}")
    lines.append("return entity")
    exec("\n ".join(lines), known)  # noqa: S102  names of fields, from the datamodel
    return cast("Callable[[str], Entity]", known["make"])


_BLANKS: dict[type[ApiClass], Callable[[str], Entity]] = {}  # made when first needed

_DECLARED: dict[type[Entity], type[ApiClass]] = {}
STARTS: dict[type[ApiClass], dict[str, Any]] = {}
"""What each field of each class starts with."""

for _cls in CLASSES:
    if _cls.FACTS.in_database:
        _build(_cls)
