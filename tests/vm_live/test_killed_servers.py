"""A server that is killed in the middle of operations leaves every VM in a state that is true."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.client import until
from tests.vm_live.pools import (
    NULL,
    assert_memory_is_accounted_for,
    assert_nothing_is_under_way,
    guests,
    pool,
    simulator,
    until_state,
)

SLOW = tuple(
    flag
    for name in ("build", "shutdown", "suspend", "resume", "migrate")
    for flag in ("--set", f"simulator.{name}_seconds=600")
)

OPERATIONS = {
    # before, the operation as it shows, and the state that is true afterwards
    "start": ("Halted", "start", "Halted"),
    "clean_shutdown": ("Running", "clean_shutdown", "Running"),
    "clean_reboot": ("Running", "clean_reboot", "Running"),
    "suspend": ("Running", "suspend", "Running"),
    "checkpoint": ("Running", "checkpoint", "Running"),
    "resume": ("Suspended", "resume", "Suspended"),
    "pool_migrate": ("Running", "pool_migrate", "Running"),
    "snapshot": ("Running", "snapshot", "Running"),
    "clone": ("Halted", "clone", "Halted"),
}


def _begin(api: Any, operation: str, vm: str) -> str:
    if operation == "start":
        return str(api.Async.VM.start(vm, False, False))
    if operation == "resume":
        return str(api.Async.VM.resume(vm, False, False))
    if operation == "pool_migrate":
        other = next(host for host in api.host.get_all() if host != api.VM.get_resident_on(vm))
        return str(api.Async.VM.pool_migrate(vm, other, {}))
    if operation in ("snapshot", "clone", "checkpoint"):
        return str(getattr(api.Async.VM, operation)(vm, "copy"))
    return str(getattr(api.Async.VM, operation)(vm))


def _facts(api: Any) -> dict[str, Any]:
    """What operations that were cut off must not have changed."""
    vms, disks = api.VM.get_all_records(), api.VDI.get_all_records()
    return {
        "vms": {ref: (vm["power_state"], vm["resident_on"], vm["suspend_VDI"], vm["domid"]) for ref, vm in vms.items()},
        "disks": sorted(disks),
        "free": {host: api.host.compute_free_memory(host) for host in api.host.get_all()},
        "attached": {ref: vbd["currently_attached"] for ref, vbd in api.VBD.get_all_records().items()},
        "used": {ref: sr["virtual_allocation"] for ref, sr in api.SR.get_all_records().items()},
    }


def _host_operations(api: Any) -> set[str]:
    hosts = api.host.get_all_records().values()
    return {operation for host in hosts for operation in host["current_operations"].values()}


def test_killed_in_the_middle_of_everything(tmp_path: Path) -> None:
    with pool(tmp_path, 2, len(OPERATIONS)) as server:
        with server.session() as session:
            api = session.xenapi
            vms = dict(zip(OPERATIONS, guests(api), strict=True))
            for operation, (before, _, _) in OPERATIONS.items():
                if before != "Halted":
                    api.VM.start(vms[operation], False, False)
                if before == "Suspended":
                    api.VM.suspend(vms[operation])
        server.stop()
        fast, server.flags = server.flags, (*server.flags, *SLOW)
        server.start()
        with server.session() as session:
            api = session.xenapi
            for call in ("storage.snapshot", "storage.clone"):
                simulator(api, "inject-fault", operation=call, delay=600)
            before = _facts(api)
            tasks = [_begin(api, operation, vms[operation]) for operation in OPERATIONS]
            for operation, (_, shown, _) in OPERATIONS.items():
                until(lambda vm=vms[operation], shown=shown: shown in api.VM.get_current_operations(vm).values())
            for operation in ("suspend", "checkpoint"):  # their disks are there already
                until(lambda vm=vms[operation]: api.VM.get_suspend_VDI(vm) != NULL)
            until(lambda: "vm_start" in _host_operations(api))
            server.kill()
        server.flags = fast
        server.start()
        with server.session() as session:
            api = session.xenapi
            assert not set(tasks) & set(api.task.get_all())
            assert_nothing_is_under_way(api)
            assert_memory_is_accounted_for(api)
            assert _facts(api) == before
            assert simulator(api, "list-faults") == "{}"
            for operation, (_, _, after) in OPERATIONS.items():
                vm = vms[operation]
                assert api.VM.get_power_state(vm) == after
                assert operation in api.VM.get_allowed_operations(vm)
                task = _begin(api, operation, vm)
                until(lambda task=task: api.task.get_status(task) != "pending")
                assert api.task.get_status(task) == "success", (operation, api.task.get_error_info(task))
            until_state(api, vms["start"], "Running")
            assert_memory_is_accounted_for(api)


@pytest.mark.parametrize("seconds", [0.005, 0.05])
def test_killed_at_any_moment_of_short_lives(tmp_path: Path, seconds: float) -> None:
    """Operations that take little time, cut off at moments that nobody chose."""
    quick = ("--set", "simulator.build_seconds=0..0.05", "--set", "simulator.suspend_seconds=0..0.05")
    with pool(tmp_path, 2, 12, *quick) as server:
        with server.session() as session:
            api = session.xenapi
            vms = guests(api)
            for vm in vms[:6]:
                api.VM.start(vm, False, False)
            for vm in vms[:3]:
                api.VM.suspend(vm)
            killing = threading.Thread(target=lambda: (time.sleep(seconds), server.kill()))
            killing.start()
            try:
                for vm, operation in zip(vms, ["resume"] * 3 + ["suspend"] * 3 + ["start"] * 6, strict=True):
                    _begin(api, operation, vm)
            except OSError:
                pass  # it was killed before all had begun
            killing.join()
        server.start()
        with server.session() as session:
            api = session.xenapi
            assert_nothing_is_under_way(api)
            assert_memory_is_accounted_for(api)
            images = {vm["suspend_VDI"] for vm in api.VM.get_all_records().values()} - {NULL}
            suspended = {ref for ref, vdi in api.VDI.get_all_records().items() if vdi["type"] == "suspend"}
            assert images == suspended
            for vm in guests(api):
                record = api.VM.get_record(vm)
                is_suspended = record["power_state"] == "Suspended"
                assert (record["suspend_VDI"] != NULL) == is_suspended
                assert (record["resident_on"] != NULL) == (record["power_state"] == "Running")
                attached = {api.VBD.get_currently_attached(vbd) for vbd in record["VBDs"]}
                assert attached <= {record["power_state"] != "Halted"}
                if is_suspended:
                    api.VM.resume(vm, False, False)
                elif record["power_state"] == "Halted":
                    api.VM.start(vm, False, False)
                api.VM.hard_shutdown(vm)
