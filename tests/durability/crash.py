"""Kill a server at random moments, hundreds of times, and prove that nothing it answered was lost.

    python tests/durability/crash.py --kills 300 --seed 1

Many writers change objects at once. What was answered must be there after the kill; what was asked
and not answered may be there or not, but not half; both ends of every relation agree; generations
never go back. The program under test is behind :class:`~tests.durability.target.Target`, so that the
same writers can drive anything that can do these operations.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import random
import signal
import sys
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

if not __package__:  # run as a file
    sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.durability.server_target import ServerTarget
from tests.durability.target import KilledError, Target

WRITERS = 24
LONGEST_LIFE = 0.5
"""Seconds from when a process answers until it is killed, at most."""


class StoreTarget:
    """The store and its database in a process of their own."""

    operations = frozenset(("make_vm", "write", "make_disk", "drop_disk", "move_disk", "bump", "put"))

    def __init__(self, path: Path) -> None:
        self._path = path
        self._numbers = itertools.count()
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self.newest = 0  # the newest generation answered

    async def start(self) -> None:
        program = Path(__file__).with_name("store_process.py")
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, str(program), str(self._path), stdin=-1, stdout=-1, limit=1 << 26
        )
        self._reading = asyncio.create_task(self._read())

    async def call(self, operation: str, *arguments: Any) -> Any:
        number = next(self._numbers)
        future = self._waiting[number] = asyncio.get_running_loop().create_future()
        assert self._process.stdin is not None
        if self._reading.done():
            raise KilledError
        self._process.stdin.write(orjson.dumps([number, operation, arguments]) + b"\n")
        return await future

    async def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        await self._process.wait()
        await self._reading

    async def _read(self) -> None:
        assert self._process.stdout is not None
        while (line := await self._process.stdout.readline()).endswith(b"\n"):
            number, (generation, result), error = orjson.loads(line)
            self.newest = max(self.newest, generation)
            future = self._waiting.pop(number)
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(AssertionError(error))
        waiting, self._waiting = self._waiting, {}
        for future in waiting.values():
            if not future.done():
                future.set_exception(KilledError())
                future.exception()


@dataclass
class Model:
    """What the target must hold: per VM, disk and counter the values that are possible after a kill."""

    vms: dict[str, set[int]] = field(default_factory=dict)
    disks: dict[str, tuple[str, set[str]]] = field(default_factory=dict)  # the device, and whose it may be
    going: set[str] = field(default_factory=set)  # disks of which nobody knows whether they are gone
    gone: set[str] = field(default_factory=set)
    documents: dict[str, set[int | None]] = field(default_factory=lambda: {"a": {None}, "b": {None}})
    shared: int = 0
    unanswered: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("make_vm", "make_disk", "bump"), 0))
    answered: int = 0

    def differences(self, found: Any) -> list[str]:
        """What the target holds that cannot be."""
        wrong = list(found["problems"])
        for ref, numbers in self.vms.items():
            pair = found["vms"].get(ref)
            if pair is None or pair[0] != pair[1] or pair[0] not in numbers:
                wrong.append(f"VM {ref}: {pair}, not one of {numbers}")
        if found["metrics"] != len(found["vms"]):
            wrong.append(f"{len(found['vms'])} VMs have {found['metrics']} metrics")
        extra = len(found["vms"].keys() - self.vms.keys())
        if extra > self.unanswered["make_vm"]:
            wrong.append(f"{extra} VMs that nobody made")
        for ref, (device, owners) in self.disks.items():
            if ref not in found["disks"]:
                if ref not in self.going:
                    wrong.append(f"disk {ref} is lost")
            elif found["disks"][ref] != [device] or found["devices"][device][1] not in owners:
                wrong.append(f"disk {ref}: {found['disks'][ref]}, {found['devices'].get(device)}")
        wrong += [f"disk {ref} is back" for ref in self.gone & found["disks"].keys()]
        extra = len(found["disks"].keys() - self.disks.keys())
        if extra > self.unanswered["make_disk"]:
            wrong.append(f"{extra} disks that nobody made")
        if len(found["devices"]) != len(found["disks"]) or found["members"] != len(found["disks"]):
            wrong.append(f"{len(found['disks'])} disks, {len(found['devices'])} devices, {found['members']} in the SR")
        wrong += [f"device {ref} is not in its VM" for ref, (_, _, listed) in found["devices"].items() if not listed]
        if not self.shared <= found["shared"] <= self.shared + self.unanswered["bump"]:
            wrong.append(f"counter {found['shared']}, not {self.shared} and at most {self.unanswered['bump']} more")
        for name, values in self.documents.items():
            if found["documents"][name] not in values:
                wrong.append(f"document {name}: {found['documents'][name]}, not one of {values}")
        return wrong

    def settle(self, found: Any) -> None:
        """Take over what the target holds, now that it is known."""
        self.gone |= self.disks.keys() - found["disks"].keys()
        self.vms = {ref: {pair[0]} for ref, pair in found["vms"].items()}
        self.disks = {
            ref: (devices[0], {found["devices"][devices[0]][1]}) for ref, devices in found["disks"].items() if devices
        }
        self.going.clear()
        self.shared = found["shared"]
        self.documents = {name: {value} for name, value in found["documents"].items()}
        self.unanswered = dict.fromkeys(self.unanswered, 0)


class Writer:
    """One of many who change things at once: it owns a VM and its disks, and shares the counter."""

    def __init__(self, target: Target, model: Model, rng: random.Random, number: int) -> None:
        self._target = target
        self._model = model
        self._rng = rng
        self._number = number
        self._vm = ""
        self._disks = sorted(model.disks)[number::WRITERS]  # those left by the writers before

    async def work(self) -> None:
        """Change things until the target is killed."""
        possible: dict[str, Callable[[], Awaitable[None]]] = {
            "write": self._write,
            "make_disk": self._make,
            "drop_disk": self._drop,
            "move_disk": self._move,
            "bump": self._bump,
        }
        if self._number < len(self._model.documents):
            possible["put"] = self._put
        actions = [action for operation, action in possible.items() if operation in self._target.operations]
        try:
            self._vm = await self._counted("make_vm")
            self._model.vms[self._vm] = {0}
            while True:
                await self._rng.choice(actions)()
        except KilledError:
            return

    async def _counted(self, operation: str, *arguments: Any) -> Any:
        self._model.unanswered[operation] += 1
        result = await self._target.call(operation, *arguments)
        self._model.unanswered[operation] -= 1
        self._model.answered += 1
        return result

    async def _write(self) -> None:
        possible = self._model.vms[self._vm]
        number = max(possible) + 1
        possible.add(number)
        await self._target.call("write", self._vm, number)
        self._model.vms[self._vm] = {number}
        self._model.answered += 1

    async def _make(self) -> None:
        vdi, vbd = await self._counted("make_disk", self._vm)
        self._model.disks[vdi] = (vbd, {self._vm})
        self._disks.append(vdi)

    async def _drop(self) -> None:
        if not self._disks:
            return
        vdi = self._disks.pop(self._rng.randrange(len(self._disks)))
        self._model.going.add(vdi)
        await self._target.call("drop_disk", vdi, self._model.disks[vdi][0])
        self._model.gone.add(vdi)
        self._model.disks.pop(vdi)
        self._model.answered += 1

    async def _move(self) -> None:
        if not self._disks:
            return
        vbd, owners = self._model.disks[self._rng.choice(self._disks)]
        vm = self._rng.choice(sorted(self._model.vms))
        owners.add(vm)
        await self._target.call("move_disk", vbd, vm)
        owners.intersection_update((vm,))
        self._model.answered += 1

    async def _bump(self) -> None:
        # Answers come in any order: the counter has reached the greatest.
        number = await self._counted("bump")
        self._model.shared += 1
        assert number > 0

    async def _put(self) -> None:
        name = sorted(self._model.documents)[self._number]
        value = (max(self._model.documents[name], key=lambda known: known or 0) or 0) + 1
        self._model.documents[name].add(value)
        await self._target.call("put", name, value)
        self._model.documents[name] = {value}
        self._model.answered += 1


async def crash(target: Target, kills: int, rng: random.Random, tell: Callable[[str], None]) -> int:
    """Start, write, kill and compare, again and again; gives how many changes were answered.

    Raises AssertionError with what is wrong.
    """
    model = Model()
    await target.start()
    model.settle(await target.call("state"))
    for number in range(1, kills + 1):
        writers = [asyncio.create_task(Writer(target, model, rng, n).work()) for n in range(WRITERS)]
        await asyncio.sleep(rng.uniform(0, LONGEST_LIFE))
        await target.kill()
        for result in await asyncio.gather(*writers, return_exceptions=True):
            assert result is None, result
        if rng.random() < 0.2:  # and while it starts
            await target.start()
            await asyncio.sleep(rng.uniform(0, 0.6))
            await target.kill()
        newest = target.newest
        await target.start()
        found = await target.call("state")
        wrong = model.differences(found)
        assert not wrong, "\n".join([f"after kill {number}:", *wrong[:20]])
        target.newest, after = newest, target.newest
        assert after >= newest, f"after kill {number}: generation {after}, before it {newest}"
        tell(f"kill {number}: {model.answered} changes answered, {len(found['disks'])} disks, nothing lost")
        model.settle(found)
    await target.kill()
    return model.answered


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 30))
    parser.add_argument("--server", action="store_true", help="kill the whole server, driven over XML-RPC")
    given = parser.parse_args()
    print(f"seed {given.seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        target: Target = ServerTarget(Path(folder)) if given.server else StoreTarget(Path(folder) / "database")
        answered = asyncio.run(
            crash(target, given.kills, random.Random(given.seed), lambda line: print(line, flush=True))
        )
    print(f"{given.kills} kills, {answered} changes answered, nothing lost")


if __name__ == "__main__":
    main()
