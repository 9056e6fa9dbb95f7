"""Disks that forget at each boot of their VM what was written since they were told to (``on_boot`` is reset)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.client import until
from tests.disks_live.lab import MIB, DiskLab, disk_lab, noise

KEPT = noise(41, 4 * MIB)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DiskLab]:
    with disk_lab(tmp_path_factory.mktemp("forget"), "--set", "simulator.plugin=true") as lab:
        yield lab


@pytest.mark.parametrize("how", ["start", "hard_reboot", "clean_reboot", "the guest's own reboot"])
def test_whatever_boots_the_guest(lab: DiskLab, how: str) -> None:
    api, forgets, keeps = lab.api, lab.disk(4 * MIB), lab.disk(4 * MIB)
    (template,) = api.VM.get_by_name_label("Other install media")
    vm = api.VM.clone(template, "guest")
    api.VM.provision(vm)
    for disk in (forgets, keeps):
        lab.fill(disk, KEPT)
        lab.device(vm, disk)
    api.VDI.set_on_boot(forgets, "reset")
    api.VM.start(vm, False, False)
    until(lambda: "clean_reboot" in api.VM.get_allowed_operations(vm))
    for disk in (forgets, keeps):
        lab.put_chunks(disk, (MIB, b"written since"))
    assert lab.content(forgets) != KEPT
    if how == "start":
        api.VM.hard_shutdown(vm)
        api.VM.start(vm, False, False)
    elif how == "hard_reboot":
        api.VM.hard_reboot(vm)
    elif how == "clean_reboot":
        api.VM.clean_reboot(vm)
    else:
        args = {"vm": api.VM.get_uuid(vm), "reason": "reboot"}
        api.host.call_plugin(lab.host, "simulator", "end-guest", args)
        until(lambda: lab.content(forgets) == KEPT)
    assert lab.content(forgets) == KEPT
    assert lab.content(keeps) != KEPT
    api.VM.hard_shutdown(vm)
    assert lab.disagreements() == []
