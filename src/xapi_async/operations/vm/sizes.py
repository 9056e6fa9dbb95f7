"""How much memory a VM needs, in bytes: its overhead, and what must be free to start it."""

from __future__ import annotations

import math

from xapi_async.datamodel.classes.vm import VM
from xapi_async.objects.reader import Reader
from xapi_async.operations.vm.facts import is_hvm, will_boot_hvm

MIB = 1 << 20

OVERHEAD_MIB = {True: 2, False: 1}
"""What a domain costs beside its shadow memory, by whether it uses full virtualisation."""

PER_VCPU, PER_MIB, UNIT = 256, 2, 256
"""Pages of shadow memory for each processor and each MiB, and how many of them make a MiB."""


def round_up(size: int) -> int:
    """A size rounded up to whole MiB."""
    return -(-size // MIB) * MIB


def overhead(memory: int, vcpus: int, multiplier: float, *, hvm: bool) -> int:
    """What a guest of that size costs beyond its own memory."""
    pages = PER_VCPU * vcpus + PER_MIB * (-(-memory // MIB))
    shadow = max(1, math.floor(multiplier * -(-pages // UNIT)))
    return (shadow + OVERHEAD_MIB[hvm]) * MIB


def stored_overhead(reader: Reader, vm: VM) -> int:
    """What VM.memory_overhead should be."""
    return overhead(vm.memory_static_max, vm.VCPUs_max, vm.HVM_shadow_multiplier, hvm=is_hvm(reader, vm))


def needed_to_start(vm: VM, memory: int | None = None) -> int:
    """What must be free on a host for the VM to be started there. memory: what the guest gets, else its minimum."""
    hvm = will_boot_hvm(vm)
    multiplier = vm.HVM_shadow_multiplier if hvm else 1.0
    memory = vm.memory_dynamic_min if memory is None else memory
    return round_up(memory) + overhead(vm.memory_static_max, vm.VCPUs_max, multiplier, hvm=hvm)


def largest_static_max(vm: VM, total: int, vcpus: int) -> int:
    """The largest maximum, in whole MiB, with which the VM would fit into ``total`` bytes."""
    hvm = will_boot_hvm(vm)
    multiplier = vm.HVM_shadow_multiplier if hvm else 1.0

    def fits(size: int) -> bool:
        return round_up(size) + overhead(size, vcpus, multiplier, hvm=hvm) <= total

    if fits(total):
        return total
    low, high = 0, total
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low // MIB * MIB
