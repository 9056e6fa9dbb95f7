"""The expressions of get_all_records_where."""

from __future__ import annotations

from typing import Any

import pytest

from xapi_async.datamodel.classes import VM, Host, Pool, VMMetrics
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.entity import new_entity
from xapi_async.objects.query import compile_query

A_VM = {
    "uuid": "u",
    "name_label": "my vm",
    "memory_target": 1073741824,
    "is_a_template": False,
    "power_state": "Halted",
    "HVM_shadow_multiplier": 0.1,
    "tags": ("it's", "back\\slash"),
    "other_config": {"new": "1", "old": "it's"},
    "VBDs": ("OpaqueRef:1",),
}


def holds(expression: str, cls: Any = VM, **values: Any) -> bool:
    return compile_query(cls, expression)(new_entity(cls, "OpaqueRef:a", {**A_VM, **values} if cls is VM else values))


@pytest.mark.parametrize(
    "expression",
    [
        "true",
        "(true)",
        "\n\ttrue ",
        '"a"="a"',
        'field "uuid"="u"',
        '"u"=field "uuid"',
        'field"uuid"="u"and true',
        'field "name__label"="my vm"',
        'field "name_label"="my vm"',
        'field "_ref"="OpaqueRef:a"',
        'field "memory__target"="1073741824"',
        'field "is_a_template"="false"',
        'field "power_state"="Halted"',
        'field "HVM__shadow_multiplier"="0.100000000000000006"',
        r"""field "tags"="('it\'s' 'back\\slash')" """,
        r"""field "other_config"="(('new' '1') ('old' 'it\'s'))" """,
        'field "snapshots"="()"',
        'field "blocked_operations"="()"',
        'field "VBDs"="(\'OpaqueRef:1\')"',
        'field "name__label"=field "name_label"',
        'field "PV__args"=field "PV__kernel"',
        'not field "uuid"="x" and false',
        "not (false and true)",
        "not not true",
        "false or not false and true",
        'true or field "nonsense"="x"',
        'false and field "nonsense"="x" or true',
    ],
)
def test_holds(expression: str) -> None:
    assert holds(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "false",
        "true or true and false",
        'field "uuid"="U"',
        'field "memory__target"="01073741824"',
        'field "memory__target"="+1073741824"',
        'field "is_a_template"="False"',
        'field "HVM__shadow_multiplier"="0.1"',
        "true and not true",
        "not true or true",
    ],
)
def test_does_not_hold(expression: str) -> None:
    assert not holds(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "", " ", "TRUE", "true\r", "true true", "(true", "true)", '"a"', '"a"=', 'field="x"', "'a'='a'", '"a" = "a',
        "and", "true and", "not", "x", '"a"=="a"', "(" * 100_000, "fieldx", 'field field "a"="b"',
    ],
)  # fmt: skip
def test_what_does_not_parse(expression: str) -> None:
    with pytest.raises(ApiError) as caught:
        compile_query(VM, expression)
    assert caught.value.code == "INVALID_VALUE"
    assert caught.value.params[0] == expression
    assert caught.value.params[1]


def test_an_unknown_field_fails_when_an_object_is_tested() -> None:
    test = compile_query(VM, 'field "nonsense"="x"')
    with pytest.raises(ApiError) as caught:
        test(new_entity(VM, "r", {}))
    assert caught.value.description == ["INTERNAL_ERROR", "missing field", "nonsense", ""]


def test_namespaces_differ_by_class() -> None:
    assert holds('field "name_label"="p"', Pool, name_label="p")
    with pytest.raises(ApiError):
        holds('field "name__label"="p"', Pool)
    assert holds('field "API_version__major"="2"', Host, API_version_major=2)
    assert holds("field \"VCPUs__CPU\"=\"(('0' '3'))\"", VMMetrics, VCPUs_CPU={0: 3})


def test_long_chains_and_many_nots() -> None:
    assert holds(" and ".join(["true"] * 20_000))
    assert holds("not " * 20_000 + "true")


def test_quotes_in_sets_are_escaped() -> None:
    assert holds('field "tags"=field "name__label"', tags=('a "tag"',), name_label="""('a \\"tag\\"')""")
