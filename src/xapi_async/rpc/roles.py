"""The catalogue of permissions and roles: who may do what, all of it derived from the datamodel.

A permission is the right to one call, one protected key of a map, one HTTP handler or a part of one;
a role is a set of permissions. They appear to clients as objects of class role, which are the same on
every server and can never change.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Final

from xapi_async.datamodel import derive
from xapi_async.datamodel.classes import CLASSES, Role
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.http_actions import HTTP_ACTIONS
from xapi_async.datamodel.roles import POOL_OPERATOR, ROLES, Roles
from xapi_async.objects.entity import Entity, new_entity
from xapi_async.objects.store import Store

EXTRA_PERMISSIONS: Final[dict[str, Roles]] = {"task.destroy/any": POOL_OPERATOR}
"""Permissions that stand for no call of their own."""


def permission_name(cls_name: str, message_name: str, key: str | None = None) -> str:
    """The permission of a message, or of a protected map key in it: ``vm.add_to_other_config/key:folder``."""
    name = f"{cls_name}.{message_name}" if key is None else f"{cls_name}.{message_name}/key:{key}"
    return name.lower()


def http_permission(action: str, part: str | None = None) -> str:
    """The permission of an HTTP handler, or of a part of it."""
    return f"http/{action}" if part is None else f"http/{action}/{part}"


def role_ref(name: str) -> str:
    """The reference of a role or, by its name in the original case, of a permission."""
    return f"OpaqueRef:{_uuid(name)}"


@cache
def permissions() -> dict[str, Roles]:
    """The roles that have each permission, by the permission's name in its original case."""
    return {name: roles for name, roles in _declared_permissions() if roles}


def roles_with(permission: str) -> Roles:
    """The roles that have a permission, given in lower case; none for one that does not exist."""
    return _roles_by_lower_name().get(permission, ())


@cache
def permissions_of(role: str) -> frozenset[str]:
    """The permissions of a role, by lower-case name; of a permission, itself; of another name, none."""
    if role not in ROLES:
        return frozenset((role,)) if role in _roles_by_lower_name() else frozenset()
    return frozenset(name for name, roles in _roles_by_lower_name().items() if role in roles)


def denied(permission: str) -> ApiError:
    """The failure of a caller without a permission: RBAC_PERMISSION_DENIED [permission, text]."""
    who = ", ".join(roles_with(permission)) or "local superusers only"
    return ApiError(
        "RBAC_PERMISSION_DENIED",
        permission,
        f"The permission is not among those of the user's roles. It is had by: {who}",
    )


def install(store: Store) -> None:
    """Put the role objects into a store that is not yet in use.

    They are never written to the journal and have no generation, so no event tells of them.
    """
    for name in permissions():
        description = "A basic permission, which roles are made of."
        store.restore(Role, _entity(name, name.lower(), description, ()))
    for role, description in ROLES.items():
        members = tuple(role_ref(name) for name, roles in permissions().items() if role in roles)
        store.restore(Role, _entity(role, role, description, members))


def _entity(name: str, label: str, description: str, subroles: Iterable[str]) -> Entity:
    values = {"uuid": _uuid(name), "name_label": label, "name_description": description, "subroles": tuple(subroles)}
    return new_entity(Role, role_ref(name), values)


@cache
def _uuid(name: str) -> str:
    # Not for secrecy: only so that every server gives a name the same identifier.
    digest = hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()
    return "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:]))


@cache
def _roles_by_lower_name() -> dict[str, Roles]:
    return {name.lower(): roles for name, roles in permissions().items()}


def _declared_permissions() -> Iterator[tuple[str, Roles]]:
    for cls in CLASSES:
        for message in derive.messages(cls):
            name = f"{cls.FACTS.name}.{message.name}"
            yield name, message.roles
            for key, roles in message.map_key_roles.items():
                yield f"{name}/key:{key}", roles
    for action in HTTP_ACTIONS:
        yield http_permission(action.name), action.roles
        for part, roles in action.sub_actions.items():
            yield http_permission(action.name, part), roles
    yield from EXTRA_PERMISSIONS.items()
