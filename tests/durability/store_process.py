"""A process that keeps objects and does as it is told over its standard input, until it is killed.

A line in is ``[number, operation, arguments]``, a line out ``[number, result, error]``, as JSON. Lines
are answered as their work is done, not in their order: whatever is answered must outlive the process.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import orjson

from xapi_async.datamodel.classes import SR, VBD, VDI, VM, VMMetrics
from xapi_async.objects.database import Database, open_database
from xapi_async.objects.integrity import check_integrity
from xapi_async.objects.settings import StoreSettings

# Folding is to go on all the time, so that kills meet it.
SETTINGS = StoreSettings(checkpoint_transactions=40)


async def make_vm(db: Database) -> Any:
    async with db.store.transaction() as tx:
        metrics = tx.create(VMMetrics, VCPUs_number=0)
        return tx.create(VM, name_description="0", metrics=metrics.ref).ref


async def write(db: Database, vm: str, number: int) -> Any:
    """Write one number into two objects."""
    async with db.store.transaction() as tx:
        tx.set(tx.get(VM, vm), name_description=str(number))
        tx.set(tx.get(VMMetrics, tx.get(VM, vm).metrics), VCPUs_number=number)
    async with db.store.transaction() as tx:  # not journaled, but counted
        tx.set(tx.get(VM, vm), allowed_operations=("start",))
    return None


async def make_disk(db: Database, vm: str) -> Any:
    async with db.store.transaction() as tx:
        sr = next(iter(tx.all(SR)))
        vdi = tx.create(VDI, SR=sr.ref, name_label="disk")
        return vdi.ref, tx.create(VBD, VM=vm, VDI=vdi.ref).ref


async def drop_disk(db: Database, vdi: str, vbd: str) -> Any:
    async with db.store.transaction() as tx:
        tx.delete(tx.get(VBD, vbd))
        tx.delete(tx.get(VDI, vdi))


async def move_disk(db: Database, vbd: str, vm: str) -> Any:
    async with db.store.transaction() as tx:
        tx.set(tx.get(VBD, vbd), VM=vm)


async def bump(db: Database) -> Any:
    """Count up what everybody counts up; gives the number reached."""
    async with db.store.transaction() as tx:
        sr = next(iter(tx.all(SR)))
        number = int(sr.other_config.get("n", "0")) + 1
        tx.set(sr, other_config={"n": str(number)})
    return number


async def put(db: Database, name: str, value: int) -> Any:
    await db.documents.put(name, value)


async def state(db: Database) -> Any:
    """All there is, as :class:`crash.Model` compares it."""
    store = db.store
    sr = next(iter(store.all(SR)))
    return {
        "vms": {
            vm.ref: [int(vm.name_description), store.get(VMMetrics, vm.metrics).VCPUs_number] for vm in store.all(VM)
        },
        "metrics": len(store.table(VMMetrics)),
        "disks": {vdi.ref: list(vdi.VBDs) for vdi in store.all(VDI)},
        "devices": {vbd.ref: [vbd.VDI, vbd.VM, vbd.ref in store.get(VM, vbd.VM).VBDs] for vbd in store.all(VBD)},
        "shared": int(sr.other_config.get("n", "0")),
        "documents": {name: await db.documents.get(name) for name in ("a", "b")},
        "problems": check_integrity(store),
        "members": len(sr.VDIs),
    }


OPERATIONS: dict[str, Callable[..., Awaitable[Any]]] = {
    function.__name__: function for function in (make_vm, write, make_disk, drop_disk, move_disk, bump, put, state)
}


async def answer(db: Database, line: bytes) -> None:
    number, operation, arguments = orjson.loads(line)
    result, error = None, None
    try:
        result = await OPERATIONS[operation](db, *arguments)
    except Exception as failure:
        error = repr(failure)
    os.write(1, orjson.dumps([number, [db.store.generation, result], error]) + b"\n")


async def main(path: Path) -> None:
    reader = asyncio.StreamReader(limit=1 << 24)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    async with open_database(path, SETTINGS) as db, asyncio.TaskGroup() as tasks:
        if not db.store.table(SR):
            async with db.store.transaction() as tx:
                tx.create(SR)
        while line := await reader.readline():
            tasks.create_task(answer(db, line))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
