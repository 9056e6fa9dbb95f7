"""Thousands who wait for events: nothing happens on their account while nothing happens to them."""

from __future__ import annotations

import asyncio
import xmlrpc.client
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.client import log_in, until
from tests.inner import InnerServer, inner_server

CLIENTS = 1000


@pytest.fixture(scope="module")
def server() -> Iterator[InnerServer]:
    with inner_server() as server:
        yield server


async def wait_for_events(url: str, session: str, classes: list[str], token: str) -> Any:
    address = urlsplit(url)
    reader, stream = await asyncio.open_connection(address.hostname, address.port)
    body = xmlrpc.client.dumps((session, classes, token, 60.0), "event.from").encode()
    stream.write(b"POST / HTTP/1.0\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    answer = await reader.read()
    stream.close()
    (value,), _ = xmlrpc.client.loads(answer.split(b"\r\n\r\n", 1)[1])
    return value["Value"]


def test_waiting_clients_are_woken_by_their_change_only(server: InnerServer) -> None:
    events = server.core.events
    with server.session() as session:
        api = session.xenapi
        vm, other = api.VM.get_all()[:2]
        (pool,) = api.pool.get_all()
        token = api.event_from(["vm", "pool"], "", 0.0)["token"]
        waiting_session = log_in(server.url)

        async def scene() -> list[Any]:
            # Half of them want one object, the others a class.
            wants = [[f"vm/{vm}"] if number % 2 else ["pool"] for number in range(CLIENTS)]
            waits = [asyncio.create_task(wait_for_events(server.url, waiting_session, want, token)) for want in wants]
            await asyncio.to_thread(until, lambda: events.waiting == CLIENTS)
            before = events.wake_ups, events.batches
            for number in range(100):
                await asyncio.to_thread(api.VM.set_name_description, other, str(number))
            assert events.waiting == CLIENTS
            assert (events.wake_ups, events.batches) == before
            await asyncio.to_thread(api.VM.set_name_description, vm, "now")
            answers = await asyncio.gather(*waits[1::2])
            assert events.wake_ups == before[0] + CLIENTS // 2
            # All of them hold the same token, so that one answer serves them.
            assert events.batches == before[1] + 1
            assert events.waiting == CLIENTS // 2
            await asyncio.to_thread(api.pool.set_name_description, pool, "now")
            answers += await asyncio.gather(*waits[::2])
            assert events.wake_ups == before[0] + CLIENTS
            assert events.batches == before[1] + 2
            assert events.waiting == 0
            return answers

        answers = asyncio.run(scene())
        refs = [[event["ref"] for event in answer["events"]] for answer in answers]
        assert refs == [[vm]] * (CLIENTS // 2) + [[pool]] * (CLIENTS // 2)
        assert all(answer["events"][0]["operation"] == "mod" for answer in answers)


def test_a_change_that_many_wait_for_is_told_to_all(server: InnerServer) -> None:
    with server.session() as session:
        api = session.xenapi
        vm = api.VM.get_all()[0]
        token = api.event_from(["*"], "", 0.0)["token"]

        async def scene() -> list[Any]:
            waits = [
                asyncio.create_task(wait_for_events(server.url, session.handle, [f"vm/{vm}"], token))
                for _ in range(CLIENTS)
            ]
            await asyncio.to_thread(until, lambda: server.core.events.waiting == CLIENTS)
            await asyncio.to_thread(api.VM.set_name_description, vm, "all of you")
            return await asyncio.gather(*waits)

        for answer in asyncio.run(scene()):
            (event,) = answer["events"]
            assert (event["ref"], event["snapshot"]["name_description"]) == (vm, "all of you")
            assert answer["token"] > token
