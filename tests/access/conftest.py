"""A pool of one host with users who log in, put together without a server around it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.support import FakeClock, FakeTask
from xapi_async.datamodel.classes import Host, Pool, Subject
from xapi_async.objects.store import MemoryJournal, Store
from xapi_async.operations.context import Caller, Context, Origin, Services
from xapi_async.operations.directory import SUSPENDING_FLAGS, DirectoryError, RefusedError, UnknownError
from xapi_async.rpc import roles
from xapi_async.rpc.authentication.external import External
from xapi_async.rpc.expiry import Expiry
from xapi_async.rpc.login import Login
from xapi_async.rpc.passwords import Passwords
from xapi_async.rpc.sessions import Sessions
from xapi_async.rpc.settings import AccessSettings

PASSWORD = "correct horse"
ELSEWHERE = Origin("10.0.0.9")
SETTINGS = AccessSettings(password=PASSWORD, hash_memory_kib=64, hash_passes=1)


@dataclass
class FakeDirectory:
    """A directory in memory. users: passwords by name; memberships: the groups of a name; flags: of names."""

    users: dict[str, str] = field(default_factory=dict)
    memberships: dict[str, tuple[str, ...]] = field(default_factory=dict)
    flags: dict[str, dict[str, str]] = field(default_factory=dict)
    is_down: bool = False

    def _sid(self, name: str) -> str:
        if self.is_down:
            raise DirectoryError("the directory is down", "UNAVAILABLE")
        if name not in self.users:
            raise UnknownError(f"no {name}")
        return f"sid-{name}"

    async def probe(self) -> None:
        if self.is_down:
            raise DirectoryError("the directory is down", "UNAVAILABLE")

    async def verify(self, name: str, password: str) -> str:
        if not self.is_down and self.users.get(name) != password:
            raise RefusedError("wrong")
        return self._sid(name)

    async def find_sid(self, name: str) -> str:
        return self._sid(name)

    async def information(self, sid: str) -> Mapping[str, str]:
        name = sid.removeprefix("sid-")
        self._sid(name)
        return {
            "subject-name": f"DOMAIN\\{name}",
            **dict.fromkeys(SUSPENDING_FLAGS, "false"),
            **self.flags.get(name, {}),
        }

    async def groups(self, sid: str) -> Sequence[str]:
        self._sid(sid.removeprefix("sid-"))
        return self.memberships.get(sid.removeprefix("sid-"), ())


class MemoryDocuments:
    """Documents that nobody keeps."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}

    async def get(self, name: str) -> Any:
        return self.values.get(name)

    async def put(self, name: str, value: Any) -> None:
        self.values[name] = value


class MemoryLog:
    """A log that nobody keeps."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}

    async def append(self, key: str, value: Any) -> None:
        self.values.pop(key, None)
        self.values[key] = value

    async def delete(self, key: str) -> None:
        self.values.pop(key, None)

    async def rows(self) -> list[tuple[str, Any]]:
        return [(key, dict(value) if isinstance(value, dict) else value) for key, value in self.values.items()]


@dataclass
class House:
    """Everything that logging in needs."""

    services: Services
    clock: FakeClock
    documents: MemoryDocuments
    passwords: Passwords
    directory: FakeDirectory
    external: External
    sessions: Sessions
    expiry: Expiry
    host: str

    @property
    def store(self) -> Store:
        return self.services.store

    async def call(self, name: str, *args: Any, session: str | None = None, origin: Origin = ELSEWHERE) -> Any:
        caller = self.sessions.caller(session) if session is not None else None
        return await self.sessions.handlers()[f"session.{name}"](self.context(caller, origin), *args)

    def context(self, caller: Caller | None = None, origin: Origin = ELSEWHERE) -> Context:
        return Context(self.services, caller, FakeTask(), origin)  # type: ignore[arg-type]

    async def log_in(self, name: str = "root", password: str = PASSWORD, originator: str = "") -> str:
        session: str = await self.call("login_with_password", name, password, "1.1", originator)
        return session

    async def enable_directory(self) -> None:
        await self.external.enable(self.host, {}, "example.org", "AD")

    async def add_subject(self, sid: str, *role_names: str) -> str:
        async with self.store.transaction() as tx:
            refs = tuple(roles.role_ref(name) for name in role_names)
            return tx.create(Subject, subject_identifier=sid, roles=refs).ref

    async def user(self, name: str, *role_names: str) -> str:
        """A session of a user of the directory who has these roles."""
        self.directory.users[name] = "secret"
        if not self.external.is_enabled:
            await self.enable_directory()
        await self.add_subject(f"sid-{name}", *role_names)
        return await self.log_in(name, "secret")


@pytest.fixture
async def house() -> AsyncIterator[House]:
    clock, documents, directory = FakeClock(), MemoryDocuments(), FakeDirectory()
    store = Store(MemoryJournal())
    roles.install(store)
    writer = asyncio.create_task(store.run())
    async with store.transaction() as tx:
        host = tx.create(Host, name_label="host", hostname="host").ref
        tx.create(Pool, master=host, restrictions={"restrict_rbac": "false"})
    services = Services(store, clock, random.Random(1), None, None)  # type: ignore[arg-type]
    passwords, _ = await Passwords.open(documents, SETTINGS)
    external = await External.open(store, clock, documents, {"AD": lambda service, config: directory})
    sessions = Sessions(store, clock, Login(store, clock, SETTINGS, passwords, external), passwords)
    expiry = Expiry(store, clock, services.rng, SETTINGS, sessions, external)
    yield House(services, clock, documents, passwords, directory, external, sessions, expiry, host)
    passwords.close()
    writer.cancel()
