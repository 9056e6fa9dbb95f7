"""The calls that nearly all calls are: a name and up to four texts.

One pattern reads them, in a fraction of the time a parser needs. What it accepts means exactly what
the parser would make of it; whatever could be read in another way is left to the parser.
"""

from __future__ import annotations

import re
from typing import Any

_PARAMS = 4

# Blanks without CR, which XML would turn into LF; text without markup and without what is not legal in XML.
_BLANK = r"[ \t\n]*+"
_TEXT = "[^<&\r\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]*+"
_DECLARATION = r"""(?:<\?xml version=(?:"1\.0"|'1\.0')(?: encoding=(?:"[Uu][Tt][Ff]-8"|'[Uu][Tt][Ff]-8'))? ?\?>)?"""


def _param(number: int, rest: str) -> str:
    typed = 2 * number + 2  # the number of its first group; the name's is 1
    value = f"<value>(<string>)?({_TEXT})(?({typed})</string>)</value>"
    return f"(?:<param>{_BLANK}{value}{_BLANK}</param>{_BLANK}{rest})?"


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
    method, *groups = match.groups()
    return method, [value for value in groups[1::2] if value is not None]
