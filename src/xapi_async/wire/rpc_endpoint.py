"""From the body of a call to the body of its answer, whatever carries them.

Nothing in here knows of HTTP beyond three headers of the request, so that every way in shares it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, NamedTuple, Protocol

from xapi_async.datamodel.errors import ApiError
from xapi_async.operations.context import Origin
from xapi_async.rpc.call import WAITING, Call, Failure, Outcome, Success, Waiting, Writing
from xapi_async.rpc.dispatcher import internal_error
from xapi_async.wire import jsonrpc, xmlrpc
from xapi_async.wire.call_format import BadRequestError, Body, Decoded, Encode
from xapi_async.wire.gradual import WITH_MANY, Gradually, Records, takes_long
from xapi_async.wire.held import Held
from xapi_async.wire.kept import Kept
from xapi_async.wire.outbox import Outbox
from xapi_async.wire.remembered import Remembered
from xapi_async.wire.settings import WireSettings

log = logging.getLogger(__name__)

PathKind = Literal["xml", "json", "either"]
"""What a path speaks; ``either`` is told by the first character of the body."""

RPC_PATHS: Mapping[str, PathKind] = {"/": "xml", "/jsonrpc": "json", "/json": "either"}
"""By prefix of the path; the longest that fits counts."""

CONTENT_TYPES = {"xml": "text/xml", "json": "application/json"}

_REPEATED_BYTES = 512
"""How long calls may be that are remembered as read: all of them are a few megabytes at the most."""


class Dispatcher(Protocol):
    """Who answers calls."""

    def call(self, call: Call) -> Outcome | Awaitable[Outcome] | Writing | Waiting:
        """Answer a call: at once, or by something to await or to be told by."""
        ...


@dataclass(frozen=True, slots=True)
class CallHeaders:
    """What the headers of a request ask of the task that the call makes."""

    subtask_of: str | None = None
    task_id: str | None = None
    task_other_config: Mapping[str, str] = field(default_factory=dict)


class Reply(NamedTuple):
    """The body of an answer, with what it is."""

    content_type: str
    body: Body

    def joined(self) -> bytes:
        """The body in one piece."""
        return self.body if isinstance(self.body, bytes) else b"".join(self.body.parts)


class Asked(NamedTuple):
    """A call as read from a request. is_plain: whether its body is one of those that are remembered."""

    body: bytes
    kind: PathKind
    decoded: Decoded
    call: Call
    headers: CallHeaders | None
    is_plain: bool


class Pending(NamedTuple):
    """An answer that takes time. only_waits: the call changes nothing, so that it can end with its connection."""

    reply: Coroutine[Any, Any, Reply]
    only_waits: bool


class Forward(Protocol):
    """Has a call answered in another process. only_waits, stopped: as of :class:`Held`."""

    def __call__(self, asked: Asked, *, only_waits: bool, stopped: Callable[[], Reply]) -> Held:
        """The answer that will come."""
        ...


class ElsewhereError(Exception):
    """Raised by a dispatcher that cannot answer a call, which another process can."""


class LaterError(Exception):
    """Raised by a dispatcher that cannot answer a call yet. wait: has a function called once it can be asked again."""

    def __init__(self, wait: Callable[[Callable[[], None]], None]) -> None:
        super().__init__()
        self.wait = wait


class RpcEndpoint:
    """Answers the bodies of calls. forward: for one of several processes."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        settings: WireSettings,
        forward: Forward | None = None,
    ) -> None:
        self._dispatcher = dispatcher
        self._forward = forward
        self.settings = settings
        kept = Kept(settings.kept_record_bytes)
        self._xml = xmlrpc.XmlEncoder(kept, settings.gzip_bytes)
        self._json = jsonrpc.JsonEncoder(kept, settings.gzip_bytes)
        self._gradually = Gradually()
        self._plain = Remembered[Decoded]()
        self.outbox = Outbox()
        self.tell = self._tell  # one that is the same for all who wait
        self._last_told = LastReply()
        self.last_written = LastReply()  # nearly all writes that land are answered the same
        self.pending = 0

    def limit(self, settings: WireSettings) -> None:
        """Put other limits in force; calls that were read under the old ones are read anew."""
        self.settings = settings
        self._plain.clear()

    def read(self, body: bytes, kind: PathKind, origin: Origin, headers: CallHeaders | None = None) -> Asked:
        """The call in a body. Raises BadRequestError where there is none."""
        if kind == "either":
            kind = "json" if body.lstrip()[:1] == b"{" else "xml"
        try:
            decoded = self._decode(body, kind)
        except BadRequestError:
            raise
        except Exception:
            log.exception("a body of %d bytes could not be decoded", len(body))
            raise BadRequestError("the body could not be read") from None
        call = Call(decoded.method, decoded.params, origin, text_checked=decoded.text_checked)
        if headers is not None:
            call.subtask_of, call.task_id = headers.subtask_of, headers.task_id
            call.task_other_config = headers.task_other_config
        return Asked(body, kind, decoded, call, headers, self._plain.find(body) is not None)

    def answer(self, asked: Asked) -> Reply | Pending | Held:
        """Answer a call."""
        decoded, call, content_type = asked.decoded, asked.call, CONTENT_TYPES[asked.kind]
        outcome: Outcome | Awaitable[Outcome] | Writing | Waiting
        try:
            outcome = self._dispatcher.call(call)
        except ElsewhereError:
            return self._forwarded(asked)
        except LaterError as later:
            return _HeldBack(self, asked, later)
        except Exception as bug:
            outcome = Failure(internal_error(call.method, bug))
        if isinstance(outcome, tuple):
            if type(outcome) is Success and type(outcome.value) in WITH_MANY:
                records = self._xml if asked.kind == "xml" else self._json
                if takes_long(records, outcome.value):
                    gradual = self._written_gradually(records, outcome)
                    return Pending(self._finish(decoded, gradual, content_type), only_waits=False)
            return Reply(content_type, _encoded(decoded.encode, decoded.method, outcome))
        if isinstance(outcome, Writing):  # not too many, however many there are: its change is on its way
            return _HeldWrite(self, outcome, decoded, content_type)
        return self._answer_later(asked, outcome)

    def answer_elsewhere(self, asked: Asked) -> Reply | Pending | Held | Writing:
        """As :meth:`answer`, for whoever ends writes itself."""
        try:
            outcome = self._dispatcher.call(asked.call)
        except Exception as bug:
            outcome = Failure(internal_error(asked.call.method, bug))
        if isinstance(outcome, tuple):
            return reply_to(asked, outcome)
        return outcome if isinstance(outcome, Writing) else self._answer_later(asked, outcome)

    def _answer_later(self, asked: Asked, outcome: Awaitable[Outcome] | Waiting) -> Reply | Pending | Held:
        decoded, content_type = asked.decoded, CONTENT_TYPES[asked.kind]
        if self.pending >= self.settings.pending_calls:
            _abandon(outcome)
            return Reply(content_type, decoded.encode(Failure(ApiError("TOO_MANY_PENDING_TASKS"))))
        if isinstance(outcome, Waiting):
            return _HeldHere(self, outcome, decoded.encode, content_type)
        return Pending(self._finish(decoded, outcome, content_type), decoded.method in WAITING)

    def _forwarded(self, asked: Asked) -> Held:
        assert self._forward is not None  # who has no other process does not name one
        decoded = asked.decoded
        stopped = partial(_stopped, decoded, CONTENT_TYPES[asked.kind])
        return self._forward(asked, only_waits=decoded.method in WAITING, stopped=stopped)

    async def _written_gradually(self, records: Records, outcome: Success) -> Success:
        return outcome._replace(value=await self._gradually.write(records, outcome.value))

    def _tell(self, waiting: Sequence[Waiting], value: Any) -> None:
        """Answer calls that waited and are told the same, which is written once for all of them."""
        held: list[_HeldHere] = [one.held for one in waiting]
        for one in held:
            one.is_coming = True
        self.pending -= len(held)
        outcome = waiting[0].finish(waiting, value)
        method = waiting[0].method
        encode = None
        with self.outbox.together():
            for one in held:
                if one.encode is not encode:
                    encode = one.encode
                    reply = self._last_told.to(value, encode, method, outcome, one.content_type)
                try:
                    one.come(reply)
                except Exception:  # others wait as well
                    log.exception("a caller who waited could not be answered")

    def _decode(self, body: bytes, kind: PathKind) -> Decoded:
        if kind == "json":
            call = jsonrpc.decode_call(body, self.settings.max_depth)
            encode = partial(self._json.body, call.version, call.id)
            return Decoded(call.method, call.params, call.text_checked, encode)
        # Clients that watch something send the same few calls over and over, to the letter.
        known = self._plain.find(body)
        if known is not None:
            return known
        method, params, is_text_legal = xmlrpc.decode_call(body, self.settings.max_depth)
        decoded = Decoded(method, params, is_text_legal, self._xml.body)
        if len(body) <= _REPEATED_BYTES and all(map(_is_flat, params)):
            self._plain.add(body, decoded, method)
        return decoded

    async def _finish(self, decoded: Decoded, outcome: Awaitable[Outcome], content_type: str) -> Reply:
        self.pending += 1
        try:
            try:
                result = await outcome
            except Exception as bug:
                result = Failure(internal_error(decoded.method, bug))
            return Reply(content_type, _encoded(decoded.encode, decoded.method, result))
        finally:
            self.pending -= 1


