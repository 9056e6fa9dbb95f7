"""Calls that come again to the letter: read once, for as long as they would be read the same."""

from __future__ import annotations

import threading
import xmlrpc.client
from dataclasses import replace
from itertools import count

from tests.client import PATIENCE
from tests.wire.conftest import WireServer, wire_server
from xapi_async.wire.remembered import Remembered

RECENT = 1024
ALL = 8192


def request(method: str, *params: object) -> bytes:
    body = xmlrpc.client.dumps(params, method).encode()
    return b"POST / HTTP/1.0\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


def test_a_call_that_comes_again_is_read_once_and_answered_again(server: WireServer) -> None:
    server.dispatcher.calls.clear()
    sent = [[["a", "b"], "c", 1.5, 2, True], [{"a": "b"}], [["a", 1]], [[["a"]]]]
    for params in sent:
        first, second = (server.exchange(request("any", *params)) for _ in range(2))
        assert first == second
        assert first.startswith(b"HTTP/1.0 200")
    read = [call.params for call in server.dispatcher.calls]
    assert read[::2] == read[1::2] == sent
    # Those that a call could change are read each time.
    assert [read[n] is read[n + 1] for n in range(0, len(read), 2)] == [True, False, False, False]


def test_a_call_is_read_anew_under_other_limits() -> None:
    with wire_server() as server:
        front, done = server.bound.front, threading.Event()

        def limit() -> None:
            front.limit(replace(front.settings, max_depth=1))
            done.set()

        assert server.exchange(request("any", ["a"])).startswith(b"HTTP/1.0 200")
        server.call_soon(limit)
        assert done.wait(PATIENCE)
        assert server.exchange(request("any", ["a"])).startswith(b"HTTP/1.0 500")
        assert server.exchange(request("any", "a")).startswith(b"HTTP/1.0 200")


def test_calls_that_wait_make_room_for_each_other_and_leave_the_others_alone() -> None:
    known, number = Remembered[int](), count()
    known.add(b"getter", next(number), "VM.get_uuid")
    for _ in range(2 * ALL):
        made = next(number)
        known.add(b"wait %d" % made, made, "event.from")
        assert known.find(b"wait %d" % made) == made
    assert known.find(b"getter") == 0
    assert [known.find(b"wait %d" % n) for n in (made - RECENT, made - RECENT + 1)] == [None, made - RECENT + 1]


def test_not_more_than_so_many_calls_are_known() -> None:
    known = Remembered[int]()
    for number in range(3 * ALL):
        known.add(b"get %d" % number, number, "VM.get_uuid")
        known.add(b"wait %d" % number, number, "event_from")
        assert known.find(b"get %d" % number) == known.find(b"wait %d" % number) == number
    assert known.find(b"get 0") is None
    assert sum(known.find(b"get %d" % n) is not None for n in range(3 * ALL)) <= ALL
