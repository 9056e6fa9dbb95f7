"""The datamodel as data: complete, consistent, described, and derived from single declarations."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import xapi_async
from xapi_async.datamodel import derive
from xapi_async.datamodel.classes import BY_NAME, CLASSES
from xapi_async.datamodel.enums import ENUMS
from xapi_async.datamodel.errors import ERRORS
from xapi_async.datamodel.language import RW, ApiClass, ClassFacts, Field
from xapi_async.datamodel.model import model
from xapi_async.datamodel.relations import RELATIONS
from xapi_async.datamodel.roles import ROLES, VM_ADMIN
from xapi_async.datamodel.types import STRING, STRING_MAP, Map, Ref, Set

SOURCE = Path(xapi_async.__file__).parent

ROOMS = (
    "cli", "config", "server", "wire", "rpc", "transfer", "operations", "hypervisor", "storage",
    "inventory", "network", "objects", "datamodel",
)  # fmt: skip
"""From the top of the house to its ground: each imports only what stands under it."""

TOP = {
    "__init__",
    "__main__",
    "cli",
    "commands",
    "config",
    "bulk",
    "database_backups",
    "disks",
    "faults",
    "listening",
    "logs",
    "observability",
    "open_files",
    "reloading",
    "running",
    "server",
    "settings",
    "transfers",
    "workers",
}


def test_there_are_59_classes_with_every_part_described() -> None:
    said = model()
    assert len(said["classes"]) == 59
    for name, doc in said["doc"]["classes"].items():
        assert doc["doc"], name
        for kind in ("fields", "messages"):
            silent = [part for part, text in doc[kind].items() if not text]
            assert not silent, f"{name}: {kind} without a description: {silent}"
    assert all(enum.doc and all(enum.values.values()) for enum in ENUMS)
    assert all(error.doc for error in ERRORS.values())


def test_relations_name_reference_fields_of_each_other() -> None:
    for one, many, _ in RELATIONS:
        (one_cls, one_field), (many_cls, many_field) = (end.split(".") for end in (one, many))
        for cls, field, other in ((one_cls, one_field, many_cls), (many_cls, many_field, one_cls)):
            declared = BY_NAME[cls].FIELDS[field].type
            target = declared.item if isinstance(declared, Set) else declared
            assert isinstance(target, Ref)
            # subject.roles stands in the facts for itself, though it refers to roles.
            assert target.cls == other or (one, many) == ("subject.roles", "subject.roles")


def test_role_lists_are_prefixes_of_the_order_of_roles() -> None:
    order = tuple(ROLES)
    for cls in CLASSES:
        for message in derive.messages(cls):
            assert message.roles == order[: len(message.roles)], f"{cls.FACTS.name}.{message.name}"


def test_documented_errors_exist() -> None:
    for cls in CLASSES:
        for message in derive.messages(cls):
            for code in message.errors:
                assert code in ERRORS, f"{cls.FACTS.name}.{message.name}: {code}"


def test_one_declaration_of_a_field_gives_all_its_messages() -> None:
    class Probe(ApiClass):
        """A class made for this test."""

        FACTS = ClassFacts("probe")
        uuid = Field(STRING, "RO/runtime", "Its uuid.")
        notes = Field(STRING_MAP, RW, "Notes.", default={}, setter_roles=VM_ADMIN)

    messages = {message.name: message for message in derive.messages(Probe)}
    for name in ("get_notes", "set_notes", "add_to_notes", "remove_from_notes", "get_record", "get_by_uuid"):
        assert name in messages
    assert "set_uuid" not in messages
    assert messages["set_notes"].roles == VM_ADMIN
    assert isinstance(messages["get_notes"].result, Map)


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda path: str(path.relative_to(SOURCE)))
def test_each_room_imports_only_what_stands_under_it(path: Path) -> None:
    room = _room(path.relative_to(SOURCE).with_suffix("").parts)
    for node in ast.walk(ast.parse(path.read_text())):
        for module in _imported(node):
            parts = module.split(".")
            if parts[0] != "xapi_async" or len(parts) == 1:
                continue
            target = _room(tuple(parts[1:]))
            if target == room or room in TOP:
                continue
            assert target not in TOP, f"{room} imports {module}"
            assert ROOMS.index(target) >= ROOMS.index(room), f"{room} imports {module}"


def _room(parts: tuple[str, ...]) -> str:
    return parts[0]


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.ImportFrom):
        return [node.module or ""]
    if isinstance(node, ast.Import):
        return [name.name for name in node.names]
    return []
