from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.copies.lab import Lab, lab


@pytest.fixture
async def pool() -> AsyncIterator[Lab]:
    async with lab() as made:
        yield made
