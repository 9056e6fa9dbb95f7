"""Scenarios of whole deployments: large lists, waiting clients, many operations at once, start-up and memory."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
import xmlrpc.client
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.calls import Pool, xml
from benchmarks.loadgen import Load
from benchmarks.results import Row
from benchmarks.servers import Running, xapi_async

KIB, MIB = 1024, 1024 * 1024


def large_lists(vms: int) -> Iterator[Row]:
    """get_all_records of many VMs: nothing changed since, and one VM changed since."""
    with xapi_async("--hosts", str(max(1, vms // 150)), "--vms", str(vms)) as server:
        client, session = server.client(), server.session()
        start = time.perf_counter()
        records = client.VM.get_all_records(session)["Value"]
        guest = next(ref for ref, vm in records.items() if not (vm["is_a_template"] or vm["is_control_domain"]))
        yield Row(f"xapi-async {len(records)} VM records, the first time", (time.perf_counter() - start) * 1000, "ms")
        pool = Pool()
        try:
            before = server.cpu_seconds()
            request = xml("VM.get_all_records", session)
            found = pool.run(Load(server.port, [request], connections=1, seconds=3, warmup_seconds=0.1))
            cost = (server.cpu_seconds() - before) / max(1, found.calls) * 1000
        finally:
            pool.close()
        yield Row(f"xapi-async {len(records)} VM records, unchanged", cost, "ms CPU", note="sending them included")
        costs = []
        for number in range(20):
            client.VM.set_name_label(session, guest, f"renamed {number}")
            before, start = server.cpu_seconds(), time.perf_counter()
            client.VM.get_all_records(session)
            costs.append(server.cpu_seconds() - before)
        yield Row(f"xapi-async {len(records)} VM records, one changed", statistics.mean(costs) * 1000, "ms CPU")


async def _wait_for_change(server: Running, session: str, clients: int) -> tuple[float, float]:
    """Have many clients wait in event.from, change one object; gives the idle CPU share and the last answer's delay."""
    arrived: list[float] = []
    token = server.client().event_from(session, ["vm"], "", 0.0)["Value"]["token"]
    request = xml("event.from", session, ["vm"], token, 60.0)

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(request)
        await reader.readuntil(b"\r\n\r\n")
        arrived.append(time.perf_counter())
        writer.close()

    waiting = [asyncio.create_task(one()) for _ in range(clients)]
    await asyncio.sleep(2 + clients / 2000)
    before, start = server.cpu_seconds(), time.perf_counter()
    await asyncio.sleep(3)
    idle = (server.cpu_seconds() - before) / (time.perf_counter() - start)
    vm = server.client().VM.get_all(session)["Value"][0]
    await asyncio.to_thread(server.client().VM.set_name_description, session, vm, "changed")
    changed = time.perf_counter()
    await asyncio.gather(*waiting)
    return idle, max(arrived) - changed


def waiting_clients(clients: int) -> Iterator[Row]:
    """Many clients in event.from: what they cost, and how soon all know of a change."""
    with xapi_async("--set", f"wire.connections={clients + 1000}") as server:
        idle, delay = asyncio.run(_wait_for_change(server, server.session(), clients))
    name = f"xapi-async {clients} waiting in event.from"
    yield Row(f"{name}, idle", idle * 100, "% core", goal="below 1 %", met=idle < 0.01)
    yield Row(f"{name}, last one told", delay * 1000, "ms", goal="below 100 ms", met=delay < 0.1)


def many_operations(vms: int, hosts: int, clones: int) -> Iterator[Row]:
    """Async.VM.start of many VMs at once, reads meanwhile; then clones."""
    flags = ("--hosts", str(hosts), "--vms", str(vms), "--set", "tasks.kept=100000")
    with xapi_async(*flags) as server:
        client, session = server.client(), server.session()
        guests = _guests(client, session, "Halted")
        pool = Pool()
        try:
            getter = [xml("VM.get_name_label", session, vm) for vm in guests or [""]]
            idle = pool.run(Load(server.port, getter, connections=16, seconds=1, warmup_seconds=0.2, rate=2000))
            load = pool.begin(Load(server.port, getter, connections=16, seconds=2, warmup_seconds=0, rate=2000))
            start = time.perf_counter()
            tasks = [client.Async.VM.start(session, vm, False, False)["Value"] for vm in guests]
            _wait_for_tasks(client, session, tasks)
            took = time.perf_counter() - start
            meanwhile = load.result()
        finally:
            pool.close()
        states = client.VM.get_all_records(session)["Value"]
        running = sum(states[vm]["power_state"] == "Running" for vm in guests)
        rate = len(guests) / took
        yield Row(f"xapi-async {len(guests)} VM.start on {hosts} hosts", rate, "starts/s", note=f"{running} run")
        slow = meanwhile.percentile(0.99) * 1000
        note = f"{idle.percentile(0.99) * 1000:.2f} ms before"
        yield Row("xapi-async p99 of reads meanwhile", slow, "ms", goal="below 5 ms", met=slow < 5, note=note)
        start = time.perf_counter()
        source = client.VM.get_by_name_label(session, "Other install media")["Value"][0]
        for number in range(clones):
            client.VM.clone(session, source, f"clone {number}")
        yield Row("xapi-async VM.clone, one after another", clones / (time.perf_counter() - start), "clones/s")


