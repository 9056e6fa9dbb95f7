"""Which host operations go with which, and with what else is so of a host: all of it, row by row."""

from __future__ import annotations

from typing import Any

import pytest

from tests.copies.lab import Lab
from tests.support import memory_services
from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.host_metrics import HostMetrics
from xapi_async.datamodel.classes.pbd import PBD
from xapi_async.datamodel.classes.pool import Pool
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.task import Task
from xapi_async.operations.hosts.rules import HEALTH_CHECK, OPERATIONS, RULES, check
from xapi_async.operations.hosts.versions import compare
from xapi_async.operations.marking import refresh

# What a host says to each operation (rows) while another goes on (columns): the one it names, or that it may.
BESIDE = """
            provision  evacuate  reboot    shutdown  vm_start  vm_resume   vm_migrate  power_on
provision   provision  evacuate  reboot    shutdown  -         -           -           -
evacuate    provision  -         -         -         -         VM.resume   VM.migrate  -
reboot      provision  -         -         shutdown  -         VM.resume   VM.migrate  -
shutdown    provision  -         reboot    -         -         VM.resume   VM.migrate  -
vm_start    -          -         -         -         -         -           -           -
vm_resume   -          evacuate  reboot    shutdown  -         -           -           -
vm_migrate  -          evacuate  reboot    shutdown  -         -           -           -
power_on    -          -         -         -         -         -           -           -
"""


def _cases() -> list[tuple[str, str, str]]:
    header, *rows = BESIDE.strip().splitlines()
    return [
        (row.split()[0], current, named)
        for row in rows
        for current, named in zip(header.split(), row.split()[1:], strict=True)
    ]


# A host on which nothing but other operations stands in the way of any.
FREE = {"enabled": False, "power_on_mode": "wake-on-lan"}


async def errors(current: dict[str, str], *, live: bool = False, **values: Any) -> dict[str, list[str] | None]:
    """What each operation is answered on a host like that; its own reference as HOST."""
    async with memory_services() as services:
        async with services.store.transaction() as tx:
            metrics = tx.create(HostMetrics, live=live).ref
            host = tx.create(Host, metrics=metrics, current_operations=current, **{**FREE, **values}).ref
        found = {op: check(services.store, services.store.get(Host, host), op) for op in OPERATIONS}
        return {
            op: [param.replace(host, "HOST") for param in error.description] if error else None
            for op, error in found.items()
        }


@pytest.mark.parametrize(("operation", "current", "named"), _cases())
async def test_operations_beside_others(operation: str, current: str, named: str) -> None:
    found = (await errors({"task": current}))[operation]
    expected = None if named == "-" else ["OTHER_OPERATION_IN_PROGRESS", "host", "HOST", named]
    assert found == expected


async def test_the_first_of_all_operations_is_named() -> None:
    found = await errors({"a": "vm_start", "b": "evacuate"})
    assert found["vm_migrate"] == ["OTHER_OPERATION_IN_PROGRESS", "host", "HOST", "VM.start"]
    assert found["vm_start"] is None


@pytest.mark.parametrize(
    ("values", "refused"),
    [
        ({}, {}),
        ({"enabled": True}, {"reboot": ["HOST_NOT_DISABLED"], "shutdown": ["HOST_NOT_DISABLED"]}),
        ({"live": True}, {"power_on": ["HOST_IS_LIVE", "HOST"]}),
        ({"power_on_mode": ""}, {"power_on": ["HOST_POWER_ON_MODE_DISABLED"]}),
        ({"power_on_mode": "", "live": True}, {"power_on": ["HOST_IS_LIVE", "HOST"]}),
        ({"power_on_mode": "own-script"}, {}),
    ],
)
async def test_what_a_host_is(values: dict[str, Any], refused: dict[str, list[str]]) -> None:
    found = await errors({}, **values)
    assert {op: error for op, error in found.items() if error} == refused


async def test_other_operations_come_before_what_a_host_is() -> None:
    found = await errors({"a": "vm_resume"}, enabled=True)
    assert found["reboot"] == ["OTHER_OPERATION_IN_PROGRESS", "host", "HOST", "VM.resume"]


async def test_clustered_storage_needs_every_host() -> None:
    async with memory_services() as services:
        async with services.store.transaction() as tx:
            metrics = [tx.create(HostMetrics, live=live) for live in (True, False)]
            one, other = (tx.create(Host, metrics=m.ref, enabled=False).ref for m in metrics)
            sr = tx.create(SR, clustered=True).ref
            pbd = tx.create(PBD, host=one, SR=sr, currently_attached=True)
            tx.create(Pool, master=one)
        store = services.store

        def refusal(operation: str, host: str = one) -> list[str] | None:
            error = check(store, store.get(Host, host), operation)
            return error.description if error else None

        assert refusal("shutdown") == refusal("reboot") == ["CLUSTERED_SR_DEGRADED", sr]
        assert refusal("evacuate") is None
        assert refusal("shutdown", other) is None  # it does not use the SR
        async with store.transaction() as tx:
            tx.set(tx.get(HostMetrics, metrics[1].ref), live=True)
        assert refusal("shutdown") is None
        async with store.transaction() as tx:
            task = tx.create(Task, name_label=HEALTH_CHECK, name_description=sr, status="pending")
        assert refusal("reboot") == ["CLUSTERED_SR_DEGRADED", sr]
        async with store.transaction() as tx:
            tx.set(tx.get(Task, task.ref), status="success")
        assert refusal("reboot") is None
        async with store.transaction() as tx:  # one host's refresh is every host's
            tx.set(tx.get(HostMetrics, metrics[1].ref), live=False)
            refresh(tx, RULES, other)
        assert "shutdown" not in store.get(Host, one).allowed_operations
        async with store.transaction() as tx:
            tx.set(tx.get(PBD, pbd.ref), currently_attached=False)
        assert refusal("shutdown") is None


async def test_a_host_that_is_up_shows_what_it_takes(pool: Lab) -> None:
    shown = pool.get(Host, pool.slave).allowed_operations
    assert set(shown) == {"provision", "evacuate", "vm_start", "vm_resume", "vm_migrate"}


async def test_little_is_shown_during_an_upgrade(pool: Lab) -> None:
    await pool.set(pool.pool, other_config={"rolling_upgrade_in_progress": "true"})
    await pool.call("host.disable", pool.slave)
    assert set(pool.get(Host, pool.slave).allowed_operations) == {"provision", "evacuate"}
    await pool.call("host.reboot", pool.slave)  # as an upgrade needs it


async def test_an_upgrade_is_noticed_and_its_end_too(pool: Lab) -> None:
    before = pool.get(Host, pool.slave).software_version
    await pool.set(pool.get(Host, pool.slave), software_version={**before, "platform_version": "2.6.0"})
    await compare(pool.services)
    assert pool.get(Pool, pool.pool.ref).other_config["rolling_upgrade_in_progress"] == "true"
    assert set(pool.get(Host, pool.master).allowed_operations) == {"provision", "evacuate"}
    await pool.set(pool.get(Host, pool.slave), software_version=before)
    await compare(pool.services)
    assert "rolling_upgrade_in_progress" not in pool.get(Pool, pool.pool.ref).other_config
    assert "vm_start" in pool.get(Host, pool.master).allowed_operations
