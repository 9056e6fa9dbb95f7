"""The language of ``get_all_records_where``: parsed once, compiled to a function over objects.

::

    expr  := value "=" value | expr "and" expr | expr "or" expr | "not" expr
           | "true" | "false" | "(" expr ")"
    value := string | "field" string

``and`` and ``or`` bind alike, to the left; ``not`` binds weakest and takes all that follows. Values are
compared as stored text, but where one side is a literal the comparison is made without writing the
other side out.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from operator import attrgetter
from typing import Any, NamedTuple

from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.language import ApiClass
from xapi_async.datamodel.types import BOOL, FLOAT, INT, ApiType, Map, Set
from xapi_async.objects.entity import Entity
from xapi_async.objects.stored_names import wire_names

Test = Callable[[Entity], bool]
Text = Callable[[Any], str]

DEEPEST = 200
"""How deep parentheses and ``not`` may be nested; more is refused, as Python's stack is not endless."""


def compile_query(cls: type[ApiClass], text: str) -> Test:
    """The function that says whether an expression holds for an object of the class.

    Raises INVALID_VALUE [text, why] where the text does not parse. The function raises INTERNAL_ERROR
    ["missing field", name, ""] when it comes to a field that the class does not have.
    """
    try:
        return _Parser(cls, _tokens(text)).whole()
    except _SyntaxError as error:
        raise ApiError("INVALID_VALUE", text, str(error)) from None


class _SyntaxError(Exception):
    """The text is no expression; the message says why."""


class _Token(NamedTuple):
    """A word, a sign, or, where ``kind`` is ``string``, a literal."""

    kind: str
    text: str


_TOKEN = re.compile(r'[ \t\n]*(?:"(?P<string>[^"]*)"|(?P<word>[A-Za-z0-9_]+|[()=]))')
_END = _Token("end", "")
_WORDS = frozenset(("and", "or", "not", "true", "false", "field", "(", ")", "="))


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    position, end = 0, len(text.rstrip(" \t\n"))
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None:
            raise _SyntaxError(f"nothing understood at character {position + 1}")
        string, word = match["string"], match["word"]
        if string is not None:
            found.append(_Token("string", string))
        elif word in _WORDS:
            found.append(_Token(word, word))
        else:
            raise _SyntaxError(f"unknown word: {word}")
        position = match.end()
    found.append(_END)
    return found


class _Value(NamedTuple):
    """One side of a comparison. literal: its text; None for a field. field: the stored name."""

    literal: str | None
    field: str = ""


class _Parser:
    """Recursive descent over the tokens; each method takes what it describes and gives its test."""

    def __init__(self, cls: type[ApiClass], tokens: list[_Token]) -> None:
        self._cls = cls
        self._wire_names = wire_names(cls)
        self._tokens = tokens
        self._position = 0
        self._depth = 0

    def whole(self) -> Test:
        test = self._expression()
        if self._peek() != "end":
            raise _SyntaxError(f"not expected: {self._next().text}")
        return test

    def _peek(self) -> str:
        return self._tokens[self._position].kind

    def _next(self) -> _Token:
        token = self._tokens[self._position]
        self._position += 1
        return token

    def _expression(self) -> Test:
        self._depth += 1
        if self._depth > DEEPEST:
            raise _SyntaxError(f"nested deeper than {DEEPEST}")
        first = self._term()
        rest: list[tuple[bool, Test]] = []
        while self._peek() in ("and", "or"):
            rest.append((self._next().kind == "and", self._term()))
        self._depth -= 1
        return _chain(first, rest) if rest else first

    def _term(self) -> Test:
        kind = self._peek()
        if kind == "not":
            return self._negation()
        if kind == "(":
            self._next()
            test = self._expression()
            self._expect(")")
            return test
        if kind in ("true", "false"):
            self._next()
            return _constant(kind == "true")
        left = self._value()
        self._expect("=")
        return self._equality(left, self._value())

    def _negation(self) -> Test:
        negated = False
        while self._peek() == "not":
            self._next()
            negated = not negated
        test = self._expression()
        return (lambda entity: not test(entity)) if negated else test

    def _value(self) -> _Value:
        token = self._next()
        if token.kind == "string":
            return _Value(token.text)
        if token.kind != "field":
            raise _SyntaxError(f"a string or a field is expected, not: {token.text or 'the end'}")
        return _Value(None, self._expect("string").text)

    def _expect(self, kind: str) -> _Token:
        token = self._next()
        if token.kind != kind:
            raise _SyntaxError(f"{kind} is expected, not: {token.text or 'the end'}")
        return token

    def _equality(self, left: _Value, right: _Value) -> Test:
        if left.literal is not None and right.literal is not None:
            return _constant(left.literal == right.literal)
        if left.literal is not None:
            return self._equals(right.field, left.literal)
        if right.literal is not None:
            return self._equals(left.field, right.literal)
        one, other = self._text_of(left.field), self._text_of(right.field)
        return lambda entity: one(entity) == other(entity)

    def _equals(self, field: str, literal: str) -> Test:
        found = self._field(field)
        if found is None:
            return _missing(field)
        read, api_type = found
        if api_type is INT:
            number = int(literal) if re.fullmatch(r"0|-?[1-9][0-9]{0,18}", literal) else None
            return lambda entity: read(entity) == number
        if api_type is BOOL:
            truth = {"true": True, "false": False}.get(literal)
            return lambda entity: read(entity) is truth
        text = _text(api_type)
        if text is _same:
            return lambda entity: bool(read(entity) == literal)
        return lambda entity: text(read(entity)) == literal

    def _text_of(self, field: str) -> Callable[[Entity], str]:
        found = self._field(field)
        if found is None:
            return _missing(field)
        read, text = found[0], _text(found[1])
        return lambda entity: text(read(entity))

    def _field(self, field: str) -> tuple[Callable[[Any], Any], ApiType[Any] | None] | None:
        """How to read a field and its type; None where there is none of that name."""
        if field == "_ref":
            return attrgetter("ref"), None
        name = self._wire_names.get(field, field)
        declared = self._cls.FIELDS.get(name)
        return None if declared is None else (attrgetter(name), declared.type)


def _constant(value: bool) -> Test:
    return lambda entity: value


def _missing(field: str) -> Callable[[Entity], Any]:
    def fail(entity: Entity) -> Any:
        raise ApiError("INTERNAL_ERROR", "missing field", field, "")

    return fail


def _chain(first: Test, rest: list[tuple[bool, Test]]) -> Test:
    def test(entity: Entity) -> bool:
        value = first(entity)
        for is_and, term in rest:
            if value == is_and:  # else the other side is not looked at
                value = term(entity)
        return value

    return test


# Stored text


def _same(value: str) -> str:
    return value


def _text(api_type: ApiType[Any] | None) -> Text:
    """How values of a type are stored as text."""
    if isinstance(api_type, Set):
        item = _text(api_type.item)
        return lambda values: f"({' '.join(_quoted(item(value)) for value in values)})"
    if isinstance(api_type, Map):
        key, value = _text(api_type.key), _text(api_type.value)
        return lambda pairs: f"({' '.join(f'({_quoted(key(k))} {_quoted(value(v))})' for k, v in pairs.items())})"
    if api_type is INT:
        return str
    if api_type is BOOL:
        return lambda truth: "true" if truth else "false"
    if api_type is FLOAT:
        return lambda number: f"{number:.18g}"
    return _same


def _quoted(text: str) -> str:
    return "'" + re.sub(r"""([\\'"])""", r"\\\1", text) + "'"
