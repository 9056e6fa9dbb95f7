"""A server for the tests of tasks and events."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.client import call_xml
from tests.inner import InnerServer, inner_server

FLAGS = {("events", "empty_next_seconds"): "0.2"}


@pytest.fixture(scope="package")
def server() -> Iterator[InnerServer]:
    with inner_server(FLAGS) as server:
        yield server


@pytest.fixture
def client(server: InnerServer) -> Iterator[Any]:
    """The official client, logged in as root."""
    with server.session() as session:
        yield session


@pytest.fixture
def api(client: Any) -> Any:
    """What the official client calls by."""
    return client.xenapi


@pytest.fixture
def vm(api: Any) -> str:
    """Something to change."""
    return str(api.VM.get_by_name_label("Other install media")[0])


@pytest.fixture
def later(server: InnerServer, client: Any) -> Iterator[Callable[..., None]]:
    """Has a call made in a moment, over a connection of its own."""
    timers: list[threading.Timer] = []

    def start(method: str, *params: Any) -> None:
        timers.append(threading.Timer(0.1, call_xml, (server.url, method, client.handle, *params)))
        timers[-1].start()

    yield start
    for timer in timers:
        timer.join()
