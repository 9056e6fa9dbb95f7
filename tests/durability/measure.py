"""What the store costs on this machine: time to create, write, back up and load, and memory per VM.

    python tests/durability/measure.py --vms 10000

A VM here is twelve objects: itself, its metrics, four disks with their devices, and two interfaces.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import uvloop

from xapi_async.datamodel.classes import SR, VBD, VDI, VIF, VM, Network, VMMetrics
from xapi_async.objects.database import Database, open_database

DISKS, INTERFACES = 4, 2


def resident() -> float:
    """KiB of memory this process uses."""
    gc.collect()
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("VmRSS"))


async def create(db: Database, vms: int) -> None:
    async with db.store.transaction() as tx:
        sr, network = tx.create(SR), tx.create(Network)
        for number in range(vms):
            vm = tx.create(VM, name_label=f"vm{number}", metrics=tx.create(VMMetrics).ref, platform={"acpi": "1"})
            for disk in range(DISKS):
                vdi = tx.create(VDI, SR=sr.ref, name_label=f"disk {disk} of vm{number}", virtual_size=8 << 30)
                tx.create(VBD, VM=vm.ref, VDI=vdi.ref, userdevice=str(disk))
            for device in range(INTERFACES):
                tx.create(VIF, VM=vm.ref, network=network.ref, device=str(device), MAC=f"{number:012x}")


async def write(db: Database, writers: int, total: int) -> float:
    """Durable writes of one field per second, each in a transaction of its own."""
    refs = list(db.store.table(VM))[:writers]

    async def one(ref: str) -> None:
        for number in range(total // writers):
            async with db.store.transaction() as tx:
                tx.set(tx.get(VM, ref), name_description=f"number {number}")

    start = time.perf_counter()
    await asyncio.gather(*(one(ref) for ref in refs))
    return total / (time.perf_counter() - start)


async def measure(vms: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "database"
        async with open_database(path) as db:
            start = time.perf_counter()
            await create(db, vms)
            objects = vms * (2 + 2 * DISKS + INTERFACES)
            print(f"create {objects} objects in one transaction: {time.perf_counter() - start:.2f} s")
            await settle(path)
            for writers, total in ((1, 2_000), (64, 60_000), (1000, 100_000)):
                print(f"{writers} writers: {await write(db, writers, total):.0f} durable writes per second")
            start = time.perf_counter()
            await db.backup(path.with_name("backup"))
            print(f"backup: {time.perf_counter() - start:.2f} s")
        # In a process of its own: what this one uses says nothing of a server that has just started.
        loading = await asyncio.create_subprocess_exec(sys.executable, __file__, "--load", str(path))
        await loading.wait()


async def settle(path: Path) -> None:
    """Wait until the journal is folded."""
    with closing(sqlite3.connect(path)) as connection:
        while connection.execute("SELECT count(*) FROM journal").fetchone() > (10,):  # noqa: ASYNC110
            await asyncio.sleep(0.2)


async def load(path: Path) -> None:
    before, start = resident(), time.perf_counter()
    async with open_database(path) as db:
        print(f"load: {time.perf_counter() - start:.2f} s")
        print(f"memory: {(resident() - before) / len(db.store.table(VM)):.1f} KiB per VM")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--vms", type=int, default=10_000)
    parser.add_argument("--load", type=Path, help="only load this database")
    given = parser.parse_args()
    uvloop.run(load(given.load) if given.load else measure(given.vms))


if __name__ == "__main__":
    main()
