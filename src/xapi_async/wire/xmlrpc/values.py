"""Values in XML: for every type of the API, the function from a value to its text.

Strings, integers and references travel without a type element; see each function for its form.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from xapi_async.datamodel.types import ApiType, Enum, Map, Record, Ref, Set
from xapi_async.rpc.call import DateTime

Text = Callable[[Any], str]

_ILLEGAL_CHARACTERS = "\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff"
_find_special = re.compile(f'[<>&"{_ILLEGAL_CHARACTERS}]').search
_leave_out_illegal = re.compile(f"[{_ILLEGAL_CHARACTERS}]").sub


def escape(text: str) -> str:
    """Text as it stands in an element; characters that XML cannot carry are left out."""
    if _find_special(text) is None:
        return text
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    # Nothing printable is illegal, and Python knows that much sooner than a pattern does.
    return text if text.isprintable() else _leave_out_illegal("", text)


def value_text(api_type: ApiType[Any], record: Callable[[str], Text]) -> Text:
    """The function that writes values of a type. record: gives the one for records of a class."""
    if isinstance(api_type, Enum):
        return _enum(api_type)
    if isinstance(api_type, Ref):
        return _string
    if isinstance(api_type, Set):
        return _set(api_type, record)
    if isinstance(api_type, Map):
        return _map(api_type, record)
    if isinstance(api_type, Record):
        return record(api_type.cls)
    return _SCALARS[api_type.text]


def any_text(value: Any) -> str:
    """A plain value, by the type that Python gives it."""
    write = _BY_PYTHON_TYPE.get(type(value))
    if write is not None:
        return write(value)
    if isinstance(value, Mapping):
        return struct_text((escape(str(key)), any_text(item)) for key, item in value.items())
    return array_text([any_text(item) for item in value])


def struct_text(members: Iterable[tuple[str, str]]) -> str:
    """A struct of names, which are escaped already, and of values that are written already."""
    body = "".join([f"<member><name>{name}</name>{value}</member>" for name, value in members])
    return f"<value><struct>{body}</struct></value>"


def array_text(items: Iterable[str]) -> str:
    """An array of values that are written already."""
    return f"<value><array><data>{''.join(items)}</data></array></value>"


def _string(value: str) -> str:
    if not value or _find_special(value) is None:
        return f"<value>{value}</value>"
    return f"<value>{escape(value)}</value>"


def _enum(api_type: Enum) -> Text:
    texts = {value: _string(value) for value in api_type.values}
    return lambda value: texts.get(value) or _string(value)


def _int(value: int) -> str:
    return f"<value>{value:d}</value>"


def _bool(value: bool) -> str:
    return _TRUE if value else _FALSE


_TRUE = "<value><boolean>1</boolean></value>"
_FALSE = "<value><boolean>0</boolean></value>"


def _float(value: float) -> str:
    return f"<value><double>{value:.16g}</double></value>"


def _datetime(value: str) -> str:
    return f"<value><dateTime.iso8601>{escape(value)}</dateTime.iso8601></value>"


def _void(value: object) -> str:
    return "<value></value>"


_SCALARS: Mapping[str, Text] = {
    "string": _string,
    "int": _int,
    "float": _float,
    "bool": _bool,
    "datetime": _datetime,
    "void": _void,
    "any": any_text,
}

_BY_PYTHON_TYPE: Mapping[type, Text] = {
    str: _string,
    DateTime: _datetime,
    bool: _bool,
    int: _int,
    float: _float,
    type(None): lambda value: "<value><nil/></value>",
}

_EMPTY_ARRAY = array_text(())
_EMPTY_STRUCT = struct_text(())


def _set(api_type: Set[Any], record: Callable[[str], Text]) -> Text:
    item_text = value_text(api_type.item, record)
    if item_text is _string or isinstance(api_type.item, Enum):
        return _set_of_strings

    def write(value: Iterable[Any]) -> str:
        return array_text(map(item_text, value))

    return write


def _set_of_strings(value: Iterable[str]) -> str:
    # Sets of thousands of references are common: looked through at once, and joined at once.
    if not value:
        return _EMPTY_ARRAY
    if _find_special("".join(value)) is not None:
        return array_text(map(_string, value))
    return f"<value><array><data><value>{'</value><value>'.join(value)}</value></data></array></value>"


def _map(api_type: Map[Any, Any], record: Callable[[str], Text]) -> Text:
    item_text = value_text(api_type.value, record)

    def write(value: Mapping[Any, Any]) -> str:
        if not value:
            return _EMPTY_STRUCT
        return struct_text([(escape(str(key)), item_text(item)) for key, item in value.items()])

    return write
