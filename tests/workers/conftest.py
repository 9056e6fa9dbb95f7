"""A server of three processes, and connections of which one knows who answers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.live import LiveServer, running
from tests.workers.processes import Processes

WORKERS = 3


@pytest.fixture(scope="session")
def several(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server of three processes over a database that was there before: some of its fields are put off."""
    folder = tmp_path_factory.mktemp("several")
    with running(folder, "--hosts", "3", "--vms", "40") as server:
        server.stop()
        server.flags = ("--workers", str(WORKERS))
        yield server.start()


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server of two processes: its one reader has no other to wait for."""
    with running(tmp_path_factory.mktemp("pair"), "--vms", "40", "--workers", "2") as server:
        yield server


@pytest.fixture(params=["pair", "several"])
def together(request: pytest.FixtureRequest) -> LiveServer:
    """Each of these servers in turn."""
    found: LiveServer = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def processes(several: LiveServer) -> Iterator[Processes]:
    """One connection to each process of that server."""
    found = Processes(several)
    yield found
    found.close()
