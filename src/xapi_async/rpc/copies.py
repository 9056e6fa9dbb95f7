"""Sessions that see a copy of a database instead of the pool's own.

Their reading calls are answered from the copy. Calls about sessions, tasks and events are about this
server. Of the rest only those go on that leave the copy as it is; recovering reads the copy and writes here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.store import Store
from xapi_async.operations.context import Context, Handler, Handlers, Services
from xapi_async.rpc.dispatcher import Dispatcher
from xapi_async.rpc.entries import Entry, entries
from xapi_async.rpc.login import READ_ONLY_SID, Identity
from xapi_async.rpc.roles import permissions_of
from xapi_async.rpc.sessions import Sessions

USER = "db-from-file"
ROLE = "read-only"

_OF_THE_SERVER = frozenset({"session", "task", "event"})
_LOOKING = ("get_", "assert_", "recover")
"""How the names of messages begin that do not change the database they are sent to."""


class Copies:
    """Opens copies. handlers: all messages that are built."""

    def __init__(self, services: Services, sessions: Sessions, dispatcher: Dispatcher, handlers: Handlers) -> None:
        self._services = services
        self._sessions = sessions
        self._dispatcher = dispatcher
        self._handlers = handlers

    async def open(self, store: Store) -> str:
        """A session that sees what a store holds, and may only read; the store is forgotten as the session ends."""
        table = self._entries(store)
        permissions = (*sorted(permissions_of(ROLE)), ROLE)
        identity = Identity(USER, is_superuser=False, sid=READ_ONLY_SID, permissions=permissions)
        session = (await self._sessions.begin(identity)).session
        close = self._dispatcher.answer_otherwise(session, table)
        self._sessions.on_logout(session, close)
        return session

    def _entries(self, store: Store) -> Mapping[str, Entry]:
        services = replace(self._services, store=store, home=self._services)
        handlers = {name: _reading(name, handler, services) for name, handler in self._handlers.items()}
        found = {}
        for entry in entries(store, handlers, {}, {}):
            if entry.cls.FACTS.name in _OF_THE_SERVER:
                continue
            if entry.write is not None or (entry.handler is not None and entry.message.kind != "explicit"):
                entry.write, entry.handler = None, _refused
            found[entry.name] = entry
        return found


def _reading(name: str, handler: Handler, services: Services) -> Handler:
    """A message sent to a copy."""
    if not name.partition(".")[2].startswith(_LOOKING):
        return _refused

    async def read(ctx: Context, *args: Any) -> Any:
        return await handler(replace(ctx, services=services), *args)

    return read


async def _refused(ctx: Context, *args: Any) -> None:
    raise ApiError("OPERATION_NOT_ALLOWED", "the session sees a copy of a database, which can only be read")
