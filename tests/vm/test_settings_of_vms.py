"""Making VMs and changing what they are: templates, firmware texts, delays, agents, statistics."""

from __future__ import annotations

from typing import Any

import pytest

from tests.vm.world import VM_VALUES, World
from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.pool import Pool
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.classes.vm_metrics import VMMetrics
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.types import NULL_REF
from xapi_async.operations.vm.bios import GENERIC


async def refusal(pool: World, message: str, *args: Any) -> list[str]:
    with pytest.raises(ApiError) as raised:
        await pool.call(message, *args)
    return raised.value.description


async def test_a_new_vm(pool: World) -> None:
    args = {
        **VM_VALUES,
        "HVM_boot_policy": "BIOS order",
        "platform": {"nx": "true"},
        "other_config": {},
        "blocked_operations": {"start": "no"},
        "has_vendor_device": None,
    }
    vm = pool.get(await pool.call("VM.create", args))
    assert (vm.power_state, vm.domid, vm.blocked_operations) == ("Halted", -1, {})
    assert vm.platform == {"nx": "true", "device-model": "qemu-trad"}
    assert "mac_seed" in vm.other_config
    assert (vm.has_vendor_device, vm.hardware_platform_version) == (True, 2)
    assert vm.memory_overhead == 11534336
    assert "start" in vm.allowed_operations
    metrics = pool.store.get(VMMetrics, vm.metrics)
    assert (metrics.VCPUs_utilisation, metrics.start_time) == ({0: 0.0}, "19700101T00:00:00Z")
    await pool.set(Pool, pool.pool, restrictions={})
    assert not pool.get(await pool.call("VM.create", args)).has_vendor_device
    found = await refusal(pool, "VM.create", {**args, "has_vendor_device": True})
    assert found == ["LICENCE_RESTRICTION", "PCI_device_for_auto_update"]


async def test_templates(pool: World) -> None:
    vm = await pool.vm(ha_always_run=True)
    metrics = pool.get(vm).metrics
    await pool.call("VM.set_is_a_template", vm, True)
    assert (pool.get(vm).is_a_template, pool.get(vm).ha_always_run) == (True, False)
    assert pool.store.find(VMMetrics, metrics) is None
    assert "provision" in pool.get(vm).allowed_operations
    await pool.call("VM.set_is_default_template", vm, True)
    assert "destroy" not in pool.get(vm).allowed_operations
    await pool.call("VM.set_is_a_template", vm, False)
    assert not pool.get(vm).is_a_template
    running = await pool.vm()
    await pool.start(running)
    found = await refusal(pool, "VM.set_is_a_template", running, True)
    assert found == ["VM_BAD_POWER_STATE", running, "halted", "running"]


async def test_firmware_texts(pool: World) -> None:
    vm = await pool.vm()
    long, odd = "x" * 513, "é"
    for key, text in (("oem-1", "x"), ("bios-vendor", ""), ("bios-vendor", long), ("bios-vendor", odd)):
        assert (await refusal(pool, "VM.set_bios_strings", vm, {key: text}))[:2] == ["INVALID_VALUE", key]
    await pool.call("VM.set_bios_strings", vm, {"bios-vendor": "Acme"})
    assert pool.get(vm).bios_strings == {**GENERIC, "bios-vendor": "Acme"}
    assert await refusal(pool, "VM.set_bios_strings", vm, {}) == ["VM_BIOS_STRINGS_ALREADY_SET"]
    other = await pool.vm()
    await pool.set(Host, pool.hosts[0], bios_strings={"bios-vendor": "Dell"})
    await pool.call("VM.copy_bios_strings", other, pool.hosts[0])
    assert (pool.get(other).bios_strings, pool.get(other).affinity) == ({"bios-vendor": "Dell"}, pool.hosts[0])


async def test_numbers_must_not_be_negative(pool: World) -> None:
    vm = await pool.vm()
    for field in ("start_delay", "shutdown_delay", "order"):
        await pool.call(f"VM.set_{field}", vm, 3)
        assert getattr(pool.get(vm), field) == 3
        found = await refusal(pool, f"VM.set_{field}", vm, -1)
        assert (found[0], found[2]) == ("INVALID_VALUE", "-1")


async def test_restart_priority(pool: World) -> None:
    vm = await pool.vm()
    assert await refusal(pool, "VM.set_ha_restart_priority", vm, "1") == ["INVALID_VALUE", "ha_restart_priority", "1"]
    await pool.call("VM.set_ha_restart_priority", vm, "restart")
    assert not pool.get(vm).ha_always_run
    await pool.start(vm)
    assert pool.get(vm).ha_always_run
    await pool.call("VM.set_ha_always_run", vm, False)
    assert (pool.get(vm).ha_always_run, pool.get(vm).ha_restart_priority) == (False, "")


