"""Snapshot schedules: their settings, and their running by the clock."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

import pytest

from tests.copies.lab import NULL_REF, Lab
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.classes.vmss import VMSS
from xapi_async.datamodel.types import NEVER
from xapi_async.objects.clock import api_time
from xapi_async.operations.notices import Messages, MessageSettings
from xapi_async.operations.vmss_running import note_missed, run_due, watch_schedules
from xapi_async.operations.vmss_schedule import is_due


class Kept:
    """A log of messages in memory."""

    async def append(self, key: str, value: Any) -> None: ...

    async def delete(self, key: str) -> None: ...

    async def rows(self) -> list[tuple[str, Any]]:
        return []


async def schedule(pool: Lab, **values: Any) -> str:
    given = {
        "name_label": "nightly",
        "name_description": "",
        "enabled": True,
        "type": "snapshot",
        "retained_snapshots": 2,
        "frequency": "daily",
        "schedule": {"hour": "3", "min": "30"},
    }
    made: str = await pool.call("VMSS.create", {**given, **values})
    return made


async def with_messages(pool: Lab) -> Messages:
    messages = await Messages.open(Kept(), pool.services.clock, MessageSettings())  # type: ignore[arg-type]
    pool.services.messages = messages
    return messages


def entries(pool: Lab, vmss: str) -> dict[str, str]:
    return dict(pool.store.get(VMSS, vmss).schedule)


async def test_schedules_are_completed_and_checked(pool: Lab):
    assert entries(pool, await schedule(pool, schedule={})) == {"hour": "0", "min": "0"}
    weekly = await schedule(pool, frequency="weekly", schedule={"days": "sunday, MONDAY,Sunday"})
    assert entries(pool, weekly) == {"hour": "0", "min": "0", "days": "Sunday,Monday"}
    assert pool.store.get(VMSS, weekly).last_run_time == NEVER


@pytest.mark.parametrize(
    ("frequency", "key", "value"),
    [
        ("hourly", "hour", "1"),
        ("daily", "days", "Monday"),
        ("daily", "min", "5"),
        ("daily", "hour", "24"),
        ("daily", "hour", "-1"),
        ("weekly", "days", "Someday"),
        ("weekly", "days", ""),
        ("weekly", "week", "1"),
    ],
)
async def test_what_no_schedule_may_say(pool: Lab, frequency: str, key: str, value: str):
    policy = {
        "name_label": "",
        "name_description": "",
        "enabled": True,
        "type": "snapshot",
        "retained_snapshots": 7,
        "frequency": frequency,
        "schedule": {key: value},
    }
    assert await pool.refused("VMSS.create", policy) == ["INVALID_VALUE", f"schedule:{key}", value]


async def test_changing_a_schedule(pool: Lab):
    vmss = await schedule(pool)
    await pool.call("VMSS.set_frequency", vmss, "weekly")
    assert entries(pool, vmss) == {"hour": "3", "min": "30", "days": "Monday"}
    await pool.call("VMSS.set_frequency", vmss, "hourly")
    assert entries(pool, vmss) == {"min": "30"}
    await pool.call("VMSS.set_schedule", vmss, {"days": "friday"})
    assert entries(pool, vmss) == {"min": "30", "days": "Friday"}
    assert await pool.refused("VMSS.set_schedule", vmss, {"min": "1"}) == ["INVALID_VALUE", "schedule:min", "1"]
    assert await pool.refused("VMSS.add_to_schedule", vmss, "min", "0") == [
        "MAP_DUPLICATE_KEY",
        "VMSS",
        "schedule",
        vmss,
        "min",
    ]
    await pool.call("VMSS.remove_from_schedule", vmss, "min")
    assert await pool.refused("VMSS.add_to_schedule", vmss, "min", "99") == ["INVALID_VALUE", "schedule:min", "99"]
    assert entries(pool, vmss)["min"] == "30"
    for number in (0, 11):
        assert await pool.refused("VMSS.set_retained_snapshots", vmss, number) == [
            "INVALID_VALUE",
            "retained_snapshots",
            str(number),
        ]
    await pool.call("VMSS.set_retained_snapshots", vmss, 10)
    assert pool.store.get(VMSS, vmss).retained_snapshots == 10


async def test_schedules_are_licensed(pool: Lab):
    vmss = await schedule(pool)
    await pool.restrict(restrict_vss="true")
    assert await pool.refused("VMSS.set_type", vmss, "snapshot_with_quiesce") == ["LICENCE_RESTRICTION", "VSS"]
    await pool.restrict(restrict_vmss="true")
    for message, *args in (("set_frequency", "hourly"), ("snapshot_now",), ("destroy",), ("set_type", "checkpoint")):
        assert await pool.refused(f"VMSS.{message}", vmss, *args) == ["LICENCE_RESTRICTION", "VMSS"]


async def test_quiescing_takes_fit_members(pool: Lab):
    await pool.restrict(restrict_vss="false")
    vmss, vm = await schedule(pool), await pool.built()
    await pool.call("VM.set_snapshot_schedule", vm, vmss)
    assert await pool.refused("VMSS.set_type", vmss, "snapshot_with_quiesce") == [
        "VM_SNAPSHOT_WITH_QUIESCE_NOT_SUPPORTED",
        vm,
    ]
    assert await pool.refused("VMSS.destroy", vmss) == ["VMSS_HAS_VM"]


async def test_running_now_keeps_only_so_many(pool: Lab):
    messages = await with_messages(pool)
    vmss, vm = await schedule(pool, enabled=False), await pool.built()
    await pool.call("VM.set_snapshot_schedule", vm, vmss)
    by_hand = await pool.call("VM.snapshot", vm, "mine")
    for _ in range(3):
        await pool.services.clock.sleep(60)
        text = await pool.call("VMSS.snapshot_now", vmss)
        assert "SUCCEEDED" in text
    taken = [pool.vm(ref) for ref in pool.vm(vm).snapshots]
    assert [one.is_vmss_snapshot for one in taken] == [False, True, True]
    assert taken[0].ref == by_hand
    assert len([vdi for vdi in pool.store.all(VDI) if vdi.is_a_snapshot]) == 3
    assert pool.vm(vm).snapshot_schedule == vmss
    assert taken[1].snapshot_schedule == NULL_REF
    assert pool.store.get(VMSS, vmss).last_run_time == api_time(pool.services.clock.now())
    assert [notice.name for notice in messages.newest_first()] == ["VMSS_SNAPSHOT_SUCCEEDED"] * 3
    await pool.call("VM.set_snapshot_schedule", vm, NULL_REF)
    await pool.call("VMSS.destroy", vmss)
    assert messages.newest_first() == []


async def test_a_vm_that_fails_does_not_keep_others_from_being_snapshotted(pool: Lab):
    messages = await with_messages(pool)
    vmss = await schedule(pool)
    good, bad = await pool.built("good"), await pool.built("bad")
    for vm in (bad, good):
        await pool.call("VM.set_snapshot_schedule", vm, vmss)
    await pool.set(pool.disks(bad)[0], managed=False)
    text = await pool.call("VMSS.snapshot_now", vmss)
    assert "VDI_NOT_MANAGED" in text
    assert (len(pool.vm(good).snapshots), pool.vm(bad).snapshots) == (1, ())
    assert [notice.name for notice in messages.newest_first()] == ["VMSS_SNAPSHOT_FAILED"]


async def test_two_runs_of_one_schedule_do_not_meet(pool: Lab):
    vmss = await schedule(pool)
    pool.services.running_schedules.add(vmss)
    assert "LOCK_FAILED" in await pool.call("VMSS.snapshot_now", vmss)


@pytest.mark.parametrize(
    ("frequency", "entries", "due", "not_due"),
    [
        ("hourly", {"min": "15"}, (5, 15), (5, 0)),
        ("daily", {"hour": "5", "min": "0"}, (5, 0), (6, 0)),
        ("weekly", {"hour": "5", "min": "0", "days": "Wednesday"}, (5, 0), (5, 15)),
        ("weekly", {"hour": "5", "min": "0", "days": "Monday,Wednesday"}, (5, 0), (4, 0)),
    ],
)
def test_when_schedules_are_due(frequency: str, entries: dict[str, str], due: tuple[int, int], not_due: Any):
    wednesday, thursday = (2018, 2, 21), (2018, 2, 22)
    assert is_due(frequency, entries, datetime(*wednesday, *due))
    assert not is_due(frequency, entries, datetime(*wednesday, *not_due))
    assert is_due(frequency, entries, datetime(*thursday, *due)) == (frequency != "weekly")


async def test_the_clock_runs_what_is_due(pool: Lab):
    now = pool.services.clock.now()
    here = datetime.fromtimestamp(now)
    vm = await pool.built()
    vmss = await schedule(pool, schedule={"hour": str(here.hour), "min": str(here.minute // 15 * 15)})
    await pool.call("VM.set_snapshot_schedule", vm, vmss)
    await run_due(pool.services, now // 900 * 900)
    assert len(pool.vm(vm).snapshots) == 1
    await run_due(pool.services, now // 900 * 900 + 900)
    assert len(pool.vm(vm).snapshots) == 1
    await pool.set(pool.store.get(VMSS, vmss), enabled=False)
    await run_due(pool.services, now // 900 * 900)
    assert len(pool.vm(vm).snapshots) == 1


async def test_a_day_goes_by(pool: Lab):
    vm = await pool.built()
    vmss = await schedule(pool, frequency="hourly", schedule={"min": "0"}, retained_snapshots=10)
    await pool.call("VM.set_snapshot_schedule", vm, vmss)
    watching = asyncio.create_task(watch_schedules(pool.services))
    try:
        start = pool.services.clock.now()
        while len(pool.vm(vm).snapshots) < 3 and pool.services.clock.now() < start + 86400:  # noqa: ASYNC110
            await asyncio.sleep(0)
    finally:
        watching.cancel()
    assert len(pool.vm(vm).snapshots) >= 3


async def test_runs_that_were_missed_are_told_of(pool: Lab):
    messages = await with_messages(pool)
    vmss = await schedule(pool)
    await note_missed(pool.services)
    assert messages.newest_first() == []
    await pool.set(pool.store.get(VMSS, vmss), last_run_time=api_time(pool.services.clock.now() - 2 * 86400))
    await note_missed(pool.services)
    assert [notice.name for notice in messages.newest_first()] == ["VMSS_SNAPSHOT_MISSED_EVENT"]


async def test_without_a_licence_nothing_runs(pool: Lab):
    messages = await with_messages(pool)
    vm = await pool.built()
    now = pool.services.clock.now() // 900 * 900
    vmss = await schedule(pool, frequency="hourly", schedule={"min": str(datetime.fromtimestamp(now).minute)})
    await pool.call("VM.set_snapshot_schedule", vm, vmss)
    await pool.restrict(restrict_vmss="true")
    await run_due(pool.services, now)
    assert (pool.vm(vm).snapshots, [notice.name for notice in messages.newest_first()]) == ((), ["VMSS_LICENSE_ERROR"])
