"""As many files open as the system lets this process have: clients and server are both in it."""

from __future__ import annotations

import resource
from collections.abc import Iterator

import pytest

FILES, MOST = resource.getrlimit(resource.RLIMIT_NOFILE)

CROWD = 1000 if MOST == resource.RLIM_INFINITY else min(1000, (MOST - 200) // 4 * 2)
"""How many clients there can be at once."""


@pytest.fixture(scope="session", autouse=True)
def open_files() -> Iterator[None]:
    resource.setrlimit(resource.RLIMIT_NOFILE, (MOST, MOST))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, MOST))
