from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from tests.copies.lab import Lab, lab
from tests.inner import InnerServer
from tests.pools.between_hosts import as_host, pool_of_three, secret_of


@pytest.fixture
async def pool() -> AsyncIterator[Lab]:
    async with lab() as made:
        yield made


@pytest.fixture(scope="module")
def server() -> Iterator[InnerServer]:
    with pool_of_three() as made:
        yield made


@pytest.fixture
def api(server: InnerServer) -> Iterator[Any]:
    with as_host(server.url, secret_of(server)) as made:
        yield made
