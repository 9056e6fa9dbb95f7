"""Fixtures for every test: a fresh server of one's own, and one that tests which change nothing share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.live import LiveServer, running


@pytest.fixture
def fresh_server(tmp_path: Path) -> Iterator[LiveServer]:
    """A newly installed server whose guests need no time."""
    with running(tmp_path) as server:
        yield server


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server that many tests use; they leave behind nothing that others would notice."""
    with running(tmp_path_factory.mktemp("shared")) as server:
        yield server


@pytest.fixture
def xapi(shared_server: LiveServer) -> Iterator[Any]:
    """The official client, logged in to the shared server."""
    with shared_server.session() as session:
        yield session.xenapi