def _is_flat(param: Any) -> bool:
    """Whether a parameter is one that no call changes: a plain value, or a list of texts, which becomes a set."""
    if type(param) is list:
        return all(type(item) is str for item in param)
    return type(param) in _FLAT


_FLAT = (str, float, int, bool)


def reply_to(asked: Asked, outcome: Outcome) -> Reply:
    """The answer to a call that has come to an end."""
    decoded = asked.decoded
    return Reply(CONTENT_TYPES[asked.kind], _encoded(decoded.encode, decoded.method, outcome))


class _HeldHere(Held):
    """One whose wait is in this process."""

    __slots__ = ("_endpoint", "content_type", "encode")

    def __init__(self, endpoint: RpcEndpoint, waiting: Waiting, encode: Encode, content_type: str) -> None:
        super().__init__(waiting.give_up)
        self._endpoint = endpoint
        self.encode = encode
        self.content_type = content_type
        waiting.held, waiting.tell = self, endpoint.tell
        endpoint.pending += 1

    def cancel(self) -> None:
        if not self.is_coming:
            self._endpoint.pending -= 1
        super().cancel()


class _HeldWrite(Held):
    """One whose change is on its way."""

    __slots__ = ("_content_type", "_decoded", "_endpoint")

    def __init__(self, endpoint: RpcEndpoint, writing: Writing, decoded: Decoded, content_type: str) -> None:
        super().__init__()
        self._endpoint = endpoint
        self._decoded = decoded
        self._content_type = content_type
        writing.tell = self._tell
        endpoint.pending += 1

    def stop(self) -> None:
        if self._taker is not None:
            self.come(_stopped(self._decoded, self._content_type))

    def _tell(self, outcome: Outcome) -> None:
        endpoint, decoded = self._endpoint, self._decoded
        endpoint.pending -= 1
        self.come_late(endpoint.last_written.to(outcome, decoded.encode, decoded.method, outcome, self._content_type))


