"""Calls in XML, from bytes to Python values.

The parser is expat, which is told to stop at the first declaration of an entity, so that nothing can
be made to grow; depth is limited here and size by whoever read the body. Most calls have one of a
few shapes: :mod:`xapi_async.wire.xmlrpc.plain` reads those without a parser.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from xml.parsers import expat

from xapi_async.rpc.call import DateTime
from xapi_async.wire.call_format import BadRequestError
from xapi_async.wire.xmlrpc.plain import PLAIN_DEPTH, decode_plain


class XmlCall(NamedTuple):
    """A call. is_text_legal: whether all its text is legal in XML, which base64 can get around."""

    method: str
    params: list[Any]
    is_text_legal: bool


def decode_call(body: bytes, max_depth: int) -> XmlCall:
    """Read a call. max_depth: how deep its values may be nested. Raises BadRequestError."""
    plain = decode_plain(body) if max_depth >= PLAIN_DEPTH else None
    if plain is not None:
        return XmlCall(*plain, is_text_legal=True)
    return decode_any(body, max_depth)


def decode_any(body: bytes, max_depth: int) -> XmlCall:
    """As :func:`decode_call`, for calls of any shape."""
    reader = _Reader(max_depth)
    try:
        reader.parser().Parse(body, True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        # The two others: an encoding nobody knows, and numbers that are none.
        raise BadRequestError(f"the body is no XML-RPC call: {error}") from None
    assert reader.call is not None  # expat insists on a whole document, and the only root allowed makes a call
    method, params = reader.call
    return XmlCall(method, params, reader.is_text_legal)


# What may stand in what. An element with an order has these children, in it; all but the last
# ``optional`` of them must be there.

_ORDER: Mapping[str, tuple[str, ...]] = {
    "": ("methodCall",),
    "methodCall": ("methodName", "params"),
    "param": ("value",),
    "array": ("data",),
    "member": ("name", "value"),
}
_OPTIONAL: Mapping[str, int] = {"array": 1}
_REPEATED: Mapping[str, str] = {"params": "param", "data": "value", "struct": "member"}

_INTEGER = re.compile(r"[ \t\r\n]*([+-]?[0-9]+)[ \t\r\n]*")
_FLOAT = re.compile(r"[ \t\r\n]*([+-]?(?:[0-9]+\.?[0-9]*(?:[eE][+-]?[0-9]+)?|\.[0-9]+(?:[eE][+-]?[0-9]+)?"
                    r"|nan|inf|infinity))[ \t\r\n]*", re.IGNORECASE)  # fmt: skip


def _integer(text: str) -> int:
    match = _INTEGER.fullmatch(text)
    if match is None:
        raise BadRequestError("an integer is not a number")
    return int(match[1])


def _double(text: str) -> float:
    match = _FLOAT.fullmatch(text)
    if match is None:
        raise BadRequestError("a double is not a number")
    return float(match[1])


def _base64(text: str) -> str:
    try:
        # Bytes that are no text become characters that are not legal, which the dispatcher refuses by an API error.
        return base64.b64decode("".join(text.split()), validate=True).decode("utf-8", "surrogateescape")
    except (binascii.Error, ValueError):
        raise BadRequestError("a base64 value is not base64") from None


_TEXT: Mapping[str, Callable[[str], Any]] = {
    "methodName": str.strip,
    "name": str,
    "string": str,
    "int": _integer,
    "i4": _integer,
    "i8": _integer,
    "boolean": "1".__eq__,
    "double": _double,
    "dateTime.iso8601": DateTime,
    "base64": _base64,
    "nil": lambda text: None,
}
"""Elements that hold text, and what the text becomes."""

_IN_VALUE = frozenset({*_TEXT, "array", "struct"} - {"methodName", "name"})

_PARTS: Mapping[str, Callable[[list[Any]], Any]] = {
    "": lambda parts: parts,
    "methodCall": tuple,
    "params": list,
    "param": lambda parts: parts[0],
    "array": lambda parts: parts[0] if parts else [],
    "data": list,
    "struct": dict,
    "member": tuple,
}
"""Elements that hold elements, and what these become."""


class _Reader:
    """The handlers of expat, and the elements that are open."""

    def __init__(self, max_depth: int) -> None:
        self.call: tuple[str, list[Any]] | None = None
        self.is_text_legal = True
        # Beyond its values a call has four levels, and each level of a struct takes three elements.
        self._max_open = 4 + 3 * max_depth
        self._tags: list[str] = [""]
        self._parts: list[list[Any]] = [[]]
        self._text: list[str] = []

    def parser(self) -> expat.XMLParserType:
        """A parser that hands over to this reader. It is not kept here, so that no cycle arises."""
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.StartDoctypeDeclHandler = self._doctype
        parser.EntityDeclHandler = self._entity
        parser.SkippedEntityHandler = self._skipped
        return parser

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        parent, siblings = self._tags[-1], self._parts[-1]
        if parent == "value":
            allowed = tag in _IN_VALUE and not siblings
            if allowed and "".join(self._text).strip(_BLANKS):
                raise BadRequestError("a value has both text and a type")
        elif parent in _REPEATED:
            allowed = tag == _REPEATED[parent]
        else:
            order = _ORDER.get(parent, ())
            allowed = len(siblings) < len(order) and order[len(siblings)] == tag
        if not allowed:
            raise BadRequestError(f"<{tag[:80]}> cannot stand there")
        if len(self._tags) > self._max_open:
            raise BadRequestError("the values are nested too deeply")
        self._tags.append(tag)
        self._parts.append([])
        self._text.clear()

    def _end(self, tag: str) -> None:
        self._tags.pop()
        parts = self._parts.pop()
        if tag in _TEXT:
            result = _TEXT[tag]("".join(self._text))
            if tag == "base64":
                self.is_text_legal = False
        elif tag == "value":
            result = parts[0] if parts else "".join(self._text)
        else:
            if len(parts) < len(_ORDER.get(tag, ())) - _OPTIONAL.get(tag, 0):
                raise BadRequestError(f"<{tag}> lacks a part")
            result = _PARTS[tag](parts)
        self._text.clear()
        self._parts[-1].append(result)
        if tag == "methodCall":
            self.call = result

    def _characters(self, text: str) -> None:
        tag = self._tags[-1]
        if (tag in _TEXT or tag == "value") and not self._parts[-1]:
            self._text.append(text)
        elif text.strip(_BLANKS):
            raise BadRequestError("there is text between elements")

    def _doctype(self, name: str, system: str | None, public: str | None, has_subset: int) -> None:
        if has_subset:
            raise BadRequestError("declarations are not accepted")

    def _entity(self, *declaration: object) -> None:
        raise BadRequestError("declarations of entities are not accepted")

    def _skipped(self, name: str, is_parameter: bool) -> None:
        raise BadRequestError(f"the entity {name[:80]} is not known")


_BLANKS = " \t\r\n"
