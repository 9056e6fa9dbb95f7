"""Sessions: who is logged in, and the messages of class session.

Every call asks :meth:`Sessions.caller`, so that is one look into a dictionary. What clients see of a
session is an object of the store; when it was last used is noted beside it, without a transaction.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from xapi_async.datamodel.classes import Pool, Session, Subject
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.language import public_fields
from xapi_async.datamodel.types import NULL_REF
from xapi_async.objects.clock import Clock, api_time
from xapi_async.objects.entity import new_ref
from xapi_async.objects.store import Store
from xapi_async.operations.context import Context, Handlers, Origin
from xapi_async.rpc.login import Identity, Login
from xapi_async.rpc.passwords import Passwords

log = logging.getLogger(__name__)


class SessionCaller:
    """The caller behind a session. last_active: the clock's stamp. is_stored: clients see it as an object."""

    __slots__ = (
        "_permissions", "is_pool", "is_stored", "is_superuser", "last_active", "may", "session", "user_name",
        "user_sid",
    )  # fmt: skip

    def __init__(self, session: str, identity: Identity, stamp: float, *, is_stored: bool) -> None:
        self.session = session
        self.user_name = identity.name
        self.user_sid = identity.sid
        self.is_superuser = identity.is_superuser
        # A session of this host alone passes wherever hosts pass.
        self.is_pool = identity.is_pool or not is_stored
        self.is_stored = is_stored
        self.last_active = stamp
        self._permissions = frozenset(identity.permissions)
        self.may: Callable[[str], bool] = _anything if self.is_superuser else self._permissions.__contains__


def _anything(permission: str) -> bool:
    return True


