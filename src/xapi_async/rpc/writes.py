"""The messages that write a field: what answers them waits for nothing but the journal, and needs no task for that."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from operator import call as called
from time import perf_counter
from typing import Any, Protocol

from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.store import Store
from xapi_async.operations.context import Caller
from xapi_async.rpc.call import Call, Failure, Outcome, Success, Writing
from xapi_async.rpc.checks import assert_allowed, count_mismatch, session_text, stopped
from xapi_async.rpc.entries import Entry
from xapi_async.rpc.stats import CallStats

log = logging.getLogger(__name__)


class Audit(Protocol):
    """Where calls are noted; see :mod:`xapi_async.rpc.audit`."""

    def __call__(self, caller: Caller, entry: Entry, args: Sequence[Any], error: ApiError | None) -> None:
        """Note a call and how it ended. args: its parameters, the session left out."""
        ...


class FieldWrites:
    """Answers one message that writes a field. caller_of: by session."""

    def __init__(
        self, entry: Entry, store: Store, caller_of: Callable[[str], Caller], audit: Audit, stats: CallStats
    ) -> None:
        assert entry.write is not None  # only such entries come here
        self._write = entry.write
        self._store = store
        self._caller_of = caller_of
        self._converters = entry.converters
        self._expected = len(entry.converters) + 1
        # What the parameters of most writes are, which no conversion changes: texts, and as many as there should be.
        self._texts = (str,) * self._expected if entry.takes_texts else None
        self.entry = entry
        self.audit = audit
        self.stats = stats
        self.success = Success(entry.message.result, None)

    def answer(self, call: Call) -> Outcome | Writing:
        """Answer a call."""
        began = perf_counter()
        params = call.params
        args: Sequence[Any] = params[1:]
        if tuple(map(type, params)) == self._texts:
            session = params[0]
        else:
            if len(params) != self._expected:
                raise count_mismatch(call, self._expected - 1, len(params) - 1)
            args = list(map(called, self._converters, args))
            session = session_text(params[0])
        caller = self._caller_of(session)
        try:
            if not caller.is_superuser:
                assert_allowed(self.entry, caller, args)
            staged = self._write(self._store, *args)
        except ApiError as error:
            return self.refused(caller, args, error)
        if staged is None:
            self.audit(caller, self.entry, args, None)
            return self.success
        writing = _FieldWriting(self, call.method, caller, args, began)
        staged.told = writing.landed
        return writing

    def refused(self, caller: Caller, args: Sequence[Any], error: Exception) -> Failure:
        """The outcome of a call that wrote nothing."""
        failure = error if isinstance(error, ApiError) else stopped()
        log.info("%s refused: %s", self.entry.name, failure.code)
        self.audit(caller, self.entry, args, failure)
        return Failure(failure)


class _FieldWriting(Writing):
    __slots__ = ("_args", "_began", "_caller", "_method", "_of")

    def __init__(self, of: FieldWrites, method: str, caller: Caller, args: Sequence[Any], began: float) -> None:
        self._of = of
        self._method = method
        self._caller = caller
        self._args = args
        self._began = began

    def landed(self, error: Exception | None) -> None:
        """The change is there, or was refused."""
        of = self._of
        if error is None:
            of.audit(self._caller, of.entry, self._args, None)
            of.stats.note(self._method, None, perf_counter() - self._began)
            self.tell(of.success)
            return
        failure = of.refused(self._caller, self._args, error)
        of.stats.note(self._method, failure.error.code, perf_counter() - self._began)
        self.tell(failure)
