"""The measure of waiting clients: all of them are counted, and those not told of the change are errors."""

from __future__ import annotations

import pytest
from benchmarks.generator import Generator
from benchmarks.requests import XML_SUCCESS, post
from benchmarks.servers import peer
from benchmarks.waiting import Told, wait_for_changes

CLIENTS = 150


@pytest.mark.parametrize(("marker", "errors"), [(XML_SUCCESS, 0), (b"something else", CLIENTS)])
def test_all_that_wait_are_told(marker: bytes, errors: int):
    with Generator() as generator, peer("sized", "fan-out", "70000") as server:
        generator.begin(wait_for_changes, server.port, CLIENTS, server.pids)
        for _ in range(2):
            generator.tell(("wait", post("/wait", b"")))
            assert generator.hear() == "waiting"
            server.wait_until_quiet()
            generator.tell(("change", post("/", b""), marker))
            told: Told = generator.hear()
            assert len(told.arrived) == CLIENTS
            assert told.errors == errors
            assert told.answered > 0
            assert told.cpu > 0
        generator.tell()
        generator.result()
