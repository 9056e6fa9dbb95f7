"""How sessions end by themselves: for not being used, for being too many, or because the directory says so."""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable, Iterable

from xapi_async.datamodel.classes import Session, Subject, Task
from xapi_async.objects.clock import Clock, api_time, from_api_time
from xapi_async.objects.store import Store
from xapi_async.operations.directory import Directory, DirectoryError, UnknownError, is_suspended
from xapi_async.rpc.authentication.external import External
from xapi_async.rpc.login import READ_ONLY_SID, matching_subjects
from xapi_async.rpc.sessions import Sessions
from xapi_async.rpc.settings import AccessSettings

log = logging.getLogger(__name__)

_ROOT_NAMES = ("", "root")
_UNFINISHED = ("pending", "cancelling")


class Expiry:
    """Ends sessions. One pass each: :meth:`expire`, :meth:`revalidate`, :meth:`refresh_subjects`."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        rng: random.Random,
        settings: AccessSettings,
        sessions: Sessions,
        external: External,
    ) -> None:
        self._store = store
        self._clock = clock
        self._rng = rng
        self._settings = settings
        self._sessions = sessions
        self._external = external

    async def run(self) -> None:
        """Make every pass as often as is set, until cancelled."""
        settings = self._settings
        async with asyncio.TaskGroup() as group:
            group.create_task(self._repeat(self.expire, settings.expiry_pass_seconds))
            group.create_task(self._repeat(self.revalidate, settings.revalidation_pass_seconds))
            group.create_task(self._repeat(self.refresh_subjects, settings.subject_refresh_seconds))

    async def expire(self) -> None:
        """End the idle sessions that were not used for too long, or that are too many of a kind."""
        idle = [session for session in self._store.all(Session) if not _is_busy(self._store, session)]
        await self._sessions.end(surplus(idle, self._sessions.last_active, self._clock.now(), self._settings))

    async def revalidate(self) -> None:
        """Ask the directory about users whose last check is old; end the sessions whose user may no longer log in."""
        users = [session for session in self._store.all(Session) if _is_of_user(session)]
        if not self._external.is_enabled:
            await self._sessions.end(session.ref for session in users)
            return
        now, directory = self._clock.now(), self._external.current()
        for session in users:
            age = now - from_api_time(session.validation_time)
            spread = self._rng.uniform(0, self._settings.revalidation_spread_seconds)
            if age > self._settings.revalidation_seconds + spread:
                await self._revalidate(directory, session)

    async def _revalidate(self, directory: Directory, session: Session) -> None:
        try:
            subject = await self._subject_of(directory, session.auth_user_sid)
        except DirectoryError as error:
            log.warning("a user could not be checked anew: %s", error.text)
            return
        if subject is None:
            await self._sessions.end((session.ref,))
            return
        async with self._store.transaction() as tx:
            found = tx.find(Session, session.ref)
            if found is not None:
                tx.set(found, validation_time=api_time(self._clock.now()), subject=subject)

    async def _subject_of(self, directory: Directory, sid: str) -> str | None:
        """The subject that lets a user in now; None where there is none, or the account does not count."""
        try:
            if is_suspended(await directory.information(sid)):
                return None
            groups = await directory.groups(sid)
        except UnknownError:
            return None
        subjects = matching_subjects(self._store, sid, groups)
        return subjects[0].ref if subjects else None

    async def refresh_subjects(self) -> None:
        """Take over what the directory says of each subject; where it says nothing, the old stays."""
        if not self._external.is_enabled:
            return
        directory = self._external.current()
        for ref in [subject.ref for subject in self._store.all(Subject)]:
            subject = self._store.find(Subject, ref)
            if subject is None:
                continue
            try:
                information = dict(await directory.information(subject.subject_identifier))
            except DirectoryError:
                continue
            async with self._store.transaction() as tx:
                found = tx.find(Subject, ref)
                if found is not None and found.other_config != information:
                    tx.set(found, other_config=information)

    async def _repeat(self, make_pass: Callable[[], Awaitable[None]], seconds: float) -> None:
        while True:
            await self._clock.sleep(seconds)
            try:
                await make_pass()
            except Exception:
                log.exception("a pass over the sessions failed")


def _is_of_user(session: Session) -> bool:
    return not session.is_local_superuser and session.auth_user_sid != READ_ONLY_SID


def surplus(
    idle: Iterable[Session], last_active: Callable[[str], float], now: float, settings: AccessSettings
) -> list[str]:
    """The references of the idle sessions that have to go: the old ones, then the longest unused beyond each limit."""
    ended: list[str] = []
    kept: Counter[Hashable] = Counter()
    for session in sorted(idle, key=lambda session: last_active(session.ref), reverse=True):
        group, limit = group_of(session, settings)
        kept[group] += 1
        if now - last_active(session.ref) > settings.session_seconds or kept[group] > limit:
            ended.append(session.ref)
    return ended


def group_of(session: Session, settings: AccessSettings) -> tuple[Hashable, int]:
    """The kind of a session, and how many of that kind may stay."""
    if session.pool:
        return ("pool",), settings.pool_sessions
    if session.auth_user_name not in _ROOT_NAMES:
        return ("user", session.auth_user_name), settings.user_sessions
    if session.originator:
        return ("originator", session.originator), settings.root_sessions_of_originator
    return ("root",), settings.root_sessions


def _is_busy(store: Store, session: Session | None) -> bool:
    """Whether the session, or one it descends from, has work going on."""
    while session is not None:
        for ref in session.tasks:
            task = store.find(Task, ref)
            if task is not None and task.status in _UNFINISHED:
                return True
        session = store.find(Session, session.parent)
    return False
