"""Faults that an administrator injects while the server runs, through the API."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.client import refused, until
from tests.live import running
from tests.vm_live.pools import guests, pool, simulator, until_state


def test_operations_that_fail(tmp_path: Path) -> None:
    with pool(tmp_path, 2, 2) as server:
        with server.session() as session:
            api = session.xenapi
            vm, other = guests(api)
            uuid = api.VM.get_uuid(vm)
            fault = simulator(
                api, "inject-fault", operation="start", error="BOOTLOADER_FAILED", params=["{vm}", "no {disk}"], vm=uuid
            )
            for _ in range(2):
                assert refused(api.VM.start, vm, False, False) == ["BOOTLOADER_FAILED", vm, "no {disk}"]
                assert api.VM.get_power_state(vm) == "Halted"
            api.VM.start(other, False, False)
            assert list(json.loads(simulator(api, "list-faults"))) == [fault]
            simulator(api, "clear-faults", fault=fault)
            api.VM.start(vm, False, False)

            # A message of the API, refused before it begins; once.
            simulator(api, "inject-fault", operation="VM.clean_shutdown", error="VM_HVM_REQUIRED", times=1, vm=uuid)
            assert refused(api.VM.clean_shutdown, vm) == ["VM_HVM_REQUIRED"]
            assert api.VM.get_power_state(vm) == "Running"
            api.VM.clean_shutdown(vm)

            # Storage in the middle of something larger.
            disks = api.VDI.get_all()
            simulator(api, "inject-fault", operation="storage.snapshot", error="SR_BACKEND_FAILURE_44")
            assert refused(api.VM.snapshot, vm, "before")[0] == "SR_BACKEND_FAILURE_44"
            assert sorted(api.VDI.get_all()) == sorted(disks)
            assert api.VM.get_snapshots(vm) == []
            simulator(api, "inject-fault", operation="VM.snapshot", error="VM_HVM_REQUIRED", probability=0.0)
        server.kill()
        server.start()
        with server.session() as session:  # no fault outlives the server
            assert simulator(session.xenapi, "list-faults") == "{}"
            session.xenapi.VM.snapshot(vm, "before")


def _managed(api: Any) -> set[str]:
    return {ref for ref, vdi in api.VDI.get_all_records().items() if vdi["managed"]}


def test_slow_storage(tmp_path: Path) -> None:
    with pool(tmp_path, 1, 1) as server, server.session() as session:
        api = session.xenapi
        (vm,) = guests(api)
        disks = _managed(api)
        simulator(api, "inject-fault", operation="storage.plug", delay=0.4)
        start = time.perf_counter()
        api.VM.start(vm, False, False)
        assert time.perf_counter() - start >= 0.4
        simulator(api, "clear-faults")
        simulator(api, "inject-fault", operation="storage.clone", delay=1)
        api.VM.hard_shutdown(vm)
        task = api.Async.VM.clone(vm, "copy")
        until(lambda: "clone" in api.VM.get_current_operations(vm).values())
        api.task.cancel(task)  # storage is not to be stopped in the middle: what it has begun it ends, and it is undone
        until(lambda: api.task.get_status(task) == "cancelled")
        assert api.VM.get_by_name_label("copy") == []
        assert _managed(api) == disks


def test_a_host_that_dies_and_comes_back(tmp_path: Path) -> None:
    with pool(tmp_path, 2, 3) as server, server.session() as session:
        api = session.xenapi
        master = api.pool.get_master(api.pool.get_all()[0])
        host = next(other for other in api.host.get_all() if other != master)
        vm, elsewhere, third = guests(api)
        api.VM.start_on(vm, host, False, False)
        api.VM.start_on(elsewhere, master, False, False)
        simulator(api, "fail-host", host)
        metrics = api.host.get_metrics(host)
        assert not api.host_metrics.get_live(metrics)
        # Nobody can know what became of its guests until it is declared dead, or is back.
        assert api.VM.get_power_state(vm) == "Running"
        assert refused(api.VM.clean_shutdown, vm) == ["HOST_OFFLINE", host]
        assert refused(api.VM.start_on, third, host, False, False)[0] in ("HOST_NOT_LIVE", "HOST_OFFLINE")
        api.VM.start(third, False, False)
        assert api.VM.get_resident_on(third) == master
        simulator(api, "restore-host", host)
        until(lambda: api.host_metrics.get_live(metrics) and api.host.get_enabled(host))
        until_state(api, vm, "Halted")
        assert api.VM.get_power_state(elsewhere) == "Running"
        api.VM.start_on(vm, host, False, False)
        assert api.VM.get_resident_on(vm) == host


@pytest.mark.parametrize(
    ("field", "reason", "action", "becomes"),
    [
        ("shutdown", "shutdown", "destroy", "Halted"),
        ("shutdown", "shutdown", "restart", "again"),
        ("reboot", "reboot", "restart", "again"),
        ("reboot", "reboot", "destroy", "Halted"),
        ("crash", "crash", "restart", "again"),
        ("crash", "crash", "destroy", "Halted"),
        ("crash", "crash", "preserve", "Paused"),
    ],
)
def test_guests_that_end_by_themselves(shared_pool: object, field: str, reason: str, action: str, becomes: str) -> None:
    api, vm = shared_pool  # type: ignore[misc]
    getattr(api.VM, f"set_actions_after_{field}")(vm, action)
    api.VM.start(vm, False, False)
    domid, host = api.VM.get_domid(vm), api.VM.get_resident_on(vm)
    simulator(api, "end-guest", vm=api.VM.get_uuid(vm), reason=reason)
    if becomes == "again":
        until(lambda: api.VM.get_domid(vm) != domid and api.VM.get_power_state(vm) == "Running")
        assert api.VM.get_resident_on(vm) == host
    else:
        until_state(api, vm, becomes)
    if api.VM.get_power_state(vm) != "Halted":
        api.VM.hard_shutdown(vm)


def test_the_end_of_a_guest_that_cannot_be_dealt_with_at_once(shared_pool: object) -> None:
    api, vm = shared_pool  # type: ignore[misc]
    api.VM.set_actions_after_shutdown(vm, "destroy")
    api.VM.start(vm, False, False)
    simulator(api, "inject-fault", operation="destroy", error="VDI_IO_ERROR", times=1)
    simulator(api, "end-guest", vm=api.VM.get_uuid(vm), reason="shutdown")
    until_state(api, vm, "Halted")  # the second time
    assert simulator(api, "list-faults") == "{}"
    assert api.VM.get_current_operations(vm) == {}


def test_a_guest_that_is_started_again_is_stopped_by_force(shared_pool: object) -> None:
    api, vm = shared_pool  # type: ignore[misc]
    api.VM.set_actions_after_shutdown(vm, "restart")
    api.VM.start(vm, False, False)
    fault = simulator(api, "inject-fault", operation="reboot", delay=3000)
    simulator(api, "end-guest", vm=api.VM.get_uuid(vm), reason="shutdown")
    until(lambda: "hard_reboot" in api.VM.get_current_operations(vm).values())
    api.VM.hard_shutdown(vm)
    assert api.VM.get_power_state(vm) == "Halted"
    assert api.VM.get_current_operations(vm) == {}
    simulator(api, "clear-faults", fault=fault)


@pytest.fixture(scope="module")
def shared_pool(tmp_path_factory: pytest.TempPathFactory) -> object:
    with pool(tmp_path_factory.mktemp("shared"), 1, 1) as server, server.session() as session:
        (vm,) = guests(session.xenapi)
        yield session.xenapi, vm


def test_what_is_no_fault(shared_pool: object) -> None:
    api, _ = shared_pool  # type: ignore[misc]
    for args in (
        {"operation": "fly", "error": "INTERNAL_ERROR"},
        {"operation": "VM.get_uuid", "error": "INTERNAL_ERROR"},
        {"operation": "start"},
        {"operation": "start", "error": "no code"},
        {"operation": "start", "error": "X", "probability": 2},
        {"operation": "start", "error": "X", "times": 0},
        {"operation": "start", "error": "X", "params": "text"},
        {"operation": "start", "error": "X", "colour": "red"},
        {"error": "X"},
    ):
        given = {name: str(value) for name, value in args.items()}
        failure = refused(api.host.call_plugin, api.host.get_all()[0], "simulator", "inject-fault", given)
        assert failure[:3] == ["XENAPI_PLUGIN_FAILURE", "bad arguments", "inject-fault"]
    assert refused(api.host.call_plugin, api.host.get_all()[0], "simulator", "sing", {})[1] == "failed to find fn"
    assert simulator(api, "list-faults") == "{}"


def test_no_plugin_where_it_is_switched_off(tmp_path: Path) -> None:
    with running(tmp_path, "--set", "simulator.plugin=false") as server, server.session() as session:
        host = session.xenapi.host.get_all()[0]
        failure = refused(session.xenapi.host.call_plugin, host, "simulator", "list-faults", {})
        assert failure == ["XENAPI_MISSING_PLUGIN", "simulator"]
