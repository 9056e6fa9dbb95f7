"""The server takes as many open files as the system grants, and says where that is too little."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from tests.live import LiveServer, running


@pytest.fixture
def low_limit():
    """A soft limit far below the hard one, for what the test starts."""
    soft, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 512), most))
    yield most
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, most))


def limits_of(server: LiveServer) -> tuple[str, str]:
    """The soft and the hard limit of the process that serves."""
    assert server.process is not None
    lines = Path(f"/proc/{server.process.pid}/limits").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith("Max open files"))
    soft, most = line.split()[3:5]
    return soft, most


def test_the_limit_is_raised_as_far_as_it_goes(tmp_path: Path, low_limit: int) -> None:
    with running(tmp_path, "--set", "wire.connections=100") as server:
        assert limits_of(server) == (str(low_limit), str(low_limit))
        assert "files open" not in server.log()


def test_connections_that_do_not_fit_are_told_of(tmp_path: Path) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with running(tmp_path, "--set", f"wire.connections={most}") as server:
        (line,) = (line for line in server.log().splitlines() if "files open" in line)
        assert f"wire.connections is {most}" in line
