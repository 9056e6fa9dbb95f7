"""The disks a template asks for, as its other_config describes them in XML.

The parser is expat, which is told to stop at the first sign of a document type, so that nothing can
be expanded to more than was sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple
from xml.parsers import expat

from xapi_async.datamodel.errors import ApiError

TYPES = frozenset({"system", "user", "ephemeral", "suspend", "crashdump"})
REQUIRED = ("device", "size", "sr", "bootable")
LONGEST = 1 << 20
"""Characters of XML that are looked at; no template asks for that many disks."""


class WantedDisk(NamedTuple):
    """A disk to be made. device: its position in the VM. size: bytes. sr: as given, by rights a uuid."""

    device: str
    size: int
    sr: str
    bootable: bool
    type: str


def parse(text: str) -> tuple[WantedDisk, ...]:
    """The disks in a text as ``other_config:disks`` holds it; none in an empty one. Raises INTERNAL_ERROR [text]."""
    if not text:
        return ()
    try:
        return tuple(_disk(attributes) for attributes in _elements(text))
    except (expat.ExpatError, ValueError) as error:
        raise ApiError("INTERNAL_ERROR", f"other_config:disks cannot be understood: {error}") from error


def _disk(attributes: Mapping[str, str]) -> WantedDisk:
    missing = [name for name in REQUIRED if name not in attributes]
    if missing:
        raise ValueError(f"a disk lacks {', '.join(missing)}")
    kind = attributes.get("type", "")
    return WantedDisk(
        device=attributes["device"],
        size=int(attributes["size"]),
        sr=attributes["sr"],
        bootable=attributes["bootable"] == "true",
        type=kind if kind in TYPES else "system",
    )


def _elements(text: str) -> list[Mapping[str, str]]:
    """The attributes of each ``disk`` in a ``provision``."""
    if len(text) > LONGEST:
        raise ValueError("it is too long")
    found: list[Mapping[str, str]] = []
    open_elements: list[str] = []

    def begin(name: str, attributes: Mapping[str, str]) -> None:
        expected = ("provision", "disk")
        if len(open_elements) >= len(expected) or name != expected[len(open_elements)]:
            raise ValueError(f"the element {name} does not belong there")
        open_elements.append(name)
        if name == "disk":
            found.append(dict(attributes))
        elif attributes:
            raise ValueError("provision has attributes")

    def end(name: str) -> None:
        open_elements.pop()

    def refuse(*declaration: object) -> None:
        raise ValueError("it declares a document type")

    parser = expat.ParserCreate()
    parser.StartElementHandler = begin
    parser.EndElementHandler = end
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    parser.Parse(text, True)
    return found
