"""Durable writes at few and many clients, beside what the disk and SQLite allow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks.generator import Generator
from benchmarks.requests import xml
from benchmarks.results import Row
from benchmarks.rounds import Subject, in_turns, rate_row
from benchmarks.servers import peer, xapi_async

LIMIT = "group-commit"


def measure(clients: Sequence[int], seconds: float, rounds: int) -> Iterator[Row]:
    """A row for each number of clients, and one for the limit: every request durable, and nothing else done."""
    with Generator() as generator, xapi_async("--vms", "100") as ours, peer("commits", LIMIT) as limit:
        session = ours.session()
        requests = [xml("VM.set_name_label", session, vm, "renamed") for vm in ours.guests(session)]
        subjects = {
            f"{server.name} {count}": Subject(server, requests, count) for count in clients for server in (ours, limit)
        }
        found = in_turns(generator, subjects, seconds, rounds)
        for count in clients:
            other = found[f"{LIMIT} {count}"]
            yield rate_row(f"VM.set_name_label, {_clients(count)}", found[f"{ours.name} {count}"], LIMIT, other)
            yield rate_row(f"{LIMIT}, {_clients(count)}", other, is_peer=True)


def _clients(count: int) -> str:
    return "1 client" if count == 1 else f"{count:,} clients"
