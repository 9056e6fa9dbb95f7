"""All of a server's state as lines of JSON that people can read, compare and edit.

The first line says what the file is. Then comes a line for each object, class by class: its class, a
name that is its own within the class, and the fields that are not as they start. References are
written as the names of what they lead to. ``ref`` and ``uuid`` keep an object's identity; a line
written by hand may leave them out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from xapi_async.datamodel.classes import BY_NAME, CLASSES
from xapi_async.datamodel.language import ApiClass
from xapi_async.datamodel.types import BOOL, FLOAT, INT, NULL_REF, ApiType, Enum, Map, Ref, Set
from xapi_async.inventory.labels import Labels
from xapi_async.objects.contents import Contents, StoredEntity
from xapi_async.objects.entity import new_ref, new_uuid
from xapi_async.objects.relations import COMPUTED

VERSION = 1
_REFERENCE = "OpaqueRef:"


class InventoryError(Exception):
    """A file that is no inventory. The message is one line that says where and why."""


def write(contents: Contents, server_version: str, *, with_secrets: bool = False) -> Iterator[bytes]:
    """The lines. with_secrets: with passwords' hashes and keys as well."""
    yield _line({"inventory": VERSION, "server": server_version})
    labels = Labels(contents.objects)
    order = {cls.FACTS.name: number for number, cls in enumerate(CLASSES)}
    for stored in sorted(contents.objects, key=lambda stored: (order[stored.cls], labels.of(stored.ref))):
        fields = BY_NAME[stored.cls].FIELDS
        values = {name: _readable(fields[name].type, value, labels) for name, value in stored.values.items()}
        yield _line({"class": stored.cls, "name": labels.of(stored.ref), "ref": stored.ref, "fields": values})
    for log, rows in contents.logs.items():
        yield from (_line({"log": log, "key": key, "value": value}) for key, value in rows)
    if with_secrets:
        yield from (_line({"document": name, "value": value}) for name, value in contents.documents.items())


def read(lines: Iterable[bytes], source: str) -> Contents:
    """What the lines say. source: what to call them in errors. Raises InventoryError."""
    objects: list[_Line] = []
    documents: dict[str, Any] = {}
    logs: dict[str, list[tuple[str, Any]]] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith(b"#"):
            continue
        where = f"{source}:{number}"
        match _parsed(line, where):
            case {"inventory": version}:
                if version != VERSION:
                    raise InventoryError(f"{where}: is of version {version}; this server reads version {VERSION}")
            case {"class": str(cls), "name": str(name), **rest} if rest.keys() <= {"ref", "fields"}:
                objects.append(_object(where, cls, name, rest))
            case {"log": str(log), "key": str(key), "value": value}:
                logs.setdefault(log, []).append((key, value))
            case {"document": str(name), "value": value}:
                documents[name] = value
            case _:
                raise InventoryError(f"{where}: is no line of an inventory")
    return Contents(_Reader(objects).entities(), documents, logs)


@dataclass(frozen=True)
class _Line:
    where: str
    cls: type[ApiClass]
    name: str
    ref: str
    fields: Mapping[str, Any]


def _parsed(line: bytes, where: str) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise InventoryError(f"{where}: is not JSON: {error}") from None


def _object(where: str, class_name: str, name: str, rest: Mapping[Any, Any]) -> _Line:
    cls, ref, fields = BY_NAME.get(class_name), rest.get("ref", ""), rest.get("fields", {})
    if cls is None or not cls.FACTS.persist:
        raise InventoryError(f"{where}: there is no class {class_name} that is kept")
    if not isinstance(ref, str) or not isinstance(fields, dict):
        raise InventoryError(f"{where}: ref must be a text and fields a table")
    return _Line(where, cls, name, ref or new_ref(), fields)


class _Reader:
    """Turns names back into references, and checks that every value is of its field's type."""

    def __init__(self, lines: list[_Line]) -> None:
        self._lines = lines
        self._refs: dict[tuple[str, str], str] = {}
        seen: dict[str, str] = {}
        for line in lines:
            key = (line.cls.FACTS.name, line.name)
            if key in self._refs:
                raise InventoryError(f"{line.where}: there is another {key[0]} {line.name}")
            if line.ref in seen:
                raise InventoryError(f"{line.where}: {line.ref} is the reference of {seen[line.ref]} too")
            self._refs[key] = line.ref
            seen[line.ref] = f"{key[0]} {line.name}"

    def entities(self) -> list[StoredEntity]:
        """The objects."""
        uuids: dict[str, str] = {}
        found = []
        for line in self._lines:
            values = {name: self._value(line, name, value) for name, value in line.fields.items()}
            uuid = values.setdefault("uuid", new_uuid())
            if uuid in uuids:
                raise InventoryError(f"{line.where}: uuid: {uuid} is that of {uuids[uuid]} too")
            uuids[uuid] = line.name
            found.append(StoredEntity(line.cls.FACTS.name, line.ref, values))
        return found

    def _value(self, line: _Line, name: str, value: Any) -> Any:
        field = line.cls.FIELDS.get(name)
        if field is None or not field.persist or name in COMPUTED[line.cls]:
            raise InventoryError(f"{line.where}: {line.cls.FACTS.name} {line.name}: there is no field {name} to set")
        try:
            return self._converted(field.type, value)
        except ValueError as error:
            raise InventoryError(f"{line.where}: {line.cls.FACTS.name} {line.name}: {name}: {error}") from None

    def _converted(self, api_type: ApiType[Any], value: Any) -> Any:
        if isinstance(api_type, Set):
            return tuple(self._converted(api_type.item, item) for item in _of(list, value, "a list"))
        if isinstance(api_type, Map):
            pairs = _of(dict, value, "a table").items()
            to_key: Callable[[str], Any] = int if api_type.key is INT else str
            return {to_key(key): self._converted(api_type.value, item) for key, item in pairs}
        if isinstance(api_type, Ref):
            return self._reference(api_type.cls, _of(str, value, "the name of an object"))
        if isinstance(api_type, Enum) and value not in api_type.values:
            raise ValueError(f"must be one of {', '.join(api_type.values)}, not {value!r}")
        if api_type is BOOL:
            return _of(bool, value, "true or false")
        if api_type is INT:
            return _of(int, value, "a whole number")
        if api_type is FLOAT:
            return float("nan") if value is None else float(_of((int, float), value, "a number"))
        return _of(str, value, "a text")

    def _reference(self, cls: str, name: str) -> str:
        if name == "":
            return NULL_REF
        found = self._refs.get((cls, name))
        if found is None and not name.startswith(_REFERENCE):
            raise ValueError(f"there is no {cls} {name}")
        return found or name


def _of(kind: Any, value: Any, text: str) -> Any:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise ValueError(f"must be {text}, not {value!r}")
    return value


def _readable(api_type: ApiType[Any], value: Any, labels: Labels) -> Any:
    if isinstance(api_type, Ref):
        return "" if value == NULL_REF else labels.of(value) or value
    if isinstance(api_type, Set):
        return [_readable(api_type.item, item, labels) for item in value]
    if isinstance(api_type, Map):
        return {str(key): _readable(api_type.value, item, labels) for key, item in value.items()}
    return value


def _line(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_APPEND_NEWLINE)
