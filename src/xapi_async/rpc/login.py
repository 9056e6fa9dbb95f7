"""Logging in: from credentials to an identity, in the order in which the API asks who knows a user."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass

from xapi_async.datamodel.classes import Role, Subject
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.roles import ROLES
from xapi_async.datamodel.types import NULL_REF
from xapi_async.objects.clock import Clock
from xapi_async.objects.store import Store
from xapi_async.operations.context import Origin
from xapi_async.operations.directory import DirectoryError, RefusedError, is_suspended
from xapi_async.rpc.authentication.external import External
from xapi_async.rpc.passwords import ROOT, Passwords
from xapi_async.rpc.roles import permissions_of
from xapi_async.rpc.settings import AccessSettings

log = logging.getLogger(__name__)

READ_ONLY_SID = "readonly-sid"
"""What sessions that see copies of databases have for the identifier of a user; no directory knows it."""

LOGIN = "session.login_with_password"
_REFUSED = "Authentication failure"


@dataclass(frozen=True)
class Identity:
    """Who has logged in. sid, subject: the user's, and the subject that let them in; for users of the directory.

    host: the host of the pool that it is, where it is one. permissions: for those who are no superuser.
    """

    name: str
    is_superuser: bool = True
    is_pool: bool = False
    sid: str = ""
    subject: str = NULL_REF
    host: str = ""
    permissions: tuple[str, ...] = ()


class Login:
    """Checks credentials. Failures are answered late, so that guessing takes time; only the guesser waits."""

    def __init__(
        self, store: Store, clock: Clock, settings: AccessSettings, passwords: Passwords, external: External
    ) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self._passwords = passwords
        self._external = external

    async def by_password(self, name: str, password: str, origin: Origin) -> Identity:
        """Who a name and password belong to.

        Raises SESSION_AUTHENTICATION_FAILED [name, text]; RBAC_PERMISSION_DENIED for a user of the
        directory without any role; SESSION_INVALID where the directory is not there yet.
        """
        if origin.is_local:
            return Identity(name)
        try:
            return await self._checked(name, password)
        except ApiError as error:
            log.info("login of %r from %s refused: %s", name, origin.address or "somewhere", error.code)
            await self._clock.sleep(self._settings.failed_login_seconds)
            raise

    async def by_local_password(self, name: str, password: str) -> Identity:
        """As :meth:`by_password`, by the server's own accounts alone, and failing at once."""
        if not await self._passwords.verify(name, password):
            raise _refused(name)
        return Identity(name)

    def by_pool_secret(self, name: str, secret: str) -> Identity:
        """A host of the pool. Raises SESSION_AUTHENTICATION_FAILED [name, text]."""
        if not self._passwords.is_pool_secret(secret):
            raise _refused(name)
        return Identity(name, is_pool=True, host=name)

    async def _checked(self, name: str, password: str) -> Identity:
        if not self._external.is_enabled:
            return await self.by_local_password(name, password)
        if name == ROOT and await self._passwords.verify(name, password):
            return Identity(name)
        return await self._by_directory(name, password)

    async def _by_directory(self, name: str, password: str) -> Identity:
        if not await self._external.wait_ready(self._settings.directory_wait_seconds):
            raise ApiError("SESSION_INVALID", LOGIN, "the external directory does not answer yet")
        directory = self._external.current()
        try:
            sid = await directory.verify(name, password)
            information = await directory.information(sid)
            if is_suspended(information):
                raise RefusedError("the account is disabled, expired or locked")
            subjects = matching_subjects(self._store, sid, await directory.groups(sid))
        except DirectoryError as error:
            raise ApiError("SESSION_AUTHENTICATION_FAILED", name, error.text) from error
        if not subjects:
            raise ApiError("SESSION_AUTHENTICATION_FAILED", name, "neither the user nor a group of theirs is a subject")
        permissions = _permissions(self._store, subjects)
        if not permissions:
            raise ApiError("RBAC_PERMISSION_DENIED", LOGIN, f"{name} has no role")
        return Identity(
            information.get("subject-name", name),
            is_superuser=False,
            sid=sid,
            subject=subjects[0].ref,
            permissions=permissions,
        )


def matching_subjects(store: Store, sid: str, groups: Iterable[str]) -> list[Subject]:
    """The subjects of the pool that a user comes under: the user's own first, then those of groups."""
    sids = {sid, *groups}
    found = [subject for subject in store.all(Subject) if subject.subject_identifier in sids]
    found.sort(key=lambda subject: subject.subject_identifier != sid)
    return found


def _permissions(store: Store, subjects: Iterable[Subject]) -> tuple[str, ...]:
    """The names of all permissions of the subjects' roles, and of the roles themselves."""
    names: dict[str, None] = {}
    for subject in subjects:
        for ref in subject.roles:
            role = store.find(Role, ref)
            if role is None:
                continue
            names.update(dict.fromkeys(sorted(permissions_of(role.name_label))))
            if role.name_label in ROLES:
                names[role.name_label] = None
    return tuple(names)


def _refused(name: str) -> ApiError:
    return ApiError("SESSION_AUTHENTICATION_FAILED", name, _REFUSED)
