"""One server for all tests of how calls travel and are checked; they leave nothing behind that others notice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.inner import InnerServer, inner_server


@pytest.fixture(scope="package")
def server() -> Iterator[InnerServer]:
    with inner_server() as server:
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
def session(client: Any) -> str:
    """The reference of root's session."""
    return str(client.handle)
