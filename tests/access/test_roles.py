"""The fixed roles and permissions, and who may do what."""

from __future__ import annotations

import pytest

from tests.access.conftest import House
from xapi_async.datamodel.classes import Role
from xapi_async.datamodel.http_actions import HTTP_ACTIONS
from xapi_async.datamodel.roles import ROLES
from xapi_async.operations import role as role_messages
from xapi_async.rpc import roles

REFERENCES = {
    "pool-admin": "0165f154-ba3e-034e-6b27-5d271af109ba",
    "pool-operator": "b9ce9791-0604-50cd-0649-09b3284c7dfd",
    "vm-power-admin": "7955168d-7bec-10ed-105f-c6a7e6e63249",
    "vm-admin": "aaa00ab5-7340-bfbc-0d1b-7cf342639a6e",
    "vm-operator": "fb8d4ff9-310c-a959-0613-54101535d3d5",
    "read-only": "7233b8e3-eacb-d7da-2c95-f2e581cdbf4e",
}


async def test_references_are_the_same_on_every_server(house: House) -> None:
    for name, uuid in REFERENCES.items():
        role = house.store.get(Role, f"OpaqueRef:{uuid}")
        assert (role.uuid, role.name_label) == (uuid, name)


async def test_roles_hold_permissions_directly(house: House) -> None:
    admin, reader = (set(house.store.get(Role, roles.role_ref(name)).subroles) for name in ("pool-admin", "read-only"))
    everything = {role.ref for role in house.store.all(Role) if not role.subroles}
    assert admin == everything
    assert reader < admin
    start = house.store.get(Role, roles.role_ref("VM.start"))
    assert (start.name_label, start.subroles) == ("vm.start", ())


@pytest.mark.parametrize(
    ("permission", "expected"),
    [
        ("vm.start", 5),
        ("vm.create", 4),
        ("task.destroy/any", 2),
        ("host.call_extension", 1),
        ("task.add_to_other_config", 2),
        ("task.add_to_other_config/key:applies_to", 5),
        ("task.remove_from_other_config/key:applies_to", 5),
        ("pool.add_to_other_config/key:xencenter.customfields.*", 5),
        ("http/get_export", 4),
        ("http/connect_console/host_console", 1),
        ("http/connect_console_ws/host_console_ws", 1),
        ("http/get_vncsnapshot/host_console", 1),
        ("session.change_password", 0),
        ("no.such_thing", 0),
    ],
)
def test_who_has_a_permission(permission: str, expected: int) -> None:
    assert roles.roles_with(permission) == tuple(ROLES)[:expected]
    for name in ROLES:
        assert (permission in roles.permissions_of(name)) == (name in tuple(ROLES)[:expected])


def test_a_denial_names_who_may() -> None:
    code, permission, text = roles.denied("vm.create").description
    assert (code, permission) == ("RBAC_PERMISSION_DENIED", "vm.create")
    assert "pool-admin, pool-operator, vm-power-admin, vm-admin" in text
    assert "vm-operator" not in text


def test_every_http_handler_has_a_permission() -> None:
    assert all(roles.roles_with(roles.http_permission(action.name)) == action.roles for action in HTTP_ACTIONS)


async def test_messages_of_role(house: House) -> None:
    read = role_messages.readers(house.store)
    everything = set(house.store.table(Role))
    where = read["role.get_all_records_where"]
    assert {role.name_label for role in where("subroles<>[]").values()} == set(ROLES)
    assert len(where("subroles=[]")) == len(everything) - len(ROLES)
    assert set(where("nonsense")) == set(where('field "uuid" = "x"')) == everything
    operator, start = roles.role_ref("vm-operator"), roles.role_ref("VM.start")
    assert start in read["role.get_permissions"](operator)
    assert read["role.get_permissions"](start) == (start,)
    assert read["role.get_permissions_name_label"](start) == ("vm.start",)
    assert "vm.start" in read["role.get_permissions_name_label"](operator)
    having = {roles.role_ref(name) for name in ROLES if name != "read-only"}
    assert set(read["role.get_by_permission"](start)) == having
    assert read["role.get_by_permission"](operator) == ()
    assert set(read["role.get_by_permission_name_label"]("vm.start")) == having
    assert read["role.get_by_permission_name_label"]("nothing") == ()


async def test_roles_are_no_news(house: House) -> None:
    assert list(house.store.changed_since(Role, 0)) == []
