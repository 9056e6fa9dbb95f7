"""Lives of VMs as clients see them over the wire: the samples of the official client, typed in."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from tests.client import until
from tests.live import running
from tests.vm_live.pools import NULL, assert_memory_is_accounted_for, guests, pool, until_state

MIB = 1 << 20


def test_a_long_life(tmp_path: Path) -> None:
    with pool(tmp_path, 2, 1) as server, server.session() as session:
        api = session.xenapi
        (vm,) = guests(api)
        token = api.event_from(["*"], "", 0.0)["token"]
        api.VM.start(vm, True, False)
        assert api.VM.get_power_state(vm) == "Paused"
        api.VM.unpause(vm)
        until(lambda: "feature-suspend" in api.VM_guest_metrics.get_other(api.VM.get_guest_metrics(vm)))
        until(lambda: "suspend" in api.VM.get_allowed_operations(vm))
        domid = api.VM.get_domid(vm)
        api.VM.suspend(vm)
        record = api.VM.get_record(vm)
        assert (record["power_state"], record["domid"], record["resident_on"]) == ("Suspended", "-1", NULL)
        assert api.VDI.get_name_label(record["suspend_VDI"]) == "Suspend image"
        assert_memory_is_accounted_for(api)
        api.VM.resume(vm, False, False)
        assert api.VM.get_suspend_VDI(vm) == NULL
        assert api.VM.get_domid(vm) != domid or api.VM.get_resident_on(vm) != record["resident_on"]
        api.VM.clean_reboot(vm)
        target = next(host for host in api.host.get_all() if host != api.VM.get_resident_on(vm))
        until(lambda: "pool_migrate" in api.VM.get_allowed_operations(vm))
        api.VM.pool_migrate(vm, target, {"live": "true"})
        assert api.VM.get_resident_on(vm) == target
        assert_memory_is_accounted_for(api)
        api.VM.pause(vm)
        api.VM.unpause(vm)
        snapshot = api.VM.snapshot(vm, "before")
        copy = api.VM.clone(snapshot, "copy")
        api.VM.set_is_a_template(copy, False)
        api.VM.start(copy, False, False)
        api.VM.hard_reboot(copy)
        api.VM.hard_shutdown(copy)
        api.VM.destroy(copy)
        api.VM.clean_shutdown(vm)
        assert_memory_is_accounted_for(api)
        seen = api.event_from(["*"], token, 1.0)["events"]
        assert {"vm", "vm_metrics", "vm_guest_metrics", "vbd", "vdi", "host"} <= {event["class"] for event in seen}
        assert [event["operation"] for event in seen if event["ref"] == copy] in (["del"], [])
        messages = {message["name"] for message in api.message.get_all_records().values()}
        assert {"VM_STARTED", "VM_SUSPENDED", "VM_RESUMED", "VM_REBOOTED", "VM_SHUTDOWN"} <= messages


def test_memory_and_processors_of_a_running_vm(tmp_path: Path) -> None:
    with pool(tmp_path, 1, 1) as server, server.session() as session:
        api = session.xenapi
        (vm,) = guests(api)
        (host,) = api.host.get_all()
        for name, value in (("restrict_dmc", "false"), ("restrict_set_vcpus_number_live", "false")):
            restrictions = api.pool.get_restrictions(api.pool.get_all()[0])
            assert restrictions.get(name) == value
        most = int(api.VM.get_memory_static_max(vm))
        api.VM.set_memory_limits(vm, str(most // 4), str(most), str(most // 2), str(most))
        api.VM.set_VCPUs_max(vm, "4")
        api.VM.start(vm, False, False)
        until(lambda: "changing_VCPUs_live" in api.VM.get_allowed_operations(vm))
        free = int(api.host.compute_free_memory(host))
        api.VM.set_memory_dynamic_range(vm, str(most // 4), str(most))
        assert int(api.host.compute_free_memory(host)) == free + most // 2 - most // 4
        api.VM.wait_memory_target_live(vm)
        metrics = api.VM.get_metrics(vm)
        assert abs(int(api.VM_metrics.get_memory_actual(metrics)) - most // 4) <= MIB
        api.VM.set_VCPUs_number_live(vm, "3")
        assert (api.VM.get_VCPUs_at_startup(vm), api.VM_metrics.get_VCPUs_number(metrics)) == ("3", "3")
        assert_memory_is_accounted_for(api)


def test_time_that_runs_faster(tmp_path: Path) -> None:
    """With server.speed, minutes of waiting take moments, and schedules run by the same clock."""
    flags = ("--set", "server.speed=1800", "--set", "simulator.build_seconds=60", "--set", "simulator.boot_seconds=60")
    with pool(tmp_path, 1, 1, *flags) as server, server.session() as session:
        api = session.xenapi
        (vm,) = guests(api)
        api.VM.set_start_delay(vm, "60")
        before = _clock(api)
        start = time.perf_counter()
        api.VM.start(vm, False, False)
        assert time.perf_counter() - start >= 0.06
        assert _clock(api) - before >= 120
        until_state(api, vm, "Running")
        schedule = api.VMSS.create(
            {
                "name_label": "often",
                "name_description": "",
                "enabled": True,
                "type": "snapshot",
                "retained_snapshots": "2",
                "frequency": "hourly",
                "schedule": {"min": "30"},
            }
        )
        api.VM.set_snapshot_schedule(vm, schedule)
        until(lambda: api.VM.get_snapshots(vm))  # an hour takes two seconds
        assert api.VM.get_is_vmss_snapshot(api.VM.get_snapshots(vm)[0])


def _clock(api: Any) -> float:
    return time.mktime(time.strptime(str(api.host.get_servertime(api.host.get_all()[0])), "%Y%m%dT%H:%M:%SZ"))


def test_provisioning_from_a_template(tmp_path: Path) -> None:
    with running(tmp_path) as server, server.session() as session:
        api = session.xenapi
        (template,) = api.VM.get_by_name_label("Debian Stretch 9.0")
        vm = api.VM.clone(template, "web")
        sr = api.SR.get_uuid(api.pool.get_default_SR(api.pool.get_all()[0]))
        disks = api.VM.get_other_config(vm)["disks"]
        api.VM.remove_from_other_config(vm, "disks")
        api.VM.add_to_other_config(vm, "disks", disks.replace('sr=""', f'sr="{sr}"'))
        api.VM.provision(vm)
        api.VM.start(vm, False, False)
        assert api.VM.get_power_state(vm) == "Running"
        (vbd,) = [vbd for vbd in api.VM.get_VBDs(vm) if api.VBD.get_type(vbd) == "Disk"]
        assert api.VBD.get_currently_attached(vbd)
        api.VM.hard_shutdown(vm)
