"""The dispatcher: from a call to its handler, with every check a call has to pass, in the API's order.

One table, made at start-up, leads from each wire name, in each spelling, to what answers it. Reading
messages are answered on the spot; everything else is a coroutine.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from time import perf_counter
from typing import Any, Protocol

from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.types import STRING_SET, Ref
from xapi_async.operations.context import Caller, Context, Handler, Handlers, Origin, Services
from xapi_async.rpc import convert, implicit, request_id
from xapi_async.rpc.absent import Nobody, NoTask
from xapi_async.rpc.call import ANY, Call, Failure, Outcome, Success, Wait, Waiting, Writing
from xapi_async.rpc.checks import assert_allowed, count_mismatch, session_text, stopped
from xapi_async.rpc.entries import Entry, entries
from xapi_async.rpc.roles import denied
from xapi_async.rpc.stats import UNKNOWN, CallStats
from xapi_async.rpc.tasks import RunningTask, Tasks
from xapi_async.rpc.writes import Audit, FieldWrites

log = logging.getLogger(__name__)

ALIVE = "system.isAlive:"
LIST_METHODS = "system.listMethods"
EXTENSIONS = "host.call_extension"


Answer = Callable[[Call], Outcome | Awaitable[Outcome] | Writing | Waiting]
"""What answers a message."""


class Sessions(Protocol):
    """Who is logged in; see :mod:`xapi_async.rpc.sessions`."""

    def caller(self, ref: str) -> Caller:
        """The caller behind a session. Raises SESSION_INVALID [ref]."""
        ...


def _no_audit(caller: Caller, entry: Entry, args: Sequence[Any], error: ApiError | None) -> None:
    return None


class Dispatcher:
    """Answers calls.

    handlers: the explicit messages that are built, and implicit ones with behaviour of their own.
    readers: reading messages that replace the generic ones, by wire name.
    audit: told of every call that is more than a reading one.
    result_types: the types of results that the datamodel does not describe, by wire name.
    """

    def __init__(
        self,
        services: Services,
        sessions: Sessions,
        tasks: Tasks,
        handlers: Handlers,
        *,
        readers: Mapping[str, implicit.Read] | None = None,
        waits: Mapping[str, Wait] | None = None,
        audit: Audit = _no_audit,
        result_types: Mapping[str, Any] | None = None,
    ) -> None:
        self._services = services
        self._turns = services.store.turns
        self._sessions = sessions
        self.caller_of = sessions.caller
        self._tasks = tasks
        self._audit = audit
        self.stats = CallStats()
        self._result_types = result_types or {}
        self._entries = {entry.name: entry for entry in entries(services.store, handlers, readers or {}, waits or {})}
        self._table = _table(self._entries, self)
        self._tables: dict[str, Mapping[str, Answer]] = {}
        self._names = tuple(self._entries)
        self._background: set[asyncio.Task[None]] = set()
        self._in_flight: set[asyncio.Task[Any]] = set()
        self._is_stopping = False

    # What others ask of it

    def call(self, call: Call) -> Outcome | Awaitable[Outcome] | Writing | Waiting:
        """Answer a call: at once where it only reads, else by something to await or to be told by."""
        start = perf_counter()
        self._turns.was_called = True
        outcome: Outcome | Awaitable[Outcome] | Writing | Waiting
        answer = None
        try:
            if not call.text_checked:
                convert.check_text(call.params)
            answer = (self._table_of(call) if self._tables else self._table).get(call.method)
            outcome = self._unlisted(call) if answer is None else answer(call)
        except ApiError as error:
            log.info("%s refused: %s", self._known(call.method), error.code)
            outcome = Failure(error)
        except Exception as error:
            outcome = Failure(internal_error(call.method, error))
        if type(outcome) is Success and answer is not None:
            self.stats.note(call.method, None, perf_counter() - start)
            return outcome
        if isinstance(outcome, tuple):
            self._count(call, outcome, start)
            return outcome
        if isinstance(outcome, (Writing, Waiting)):
            return outcome
        return self._counted(call, outcome, start)

    async def _counted(self, call: Call, answer: Awaitable[Outcome], start: float) -> Outcome:
        task = asyncio.current_task()
        assert task is not None  # a coroutine always runs in a task
        mark = request_id.CURRENT.set(request_id.fresh())
        self.stats.in_flight += 1
        self._in_flight.add(task)
        try:
            outcome = await answer
            self._count(call, outcome, start)
        finally:
            self._in_flight.discard(task)
            self.stats.in_flight -= 1
            request_id.CURRENT.reset(mark)
        return outcome

    def _count(self, call: Call, outcome: Outcome, start: float) -> None:
        code = None if type(outcome) is Success else outcome.error.code  # type: ignore[union-attr]
        self.stats.note(self._known(call.method), code, perf_counter() - start)

    def _known(self, method: str) -> str:
        """The name of a method where it has one: clients may send any text, of any length."""
        return method if method in self._table else UNKNOWN

    def answer_otherwise(self, session: str, entries: Mapping[str, Entry]) -> Callable[[], None]:
        """Have these entries answer the calls of a session, where they have the name; gives the way to stop that."""
        self._tables[session] = {**self._table, **_table(entries, self)}

        def stop() -> None:
            self._tables.pop(session, None)

        return stop

    def _table_of(self, call: Call) -> Mapping[str, Answer]:
        session = call.params[0] if call.params else None
        return self._tables.get(session, self._table) if type(session) is str else self._table

    def entries(self) -> Iterator[Entry]:
        """Everything that can be called, by its dotted name."""
        return iter(self._entries.values())

    def missing(self) -> list[str]:
        """The messages that are not built yet."""
        return sorted(entry.name for entry in self._entries.values() if entry.is_missing)

    def interrupt(self) -> None:
        """Have every call under way fail now, and the tasks of asynchronous ones, because the server stops."""
        self._is_stopping = True
        for task in (*self._in_flight, *self._background):
            task.cancel()

    async def drain(self, seconds: float) -> None:
        """Wait for the work behind asynchronous calls, for so many seconds at the most."""
        if self._background:
            await asyncio.wait(self._background, timeout=seconds)

    async def stop(self) -> None:
        """End the work behind asynchronous calls; their tasks fail."""
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)

    # One call

    def answer_handled(self, entry: Entry, *, is_async: bool) -> Answer:
        """The function that answers any other message."""

        def answer(call: Call) -> Outcome | Awaitable[Outcome]:
            args = _arguments(entry, call)
            caller = self._caller(entry, call)
            if entry.message.removed:
                raise ApiError("MESSAGE_REMOVED")
            if is_async:
                if not entry.message.has_async:
                    raise ApiError("Fault", f"{entry.name} has no asynchronous form")
                return self._start(entry, caller, args, call)
            return self._run(entry, caller, args, call)

        return answer

    def answer_written(self, entry: Entry) -> Answer:
        """The function that answers a message that writes a field."""
        return FieldWrites(entry, self._services.store, self.caller_of, self._audit, self.stats).answer

    def answer_waiting(self, entry: Entry) -> Callable[[Call], Outcome | Waiting]:
        """The function that answers a message that only waits: thousands may, so none of them has a task."""
        wait, result_type = entry.wait, self._result_types.get(entry.name, entry.message.result)
        assert wait is not None  # only such entries come here

        def finish(waiting: Sequence[Waiting], value: Any) -> Outcome:
            failure = value if isinstance(value, ApiError) else None
            code, now = failure.code if failure else None, perf_counter()
            for method, some in groupby(waiting, attrgetter("method")):
                self.stats.note_all(method, code, [now - one.began for one in some])
            return Success(result_type, value) if failure is None else Failure(failure)

        def answer(call: Call) -> Outcome | Waiting:
            began = perf_counter()
            args = _arguments(entry, call)
            caller = self._caller(entry, call)
            assert_allowed(entry, caller, args)
            found = wait(caller, *args)
            if not isinstance(found, Waiting):
                return Success(result_type, found)
            found.method, found.began, found.finish = call.method, began, finish
            return found

        return answer

    def _caller(self, entry: Entry, call: Call) -> Caller:
        if not entry.message.takes_session:
            return Nobody()
        caller = self._sessions.caller(session_text(call.params[0]))
        if entry.message.pool_internal and not caller.is_pool:
            raise ApiError("INTERNAL_ERROR", f"{entry.name} is for hosts of the pool only")
        return caller

    async def _run(self, entry: Entry, caller: Caller, args: list[Any], call: Call) -> Outcome:
        error: ApiError | None = None
        try:
            value = await self._run_synchronous(entry, caller, args, call)
            return Success(self._result_types.get(entry.name, entry.message.result), value)
        except ApiError as failure:
            error = failure
        except asyncio.CancelledError:
            # Ours to answer only if the server stops; otherwise the client is gone.
            if not self._is_stopping:
                raise
            error = stopped()
        except Exception as bug:
            error = internal_error(entry.name, bug)
        finally:
            self._note(entry, caller, args, error)
        return Failure(error)

    async def _run_synchronous(self, entry: Entry, caller: Caller, args: list[Any], call: Call) -> Any:
        assert_allowed(entry, caller, args)
        handler = _built(entry)
        if not entry.has_task:
            return await handler(Context(self._services, caller, NoTask(entry.name), call.origin), *args)
        await self._turns.take()
        task = await self._tasks.begin(call.method, caller, call)
        try:
            return await handler(Context(self._services, caller, task, call.origin), *args)
        finally:
            if task.ref == call.task_id:  # a task that the request's headers name outlives the call
                self._tasks.detach(task)
            else:
                await asyncio.shield(self._tasks.forget(task))

    async def _start(self, entry: Entry, caller: Caller, args: list[Any], call: Call) -> Outcome:
        await self._turns.take()  # as many may be called for at once
        task = await self._tasks.begin(call.method, caller, call)
        work = asyncio.create_task(self._work(entry, caller, args, task, call.origin), name=call.method)
        self._background.add(work)
        work.add_done_callback(self._background.discard)
        return Success(Ref("task"), task.ref)

    async def _work(self, entry: Entry, caller: Caller, args: list[Any], task: RunningTask, origin: Origin) -> None:
        error: ApiError | None = None
        try:
            await self._turns.take()
            assert_allowed(entry, caller, args)
            value = await _built(entry)(Context(self._services, caller, task, origin), *args)
            await self._tasks.succeed(task, self._result_types.get(entry.name, entry.message.result), value)
        except ApiError as failure:
            error = failure
        except asyncio.CancelledError:
            error = stopped()
        except Exception as bug:
            error = internal_error(entry.name, bug)
        if error is not None:
            await self._tasks.fail(task, error)
        self._note(entry, caller, args, error)

    def _note(self, entry: Entry, caller: Caller, args: list[Any], error: ApiError | None) -> None:
        if error is not None:
            log.info("%s refused: %s", entry.name, error.code)
        self._audit(caller, entry, args, error)

    # Names that are not in the datamodel

    def _unlisted(self, call: Call) -> Outcome:
        if call.method == LIST_METHODS:
            return Success(STRING_SET, self._names, bare=True)
        if call.method.startswith(ALIVE):
            if not call.params:
                raise ApiError("INTERNAL_ERROR", f"{ALIVE} takes a parameter")
            return Success(ANY, call.params[0])
        method = call.method.removeprefix("Async.")
        if call.params:
            caller = self._sessions.caller(session_text(call.params[0]))
            if not caller.is_superuser and not caller.may(EXTENSIONS):
                raise denied(EXTENSIONS)
        raise ApiError("MESSAGE_METHOD_UNKNOWN", method)


def read_answer(entry: Entry, caller_of: Callable[[str], Caller]) -> Callable[[Call], Outcome]:
    """The function that answers a reading message, complete with its checks. caller_of: by session."""
    read, result_type = entry.read, entry.message.result
    assert read is not None  # only reading entries come here
    expected, converters, permission = entry.mandatory + 1, entry.converters, entry.permission

    if entry.takes_one_text:
        # Most calls there are: one parameter, which is a text.
        def answer_one(call: Call) -> Outcome:
            params = call.params
            if len(params) != expected:
                raise count_mismatch(call, expected - 1, len(params) - 1)
            session, ref = params
            if type(ref) is not str:
                converters[0](ref)
            caller = caller_of(session_text(session))
            if not caller.is_superuser and not caller.may(permission):
                raise denied(permission)
            return Success(result_type, read(ref))

        return answer_one

    def answer(call: Call) -> Outcome:
        params = call.params
        if len(params) != expected:
            raise count_mismatch(call, expected - 1, len(params) - 1)
        args = [convert_param(param) for convert_param, param in zip(converters, params[1:], strict=True)]
        caller = caller_of(session_text(params[0]))
        if not caller.is_superuser and not caller.may(permission):
            raise denied(permission)
        return Success(result_type, read(*args))

    return answer


def internal_error(name: str, bug: Exception) -> ApiError:
    """The failure that a bug becomes: a reference to the log, where its traceback is."""
    reference = next(_bug_numbers)
    log.error("bug %d in %s", reference, name, exc_info=bug)
    return ApiError("INTERNAL_ERROR", f"{type(bug).__name__}: {bug} (logged as bug {reference})")


_bug_numbers = itertools.count(1)


def _built(entry: Entry) -> Handler:
    if entry.handler is None:
        raise ApiError("NOT_IMPLEMENTED", entry.name)
    return entry.handler


def _arguments(entry: Entry, call: Call) -> list[Any]:
    """The parameters without the session, counted, converted and completed by defaults."""
    skip = 1 if entry.message.takes_session else 0
    received, declared = len(call.params) - skip, entry.message.params
    if received < entry.mandatory or (received > entry.mandatory and entry.mandatory == len(declared)):
        raise count_mismatch(call, entry.mandatory, received)
    if entry.message.removed:
        return []
    sent = call.params[skip : skip + len(declared)]
    args = [convert_param(param) for convert_param, param in zip(entry.converters, sent, strict=False)]
    if len(args) < len(declared):
        args.extend(param.default for param in declared[len(args) :])
    return args


def _table(entries: Mapping[str, Entry], dispatcher: Dispatcher) -> dict[str, Answer]:
    """Every spelling of every name, to the function that answers it."""
    table: dict[str, Answer] = {}
    for name, entry in entries.items():
        answer: Answer
        if entry.read is not None:
            answer = read_answer(entry, dispatcher.caller_of)
        elif entry.write is not None:
            answer = dispatcher.answer_written(entry)
        elif entry.wait is not None:
            answer = dispatcher.answer_waiting(entry)
        else:
            answer = dispatcher.answer_handled(entry, is_async=False)
        for spelling in (name, name.replace(".", "_", 1)):
            table[spelling] = answer
            table[f"Async.{spelling}"] = dispatcher.answer_handled(entry, is_async=True)
    return table
