"""What a restart leaves of who may come in."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from pathlib import Path

import pytest

from tests.access.conftest import ELSEWHERE, SETTINGS, MemoryLog
from tests.support import FakeClock
from xapi_async.datamodel.classes import Role
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.database import Database, open_database
from xapi_async.operations.notices import Messages
from xapi_async.rpc.access import Access, open_access
from xapi_async.rpc.authentication.ldap_settings import LdapSettings


async def _open(database: Database) -> Access:
    return await open_access(
        database.store, database.documents, FakeClock(), random.Random(1), SETTINGS, LdapSettings()
    )


async def test_the_password_stays_and_sessions_go(tmp_path: Path) -> None:
    async with open_database(tmp_path / "state.db") as database:
        access = await _open(database)
        session = (await access.sessions.log_in("root", SETTINGS.password, ELSEWHERE)).session
        await access.passwords.change("another one")
        generation = database.store.generation
    async with open_database(tmp_path / "state.db") as database:
        access = await _open(database)
        assert database.store.generation >= generation
        assert access.made_password is None
        with pytest.raises(ApiError):
            access.sessions.caller(session)
        with pytest.raises(ApiError):
            await access.sessions.log_in("root", SETTINGS.password, ELSEWHERE)
        await access.sessions.log_in("root", "another one", ELSEWHERE)
        assert len(database.store.by_name(Role, "pool-admin")) == 1


async def test_every_message_is_answered(tmp_path: Path) -> None:
    async with open_database(None) as database:
        access = await _open(database)
        messages = await Messages.open(MemoryLog(), FakeClock())  # type: ignore[arg-type]
        answered = {*access.handlers(messages), *access.readers()}
        assert {"session.logout", "auth.get_group_membership", "message.get", "role.get_permissions"} <= answered
        running = asyncio.create_task(access.run())
        await asyncio.sleep(0)
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
