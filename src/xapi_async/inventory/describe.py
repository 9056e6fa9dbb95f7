"""What is in a store, in numbers."""

from __future__ import annotations

from collections import Counter

from xapi_async.datamodel.classes import CLASSES
from xapi_async.datamodel.classes.vm import VM
from xapi_async.objects.reader import Reader


def describe(store: Reader) -> dict[str, int]:
    """How many objects of each class there are, by wire name; classes without any are left out.

    VMs are counted by kind too: ``templates``, ``control_domains``, ``guests`` and ``running_guests``.
    """
    counts = Counter({cls.FACTS.name: sum(1 for _ in store.all(cls)) for cls in CLASSES if cls.FACTS.in_database})
    for vm in store.all(VM):
        counts[_kind(vm)] += 1
        counts["running_guests"] += _kind(vm) == "guests" and vm.power_state == "Running"
    return {name: count for name, count in counts.items() if count}


def _kind(vm: VM) -> str:
    if vm.is_control_domain:
        return "control_domains"
    return "templates" if vm.is_a_template else "guests"
