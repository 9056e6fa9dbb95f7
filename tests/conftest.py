"""For every test: a fresh server of one's own, one that tests which change nothing share, and what a hang shows."""

from __future__ import annotations

import asyncio
import gc
import io
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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[Any]:
    """Show where each task of every event loop waits, of a test that took too long."""
    report = yield
    if call.excinfo is not None and str(call.excinfo.value).startswith("Timeout"):
        report.sections.append(("Tasks that wait", waiting_tasks()))
    return report


def waiting_tasks() -> str:
    shown = io.StringIO()
    for task in [found for found in gc.get_objects() if isinstance(found, asyncio.Task)]:
        if not task.done():
            task.print_stack(file=shown)
    return shown.getvalue()
