"""Thousands who wait for events: nothing happens on their account while nothing happens to them."""

from __future__ import annotations

import asyncio
import gc
import xmlrpc.client
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.client import log_in, until
from tests.concurrency.conftest import CROWD
from tests.inner import InnerServer, inner_server
from xapi_async.datamodel.classes import VM, Network

CLIENTS = CROWD


@pytest.fixture(scope="module")
def server() -> Iterator[InnerServer]:
    with inner_server() as server:
        yield server


async def wait_for_events(url: str, session: str, classes: list[str], token: str) -> Any:
    return (await answered(url, session, classes, token))["Value"]


async def failed_wait(url: str, session: str, classes: list[str], token: str) -> Any:
    return (await answered(url, session, classes, token))["ErrorDescription"]


async def answered(url: str, session: str, classes: list[str], token: str) -> Any:
    address = urlsplit(url)
    reader, stream = await asyncio.open_connection(address.hostname, address.port)
    body = xmlrpc.client.dumps((session, classes, token, 60.0), "event.from").encode()
    stream.write(b"POST / HTTP/1.0\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    answer = await reader.read()
    stream.close()
    (value,), _ = xmlrpc.client.loads(answer.split(b"\r\n\r\n", 1)[1])
    return value


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


def test_those_who_ask_differently_are_told_by_one_answer(server: InnerServer) -> None:
    events = server.core.events
    with server.session() as session:
        api = session.xenapi
        vm = api.VM.get_all()[0]
        token = api.event_from(["*"], "", 0.0)["token"]
        api.VM.set_name_description(vm, "before")
        later = api.event_from(["vm"], token, 0.0)["token"]
        waiting_session = log_in(server.url)

        async def scene() -> list[Any]:
            asks = [(["vm"], later), (["VM", "sr"], later), ([f"vm/{vm}"], later), (["vm"], f"{int(later[:20]) + 1},0")]
            waits = [asyncio.create_task(wait_for_events(server.url, waiting_session, *ask)) for ask in asks * 25]
            await asyncio.to_thread(until, lambda: events.waiting == len(waits))
            before = events.batches
            await asyncio.to_thread(server.run, lambda: _touched_twice(server, vm))
            answers = await asyncio.gather(*waits)
            assert events.batches == before + 1
            return answers

        answers = asyncio.run(scene())
        assert all(answer == answers[0] for answer in answers)
        assert [event["ref"] for event in answers[0]["events"]] == [vm]


async def _touched_twice(server: InnerServer, vm: str) -> None:
    for _ in range(2):  # the second is after everybody's token
        async with server.core.services.store.transaction() as tx:
            tx.touch(tx.get(VM, vm))


def test_what_comes_and_goes_at_once_is_told_to_nobody(server: InnerServer) -> None:
    events = server.core.events
    with server.session() as session:
        api = session.xenapi
        network = api.network.get_all()[0]
        token = api.event_from(["*"], "", 0.0)["token"]

        async def scene() -> list[Any]:
            waits = [
                asyncio.create_task(wait_for_events(server.url, session.handle, ["network"], token)) for _ in range(50)
            ]
            await asyncio.to_thread(until, lambda: events.waiting == len(waits))
            before = events.wake_ups
            await asyncio.to_thread(server.run, lambda: _came_and_went(server))
            await asyncio.to_thread(until, lambda: events.wake_ups == before + len(waits))
            await asyncio.to_thread(api.network.get_all)  # a turn of the loop, in which they would be told
            assert events.waiting == len(waits)
            await asyncio.to_thread(api.network.set_name_description, network, "stays")
            return await asyncio.gather(*waits)

        for answer in asyncio.run(scene()):
            assert [(event["operation"], event["ref"]) for event in answer["events"]] == [("mod", network)]


async def _came_and_went(server: InnerServer) -> None:
    store = server.core.services.store
    async with store.transaction() as tx:
        made = tx.create(Network)
    async with store.transaction() as tx:
        tx.delete(tx.get(Network, made.ref))


def test_a_session_that_ends_answers_all_who_wait(server: InnerServer) -> None:
    events = server.core.events
    with server.session() as session:
        token = session.xenapi.event_from(["*"], "", 0.0)["token"]
        ends = log_in(server.url)

        async def scene() -> list[Any]:
            waits = [
                asyncio.create_task(failed_wait(server.url, ends, [["sr"], ["vm"]][number % 2], token))
                for number in range(CLIENTS)
            ]
            await asyncio.to_thread(until, lambda: events.waiting == CLIENTS)
            await asyncio.to_thread(server.run, lambda: server.core.access.sessions.end((ends,)))
            return await asyncio.gather(*waits)

        assert asyncio.run(scene()) == [["SESSION_INVALID", ends]] * CLIENTS
        assert events.waiting == 0


def test_those_who_are_told_in_a_crowd_come_back_and_are_told_again(server: InnerServer) -> None:
    events = server.core.events
    with server.session() as session:
        api = session.xenapi
        (pool,) = api.pool.get_all()
        token = api.event_from(["pool"], "", 0.0)["token"]

        async def follow(number: int, told_once: list[int], goes: bool) -> list[str]:
            """What one client is told that asks again as soon as it is told, on the same connection."""
            address = urlsplit(server.url)
            reader, stream = await asyncio.open_connection(address.hostname, address.port)
            seen: list[str] = []
            since = token
            while len(seen) < 2:
                stream.write(request(session.handle, since))
                batch = (await kept_answer(reader))["Value"]
                since = batch["token"]
                seen += [event["snapshot"]["name_description"] for event in batch["events"]]
                told_once.append(number)
                if goes:
                    break
            stream.close()
            return seen

        async def scene() -> list[list[str]]:
            told_once: list[int] = []
            clients = [asyncio.create_task(follow(n, told_once, goes=n % 4 == 0)) for n in range(CLIENTS)]
            await asyncio.to_thread(until, lambda: events.waiting == CLIENTS)
            await asyncio.to_thread(api.pool.set_name_description, pool, "first")
            # Not before all were told: on the way down there are as many who wait as well.
            await asyncio.to_thread(until, lambda: len(told_once) == CLIENTS and events.waiting == CLIENTS * 3 // 4)
            assert sorted(told_once) == list(range(CLIENTS))
            await asyncio.to_thread(api.pool.set_name_description, pool, "second")
            return await asyncio.gather(*clients)

        seen = asyncio.run(scene())
        assert seen == [["first"] if n % 4 == 0 else ["first", "second"] for n in range(CLIENTS)]
        assert events.waiting == 0


def test_whoever_is_told_in_a_crowd_and_asks_for_other_things_at_once_gets_them_in_order(server: InnerServer) -> None:
    with server.session() as session:
        api = session.xenapi
        (pool,) = api.pool.get_all()
        token = api.event_from(["pool"], "", 0.0)["token"]
        asks = [call("pool.get_uuid", session.handle, pool), call("pool.get_all", session.handle)]
        expected = [api.pool.get_uuid(pool), [pool]]

        async def client(number: int) -> list[Any]:
            address = urlsplit(server.url)
            reader, stream = await asyncio.open_connection(address.hostname, address.port)
            early = number % 4 == 0  # before it is told, so that it is answered in one go
            stream.write(b"".join((request(session.handle, token), *(asks if early else ()))))
            (event,) = (await kept_answer(reader))["Value"]["events"]
            assert event["ref"] == pool
            if not early:
                stream.write(b"".join(asks))
            if number % 2:
                stream.write_eof()  # it still wants to know
            answers = [(await kept_answer(reader))["Value"] for _ in asks]
            stream.close()
            return answers

        async def scene() -> list[list[Any]]:
            clients = [asyncio.create_task(client(number)) for number in range(CLIENTS)]
            await asyncio.to_thread(until, lambda: server.core.events.waiting == CLIENTS)
            await asyncio.to_thread(api.pool.set_name_description, pool, "told to all")
            return await asyncio.gather(*clients)

        assert asyncio.run(scene()) == [expected] * CLIENTS


def test_calls_that_waited_are_counted_as_any_others(server: InnerServer) -> None:
    stats = server.core.dispatcher.stats
    with server.session() as session:
        api = session.xenapi
        network = api.network.get_all()[0]
        token = api.event_from(["*"], "", 0.0)["token"]

        async def scene() -> None:
            waits = [
                asyncio.create_task(wait_for_events(server.url, session.handle, ["network"], token))
                for _ in range(CLIENTS)
            ]
            await asyncio.to_thread(until, lambda: server.core.events.waiting == CLIENTS)
            before = stats.methods["event.from"]
            successes, buckets, seconds = before.successes, sum(before.buckets), before.seconds
            await asyncio.to_thread(api.network.set_name_description, network, "counted")
            await asyncio.gather(*waits)
            after = stats.methods["event.from"]
            assert after.successes == successes + CLIENTS
            assert sum(after.buckets) == buckets + CLIENTS
            assert after.seconds > seconds

        asyncio.run(scene())


def test_nothing_is_left_of_those_who_were_told_or_gave_up(server: InnerServer) -> None:
    with server.session() as session:
        api = session.xenapi
        (pool,) = api.pool.get_all()
        token = api.event_from(["pool"], "", 0.0)["token"]

        async def scene() -> None:
            address = urlsplit(server.url)
            lines = [await asyncio.open_connection(address.hostname, address.port) for _ in range(100)]
            for _, stream in lines:
                stream.write(request(session.handle, token))
            await asyncio.to_thread(until, lambda: server.core.events.waiting == 100)
            for _, stream in lines[::2]:
                stream.close()
            await asyncio.to_thread(until, lambda: server.core.events.waiting == 50)
            await asyncio.to_thread(api.pool.set_name_description, pool, "told and forgotten")
            for reader, stream in lines[1::2]:
                await kept_answer(reader)
                stream.close()

        gc.collect()
        gc.disable()
        try:
            asyncio.run(scene())
            until(lambda: not any(type(one).__name__ in ("Waiter", "_HeldHere") for one in gc.get_objects()))
        finally:
            gc.enable()


def request(session: str, token: str) -> bytes:
    return call("event.from", session, ["pool"], token, 60.0)


def call(method: str, *params: Any) -> bytes:
    body = xmlrpc.client.dumps(params, method).encode()
    return b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


async def kept_answer(reader: asyncio.StreamReader) -> Any:
    """The value in an answer on a connection that goes on."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
    (value,), _ = xmlrpc.client.loads(await reader.readexactly(length))
    return value
