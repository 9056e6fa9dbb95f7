"""TLS beside plain connections."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from benchmarks.generator import Generator
from benchmarks.requests import xml
from benchmarks.results import Row
from benchmarks.rounds import Subject, in_turns, rate_row
from benchmarks.servers import xapi_async


def measure(seconds: float, rounds: int) -> Iterator[Row]:
    """Rows for small and for large answers, over connections that stay."""
    with Generator() as generator, xapi_async("--vms", "100") as server:
        session = server.session()
        vms = server.guests(session)
        plain = {
            "VM.get_name_label": Subject(server, [xml("VM.get_name_label", session, vm) for vm in vms]),
            "VM.get_all_records": Subject(server, [xml("VM.get_all_records", session)], 4),
        }
        subjects = {f"{name}, plain": one for name, one in plain.items()}
        subjects |= {f"{name}, TLS": replace(one, tls=True) for name, one in plain.items()}
        found = in_turns(generator, subjects, seconds, rounds)
        for name in plain:
            other = found[f"{name}, plain"]
            yield rate_row(f"{name}, plain", other)
            yield rate_row(f"{name}, TLS", found[f"{name}, TLS"], "plain", other)
