"""The measure of waiting clients: all of them are counted, and those not told of the change are errors."""

from __future__ import annotations

import pytest
from benchmarks.generator import Generator
from benchmarks.requests import XML_SUCCESS, post
from benchmarks.servers import peer
from benchmarks.waiting import ComingBack, Told, wait_for_changes

CLIENTS = 150
WAIT = post("/wait", b"")


@pytest.mark.parametrize("back", [None, ComingBack(WAIT)])
@pytest.mark.parametrize(("marker", "errors"), [(XML_SUCCESS, 0), (b"something else", CLIENTS)])
def test_all_that_wait_are_told(marker: bytes, errors: int, back: ComingBack | None):
    with Generator() as generator, peer("sized", "fan-out", "70000") as server:
        generator.begin(wait_for_changes, server.port, CLIENTS, server.pids)
        for number in range(2):
            # Those who come back wait already, unless the answer was not what it should be.
            if number == 0 or back is None or errors:
                generator.tell(("wait", WAIT))
                assert generator.hear() == "waiting"
                server.wait_until_quiet()
            generator.tell(("change", post("/", b""), marker, back))
            told: Told = generator.hear()
            assert len(told.arrived) == CLIENTS
            assert told.errors == errors
            assert told.answered > 0
            assert told.cpu > 0
        generator.tell()
        generator.result()


def test_those_who_come_back_ask_with_the_token_that_they_got() -> None:
    tokens = [f"{number:020d},{0:020d}".encode() for number in range(3)]
    back = ComingBack(b"POST from " + tokens[0], tokens[0])
    for token in (*tokens, *tokens):
        answer = b"<name>token</name><value>of old</value> ... <name>token</name><value>" + token + b"</value>"
        assert back.request(answer) == b"POST from " + token
