"""role: the fixed roles and permissions; reading only, from the objects that were put into the store at start."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from xapi_async.datamodel.classes import Role
from xapi_async.objects.reader import Reader
from xapi_async.objects.store import Store

ROLES_ONLY = "subroles<>[]"
PERMISSIONS_ONLY = "subroles=[]"
"""The two expressions that get_all_records_where knows; any other gives everything, be it valid or not."""


def readers(store: Store) -> Mapping[str, Callable[..., Any]]:
    """The messages of class role that are not the same for every class, by wire name."""

    def get_all_records_where(expr: str) -> Mapping[str, Role]:
        table = store.table(Role)
        if expr in (ROLES_ONLY, PERMISSIONS_ONLY):
            wanted = expr == ROLES_ONLY
            return {ref: role for ref, role in table.items() if bool(role.subroles) == wanted}
        return table

    return {
        "role.get_all_records_where": get_all_records_where,
        "role.get_permissions": lambda self: permissions(store, store.get(Role, self)),
        "role.get_permissions_name_label": lambda self: permission_names(store, store.get(Role, self)),
        "role.get_by_permission": lambda permission: _having(store, permission),
        "role.get_by_permission_name_label": lambda label: tuple(
            role for permission in store.by_name(Role, label) for role in _having(store, permission)
        ),
    }


def permissions(store: Reader, role: Role) -> tuple[str, ...]:
    """The references of a role's permissions; a permission has itself."""
    return role.subroles or (role.ref,)


def permission_names(store: Reader, role: Role) -> tuple[str, ...]:
    """The names of a role's permissions; a permission has itself."""
    return tuple(store.get(Role, ref).name_label for ref in permissions(store, role))


def _having(store: Store, permission: str) -> tuple[str, ...]:
    return tuple(role.ref for role in store.all(Role) if permission in role.subroles)
