"""What is asked of a process that lacks changes is answered once it has them, whatever the answer is like."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tests.client import PATIENCE
from tests.support import memory_services
from xapi_async.datamodel.classes import VM
from xapi_async.datamodel.types import STRING, Map, Record, Ref
from xapi_async.operations.context import Origin
from xapi_async.rpc.call import Call, Success
from xapi_async.wire.held import Held
from xapi_async.wire.rpc_endpoint import Asked, ElsewhereError, LaterError, Reply, RpcEndpoint
from xapi_async.wire.settings import WireSettings
from xapi_async.workers.freshness import Freshness, mapped, shared_number

BODY = b"<methodCall><methodName>VM.get_name_label</methodName><params></params></methodCall>"


class Reading:
    """A dispatcher that answers what only reads, and nothing while it lacks changes."""

    def __init__(self, freshness: Freshness, outcome: Callable[[], Success]) -> None:
        self._freshness = freshness
        self._outcome = outcome

    def call(self, call: Call) -> Success:
        if self._freshness.is_behind:
            raise LaterError(self._freshness.wait)
        return self._outcome()


def elsewhere() -> Success:
    raise ElsewhereError


def forward(asked: Asked, *, only_waits: bool, stopped: Callable[[], Reply]) -> Held:
    held = Held(stopped=stopped)
    asyncio.get_running_loop().call_soon(held.come, Reply("text/xml", b"from the writer"))
    return held


async def asked_while_behind(outcome: Callable[[], Success]) -> bytes:
    """The answer to what is asked before a change has come, and while the next one is on its way already."""
    newest = mapped(shared_number())
    freshness = Freshness(newest)
    endpoint = RpcEndpoint(Reading(freshness, outcome), WireSettings(), forward)
    newest[0] = 7
    answer = endpoint.answer(endpoint.read(BODY, "xml", Origin()))
    assert isinstance(answer, Held)
    freshness.applied(6)
    reply = asyncio.ensure_future(answer.reply())
    await asyncio.sleep(0)
    assert not reply.done()
    newest[0] = 8
    freshness.applied(7)
    assert freshness.is_behind
    return (await asyncio.wait_for(reply, PATIENCE)).joined()


async def test_an_answer_shows_the_change_that_it_waited_for() -> None:
    values = iter(["new"])
    assert b"new" in await asked_while_behind(lambda: Success(STRING, next(values)))


async def test_an_answer_with_many_records_is_written_gradually_then() -> None:
    async with memory_services() as services:
        async with services.store.transaction() as tx:
            for number in range(400):
                tx.create(VM, name_label=f"vm {number}")
        table = services.store.table(VM)
        written = await asked_while_behind(lambda: Success(Map(Ref("VM"), Record("VM")), table))
        assert written.count(b"<name>name_label</name>") == len(table)


async def test_what_is_not_to_be_answered_here_is_forwarded_then() -> None:
    assert await asked_while_behind(elsewhere) == b"from the writer"


async def test_whoever_waits_when_the_server_stops_is_told_so() -> None:
    newest = mapped(shared_number())
    freshness = Freshness(newest)
    endpoint = RpcEndpoint(Reading(freshness, lambda: Success(STRING, "late")), WireSettings())
    newest[0] = 1
    answer = endpoint.answer(endpoint.read(BODY, "xml", Origin()))
    assert isinstance(answer, Held)
    replies: list[Reply] = []
    answer.take(replies.append)
    answer.stop()
    freshness.applied(1)
    assert len(replies) == 1
    assert b"the server stopped" in replies[0].joined()
