"""Copies of pool databases: dumps in the API's XML form, and backups of this server's own."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from xapi_async.datamodel.classes import BY_NAME
from xapi_async.datamodel.language import ApiClass
from xapi_async.datamodel.types import BOOL, FLOAT, INT, ApiType, Map, Set
from xapi_async.objects.entity import Entity, new_entity
from xapi_async.objects.errors import DatabaseError
from xapi_async.objects.journal import MemoryJournal
from xapi_async.objects.recovery import inspect
from xapi_async.objects.relations import COMPUTED
from xapi_async.objects.store import Store
from xapi_async.objects.stored_names import stored_name

SCHEMA_MAJOR = "5"
_SQLITE = b"SQLite format 3\x00"
_ESCAPE = re.compile(r"%(.)", re.DOTALL)
_ESCAPED = {"%": "%", ".": " ", "t": "\t", "n": "\n", "r": "\r"}
_TOKEN = re.compile(r"\s*(?:([()])|'((?:[^'\\]|\\.)*)')", re.DOTALL)
_BACKSLASH = re.compile(r"\\(.)", re.DOTALL)


def read_copy(path: Path) -> Store:
    """A store with what a dump or backup holds; it is only to be read. It blocks. Raises DatabaseError."""
    try:
        with path.open("rb") as file:
            is_backup = file.read(len(_SQLITE)) == _SQLITE
    except OSError as error:
        raise DatabaseError(f"{path}: {error.strerror}") from error
    if is_backup:
        recovered = inspect(path)
        store = Store(MemoryJournal(), recovered.generation)
        recovered.fill(store)
        return store
    try:
        entities = sorted(_entities(path), key=lambda found: found[1].modified)
    except (ElementTree.ParseError, OSError, ValueError, KeyError) as error:
        raise DatabaseError(f"{path}: this is no copy of a database ({error})") from error
    store = Store(MemoryJournal(), max((entity.modified for _, entity in entities), default=1))
    for cls, entity in entities:
        store.restore(cls, entity)
    store.restore_relations()
    return store


def _entities(path: Path) -> Iterator[tuple[type[ApiClass], Entity]]:
    """Every object of a dump whose class there is here. Raises ValueError for other documents."""
    columns: Mapping[str, tuple[str, Callable[[str], Any]]] = {}
    cls: type[ApiClass] | None = None
    is_dump = False
    for event, element in ElementTree.iterparse(path, ("start", "end")):  # noqa: S314  only root may name a file
        if event == "start" and element.tag == "table":
            cls = BY_NAME.get(element.get("name", ""))
            columns = _columns(cls) if cls is not None else {}
        elif event == "start":
            is_dump |= element.tag == "database"
        elif element.tag == "pair" and element.get("key") == "schema_major_vsn":
            if element.get("value") != SCHEMA_MAJOR:
                raise ValueError(f"its schema is {element.get('value')}, not {SCHEMA_MAJOR}")
        elif element.tag == "row":
            if cls is not None:
                yield cls, _entity(cls, element.attrib, columns)
            element.clear()
        elif element.tag == "table":
            element.clear()
    if not is_dump:
        raise ValueError("it holds no database")


def _columns(cls: type[ApiClass]) -> Mapping[str, tuple[str, Callable[[str], Any]]]:
    """By column: the field it holds, and how its text is read."""
    return {
        stored_name(cls, name): (name, _reader(field.type))
        for name, field in cls.FIELDS.items()
        if name not in COMPUTED[cls]
    }


def _entity(
    cls: type[ApiClass], row: Mapping[str, str], columns: Mapping[str, tuple[str, Callable[[str], Any]]]
) -> Entity:
    values = {}
    for column, text in row.items():
        if column in columns:
            name, read = columns[column]
            values[name] = read(_ESCAPE.sub(lambda found: _ESCAPED[found[1]], text))
    entity = new_entity(cls, row["ref"], values)
    entity.born, entity.modified = int(row.get("__ctime", "0")), int(row.get("__mtime", "0"))
    return entity


def _reader(kind: ApiType[Any]) -> Callable[[str], Any]:
    """The function from the text of a column to the value of its field."""
    if isinstance(kind, Set):
        item = _reader(kind.item)
        return lambda text: tuple(item(one) for one in _tree(text))
    if isinstance(kind, Map):
        key, value = _reader(kind.key), _reader(kind.value)
        return lambda text: {key(pair[0]): value(pair[1]) for pair in _tree(text)}
    if kind is INT:
        return int
    if kind is FLOAT:
        return float
    if kind is BOOL:
        return lambda text: text == "true"
    return str


def _tree(text: str) -> list[Any]:
    """What ``('a' ('b' 'c'))`` lists. Raises ValueError for other texts."""
    stack: list[list[Any]] = [[]]
    position, end = 0, len(text.rstrip())
    while position < end:
        found = _TOKEN.match(text, position)
        if found is None:
            raise ValueError(f"{text[position : position + 20]!r} is no list")
        position = found.end()
        if found[1] == "(":
            stack.append([])
        elif found[1] == ")":
            if len(stack) < 2:
                raise ValueError("a list ends that did not begin")
            done = stack.pop()
            stack[-1].append(done)
        else:
            stack[-1].append(_BACKSLASH.sub(r"\1", found[2]))
    if len(stack) != 1 or len(stack[0]) != 1 or not isinstance(stack[0][0], list):
        raise ValueError(f"{text[:20]!r} is no list")
    return stack[0][0]
