"""Log-in and log-out."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.generator import Generator
from benchmarks.loadgen import Load
from benchmarks.requests import xml
from benchmarks.results import Row
from benchmarks.rounds import Rounds, Subject, in_turns, rate_row
from benchmarks.servers import PASSWORD, xapi_async

LOG_IN = xml("session.login_with_password", "root", PASSWORD, "2.9", "benchmark")
CONNECTIONS = 16
_KEPT = ("root_sessions", "root_sessions_of_originator")


def measure(seconds: float, rounds: int, sessions: int) -> Iterator[Row]:
    """Rates of both. sessions: to log out in a round; each of them can only be logged out once."""
    flags = [flag for name in _KEPT for flag in ("--set", f"access.{name}={sessions + 1000}")]
    with Generator() as generator, xapi_async(*flags) as server:
        server.session()  # the first one of a user costs more: its password is hashed
        found = in_turns(generator, {"log-in": Subject(server, [LOG_IN], CONNECTIONS)}, seconds, rounds)
        yield rate_row("session.login_with_password", found["log-in"])
        out = Rounds()
        for _ in range(rounds):
            requests = [xml("session.logout", server.session()) for _ in range(sessions)]
            out.found.append(generator.run(Load(server.port, requests, CONNECTIONS, once=True, pids=server.pids)))
        yield rate_row("session.logout", out)