class Sessions:
    """All sessions. They do not outlive the process."""

    def __init__(self, store: Store, clock: Clock, login: Login, passwords: Passwords) -> None:
        self._store = store
        self._clock = clock
        self._stamp = clock.stamp
        self._login = login
        self._passwords = passwords
        self._callers: dict[str, SessionCaller] = {}
        self._hooks: dict[str, dict[object, Callable[[], None]]] = {}

    # What others ask of it

    def caller(self, ref: str) -> SessionCaller:
        """The caller behind a session, which counts as used now. Raises SESSION_INVALID [ref]."""
        found = self._callers.get(ref)
        if found is None:
            raise ApiError("SESSION_INVALID", ref)
        found.last_active = self._stamp()
        return found

    def peek(self, ref: str) -> SessionCaller:
        """The caller behind a session, without that counting as use. Raises SESSION_INVALID [ref]."""
        found = self._callers.get(ref)
        if found is None:
            raise ApiError("SESSION_INVALID", ref)
        return found

    def touch(self, ref: str) -> None:
        """Count a session as used now, as long transfers do; nothing happens where it has ended."""
        found = self._callers.get(ref)
        if found is not None:
            found.last_active = self._stamp()

    def last_active(self, ref: str) -> float:
        """When a session was last used, in seconds since 1970; 0 where it has ended."""
        found = self._callers.get(ref)
        return self._clock.at(found.last_active) if found is not None else 0.0

    def on_logout(self, ref: str, callback: Callable[[], None]) -> Callable[[], None]:
        """Have a function called once when the session ends, at once if it has; gives the way to stop that."""
        if ref not in self._callers:
            callback()
            return _nothing
        hooks = self._hooks.setdefault(ref, {})
        # By a key of its own: one session may have thousands of callers who wait for events.
        key = object()
        hooks[key] = callback

        def stop() -> None:
            hooks.pop(key, None)
            if not hooks and self._hooks.get(ref) is hooks:
                del self._hooks[ref]

        return stop

    async def begin(self, identity: Identity, originator: str = "") -> SessionCaller:
        """Make a session."""
        now = self._clock.now()
        caller = SessionCaller(new_ref(), identity, self._stamp(), is_stored=True)
        async with self._store.transaction() as tx:
            pool = next(iter(tx.all(Pool)), None)
            master = pool.master if pool is not None else NULL_REF
            tx.create(
                Session,
                ref=caller.session,
                this_host=identity.host or master,
                this_user=NULL_REF,
                last_active=api_time(now),
                validation_time=api_time(now),
                pool=identity.is_pool,
                is_local_superuser=identity.is_superuser,
                subject=identity.subject,
                auth_user_sid=identity.sid,
                auth_user_name=identity.name,
                rbac_permissions=identity.permissions,
                originator=originator,
            )
            # Before the transaction's end, so that a cancelled log-in leaves no session that nobody knows.
            self._callers[caller.session] = caller
        return caller

    async def end(self, refs: Iterable[str]) -> None:
        """End sessions; those that have ended already are left out."""
        ended = [ref for ref in refs if self._callers.pop(ref, None) is not None]
        for ref in ended:
            for callback in tuple(self._hooks.pop(ref, {}).values()):
                callback()
        async with self._store.transaction() as tx:
            for ref in ended:
                session = tx.find(Session, ref)
                if session is not None:
                    tx.delete(session)

    async def log_in(self, uname: str, pwd: str, origin: Origin, originator: str = "") -> SessionCaller:
        """Make a session for who has this name and password. Raises what session.login_with_password does."""
        return await self.begin(await self._login.by_password(uname, pwd, origin), originator)

    # Messages

    def handlers(self) -> Handlers:
        """The explicit messages of class session."""
        return {
            "session.login_with_password": self._login_with_password,
            "session.logout": self._logout,
            "session.change_password": self._change_password,
            "session.slave_login": self._slave_login,
            "session.slave_local_login": self._slave_local_login,
            "session.slave_local_login_with_password": self._slave_local_login_with_password,
            "session.local_logout": self._local_logout,
            "session.get_all_subject_identifiers": self._get_all_subject_identifiers,
            "session.logout_subject_identifier": self._logout_subject_identifier,
        }

    def readers(self) -> Mapping[str, Callable[..., Any]]:
        """The messages that show when a session was last used, which its object does not know."""
        return {"session.get_last_active": self._get_last_active, "session.get_record": self._get_record}

    async def _login_with_password(self, ctx: Context, uname: str, pwd: str, version: str, originator: str) -> str:
        return (await self.log_in(uname, pwd, ctx.origin, originator)).session

    async def _logout(self, ctx: Context) -> None:
        await self.end((ctx.caller.session,))

    async def _change_password(self, ctx: Context, old_pwd: str, new_pwd: str) -> None:
        if not ctx.caller.is_superuser:
            raise ApiError("USER_IS_NOT_LOCAL_SUPERUSER", "only root may change root's password")
        await self._passwords.change(new_pwd)

    async def _slave_login(self, ctx: Context, host: str, psecret: str) -> str:
        identity = self._login.by_pool_secret(host, psecret)
        return (await self.begin(identity, "xapi")).session

    async def _slave_local_login(self, ctx: Context, psecret: str) -> str:
        return self._begin_local(self._login.by_pool_secret("localhost", psecret))

    async def _slave_local_login_with_password(self, ctx: Context, uname: str, pwd: str) -> str:
        return self._begin_local(await self._login.by_local_password(uname, pwd))

    async def _local_logout(self, ctx: Context) -> None:
        caller = self._callers.get(ctx.caller.session)
        if caller is not None and not caller.is_stored:
            await self.end((caller.session,))

    async def _get_all_subject_identifiers(self, ctx: Context) -> tuple[str, ...]:
        found: dict[str, None] = {}
        for session in self._of_users():
            found[session.auth_user_sid] = None
            subject = self._store.find(Subject, session.subject)
            if subject is not None:
                found[subject.subject_identifier] = None
        return tuple(found)

    async def _logout_subject_identifier(self, ctx: Context, subject_identifier: str) -> None:
        await self.end(
            session.ref
            for session in list(self._of_users())
            if session.ref != ctx.caller.session and self._is_of(session, subject_identifier)
        )

    def _get_last_active(self, ref: str) -> str:
        self._store.get(Session, ref)
        return api_time(self.last_active(ref))

    def _get_record(self, ref: str) -> Mapping[str, Any]:
        session = self._store.get(Session, ref)
        record = {field.name: getattr(session, field.name) for field in public_fields(Session)}
        return record | {"last_active": api_time(self.last_active(ref))}

    # Helpers

    def _begin_local(self, identity: Identity) -> str:
        caller = SessionCaller(new_ref(), identity, self._stamp(), is_stored=False)
        self._callers[caller.session] = caller
        return caller.session

    def _of_users(self) -> Iterable[Session]:
        return (session for session in self._store.all(Session) if not session.is_local_superuser)

    def _is_of(self, session: Session, sid: str) -> bool:
        subject = self._store.find(Subject, session.subject)
        return sid == session.auth_user_sid or (subject is not None and sid == subject.subject_identifier)


def _nothing() -> None:
    return None
