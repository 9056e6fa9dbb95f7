"""From the values of the wire to the types of the API.

A converter is compiled once for each type and raises INTERNAL_ERROR, as the API does, for a value
that is not of it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.language import NOTHING, RO_RUNTIME, ApiClass, Computed, Field
from xapi_async.datamodel.types import ApiType, Enum, Map, Record, Ref, Set
from xapi_async.objects.entity import start_value

Converter = Callable[[Any], Any]

_INTEGER = re.compile(r"(-?)(0x[0-9a-fA-F]+|0o[0-7]+|0b[01]+|[0-9]+)")
_STORED_DATE = re.compile(r"\d+T\d+:\d+:\d+Z")
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_INT_MIN, _INT_MAX = -(2**63), 2**63 - 1


def _mismatch(expected: str, value: object) -> ApiError:
    return ApiError("INTERNAL_ERROR", f"a value of type {expected} was expected, not {_show(value)}")


def _show(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _string(value: Any) -> str:
    if type(value) is not str:
        raise _mismatch("string", value)
    return value


def _datetime(value: Any) -> str:
    if not isinstance(value, str):
        raise _mismatch("datetime", value)
    return str(value)


def _int(value: Any) -> int:
    if type(value) is str:
        match = _INTEGER.fullmatch(value)
        if match is None:
            raise _mismatch("int", value)
        digits = match[2]
        # Decimals are told by their first digits: Python would refuse 007 under base 0.
        value = int(digits, 0 if digits[1:2] in ("x", "o", "b") else 10)
        value = -value if match[1] else value
    if type(value) is not int or not _INT_MIN <= value <= _INT_MAX:
        raise _mismatch("int", value)
    return value


def _float(value: Any) -> float:
    if type(value) not in (float, int, str):
        raise _mismatch("float", value)
    try:
        result = float(value)
    except (ValueError, OverflowError):
        raise _mismatch("float", value) from None
    if math.isnan(result):
        raise _mismatch("float", value)
    return result


def _bool(value: Any) -> bool:
    if type(value) is not bool:
        raise _mismatch("bool", value)
    return value


_SCALARS: dict[str, Converter] = {
    "string": _string,
    "datetime": _datetime,
    "int": _int,
    "float": _float,
    "bool": _bool,
}


def converter(api_type: ApiType[Any]) -> Converter:
    """The function from a value of the wire to a value of the type."""
    if isinstance(api_type, Ref):
        return _string
    if isinstance(api_type, Enum):
        return _enum(api_type)
    if isinstance(api_type, Set):
        return _set(api_type.text, converter(api_type.item))
    if isinstance(api_type, Map):
        return _map(api_type.text, converter(api_type.key), converter(api_type.value))
    if isinstance(api_type, Record):
        return _struct
    return _SCALARS[api_type.text]


def _enum(enum: Enum) -> Converter:
    fold = str if enum.exact else str.lower
    values = {fold(value): value for value in enum.values}

    def convert(value: Any) -> str:
        found = values.get(fold(value)) if type(value) is str else None
        if found is None:
            raise _mismatch(enum.text, value)
        return found

    return convert


def _set(text: str, item: Converter) -> Converter:
    def convert(value: Any) -> tuple[Any, ...]:
        if type(value) is not list:
            raise _mismatch(text, value)
        return tuple(map(item, value))

    return convert


def _map(text: str, key: Converter, item: Converter) -> Converter:
    def convert(value: Any) -> dict[Any, Any]:
        if type(value) is not dict:
            raise _mismatch(text, value)
        return {key(k): item(v) for k, v in value.items()}

    return convert


def _struct(value: Any) -> dict[str, Any]:
    if type(value) is not dict:
        raise _mismatch("record", value)
    return value


def constructor(cls: type[ApiClass]) -> Converter:
    """The function from the struct of a ``create`` to the values of the fields that clients give."""
    fields = [field for field in cls.FIELDS.values() if field.qualifier != RO_RUNTIME]
    converters = [(field, converter(field.type)) for field in fields]

    def convert(value: Any) -> dict[str, Any]:
        struct = _struct(value)
        return {field.name: _member(cls, field, convert_field, struct) for field, convert_field in converters}

    return convert


def _member(cls: type[ApiClass], field: Field[Any], convert: Converter, struct: Mapping[str, Any]) -> Any:
    if field.name in struct:
        return stored(field, convert(struct[field.name]))
    if field.default is NOTHING:
        # The code that the API declares for it: an INTERNAL_ERROR would call a client's slip a bug of the server.
        raise ApiError("FIELD_TYPE_ERROR", field.name)
    # A computed default is the constructor's business: it sees that the member is absent.
    return None if isinstance(field.default, Computed) else start_value(field)


def stored(field: Field[Any], value: Any) -> Any:
    """The value as it may be stored in the field. Raises INVALID_VALUE [text] for a date of another form."""
    if field.type.text == "datetime" and not _STORED_DATE.fullmatch(value):
        raise ApiError("INVALID_VALUE", value)
    return value


def check_text(params: Sequence[Any]) -> None:
    """Raise INVALID_VALUE [text, parameter] where a parameter holds characters that XML cannot carry."""
    for param in params:
        if _has_illegal_text(param):
            text = "a parameter holds characters that are not legal in XML"
            raise ApiError("INVALID_VALUE", text, _ILLEGAL.sub("?", str(param)))


def _has_illegal_text(value: Any) -> bool:
    if isinstance(value, str):
        return _ILLEGAL.search(value) is not None
    if isinstance(value, list):
        return any(map(_has_illegal_text, value))
    if isinstance(value, dict):
        return any(_has_illegal_text(k) or _has_illegal_text(v) for k, v in value.items())
    return False
