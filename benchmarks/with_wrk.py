"""The getter as wrk measures it, where that is installed: a second opinion on the load generator of our own."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.calls import GETTER, LIMIT
from benchmarks.generator import Generator
from benchmarks.loadgen import Measured
from benchmarks.processes import busy_everywhere, children_cpu, cpu_time
from benchmarks.requests import xml
from benchmarks.results import Row
from benchmarks.rounds import Rounds, Subject, rate_row
from benchmarks.servers import GENERATOR_CORES, peer, settled, xapi_async

SCRIPT = Path(__file__).with_name("wrk.lua")
CONNECTIONS = 64


def measure(seconds: int, rounds: int) -> Iterator[Row]:
    """Rows by wrk and by our generator, in turns; nothing where wrk is not installed."""
    if shutil.which("wrk") is None:
        print("wrk is not installed: its rows are left out", file=sys.stderr)
        return
    with (
        Generator() as generator,
        xapi_async("--vms", "100") as ours,
        peer("canned", LIMIT) as limit,
        tempfile.NamedTemporaryFile() as file,
    ):
        session = ours.session()
        getter = [xml("VM.get_name_label", session, vm) for vm in ours.guests(session)]
        file.write(b"".join(b"%d %b" % (len(request), request) for request in getter))
        file.flush()
        subjects = {GETTER: Subject(ours, getter, CONNECTIONS), LIMIT: Subject(limit, getter, CONNECTIONS)}
        wrk = {name: Rounds() for name in subjects}
        own = {name: Rounds() for name in subjects}
        for _ in range(rounds):
            for name, subject in subjects.items():
                wrk[name].found.append(_wrk(subject, seconds, file.name))
                own[name].found.append(generator.run(subject.load(seconds)))
    yield rate_row(f"{GETTER}, by wrk", wrk[GETTER], f"{LIMIT} by wrk", wrk[LIMIT])
    yield rate_row(f"{GETTER}, by our generator", own[GETTER], f"{LIMIT} by ours", own[LIMIT])
    yield rate_row(f"{LIMIT}, by wrk", wrk[LIMIT], is_peer=True)
    yield rate_row(f"{LIMIT}, by our generator", own[LIMIT], "by wrk", wrk[LIMIT], is_peer=True)


def _wrk(subject: Subject, seconds: int, file: str) -> Measured:
    """One round. Of the times it tells only the p99."""
    pids = subject.server.pids
    url = f"http://127.0.0.1:{subject.server.port}/"
    command = ["wrk", "-t1", f"-c{subject.connections}", f"-d{seconds}", "-s", str(SCRIPT), url, "--", file]
    everywhere, own = busy_everywhere(), children_cpu()
    before, start = [cpu_time(pid) for pid in pids], time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=True, preexec_fn=settled(GENERATOR_CORES))
    took = time.perf_counter() - start
    server = [cpu_time(pid) - then for pid, then in zip(pids, before, strict=True)]
    used = children_cpu() - own
    others = busy_everywhere() - everywhere - used - sum(one.total for one in server)
    told = json.loads(done.stdout.splitlines()[-1])
    return Measured(
        told["calls"], told["microseconds"] / 1e6, [told["p99"] / 1e6], told["errors"], used / took,
        server=server, others=max(0.0, others / took),
    )  # fmt: skip
