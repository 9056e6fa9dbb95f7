"""Failures injected into the simulated hypervisor, by settings or while it runs."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, replace

from xapi_async.datamodel.errors import ApiError

OPERATIONS = (
    "start", "pause", "unpause", "shut_down", "destroy", "reboot", "suspend", "resume", "migrate", "plug", "unplug",
    "set_memory", "set_vcpus", "set_shadow", "ask_agent", "stop_host", "start_host",
)  # fmt: skip
"""What can be made to fail: calls of the driver."""


@dataclass(frozen=True)
class Fault:
    """A call of the driver that fails.

    operation: one of :data:`OPERATIONS`. code, params: the error; ``{vm}`` and ``{host}`` in a parameter stand
    for the uuids concerned. probability: from 0 to 1. times: how often at most; None for ever.
    vm, host: uuids it is limited to; None for all.
    """

    operation: str
    code: str
    params: tuple[str, ...] = ()
    probability: float = 1.0
    times: int | None = None
    vm: str | None = None
    host: str | None = None

    def __post_init__(self) -> None:
        if self.operation not in OPERATIONS:
            raise ValueError(f"{self.operation!r} cannot be made to fail; {', '.join(OPERATIONS)} can")
        if not self.code.isidentifier():
            raise ValueError(f"{self.code!r} is no error code")
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
    """The faults in force; the first that strikes counts."""

    def __init__(self, rng: random.Random, faults: Iterable[Fault] = ()) -> None:
        self._rng = rng
        self._faults = list(faults)

    def add(self, fault: Fault) -> None:
        """Inject a fault from now on."""
        self._faults.append(fault)

    def clear(self) -> None:
        """Let everything work again."""
        self._faults.clear()

    def strike(self, operation: str, vm: str, host: str) -> None:
        """Raise the error of a fault that is about this call, if one strikes."""
        for index, fault in enumerate(self._faults):
            if not fault.concerns(operation, vm, host) or self._rng.random() >= fault.probability:
                continue
            if fault.times is not None:
                self._use_up(index, fault)
            raise ApiError(fault.code, *(param.format(vm=vm, host=host) for param in fault.params))

    def _use_up(self, index: int, fault: Fault) -> None:
        left = (fault.times or 0) - 1
        if left <= 0:
            del self._faults[index]
        else:
            self._faults[index] = replace(fault, times=left)