async def test_schedules_and_appliances(pool: World) -> None:
    vm, template = await pool.vm(), await pool.vm(is_a_template=True)
    assert (await refusal(pool, "VM.set_appliance", template, NULL_REF))[0] == "OPERATION_NOT_ALLOWED"
    assert await refusal(pool, "VM.set_protection_policy", vm, NULL_REF) == ["MESSAGE_REMOVED"]
    assert await refusal(pool, "VM.set_snapshot_schedule", vm, "nothing") == ["INVALID_VALUE", "nothing"]
    await pool.call("VM.set_snapshot_schedule", vm, NULL_REF)
    await pool.set(Pool, pool.pool, restrictions={})
    assert await refusal(pool, "VM.set_snapshot_schedule", vm, NULL_REF) == ["LICENCE_RESTRICTION", "VMSS"]


async def test_free_devices(pool: World) -> None:
    vm = await pool.vm(HVM_boot_policy="BIOS order")
    await pool.disk(vm)
    await pool.disk(vm, userdevice="hdd")
    await pool.interface(vm)
    devices = await pool.call("VM.get_allowed_VBD_devices", vm)
    assert devices[:3] == ("1", "2", "4")
    assert devices[-1] == "254"
    assert await pool.call("VM.get_allowed_VIF_devices", vm) == ("1", "2", "3", "4", "5", "6")


async def test_statistics(pool: World) -> None:
    vm = await pool.vm()
    assert await refusal(pool, "VM.query_data_source", vm, "cpu0") == [
        "VM_BAD_POWER_STATE", vm, "running;paused", "halted"
    ]  # fmt: skip
    assert (await refusal(pool, "VM.get_data_sources", vm))[:2] == ["VM_BAD_POWER_STATE", vm]
    await pool.start(vm)
    names = {record["name_label"] for record in await pool.call("VM.get_data_sources", vm)}
    assert {"cpu0", "memory"} <= names
    assert 0 <= await pool.call("VM.query_data_source", vm, "cpu0") <= 1
    assert await pool.call("VM.query_data_source", vm, "memory") == float(1 << 30)


async def test_asking_the_agent(pool: World) -> None:
    vm = await pool.vm(reference_label="windows-10", HVM_boot_policy="BIOS order")
    await pool.start(vm)
    await pool.settle()
    agent = "guest-agent-operation"
    assert await refusal(pool, "VM.call_plugin", vm, "other", "x", {}) == ["XENAPI_MISSING_PLUGIN", "other"]
    assert await pool.call("VM.call_plugin", vm, agent, "request-rdp-on", {}) == ""
    found = await refusal(pool, "VM.call_plugin", vm, agent, "request-rdp-on", {})
    assert found[:3] == ["VM_CALL_PLUGIN_RATE_LIMIT", vm, "10."]
    for fn, args, expected in (
        ("dance", {}, ["XENAPI_PLUGIN_FAILURE", "failed to find fn"]),
        ("run-script", {}, ["FEATURE_RESTRICTED"]),
    ):
        await pool.services.clock.sleep(11)
        assert (await refusal(pool, "VM.call_plugin", vm, agent, fn, args))[: len(expected)] == expected
    await pool.set(Pool, pool.pool, other_config={"allow_guest_agent_run_script": "true"})
    await pool.services.clock.sleep(11)
    found = await refusal(pool, "VM.call_plugin", vm, agent, "run-script", {"username": "me"})
    assert found[:3] == ["XENAPI_PLUGIN_FAILURE", "missing argument", ""]
    await pool.services.clock.sleep(11)
    args = {"username": "me", "password": "x", "script": "dir"}
    assert "me" in await pool.call("VM.call_plugin", vm, agent, "run-script", args)


async def test_a_busy_vm_is_asked_nothing(pool: World) -> None:
    vm = await pool.vm()
    await pool.start(vm)
    await pool.set(VM, vm, current_operations={"theirs": "suspend"})
    before = pool.services.clock.now()
    found = await refusal(pool, "VM.call_plugin", vm, "guest-agent-operation", "request-rdp-on", {})
    assert found == ["OTHER_OPERATION_IN_PROGRESS", "VM.suspend", vm]
    assert pool.services.clock.now() - before <= 3.1


async def test_operations_that_are_only_declared(pool: World) -> None:
    vm = await pool.vm()
    assert (await refusal(pool, "VM.send_sysrq", vm, "b"))[0] == "VM_BAD_POWER_STATE"
    await pool.start(vm)
    assert await refusal(pool, "VM.send_sysrq", vm, "b") == ["NOT_IMPLEMENTED", "send_sysrq"]
    assert await refusal(pool, "VM.send_trigger", vm, "nmi") == ["NOT_IMPLEMENTED", "send_trigger"]
    assert await refusal(pool, "VM.query_services", vm) == ["NOT_SYSTEM_DOMAIN", vm]
    assert (await pool.call("VM.get_boot_record", vm)).ref == vm
    await pool.call("VM.assert_operation_valid", vm, "pause")
    assert pool.store.get(VM, vm).current_operations == {}
