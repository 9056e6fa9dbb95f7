"""The language the API is declared in: classes, fields, messages and parameters.

A class of the API is a Python class deriving from :class:`ApiClass`; its fields are class attributes
made by :class:`Field`. Nothing is ever instantiated from it directly: the object graph derives the
classes of its live objects from these, which is why ``vm.name_label`` is typed ``str`` while
``VM.name_label`` is the field's declaration.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Any, ClassVar, Final, Generic, Literal, Self, TypeVar, overload

from xapi_async.datamodel.roles import READ_ONLY, Roles
from xapi_async.datamodel.types import VOID, ApiType

T = TypeVar("T")

Qualifier = Literal["RW", "RO/constructor", "RO/runtime"]
RW: Final = "RW"
RO_CONSTRUCTOR: Final = "RO/constructor"
RO_RUNTIME: Final = "RO/runtime"

Lifecycle = tuple[tuple[str, str], ...]


class _Nothing:
    """The mark of a default that is not there; ``None`` would be taken for a value."""

    def __repr__(self) -> str:
        return "NOTHING"


NOTHING: Final = _Nothing()


@dataclass(frozen=True)
class Computed:
    """A default that depends on the state of the pool; ``stated`` is what documents print for it."""

    stated: object


def lifecycle(text: str) -> Lifecycle:
    """Read ``"published rio, deprecated boston"`` as its steps."""
    steps = (step.split() for step in text.split(",") if step.strip())
    return tuple((change, release) for change, release in steps)


class Field(Generic[T]):
    """A field of a class.

    type: what it holds. qualifier: who writes it (``RW``: clients at any time; ``RO_CONSTRUCTOR``:
    clients at creation; ``RO_RUNTIME``: the server). doc: what it means. default: the value at
    creation when the client gives none. setter_roles: who may write it. getter_roles: who may read it.
    map_key_roles: keys of a map that have their own list of writers; a trailing ``*`` makes a prefix.
    internal: stored, never on the wire. persist: kept over a restart. foreign_key: half of a relation
    where the relations name it, else plain values. setter_has_effect: the setter does more than store.
    released: the field's history, as in :func:`lifecycle`; none for an internal one that only this server has.
    unlisted_since: for fields that API documents leave out.
    """

    __slots__ = (
        "default", "doc", "foreign_key", "getter_roles", "internal", "lifecycle", "map_key_roles", "name", "persist",
        "qualifier", "setter_has_effect", "setter_roles", "type", "unlisted_since",
    )  # fmt: skip

    def __init__(
        self,
        type: ApiType[T],
        qualifier: Qualifier,
        doc: str,
        *,
        default: T | Computed | _Nothing = NOTHING,
        setter_roles: Roles | None = None,
        getter_roles: Roles = READ_ONLY,
        map_key_roles: Mapping[str, Roles] | None = None,
        internal: bool = False,
        persist: bool = True,
        foreign_key: bool = True,
        setter_has_effect: bool = False,
        released: str = "published rio",
        unlisted_since: str | None = None,
    ) -> None:
        self.name = ""
        self.type = type
        self.qualifier = qualifier
        self.doc = doc
        self.default = default
        self.setter_roles = setter_roles
        self.getter_roles = getter_roles
        self.map_key_roles = map_key_roles or {}
        self.internal = internal
        self.persist = persist
        self.foreign_key = foreign_key
        self.setter_has_effect = setter_has_effect
        self.lifecycle = lifecycle(released)
        self.unlisted_since = unlisted_since

    def __set_name__(self, owner: type, name: str) -> None:
        # Two wire names (class, from) are no Python names; they are declared with a trailing underscore.
        self.name = name.rstrip("_")

    @property
    def removed(self) -> bool:
        """Whether its accessors answer MESSAGE_REMOVED; records still show it."""
        return any(change == "removed" for change, _ in self.lifecycle)

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: object, owner: type) -> Any:
        return self

    def __repr__(self) -> str:
        return f"<Field {self.name}: {self.type.text}>"


@dataclass(frozen=True)
class Param:
    """A parameter of a message; those with a default come last and may be left out by callers."""

    name: str
    type: ApiType[Any]
    default: Any = NOTHING


MessageKind = Literal["explicit", "implicit", "field getter", "field setter", "field add", "field remove"]


@dataclass(frozen=True)
class Message:
    """A message of a class.

    params leave the session out, which every message but the few with ``takes_session=False`` takes
    first. roles: who may call it (empty: superuser sessions only). errors: the documented ones.
    has_async: there is an ``Async.`` form. documented: part of the public reference. removed: only
    answers MESSAGE_REMOVED. pool_internal: for hosts of the pool only. secret: parameters stay out of logs.
    forwarded_to: where the reference implementation sends it. field: the field an accessor is for.
    """

    name: str
    doc: str
    params: tuple[Param, ...] = ()
    result: ApiType[Any] = VOID
    roles: Roles = READ_ONLY
    errors: tuple[str, ...] = ()
    has_async: bool = True
    documented: bool = True
    removed: bool = False
    pool_internal: bool = False
    secret: bool = False
    takes_session: bool = True
    map_key_roles: Mapping[str, Roles] = dataclass_field(default_factory=dict)
    forwarded_to: str | None = None
    released: str = "published rio"
    unlisted_since: str | None = None
    kind: MessageKind = "explicit"
    field: Field[Any] | None = None

    @property
    def lifecycle(self) -> Lifecycle:
        return lifecycle(self.released)


@dataclass(frozen=True)
class ClassFacts:
    """What is said of a class as a whole.

    in_database: its objects are stored. persist: they survive a restart. events: their changes are
    told to clients. constructor_destructor: clients create and destroy them by ``create`` and
    ``destroy`` made from the fields. get_all: clients can list them. has_async: its messages have
    ``Async.`` forms. create_roles, read_roles: who may call the implicit messages.
    """

    name: str
    released: str = "published rio"
    in_database: bool = True
    persist: bool = True
    events: bool = True
    constructor_destructor: bool = False
    get_all: bool = True
    has_async: bool = True
    create_roles: Roles = READ_ONLY
    read_roles: Roles = READ_ONLY

    @property
    def lifecycle(self) -> Lifecycle:
        return lifecycle(self.released)

    @property
    def removed(self) -> bool:
        """Whether the class is gone from the API, so that its implicit messages answer MESSAGE_REMOVED."""
        return any(change == "removed" for change, _ in self.lifecycle)


class _Slotted(type):
    """The kind of classes whose objects have no attributes but the slots they name, which saves memory in each."""

    @classmethod
    def __prepare__(cls, name: str, bases: tuple[type, ...], /, **options: Any) -> dict[str, object]:
        return {"__slots__": ()}


class ApiClass(metaclass=_Slotted):
    """Base of every class of the API. The docstring is the class's description."""

    ref: str  # what live objects have; declarations only say so
    FACTS: ClassVar[ClassFacts]
    FIELDS: ClassVar[dict[str, Field[Any]]] = {}
    MESSAGES: ClassVar[tuple[Message, ...]] = ()

    def __init_subclass__(cls) -> None:
        if "FACTS" in cls.__dict__:
            fields = (value for value in cls.__dict__.values() if isinstance(value, Field))
            cls.FIELDS = {field.name: field for field in fields}


def api_fields(cls: type[ApiClass]) -> Iterator[Field[Any]]:
    """The fields that the API declares, internal ones included, in order of declaration."""
    return (field for field in cls.FIELDS.values() if field.lifecycle or field.unlisted_since is not None)


def public_fields(cls: type[ApiClass]) -> Iterator[Field[Any]]:
    """The fields that records show, in order of declaration."""
    return (field for field in cls.FIELDS.values() if not field.internal)
