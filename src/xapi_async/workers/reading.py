"""How a reader answers: what only reads and whose session it knows; everything else is for the writer."""

from __future__ import annotations

from collections.abc import Callable, Collection
from time import perf_counter

from xapi_async.datamodel.classes import Session
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.store import Store
from xapi_async.operations import role
from xapi_async.rpc import convert
from xapi_async.rpc.call import Call, Failure, Outcome
from xapi_async.rpc.dispatcher import internal_error, read_answer
from xapi_async.rpc.entries import entries
from xapi_async.rpc.login import READ_ONLY_SID, Identity
from xapi_async.rpc.sessions import SessionCaller
from xapi_async.rpc.stats import CallStats
from xapi_async.wire.rpc_endpoint import ElsewhereError, LaterError
from xapi_async.workers.freshness import Freshness


class ReaderSessions:
    """The callers behind the sessions that clients see as objects. used: those that were used lately."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._callers: dict[str, SessionCaller] = {}
        self._used: set[str] = set()

    def caller(self, ref: str) -> SessionCaller:
        """The caller behind a session. Raises ElsewhereError for a session that is unknown here."""
        found = self._callers.get(ref)
        if found is None:
            found = self._callers[ref] = self._made(ref)
        self._used.add(ref)
        return found

    def forget(self, ref: str) -> None:
        """A session has changed or ended."""
        self._callers.pop(ref, None)

    def take_used(self) -> tuple[str, ...]:
        """The sessions that were used since the last time."""
        used = tuple(self._used)
        self._used.clear()
        return used

    def _made(self, ref: str) -> SessionCaller:
        session = self._store.find(Session, ref)
        if session is None or session.auth_user_sid == READ_ONLY_SID:  # that one sees a copy, which is not here
            raise ElsewhereError
        identity = Identity(
            session.auth_user_name,
            is_superuser=session.is_local_superuser,
            is_pool=session.pool,
            sid=session.auth_user_sid,
            permissions=session.rbac_permissions,
        )
        return SessionCaller(ref, identity, 0.0, is_stored=True)


class ReadingDispatcher:
    """Answers reading messages as the writer's dispatcher does. reads: their names, as the writer says."""

    def __init__(self, store: Store, sessions: ReaderSessions, reads: Collection[str], freshness: Freshness) -> None:
        self._freshness = freshness
        self.stats = CallStats()
        self._table: dict[str, Callable[[Call], Outcome]] = {}
        for entry in entries(store, {}, role.readers(store), {}):
            if entry.name in reads and entry.read is not None:
                answer = read_answer(entry, sessions.caller)
                self._table[entry.name] = self._table[entry.name.replace(".", "_", 1)] = answer

    def call(self, call: Call) -> Outcome:
        """Answer a call. Raises ElsewhereError for one that is not to be answered here, LaterError for one not now."""
        answer = self._table.get(call.method)
        if answer is None:
            raise ElsewhereError
        if self._freshness.is_behind:
            raise LaterError(self._freshness.wait)
        start, code = perf_counter(), None
        outcome: Outcome
        try:
            if not call.text_checked:
                convert.check_text(call.params)
            outcome = answer(call)
        except ElsewhereError:
            raise
        except ApiError as error:
            outcome, code = Failure(error), error.code
        except Exception as bug:
            outcome = Failure(internal_error(call.method, bug))
            code = outcome.error.code
        self.stats.note(call.method, code, perf_counter() - start)
        return outcome
