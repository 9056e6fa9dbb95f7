"""A connection: aiohttp's, with a lane of its own for calls.

Nearly everything that arrives is a POST of a known length to a path of RPC. Such a request is read
here, answered on the spot where its answer is at hand, and aiohttp learns nothing of it. The first
request of another sort is handed to aiohttp untouched, and the rest of the connection with it.

Two sorts of requests aiohttp cannot read at all, and they are made into its messages here: CONNECT with
a path, and PUT without a length, whose body ends when the client hangs up. The bodies of other PUTs do not
pass through its parser either, as they are large.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any, cast

from aiohttp import web
from aiohttp.http_exceptions import BadHttpMethod, HttpProcessingError
from aiohttp.web_protocol import RequestHandler

from xapi_async.operations.context import Origin
from xapi_async.wire.call_format import BadRequestError
from xapi_async.wire.crowd import Telling
from xapi_async.wire.heads import CallHead, StreamHead
from xapi_async.wire.held import Held
from xapi_async.wire.inflow import BodyReader, Inflow
from xapi_async.wire.leaving import sent, unread
from xapi_async.wire.outbox import send
from xapi_async.wire.pages import RawResponse, error_bytes, reply_pieces
from xapi_async.wire.repeated import Known
from xapi_async.wire.rpc_endpoint import Pending, Reply

if TYPE_CHECKING:
    from xapi_async.wire.app import HttpServer

_WRITE_BYTES = 1 << 20
_BUFFER_BYTES = 1 << 18

_TURN_SECONDS = 0.005
"""How long a client that sends many calls at once is served before others have their turn."""


class Connection(RequestHandler):
    """One connection. server: what all connections share."""

    __slots__ = (
        "_answering", "_asked", "_buffer", "_ends", "_is_held", "_lane", "_needed", "_stalled", "_stream", "_telling",
        "_timer", "_turn", "cancel_when_lost", "origin",
    )  # fmt: skip

    def __init__(self, server: HttpServer, loop: asyncio.AbstractEventLoop, options: Mapping[str, Any]) -> None:
        super().__init__(server, loop=loop, **options)
        self._lane: HttpServer | None = server  # None once aiohttp has the connection
        self._buffer = bytearray()  # received, and not yet served
        self._needed = 0  # bytes that it takes to go on
        self._answering: asyncio.Future[Any] | Held | None = None
        self._is_held = False  # whether no more is served for the moment, and read only so much
        self._telling: Telling | None = None  # together with whom it was told last, where they are very many
        self._ends = False  # whether the connection closes after the answer under way
        self._timer: asyncio.TimerHandle | None = None
        self._turn: asyncio.Handle | None = None  # set while other connections have theirs
        self._stalled: asyncio.TimerHandle | None = None  # set while the client does not read
        self._stream: BodyReader | None = None  # what goes on until the client hangs up
        self._asked: CallHead | None = None  # the head of the call that waits
        self.cancel_when_lost: asyncio.Future[Any] | Held | None = None
        self.origin = Origin()

    # What the transport tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has come."""
        super().connection_made(transport)
        server = self._lane
        assert server is not None  # the connection is new
        if server.is_local:
            self.origin = Origin(is_local=True)
        else:
            peer = transport.get_extra_info("peername")
            self.origin = server.origin_of(str(peer[0]) if peer else "")
        if not server.admit(self):
            self._end([error_bytes(503, "the server has as many connections as it may have; try again later")])

    def connection_lost(self, exc: BaseException | None) -> None:
        """The client is gone. A call that changes something goes on; one that only waits has nobody to tell."""
        for handle in (self._timer, self._turn, self._stalled):
            if handle is not None:
                handle.cancel()
        if self.cancel_when_lost is not None:
            self.cancel_when_lost.cancel()
        self._buffer.clear()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Something has come."""
        if self._lane is None:
            if self._stream is None:
                super().data_received(data)
            elif data and not self._stream.is_eof():
                self._stream.feed_data(data)
            return
        if self._force_close or self._close:
            return
        if not self._buffer and self._answering is None and not self._is_held:
            if self._telling is not None and self._rests(self._telling, self._lane):
                self._buffer += data
                return
            known = self._lane.repeated.find(data)
            if known is not None and known.asked.call.origin is self.origin:
                self._serve_known(known)
            else:
                self._serve(data)
            return
        self._buffer += data
        if self._answering is not None or self._is_held:
            if len(self._buffer) > _BUFFER_BYTES:
                self._hold()
        elif len(self._buffer) >= self._needed:
            self._serve_buffer()

    def eof_received(self) -> bool | None:  # type: ignore[override]  # aiohttp's own never keeps a connection open
        """The client will send no more. It may still want the answer."""
        if self._buffer and self._is_held and self._turn is None and self._answering is None:
            self._go_on()  # what came before is served, although it was to rest
        if self._stream is not None:
            self._stream.feed_eof()
        elif self._answering is not None and self.cancel_when_lost is None:
            self._ends = True
        elif self._lane is None and self._payload_parser is None and self._is_answering_whole_request():
            self._close = True  # after the answer; with a web socket there is nobody left to answer
        else:
            return None
        # TLS knows no connection that is open in one direction only.
        return self.transport is not None and self.transport.get_extra_info("sslcontext") is None

    def _is_answering_whole_request(self) -> bool:
        request = self._current_request
        is_busy = self._waiter is None or bool(self._messages)
        return is_busy and self.cancel_when_lost is None and (request is None or request.content.is_eof())

    def pause_writing(self) -> None:
        """The client reads more slowly than it is written to."""
        super().pause_writing()
        transport = self.transport
        if transport is not None:
            self._watch_reading(transport, unread(transport))

    def _watch_reading(self, transport: asyncio.Transport, left: int) -> None:
        """Cut off a client that reads nothing at all for too long. left: bytes it is still to read."""
        server = cast("HttpServer | None", self._manager)
        if server is not None:
            delay = server.settings.stalled_seconds
            self._stalled = self._loop.call_later(delay, self._judge_reading, transport, left)

    def _judge_reading(self, transport: asyncio.Transport, before: int) -> None:
        left = unread(transport)
        if left < before:
            self._watch_reading(transport, left)
            return
        self._buffer.clear()
        self.force_close()
        transport.abort()  # closing would wait for what the client does not read

    def resume_writing(self) -> None:
        """The client has read what was written."""
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None
        if self._lane is not None and self._answering is None and self._turn is None:
            self._release()
            self._serve_buffer()

    # The lane

    def _serve_known(self, known: Known) -> None:
        """Answer a request that came alone, and before as well."""
        head, server = known.head, self._lane
        assert server is not None  # as for :meth:`_serve`
        answer = server.endpoint.answer(known.asked)
        if isinstance(answer, Held):
            self._begin_waiting(answer, head, b"")
            return
        if not isinstance(answer, Reply):
            self._begin(answer, head, b"")
            return
        pieces = reply_pieces(
            answer, is_http_10=head.is_http_10, keep_alive=head.keep_alive, takes_gzip=head.takes_gzip
        )
        if not head.keep_alive:
            self._end(pieces)
            return
        self._flush(pieces)
        self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        if self._paused:
            self._hold()

    def _serve(self, data: bytes) -> None:
        """Answer the requests in some data, which begins with one; keep what is incomplete."""
        server = self._lane
        assert server is not None  # nobody comes here once aiohttp has the connection
        written: list[bytes] = []
        written_bytes = start = 0
        turn_ends = 0.0
        size = len(data)
        while start < size:
            end = data.find(b"\r\n\r\n", start)
            if end < 0:
                if size - start > server.settings.header_bytes or not data[start : start + 1].isalpha():
                    self._hand_over(data, start, written)
                    return
                self._needed = 0
                break
            head = server.heads.read(data[start:end])
            if type(head) is not CallHead:
                self._hand_over(data, start, written, head if isinstance(head, StreamHead) else None)
                return
            stop = end + 4 + head.length
            if stop > size:
                self._needed = stop - start
                break
            try:
                asked = server.endpoint.read(data[end + 4 : stop], head.kind, self.origin, head.headers)
            except BadRequestError as error:
                written.append(error_bytes(500, str(error), is_http_10=head.is_http_10))
                self._end(written)
                return
            if stop - start == size:
                server.repeated.add(data, head, asked)
            answer = server.endpoint.answer(asked)
            start = stop
            if not isinstance(answer, Reply):
                self._flush(written)
                self._wait_for(answer, head, data[start:])
                return
            pieces = reply_pieces(
                answer, is_http_10=head.is_http_10, keep_alive=head.keep_alive, takes_gzip=head.takes_gzip
            )
            written += pieces
            if not head.keep_alive:
                self._end(written)
                return
            if start < size:
                written_bytes += sum(map(len, pieces))
                if written_bytes > _WRITE_BYTES:
                    self._flush(written)
                    written, written_bytes = [], 0
                    if self._paused:  # the client does not read: no use in answering more
                        self._keep(data[start:])
                        self._hold()
                        return
                now = perf_counter()
                if turn_ends == 0.0:
                    turn_ends = now + _TURN_SECONDS
                elif now > turn_ends:
                    self._flush(written)
                    self._let_others(data[start:])
                    return
        if start and self._timer is not None:  # what is incomplete now is another request than before
            self._timer.cancel()
            self._timer = None
        self._flush(written)
        self._keep(data[start:])
        if self._paused:
            self._hold()

    def _serve_buffer(self) -> None:
        if self._buffer and not self._force_close:
            data = bytes(self._buffer)
            self._buffer.clear()
            self._serve(data)

    def _let_others(self, rest: bytes) -> None:
        """Go on after the other connections had their turn; nothing is read from this client meanwhile."""
        self._keep(b"")
        self._buffer += rest
        self._hold()
        self._turn = self._loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        self._turn = None
        if self._paused:
            return  # it goes on once the client has read
        self._release()
        self._serve_buffer()

    def _keep(self, rest: bytes) -> None:
        """Keep the beginning of a request until the rest of it comes, which must not take long."""
        self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        if rest:
            self._buffer += rest
            if self._timer is None and self._lane is not None:
                self._timer = self._loop.call_later(self._lane.settings.request_seconds, self._too_slow)
        elif self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_slow(self) -> None:
        self._timer = None
        if self._answering is None and not self._is_held:
            self._end([error_bytes(500, "the request took too long to arrive")])

    def _wait_for(self, answer: Held | Pending, head: CallHead, rest: bytes) -> None:
        if isinstance(answer, Held):
            self._begin_waiting(answer, head, rest)
        else:
            self._begin(answer, head, rest)

    def _begin(self, pending: Pending, head: CallHead, rest: bytes) -> None:
        self._keep(b"")
        self._buffer += rest
        task = self._answering = self._loop.create_task(self._answer_later(pending, head))
        if pending.only_waits:
            self.cancel_when_lost = task

    def _begin_waiting(self, held: Held, head: CallHead, rest: bytes) -> None:
        """Answer when there is something to tell. Thousands may wait, so nothing is kept for it but a function."""
        if self._timer is not None:
            self._keep(b"")
        if rest:
            self._buffer += rest
        self._answering = held
        if held.only_waits:
            self.cancel_when_lost = held
        self._asked = head
        held.take(self._tell)

    def _tell(self, reply: Reply) -> None:
        head, server = self._asked, self._lane
        only_waited = self.cancel_when_lost is not None
        assert head is not None  # set before anything could be told
        assert server is not None  # aiohttp gets no connection that still waits
        self._answering = self.cancel_when_lost = None
        keep_alive = head.keep_alive and not self._ends and not self._close
        # Many are told the same: those who waited for one event, or whose changes have landed together.
        pieces = server.last_pieces.of(
            reply, is_http_10=head.is_http_10, keep_alive=keep_alive, takes_gzip=head.takes_gzip
        )
        outbox, transport = server.endpoint.outbox, self.transport
        if not keep_alive or self._buffer or self._is_held or transport is None:
            self._write_late(pieces, keep_alive)
            return
        # Nothing was asked meanwhile, so there is nothing to do but to send this, and what is asked next can wait.
        if outbox.is_open:
            outbox.put(transport, pieces)
        else:
            send(transport, pieces)
        self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        if only_waited:
            self._telling = server.crowd.told()

    async def _answer_later(self, pending: Pending, head: CallHead) -> None:
        try:
            reply = await pending.reply
        finally:
            self._answering = self.cancel_when_lost = None
        self._reply_late(reply, head)

    def _reply_late(self, reply: Reply, head: CallHead) -> None:
        keep_alive = head.keep_alive and not self._ends and not self._close
        pieces = reply_pieces(reply, is_http_10=head.is_http_10, keep_alive=keep_alive, takes_gzip=head.takes_gzip)
        self._write_late(pieces, keep_alive)

    def _write_late(self, data: Sequence[bytes], keep_alive: bool) -> None:
        if not keep_alive:
            self._end(data)
            return
        self._flush(data)
        self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        if not self._paused and (self._is_held or self._buffer):
            self._release()
            self._serve_buffer()

    def _flush(self, written: Sequence[bytes]) -> None:
        if self.transport is None or not written:
            return
        send(self.transport, written)

    def _end(self, written: Sequence[bytes]) -> None:
        self._flush(written)
        self._buffer.clear()
        self.force_close()

    def _rests(self, telling: Telling, server: HttpServer) -> bool:
        """Whether what has come is to wait because others are still told what this client was told."""
        self._telling = None
        if telling.is_over:
            return False
        self._is_held = True
        server.crowd.rest(self)
        return True

    def go_on(self) -> None:
        """End a rest."""
        if self._answering is None and self._turn is None:
            self._go_on()

    def _hold(self) -> None:
        self._is_held = True
        self._pause_transport_reading()

    def _release(self) -> None:
        if self._is_held:
            self._is_held = False
            self._resume_transport_reading()

    # Over to aiohttp

    def _hand_over(self, data: bytes, start: int, written: list[bytes], head: StreamHead | None = None) -> None:
        self._flush(written)
        self._keep(b"")
        self._lane = None
        rest = data[start:]
        if head is None or not self._begin_stream(rest, head):
            super().data_received(rest)

    def _begin_stream(self, data: bytes, kind: StreamHead) -> bool:
        """Make a message of a request whose body aiohttp is not to read; whether its head could be read."""
        head, _, body = data.partition(b"\r\n\r\n")
        method, _, rest = head.partition(b" ")
        assert self._parser is not None  # it is there as long as the connection
        if kind.length is None:
            # As a GET without a body it is something that aiohttp's parser knows how to read.
            lines = [line for line in rest.split(b"\r\n") if not line.lower().startswith(b"content-length:")]
            head = b"GET " + b"\r\n".join(lines)
        try:
            messages, _, _ = self._parser.feed_data(head + b"\r\n\r\n")
        except HttpProcessingError:
            return False
        message, _ = messages[0]
        stream = BodyReader(self, self._read_bufsize, loop=self._loop)
        self._upgraded = True  # what follows is not for the parser
        if kind.length is None:
            self._stream = stream
        if kind.is_upload:
            inflow = Inflow(self, stream, kind.length)
            assert self.transport is not None  # data has just come
            self.transport.set_protocol(inflow)
            inflow.take(body)
        elif body:
            stream.feed_data(body)
        self._request_count += 1
        self._messages.append((message._replace(method=method.decode(), should_close=True), stream))
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
        return True

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The page for a request that cannot be read, or whose handler failed before it answered."""
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun, and cannot become another one")
        if isinstance(exc, BadHttpMethod):
            return RawResponse(error_bytes(501, "the method is not known"), keep_alive=False)
        if not isinstance(exc, HttpProcessingError | ConnectionError):
            self.log_exception("a request failed", exc_info=exc)
        return RawResponse(error_bytes(500, message or "the request could not be handled"), keep_alive=False)

    # Ends

    def _process_keepalive(self) -> None:
        if self._answering is not None:
            self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        super()._process_keepalive()

    def close(self) -> None:
        """Close the connection after the answer under way."""
        if self._answering is None:
            super().close()
        self._ends = True

    async def shutdown(self, timeout: float | None = 15.0) -> None:  # noqa: ASYNC109  # aiohttp's signature
        """End the connection; the answer under way has ``timeout`` seconds, unless it only waits."""
        if self.cancel_when_lost is not None:
            self.cancel_when_lost.cancel()
        answering, transport = self._answering, self.transport
        if isinstance(answering, Held):
            await asyncio.wait({answering.ended()}, timeout=timeout)
            answering.stop()
        elif answering is not None:
            await asyncio.wait({answering}, timeout=timeout)
            answering.cancel()
        await super().shutdown(timeout)
        if transport is not None:
            await sent(transport, timeout or 0.0)
