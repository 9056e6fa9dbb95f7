"""The calls that nearly all calls are: a name and up to four texts, lists of texts, and plain numbers.

One pattern reads them, in a fraction of the time a parser needs. What it accepts means exactly what
the parser would make of it; whatever could be read in another way is left to the parser.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

PLAIN_DEPTH = 2
"""Where values may be nested so deep, no such call is too deep."""

_PARAMS = 4
_ITEMS = 256
"""Texts of a list at the most: the pattern takes memory for each."""

# Blanks without CR, which XML would turn into LF; text without markup and without what is not legal in XML.
_BLANK = r"[ \t\n]*+"
_TEXT = "[^<&\r\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]*+"
_DECLARATION = r"""(?:<\?xml version=(?:"1\.0"|'1\.0')(?: encoding=(?:"[Uu][Tt][Ff]-8"|'[Uu][Tt][Ff]-8'))? ?\?>)?"""
# Not possessive where it repeats: Python 3.11.2 takes half an item then.
_ITEM = f"<value>(?:<string>{_TEXT}</string>|{_TEXT})</value>{_BLANK}"

_items_of = re.compile(f"<value>(?:<string>)?({_TEXT})").findall

_OTHERS: tuple[tuple[str, Callable[[str], Any]], ...] = (
    (f"<array>{_BLANK}<data>{_BLANK}((?:{_ITEM}){{0,{_ITEMS}}})</data>{_BLANK}</array>", _items_of),
    (r"<double>(-?[0-9]{1,18}(?:\.[0-9]{1,18})?)</double>", float),
    (r"<int>(-?[0-9]{1,18})</int>", int),
    (r"<boolean>([01])</boolean>", "1".__eq__),
)
"""What a value may hold beside text: the pattern, with one group, and what becomes of that."""

_READ = tuple(read for _, read in _OTHERS)
_GROUPS = 2 + len(_OTHERS)


def _param(number: int, rest: str) -> str:
    typed = _GROUPS * number + 2  # the number of its first group; the name's is 1
    held = "|".join((f"(<string>)?({_TEXT})(?({typed})</string>)", *(pattern for pattern, _ in _OTHERS)))
    return f"(?:<param>{_BLANK}<value>(?:{held})</value>{_BLANK}</param>{_BLANK}{rest})?"


def _pattern() -> str:
    params = ""
    for number in reversed(range(_PARAMS)):
        params = _param(number, params)
    return (
        f"{_DECLARATION}{_BLANK}<methodCall>{_BLANK}<methodName>([A-Za-z0-9_.:]++)</methodName>{_BLANK}"
        f"<params>{_BLANK}{params}</params>{_BLANK}</methodCall>{_BLANK}"
    )


_match = re.compile(_pattern()).fullmatch


def decode_plain(body: bytes) -> tuple[str, list[Any]] | None:
    """The name and the parameters, or None where the call is of another shape."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return None
    match = _match(text)
    if match is None or "]]>" in text:  # which XML forbids in text
        return None
    groups = match.groups()
    params: list[Any] = []
    for start in range(2, match.lastindex or 0, _GROUPS):
        value = groups[start]
        if value is None:
            value = _other(groups[start + 1 : start + _GROUPS])
        params.append(value)
    return groups[0], params


def _other(groups: Sequence[str | None]) -> Any:
    for read, group in zip(_READ, groups, strict=False):
        if group is not None:
            return read(group)
    raise AssertionError("a parameter that matched has a group")