VM_WITH_DEVICES = """
[inventory.vm]
disks = 3  # and a CD drive
interfaces = 2
"""


def start_up_and_memory(hosts: int, vms: int) -> Iterator[Row]:
    """A large pool: the start of a server over it; and its memory, with VMs that have some devices."""
    shape = ("--set", "inventory.seed=1")
    size = ("--hosts", str(hosts), "--vms", str(vms), *shape)
    with tempfile.TemporaryDirectory(prefix="xapi-bench-") as folder:
        database = Path(folder) / "large.db"
        with xapi_async("--hosts", str(hosts), "--vms", "0", *shape) as empty:
            base = empty.memory()
        with xapi_async(*size, database=database) as server:
            yield Row(f"xapi-async first start with {vms} VMs", server.started, "s")
        with xapi_async(*shape, database=database) as server:
            objects = sum(_counts(server).values())
            yield Row(f"xapi-async start with {objects} objects", server.started, "s", goal="below 2 s",
                      met=server.started < 2)  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="xapi-bench-") as folder:
        database, settings = Path(folder) / "large.db", Path(folder) / "settings.toml"
        settings.write_text(VM_WITH_DEVICES)
        with xapi_async("--config", str(settings), *size, database=database):
            pass  # what making the pool took is not to count
        with xapi_async(*shape, database=database) as server:
            counts = _counts(server)
            memory = server.memory()
            name = f"xapi-async memory, {vms} VMs on {hosts} hosts"
            yield Row(name, memory / MIB, "MiB", goal="below 400 MB", met=memory < 400e6)
            each = (memory - base) / max(1, vms)
            devices = counts["vbd"] / max(1, vms), counts["vif"] / max(1, vms)
            note = f"{devices[0]:.0f} VBDs and {devices[1]:.0f} VIFs each"
            yield Row("xapi-async memory of a VM", each / KIB, "KiB", goal="at most 14 KiB", met=each <= 14 * KIB,
                      note=note)  # fmt: skip


def _counts(server: Running) -> dict[str, int]:
    """How many objects of each class there are."""
    counts: dict[str, int] = server.client().event_from(server.session(), [], "", 0.0)["Value"]["valid_ref_counts"]
    return counts


def dashboards(presets: tuple[str, ...], seconds: float) -> Iterator[Row]:
    """What dashboards do, on pools known by name: list every class, then follow the events."""
    for preset in presets:
        with xapi_async("--set", f"inventory.preset={preset}") as server:
            client, session = server.client(), server.session()
            methods = client.system.listMethods()
            classes = sorted(name.split(".")[0] for name in methods if name.endswith(".get_all_records"))
            start, rounds = time.perf_counter(), 0
            while time.perf_counter() - start < seconds:
                for name in classes:
                    getattr(client, name).get_all_records(session)
                client.event_from(session, ["*"], "", 0.0)
                rounds += 1
            took = (time.perf_counter() - start) / rounds
            yield Row(f"xapi-async everything listed, {preset}", took * 1000, "ms", note=f"{len(classes)} classes")


def _guests(client: Any, session: str, state: str) -> list[str]:
    records = client.VM.get_all_records(session)["Value"]
    return [
        ref
        for ref, vm in records.items()
        if vm["power_state"] == state and not (vm["is_a_template"] or vm["is_control_domain"])
    ]


def _wait_for_tasks(client: xmlrpc.client.ServerProxy, session: str, tasks: list[str]) -> None:
    deadline = time.monotonic() + 300
    unfinished = set(tasks)
    while unfinished and time.monotonic() < deadline:
        records: Any = client.task.get_all_records(session)["Value"]  # type: ignore[index, call-overload]
        unfinished = {task for task in unfinished if task in records and records[task]["status"] == "pending"}
        time.sleep(0.1)
