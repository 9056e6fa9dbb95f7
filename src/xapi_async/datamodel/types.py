"""The types of the API: what a field holds, a parameter takes and a message returns.

A type is a small immutable value. Its ``text`` is how API documents write it (``VM ref set``,
``(string -> int) map``), its Python parameter is how the server holds such a value:

==================  =========================================================
API type            held as
==================  =========================================================
string, ref, enum   ``str``
datetime            ``str``, the wire form ``20180221T13:05:09Z``
int, float, bool    ``int``, ``float``, ``bool``
set                 ``tuple``, in order
map, record         ``Mapping``, never changed in place
==================  =========================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
K = TypeVar("K")
V = TypeVar("V")

NULL_REF = "OpaqueRef:NULL"
NEVER = "19700101T00:00:00Z"


class ApiType(Generic[T]):
    """What every type has; ``T`` is how Python holds a value of it."""

    __slots__ = ()

    @property
    def text(self) -> str:
        """The type as API documents write it."""
        raise NotImplementedError


@dataclass(frozen=True)
class Scalar(ApiType[T]):
    """A type without parts: string, int, float, bool, datetime or void."""

    name: str

    @property
    def text(self) -> str:
        return self.name


@dataclass(frozen=True)
class Enum(ApiType[str]):
    """One of a fixed list of words. ``exact`` ones are compared with regard to case on input."""

    name: str
    doc: str
    values: Mapping[str, str]
    exact: bool = False

    @property
    def text(self) -> str:
        return f"enum {self.name}"

    def __hash__(self) -> int:
        return hash(self.name)


@dataclass(frozen=True)
class Ref(ApiType[str]):
    """A reference to an object of the class with this wire name."""

    cls: str

    @property
    def text(self) -> str:
        return f"{self.cls} ref"


@dataclass(frozen=True)
class Set(ApiType[tuple[T, ...]], Generic[T]):
    """An ordered set; duplicates that clients send are kept."""

    item: ApiType[T]

    @property
    def text(self) -> str:
        return f"{self.item.text} set"


@dataclass(frozen=True)
class Map(ApiType[Mapping[K, V]], Generic[K, V]):
    """A map."""

    key: ApiType[K]
    value: ApiType[V]

    @property
    def text(self) -> str:
        return f"({self.key.text} -> {self.value.text}) map"


@dataclass(frozen=True)
class Record(ApiType[Mapping[str, object]]):
    """All public fields of an object of the class with this wire name, by field name."""

    cls: str

    @property
    def text(self) -> str:
        return f"{self.cls} record"


STRING: Scalar[str] = Scalar("string")
INT: Scalar[int] = Scalar("int")
FLOAT: Scalar[float] = Scalar("float")
BOOL: Scalar[bool] = Scalar("bool")
DATETIME: Scalar[str] = Scalar("datetime")
VOID: Scalar[None] = Scalar("void")

STRING_MAP: Map[str, str] = Map(STRING, STRING)
STRING_SET: Set[str] = Set(STRING)


def zero(api_type: ApiType[T]) -> T:
    """The value a field of this type starts with when nothing else is known."""
    result: object
    if isinstance(api_type, Set):
        result = ()
    elif isinstance(api_type, Map | Record):
        result = {}
    elif isinstance(api_type, Ref):
        result = NULL_REF
    elif isinstance(api_type, Enum):
        result = next(iter(api_type.values))
    else:
        result = _SCALAR_ZEROS[api_type.text]
    return result  # type: ignore[return-value]


_SCALAR_ZEROS: dict[str, object] = {
    "string": "",
    "int": 0,
    "float": 0.0,
    "bool": False,
    "datetime": NEVER,
    "void": None,
}
