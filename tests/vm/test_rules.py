"""What may be done to a VM when: every operation in every power state, and every other reason to refuse."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.vm.world import LICENCE, World, world
from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.pci import PCI
from xapi_async.datamodel.classes.pgpu import PGPU
from xapi_async.datamodel.classes.pool import Pool
from xapi_async.datamodel.classes.vbd import VBD
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.classes.vgpu import VGPU
from xapi_async.datamodel.classes.vgpu_type import VGPUType
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.classes.vm_appliance import VMAppliance
from xapi_async.datamodel.classes.vm_guest_metrics import VMGuestMetrics
from xapi_async.datamodel.classes.vm_metrics import VMMetrics
from xapi_async.datamodel.classes.vmpp import VMPP
from xapi_async.datamodel.classes.vmss import VMSS
from xapi_async.datamodel.classes.vusb import VUSB
from xapi_async.datamodel.enums import VM_OPERATIONS
from xapi_async.operations.vm.rules import check, check_forced, may_run_beside, refresh

STATES = ("Halted", "Paused", "Suspended", "Running")

# One row for each operation: the states it passes in (first letters; H, P, S, R), and what the error expects.
TABLE = """
import                      -     ""
start                       H     halted
start_on                    H     halted
provision                   H     halted
make_into_template          H     halted
changing_shadow_memory      H     halted
changing_VCPUs              H     halted
changing_static_range       H     halted
changing_memory_limits      H     halted
clone                       H     halted
copy                        H     halted
changing_dynamic_range      HR    halted, running
create_template             HS    halted, suspended
destroy                     HS    halted, suspended
export                      HS    halted, suspended
migrate_send                HSR   halted, suspended, running
unpause                     P     paused
csvm                        S     suspended
resume                      S     suspended
resume_on                   S     suspended
hard_reboot                 PR    paused, running
checkpoint                  PSR   paused, suspended, running
get_boot_record             PSR   paused, suspended, running
shutdown                    PSR   paused, suspended, running
hard_shutdown               PSR   paused, suspended, running
awaiting_memory_live        R     running
call_plugin                 R     running
clean_reboot                R     running
clean_shutdown              R     running
changing_memory_live        R     running
changing_shadow_memory_live R     running
changing_VCPUs_live         R     running
data_source_op              R     running
pause                       R     running
pool_migrate                R     running
send_sysrq                  R     running
send_trigger                R     running
snapshot_with_quiesce       R     running
suspend                     R     running
assert_operation_valid      HPSR  -
metadata_export             HPSR  -
power_state_reset           HPSR  -
revert                      HPSR  -
reverting                   HPSR  -
snapshot                    HPSR  -
update_allowed_operations   HPSR  -
query_services              HPSR  -
"""

ROWS = [line.split(None, 2) for line in TABLE.strip().splitlines()]

LATER_CHECKS = {
    "provision": "PROVISION_ONLY_ALLOWED_ON_TEMPLATE",
    "revert": "REVERT_ONLY_ALLOWED_ON_SNAPSHOT",
    "query_services": "NOT_SYSTEM_DOMAIN",
    "snapshot_with_quiesce": "VM_SNAPSHOT_WITH_QUIESCE_NOT_SUPPORTED",
}
"""What a plain VM meets after the check of its power state."""


@pytest.fixture
async def pool() -> AsyncIterator[World]:
    async with world(background=False) as made:
        yield made


def refusal(pool: World, vm: str, operation: str, *, forced: bool = False) -> list[str]:
    error = (check_forced if forced else check)(pool.store, pool.get(vm), operation)
    return error.description if error else []


async def allowed(pool: World, vm: str) -> set[str]:
    async with pool.store.transaction() as tx:
        refresh(tx, vm)
    return set(pool.get(vm).allowed_operations)


async def guest(pool: World, vm: str, **values: Any) -> None:
    async with pool.store.transaction() as tx:
        tx.set(tx.get(VM, vm), guest_metrics=tx.create(VMGuestMetrics, **values).ref)


async def hvm(pool: World, **values: Any) -> str:
    """A running, fully virtualised VM without drivers."""
    vm = await pool.vm(power_state="Running", HVM_boot_policy="BIOS order", **values)
    await pool.set(VMMetrics, pool.get(vm).metrics, hvm=True)
    return vm


def test_the_table_has_every_operation() -> None:
    assert {row[0] for row in ROWS} == set(VM_OPERATIONS.values)


@pytest.mark.parametrize("state", STATES)
async def test_every_operation_in_every_state(pool: World, state: str) -> None:
    vm = await pool.vm(power_state=state)
    for operation, states, expected in ROWS:
        if state[0] in states:
            found = refusal(pool, vm, operation)
            assert found[:1] == [LATER_CHECKS[operation]] if operation in LATER_CHECKS else found == [], operation
        else:
            shown = "" if expected == '""' else expected
            assert refusal(pool, vm, operation) == ["VM_BAD_POWER_STATE", vm, shown, state.lower()], operation


async def test_control_domains_are_changed_while_they_run(pool: World) -> None:
    vm = await pool.vm(is_control_domain=True, power_state="Running")
    for operation in ("changing_VCPUs", "changing_static_range", "changing_memory_limits"):
        assert refusal(pool, vm, operation) == []
        await pool.set(VM, vm, power_state="Paused")
        assert refusal(pool, vm, operation) == ["VM_BAD_POWER_STATE", vm, "halted, running", "paused"]
        await pool.set(VM, vm, power_state="Running")
    assert refusal(pool, vm, "pause")[0] == "OPERATION_NOT_ALLOWED"
    await pool.set(VM, vm, resident_on=pool.hosts[0])
    await pool.set(Host, pool.hosts[0], control_domain=vm)
    assert refusal(pool, vm, "changing_VCPUs")[0] == "OPERATION_NOT_ALLOWED"
    assert await allowed(pool, vm) == {"changing_static_range", "changing_dynamic_range"}


async def test_suspended_vms_are_cloned_where_the_pool_says_so(pool: World) -> None:
    vm = await pool.vm(power_state="Suspended")
    assert refusal(pool, vm, "clone") == ["VM_BAD_POWER_STATE", vm, "halted", "suspended"]
    await pool.set(Pool, pool.pool, other_config={"allow_clone_suspended_vm": "true"})
    assert refusal(pool, vm, "clone") == []
    await pool.set(VM, vm, power_state="Running")
    assert refusal(pool, vm, "copy") == ["VM_BAD_POWER_STATE", vm, "halted, suspended", "running"]


@pytest.mark.parametrize(
    ("operation", "current", "fits"),
    [
        ("clone", ["copy", "export"], True),
        ("clone", ["snapshot"], False),
        ("snapshot", ["checkpoint"], True),
        ("checkpoint", ["snapshot", "clone"], False),
        ("get_boot_record", ["get_boot_record"], True),
        ("get_boot_record", ["start"], False),
        ("hard_shutdown", ["start", "suspend"], True),
        ("hard_shutdown", ["hard_shutdown"], False),
        ("hard_reboot", ["clean_reboot"], True),
        ("hard_reboot", ["hard_reboot"], False),
        ("hard_reboot", ["hard_shutdown"], False),
        ("snapshot", ["snapshot_with_quiesce"], True),
        ("snapshot", ["snapshot_with_quiesce", "snapshot"], False),
        ("clean_shutdown", ["migrate_send"], True),
        ("start", ["migrate_send"], True),
        ("suspend", ["migrate_send"], False),
        ("start", ["start"], False),
    ],
)
def test_operations_beside_others(operation: str, current: list[str], fits: bool) -> None:
    assert may_run_beside(operation, tuple(current)) is fits


async def test_what_is_in_the_way_is_named(pool: World) -> None:
    vm = await pool.vm(power_state="Running", current_operations={"a": "clean_reboot"})
    assert refusal(pool, vm, "pause") == ["OTHER_OPERATION_IN_PROGRESS", "VM.clean_reboot", vm]
    await pool.set(VM, vm, current_operations={"a": "changing_VCPUs", "b": "data_source_op"})
    expected = ["OTHER_OPERATION_IN_PROGRESS", "VM.{(unknown operation),data_sources_op}", vm]
    assert refusal(pool, vm, "pause") == expected


async def test_blocked_operations_come_first(pool: World) -> None:
    vm = await pool.vm()
    await pool.set(VM, vm, blocked_operations={"pause": "on holiday"})
    assert refusal(pool, vm, "pause") == ["OPERATION_BLOCKED", vm, "on holiday"]


async def test_templates_and_snapshots(pool: World) -> None:
    template = await pool.vm(is_a_template=True)
    assert refusal(pool, template, "start") == ["VM_IS_TEMPLATE", template, "start"]
    assert refusal(pool, template, "query_services") == ["VM_IS_TEMPLATE", template, "(unknown operation)"]
    changes = {"changing_static_range", "changing_shadow_memory", "changing_dynamic_range"}
    copies = {"copy", "clone", "export"}
    assert await allowed(pool, template) == changes | copies | {"provision", "destroy", "migrate_send"}
    await pool.set(VM, template, is_default_template=True)
    assert await allowed(pool, template) == changes | copies | {"provision"}
    assert refusal(pool, template, "destroy") == ["VM_IS_TEMPLATE", template, "destroy"]
    snapshot = await pool.vm(is_a_template=True, is_a_snapshot=True)
    assert refusal(pool, snapshot, "start") == ["VM_IS_SNAPSHOT", snapshot, "start"]
    assert await allowed(pool, snapshot) == copies | {"revert", "destroy"}
    await pool.set(VM, snapshot, power_state="Suspended")
    assert await allowed(pool, snapshot) == copies | {"revert", "destroy", "hard_shutdown"}


async def test_what_is_shown_of_plain_vms(pool: World) -> None:
    vm = await pool.vm()
    assert await allowed(pool, vm) == {
        *("snapshot", "copy", "clone", "start", "start_on", "export", "destroy", "migrate_send", "make_into_template"),
        *("changing_static_range", "changing_shadow_memory", "changing_dynamic_range"),
    }
    bare = await hvm(pool)
    assert await allowed(pool, bare) == {
        "snapshot", "pause", "hard_shutdown", "hard_reboot", "changing_dynamic_range"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("operation", "features"),
    [
        ("clean_shutdown", ["feature-shutdown", "feature-poweroff"]),
        ("clean_reboot", ["feature-shutdown", "feature-reboot"]),
        ("changing_VCPUs_live", ["feature-vcpu-hotplug"]),
        ("suspend", ["feature-suspend"]),
        ("checkpoint", ["feature-suspend"]),
        ("pool_migrate", ["feature-suspend"]),
        ("migrate_send", ["feature-suspend"]),
    ],
)
async def test_guests_without_drivers_need_features(pool: World, operation: str, features: list[str]) -> None:
    vm = await hvm(pool)
    assert refusal(pool, vm, operation) == ["VM_LACKS_FEATURE", vm]
    is_needed_always = operation == "changing_VCPUs_live"
    assert bool(refusal(pool, vm, operation, forced=True)) is is_needed_always
    for feature in features:
        await guest(pool, vm, other={feature: "1"})
        assert refusal(pool, vm, operation) == []
    await guest(pool, vm, other={features[0]: "0"})
    assert refusal(pool, vm, operation) == ["VM_LACKS_FEATURE", vm]
    await guest(pool, vm, PV_drivers_version={"major": "7", "minor": "4", "micro": "-1"})
    assert refusal(pool, vm, operation) == []
    await guest(pool, vm, PV_drivers_version={"major": "7", "minor": "4", "build": "x"})
    assert refusal(pool, vm, operation) == ["VM_LACKS_FEATURE", vm]


async def test_immobile_and_nested_guests(pool: World) -> None:
    vm = await pool.vm(power_state="Running")
    await pool.set(VMMetrics, pool.get(vm).metrics, nomigrate=True)
    for operation in ("suspend", "checkpoint", "pool_migrate", "migrate_send"):
        assert refusal(pool, vm, operation) == ["VM_IS_IMMOBILE", vm]
        assert refusal(pool, vm, operation, forced=True) == []
    await pool.set(VMMetrics, pool.get(vm).metrics, nomigrate=False, nested_virt=True)
    assert refusal(pool, vm, "changing_dynamic_range") == ["VM_IS_USING_NESTED_VIRT", vm]
    await pool.set(VM, vm, metrics="OpaqueRef:gone", platform={"nested-virt": "TRUE"})
    assert refusal(pool, vm, "pool_migrate") == ["VM_IS_IMMOBILE", vm]


async def test_quiesced_snapshots_need_the_feature(pool: World) -> None:
    vm = await pool.vm(power_state="Running")
    await guest(pool, vm, other={"feature-snapshot": "0"})
    assert refusal(pool, vm, "snapshot_with_quiesce") == []


async def test_disks_that_are_reset(pool: World) -> None:
    vm = await pool.vm(power_state="Running")
    _, vdi = await pool.disk(vm)
    await pool.set(VDI, vdi, sm_config={"on_boot": "reset"})
    for operation in ("checkpoint", "snapshot", "suspend"):
        assert refusal(pool, vm, operation) == ["VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION"]
    assert refusal(pool, vm, "pool_migrate") == []
    await pool.set(VDI, vdi, sm_config={"on_boot": "reset", "caching": "true"})
    assert refusal(pool, vm, "pool_migrate") == ["VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION"]
    assert len(list(pool.store.all(VBD))) == 1


async def test_devices_that_cannot_move(pool: World) -> None:
    vm = await pool.vm(power_state="Running", resident_on=pool.hosts[0])
    async with pool.store.transaction() as tx:
        usb = tx.create(VUSB, VM=vm)
    for operation in ("suspend", "snapshot", "checkpoint", "migrate_send", "pool_migrate"):
        assert refusal(pool, vm, operation) == ["VM_HAS_VUSBS", vm]
    async with pool.store.transaction() as tx:
        tx.delete(usb)
        kind = tx.create(VGPUType, implementation="nvidia")
        card = tx.create(PGPU, compatibility_metadata={"nvidia": "x"})
        tx.create(VGPU, VM=vm, type=kind.ref, resident_on=card.ref)
    assert refusal(pool, vm, "suspend") == ["VM_HAS_VGPU", vm]
    await pool.set(Pool, pool.pool, restrictions={**LICENCE, "restrict_vgpu_migration": "false"})
    assert refusal(pool, vm, "suspend") == refusal(pool, vm, "pool_migrate") == []
    assert refusal(pool, vm, "checkpoint") == ["VM_HAS_VGPU", vm]
    await pool.set(Host, pool.hosts[0], software_version={"platform_version": "2.4.0"})
    assert refusal(pool, vm, "pool_migrate") == ["VM_HAS_VGPU", vm]
    async with pool.store.transaction() as tx:
        tx.create(PCI, attached_VMs=(vm,))
    assert refusal(pool, vm, "suspend") == ["VM_HAS_PCI_ATTACHED", vm]


async def test_making_a_template_of_a_member(pool: World) -> None:
    vm = await pool.vm()
    async with pool.store.transaction() as tx:
        schedule, policy, appliance = tx.create(VMSS).ref, tx.create(VMPP).ref, tx.create(VMAppliance).ref
    await pool.set(VM, vm, snapshot_schedule=schedule)
    assert refusal(pool, vm, "make_into_template") == ["VM_ASSIGNED_TO_SNAPSHOT_SCHEDULE", vm, schedule]
    await pool.set(VM, vm, protection_policy=policy)
    assert refusal(pool, vm, "make_into_template") == ["VM_ASSIGNED_TO_PROTECTION_POLICY", vm, policy]
    await pool.set(VM, vm, appliance=appliance)
    assert refusal(pool, vm, "make_into_template") == ["VM_IS_PART_OF_AN_APPLIANCE", vm, appliance]


async def test_system_domains_can_be_asked_for_services(pool: World) -> None:
    vm = await pool.vm(other_config={"is_system_domain": "True"})
    assert refusal(pool, vm, "query_services") == []


async def test_little_is_possible_during_an_upgrade(pool: World) -> None:
    vm = await pool.vm()
    await pool.set(Pool, pool.pool, other_config={"rolling_upgrade_in_progress": ""})
    assert refusal(pool, vm, "snapshot") == ["NOT_SUPPORTED_DURING_UPGRADE"]
    assert refusal(pool, vm, "start") == []
    assert await allowed(pool, vm) == {"copy", "clone", "start", "start_on", "export", "destroy", "make_into_template"}
