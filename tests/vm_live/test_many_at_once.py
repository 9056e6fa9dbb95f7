"""Very many VMs at once, on many hosts: all come up, and whoever only asks is answered meanwhile."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from tests.client import until
from tests.vm_live.pools import (
    assert_memory_is_accounted_for,
    assert_nothing_is_under_way,
    guests,
    pool,
)

HOSTS, VMS = 16, 160


def _states(api: Any, vms: list[str]) -> set[str]:
    records = api.VM.get_all_records()
    return {records[vm]["power_state"] for vm in vms}


def test_hundreds_of_vms_start_and_stop_while_others_ask(tmp_path: Path) -> None:
    with pool(tmp_path, HOSTS, VMS, "--set", "tasks.kept=10000") as server, server.session() as session:
        api = session.xenapi
        vms = guests(api)
        assert len(vms) == VMS
        answered, stop = 0, threading.Event()

        def ask() -> None:
            nonlocal answered
            with server.session() as other:
                while not stop.is_set():
                    other.xenapi.VM.get_name_label(vms[0])
                    answered += 1

        asking = threading.Thread(target=ask)
        asking.start()
        try:
            started = [api.Async.VM.start(vm, False, False) for vm in vms]
            until(lambda: _states(api, vms) == {"Running"})
            until(lambda: all(api.task.get_status(task) == "success" for task in started))
            assert answered > VMS  # more often than others began something
            assert_memory_is_accounted_for(api)
            places = {api.VM.get_resident_on(vm) for vm in vms}
            assert len(places) == HOSTS
            stopped = [api.Async.VM.clean_shutdown(vm) for vm in vms]
            until(lambda: _states(api, vms) == {"Halted"})
            until(lambda: all(api.task.get_status(task) == "success" for task in stopped))
        finally:
            stop.set()
            asking.join()
        assert_memory_is_accounted_for(api)
        assert_nothing_is_under_way(api)
        assert {vm["resident_on"] for ref, vm in api.VM.get_all_records().items() if ref in vms} == {"OpaqueRef:NULL"}


def test_more_vms_than_there_is_memory_for(tmp_path: Path) -> None:
    """Nobody is promised memory twice: what fits runs, all others are refused."""
    with pool(tmp_path, 2, 60) as server, server.session() as session:
        api = session.xenapi
        vms = guests(api)
        total = min(int(api.host_metrics.get_memory_total(api.host.get_metrics(host))) for host in api.host.get_all())
        size = total // 8 >> 20 << 20
        for vm in vms:
            api.VM.set_memory(vm, str(size))
        tasks = [api.Async.VM.start(vm, False, False) for vm in vms]
        until(lambda: all(api.task.get_status(task) != "pending" for task in tasks))
        records = [api.task.get_record(task) for task in tasks]
        won = sum(record["status"] == "success" for record in records)
        assert {tuple(record["error_info"][:1]) for record in records if record["status"] == "failure"} <= {
            ("HOST_NOT_ENOUGH_FREE_MEMORY",),
            ("NO_HOSTS_AVAILABLE",),
        }
        states = [api.VM.get_power_state(vm) for vm in vms]
        assert 12 <= won == states.count("Running") <= 16
        assert_memory_is_accounted_for(api)
        assert_nothing_is_under_way(api)
