"""What is made to go wrong, or to take long: by settings, or while the server runs.

Three kinds of work can be named: a call of the simulated hypervisor, such as ``start``; a call of a storage
driver, such as ``storage.snapshot``; and an explicit message of the API, such as ``VM.start``, which then is
refused before it has done anything.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from xapi_async.datamodel import derive
from xapi_async.datamodel.classes import CLASSES
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.clock import Clock

OPERATIONS = (
    "start", "pause", "unpause", "shut_down", "destroy", "reboot", "suspend", "sleep", "wake", "resume", "migrate",
    "plug", "unplug", "set_memory", "set_vcpus", "set_shadow", "ask_agent", "stop_host", "start_host",
)  # fmt: skip
"""What can be made to fail: calls of the hypervisor."""

STORAGE = "storage."
"""What the names of the storage driver's calls begin with."""

STORAGE_OPERATIONS = frozenset(
    STORAGE + name
    for name in (
        "create", "delete", "attach", "detach", "probe", "state", "scan", "disk", "create_disk", "introduce_disk",
        "destroy_disk", "resize", "snapshot", "clone", "plug", "unplug", "reset", "changed_blocks",
    )
)  # fmt: skip
"""What can be made to fail of storage drivers."""

_MESSAGES = frozenset(
    f"{cls.FACTS.name}.{message.name}"
    for cls in CLASSES
    for message in derive.messages(cls)
    if not message.removed and (message.kind == "explicit" or message.name in ("create", "destroy"))
)


@dataclass(frozen=True)
class Fault:
    """Work that fails, or takes longer, or both.

    operation: one of :data:`OPERATIONS` or :data:`STORAGE_OPERATIONS`, or a message of the API.
    code, params: the error; ``{vm}`` and ``{host}`` in a parameter stand for the uuids concerned; no code: it
    only takes longer. probability: from 0 to 1. times: how often at most; None for ever.
    vm, host: uuids it is limited to; None for all. delay: seconds that pass first.
    """

    operation: str
    code: str = ""
    params: tuple[str, ...] = ()
    probability: float = 1.0
    times: int | None = None
    vm: str | None = None
    host: str | None = None
    delay: float = 0.0

    def __post_init__(self) -> None:
        if self.operation not in OPERATIONS and self.operation not in STORAGE_OPERATIONS | _MESSAGES:
            known = ", ".join((*OPERATIONS, *sorted(STORAGE_OPERATIONS)))
            raise ValueError(f"{self.operation!r} cannot be made to fail; messages of the API can, and {known}")
        if self.code and not self.code.isidentifier():
            raise ValueError(f"{self.code!r} is no error code")
        if not self.code and not self.delay:
            raise ValueError("a fault has an error, or a delay, or both")
        if self.times is not None and self.times < 1:
            raise ValueError(f"{self.times} times is never")
        if not 0 <= self.delay < float("inf"):
            raise ValueError(f"{self.delay} is no number of seconds")
        if not 0 <= self.probability <= 1:
            raise ValueError(f"{self.probability} is no probability")

    def concerns(self, operation: str, vm: str, host: str) -> bool:
        """Whether it is about that call."""
        return operation == self.operation and self.vm in (None, vm) and self.host in (None, host)


def parse(text: str) -> Fault:
    """A fault of the settings: ``start: BOOTLOADER_FAILED {vm} broken @ 0.1``. Raises ValueError."""
    operation, colon, rest = text.partition(":")
    error, _, probability = rest.partition("@")
    words = error.split()
    if not colon or not words:
        raise ValueError(f"{text!r} is no fault; write 'start: BOOTLOADER_FAILED {{vm}} broken @ 0.1'")
    return Fault(operation.strip(), words[0], tuple(words[1:]), float(probability) if probability.strip() else 1.0)


class Faults:
    """The faults in force, each with its number; the first that strikes counts."""

    def __init__(self, rng: random.Random, clock: Clock, faults: Iterable[Fault] = ()) -> None:
        self._rng = rng
        self._clock = clock
        self._numbers = itertools.count(1)
        self._faults: dict[int, Fault] = {next(self._numbers): fault for fault in faults}

    @property
    def in_force(self) -> Mapping[int, Fault]:
        """Every fault, by its number."""
        return self._faults

    def add(self, fault: Fault) -> int:
        """Inject a fault from now on; gives its number."""
        number = next(self._numbers)
        self._faults[number] = fault
        return number

    def remove(self, number: int) -> None:
        """Take a fault away; no error where it is gone."""
        self._faults.pop(number, None)

    def clear(self) -> None:
        """Let everything work again."""
        self._faults.clear()

    async def strike(self, operation: str, vm: str, host: str) -> None:
        """Take the time, and raise the error, of a fault that is about this call, if one strikes."""
        for number, fault in list(self._faults.items()):
            if not fault.concerns(operation, vm, host) or self._rng.random() >= fault.probability:
                continue
            if fault.times is not None:
                self._use_up(number, fault.times)
            if fault.delay:
                await self._clock.sleep(fault.delay)
            if fault.code:
                raise ApiError(fault.code, *(_filled(param, vm, host) for param in fault.params))
            return

    def _use_up(self, number: int, times: int) -> None:
        if times <= 1:
            del self._faults[number]
        else:
            self._faults[number] = replace(self._faults[number], times=times - 1)


def _filled(param: str, vm: str, host: str) -> str:
    """A parameter with the uuids in their places; other braces are only text."""
    return param.replace("{vm}", vm).replace("{host}", host)
