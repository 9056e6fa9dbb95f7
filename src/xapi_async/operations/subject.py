"""subject: users and groups of the external directory that may log in, and their roles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xapi_async.datamodel.classes import Host, Pool, Role, Subject
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.entity import start_value
from xapi_async.objects.reader import Reader
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.role import permission_names

DIRECTORY_TYPE = "AD"
"""The external authentication type that needs a licence."""


async def create(ctx: Context, args: Mapping[str, Any]) -> str:
    async with ctx.store.transaction() as tx:
        if any(host.external_auth_type == DIRECTORY_TYPE for host in tx.all(Host)) and not has_ad(tx):
            raise ApiError("LICENCE_RESTRICTION", "AD")
        if any(subject.subject_identifier == args["subject_identifier"] for subject in tx.all(Subject)):
            raise ApiError("SUBJECT_ALREADY_EXISTS")
        # Without the feature nobody could give roles, so everybody has all.
        roles = () if has_rbac(tx) else start_value(Subject.FIELDS["roles"])
        return tx.create(Subject, **args, roles=roles).ref


async def destroy(ctx: Context, self: str) -> None:
    async with ctx.store.transaction() as tx:
        tx.delete(tx.get(Subject, self))


async def add_to_roles(ctx: Context, self: str, role: str) -> None:
    async with ctx.store.transaction() as tx:
        _assert_rbac(tx)
        subject = tx.get(Subject, self)
        if tx.find(Role, role) is None:
            raise ApiError("ROLE_NOT_FOUND")
        if role in subject.roles:
            raise ApiError("ROLE_ALREADY_EXISTS")
        tx.set(subject, roles=(role, *subject.roles))


async def remove_from_roles(ctx: Context, self: str, role: str) -> None:
    async with ctx.store.transaction() as tx:
        _assert_rbac(tx)
        subject = tx.get(Subject, self)
        if role not in subject.roles:
            raise ApiError("ROLE_NOT_FOUND")
        tx.set(subject, roles=tuple(other for other in subject.roles if other != role))


async def get_permissions_name_label(ctx: Context, self: str) -> tuple[str, ...]:
    roles = (ctx.store.find(Role, ref) for ref in ctx.store.get(Subject, self).roles)
    names = (name for role in roles if role is not None for name in permission_names(ctx.store, role))
    return tuple(dict.fromkeys(names))


def has_rbac(store: Reader) -> bool:
    """Whether roles can be given, by the pool's licence."""
    return _restriction(store, "restrict_rbac", absent="true") == "false"


def has_ad(store: Reader) -> bool:
    """Whether Active Directory can be used, by the pool's licence."""
    return _restriction(store, "restrict_ad", absent="false") != "true"


def _restriction(store: Reader, key: str, absent: str) -> str:
    pool = next(iter(store.all(Pool)), None)
    return absent if pool is None else pool.restrictions.get(key, absent)


def _assert_rbac(store: Reader) -> None:
    if not has_rbac(store):
        raise ApiError("LICENCE_RESTRICTION", "RBAC")


HANDLERS: Handlers = {
    "subject.create": create,
    "subject.destroy": destroy,
    "subject.add_to_roles": add_to_roles,
    "subject.remove_from_roles": remove_from_roles,
    "subject.get_permissions_name_label": get_permissions_name_label,
}
