"""The records in an archive: one XML-RPC value that lists objects, with what exported them."""

from __future__ import annotations

import re
import xmlrpc.client
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from xml.parsers.expat import ExpatError

from xapi_async.datamodel.classes import BY_NAME
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.types import BOOL, DATETIME, FLOAT, INT, ApiType, Map, Set

MAJOR, MINOR, EXPORT_VERSION = 1, 20, 2

_DECLARATION = re.compile(rb"^\s*<\?xml[^>]*\?>")


@dataclass(frozen=True)
class Item:
    """An object of an archive. cls: its class by wire name. id: how others refer to it. record: by field."""

    cls: str
    id: str
    record: Mapping[str, Any]


@dataclass(frozen=True)
class Contents:
    """What an archive says is in it. version: what exported it, as texts."""

    items: Sequence[Item]
    version: Mapping[str, str] = field(default_factory=dict)

    def of(self, cls: str) -> list[Item]:
        """The objects of a class."""
        return [item for item in self.items if item.cls == cls]

    @property
    def export_version(self) -> int:
        """How the disks are written."""
        return int(self.version.get("export_vsn", "0"))


def to_xml(contents: Contents) -> bytes:
    """The document of an archive."""
    value = {
        "version": dict(contents.version),
        "objects": [
            {"class": item.cls, "id": item.id, "snapshot": _plain_record(item.cls, item.record)}
            for item in contents.items
        ],
    }
    text = xmlrpc.client.dumps((value,))
    inner = text[text.index("<param>") + len("<param>") : text.rindex("</param>")]
    return f"<?xml version='1.0'?>{inner.strip()}".encode()


def from_xml(document: bytes) -> Contents:
    """What a document says. Classes and fields that this server does not know are left out.

    Raises IMPORT_ERROR [text] for one that cannot be read, IMPORT_INCOMPATIBLE_VERSION [].
    """
    try:
        wrapped = "<params><param>" + _DECLARATION.sub(b"", document).decode() + "</param></params>"
        value: Any = xmlrpc.client.loads(wrapped)[0][0]
        version = {str(key): str(text) for key, text in value["version"].items()}
        major, minor = int(version.get("xapi_major", MAJOR)), int(version.get("xapi_minor", MINOR))
        if major != MAJOR or minor > MINOR:
            raise ApiError("IMPORT_INCOMPATIBLE_VERSION")
        items = [
            Item(one["class"], one["id"], _record(one["class"], one["snapshot"]))
            for one in value["objects"]
            if one["class"] in BY_NAME
        ]
        return Contents(items, version)
    except (ExpatError, xmlrpc.client.Error, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ApiError("IMPORT_ERROR", f"the records cannot be read: {error}") from error


def _plain_record(cls: str, record: Mapping[str, Any]) -> dict[str, Any]:
    fields = BY_NAME[cls].FIELDS
    return {name: _plain(fields[name].type, value) for name, value in record.items()}


def _plain(kind: ApiType[Any], value: Any) -> Any:
    if kind == INT:
        return str(value)
    if kind == DATETIME:
        return xmlrpc.client.DateTime(value)
    if isinstance(kind, Set):
        return [_plain(kind.item, one) for one in value]
    if isinstance(kind, Map):
        return {str(key): _plain(kind.value, one) for key, one in value.items()}
    return value


def _record(cls: str, snapshot: Mapping[str, Any]) -> dict[str, Any]:
    fields = BY_NAME[cls].FIELDS
    return {name: _held(fields[name].type, value) for name, value in snapshot.items() if name in fields}


def _held(kind: ApiType[Any], value: Any) -> Any:
    """A value as objects hold it. Raises ValueError, TypeError, AttributeError for one of another type."""
    if isinstance(kind, Set):
        return tuple(_held(kind.item, one) for one in value)
    if isinstance(kind, Map):
        return {_held(kind.key, key): _held(kind.value, one) for key, one in value.items()}
    if kind == INT:
        return int(value)
    if kind == FLOAT:
        return float(value)
    if kind == DATETIME:
        return str(value.value)
    if kind == BOOL:
        if not isinstance(value, bool):
            raise TypeError(f"{value!r} is neither true nor false")
        return value
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value