class _HeldBack(Held):
    """One that is asked again a moment later."""

    __slots__ = ("_asked", "_endpoint", "_task")

    def __init__(self, endpoint: RpcEndpoint, asked: Asked, later: LaterError) -> None:
        super().__init__(stopped=partial(_stopped, asked.decoded, CONTENT_TYPES[asked.kind]))
        self._endpoint = endpoint
        self._asked = asked
        self._task: asyncio.Task[None] | None = None
        later.wait(self._ask_again)

    def _ask_again(self) -> None:
        answer = self._endpoint.answer(self._asked)
        if isinstance(answer, Reply):
            self.come_late(answer)
        elif isinstance(answer, Held):
            answer.take(self.come_late)
        else:
            self._task = asyncio.get_running_loop().create_task(self._finish(answer))

    async def _finish(self, pending: Pending) -> None:
        self.come_late(await pending.reply)


class LastReply:
    """The last of many answers that are mostly the same, so that it is written once for all of them."""

    def __init__(self) -> None:
        self._value: Any = None
        self._encode: Encode | None = None
        self._reply: Reply | None = None

    def to(self, value: Any, encode: Encode, method: str, outcome: Outcome, content_type: str) -> Reply:
        """The answer with an outcome; written anew where the value that it comes from, or its form, is another."""
        reply = self._reply
        if reply is None or self._value is not value or self._encode != encode:
            reply = self._reply = Reply(content_type, _encoded(encode, method, outcome))
            self._value, self._encode = value, encode
        return reply


def _encoded(encode: Encode, method: str, outcome: Outcome) -> Body:
    try:
        return encode(outcome)
    except Exception as bug:  # a value that is not of its type
        return encode(Failure(internal_error(method, bug)))


def _stopped(decoded: Decoded, content_type: str) -> Reply:
    failure = ApiError("INTERNAL_ERROR", "the server stopped before the operation had ended")
    return Reply(content_type, decoded.encode(Failure(failure)))


def _abandon(outcome: Awaitable[Outcome] | Waiting) -> None:
    """Let go of an answer nobody wants; a coroutine would complain otherwise."""
    if isinstance(outcome, Coroutine):
        outcome.close()
    elif isinstance(outcome, Waiting):
        outcome.give_up()
