"""Reading small XML documents: a document type is refused, so that nothing can be expanded beyond what was sent."""

from __future__ import annotations

from typing import NoReturn
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat


def parse_xml(text: bytes | str) -> Element:
    """The root of a document. Raises ValueError where it is not well-formed, or declares its type."""
    builder, parser = TreeBuilder(), expat.ParserCreate()
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = _refuse
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        raise ValueError(str(error)) from error
    return builder.close()


def _refuse(*declaration: object) -> NoReturn:
    raise ValueError("it declares a document type")
