"""Hosts as clients see them: over a socket, through the official client."""

from __future__ import annotations

import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import XenAPI

from tests.client import until
from tests.live import LiveServer, running

QUICK = (
    "--set",
    "inventory.hosts=2",
    "--set",
    "inventory.vms=4",
    "--set",
    "server.speed=100",
    "--set",
    "inventory.seed=1",
)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LiveServer]:
    """A pool of two hosts whose time goes a hundred times faster."""
    with running(tmp_path, *QUICK) as made:
        yield made


def hosts(x: Any) -> tuple[str, str]:
    """The master and the other host."""
    (pool,) = x.pool.get_all()
    master = x.pool.get_master(pool)
    (other,) = [ref for ref in x.host.get_all() if ref != master]
    return master, other


def residents(x: Any, host: str) -> set[str]:
    return {vm for vm in x.host.get_resident_VMs(host) if not x.VM.get_is_control_domain(vm)}


def test_maintenance_of_a_host(server: LiveServer) -> None:
    with server.session() as session:
        x = session.xenapi
        _, host = hosts(x)
        guests = residents(x, host)
        assert guests
        assert set(x.host.get_allowed_operations(host)) == {
            "provision", "evacuate", "vm_start", "vm_resume", "vm_migrate",
        }  # fmt: skip
        x.host.disable(host)
        assert x.host.get_vms_which_prevent_evacuation(host) == {}
        task = x.Async.host.evacuate(host)
        until(lambda: x.task.get_status(task) != "pending")
        assert x.task.get_status(task) == "success", x.task.get_error_info(task)
        assert residents(x, host) == set()
        x.host.reboot(host)
        metrics = x.host.get_metrics(host)
        until(lambda: not x.host_metrics.get_live(metrics) or x.host.get_enabled(host))
        until(lambda: x.host_metrics.get_live(metrics) and x.host.get_enabled(host))
        assert x.host.get_current_operations(host) == {}
        for vm in guests:
            x.VM.pool_migrate(vm, host, {"live": "true"})
        assert residents(x, host) == guests


def test_switching_a_host_off_and_on(server: LiveServer) -> None:
    with server.session() as session:
        x = session.xenapi
        _, host = hosts(x)
        metrics = x.host.get_metrics(host)
        x.host.set_power_on_mode(host, "wake-on-lan", {})
        x.host.disable(host)
        x.host.shutdown(host)
        until(lambda: not x.host_metrics.get_live(metrics))
        with pytest.raises(XenAPI.Failure) as caught:
            x.host.get_servertime(host)
        assert caught.value.details == ["HOST_OFFLINE", host]
        assert {"power_on", "evacuate"} <= set(x.host.get_allowed_operations(host))
        x.host.power_on(host)
        until(lambda: bool(x.host.get_enabled(host)))


def test_the_pool_loses_a_host(server: LiveServer) -> None:
    with server.session() as session:
        x = session.xenapi
        _, host = hosts(x)
        guests = residents(x, host)
        x.host.disable(host)
        x.host.shutdown(host)
        until(lambda: not x.host_metrics.get_live(x.host.get_metrics(host)))
        x.host.declare_dead(host)
        assert {x.VM.get_power_state(vm) for vm in guests} == {"Halted"}
        x.host.destroy(host)
        assert len(x.host.get_all()) == 1
        until(lambda: all(pbd["host"] != host for pbd in x.PBD.get_all_records().values()))
        until(lambda: all(pif["host"] != host for pif in x.PIF.get_all_records().values()))


def test_a_restart_of_the_server_enables_hosts(server: LiveServer) -> None:
    with server.session() as session:
        _, host = hosts(session.xenapi)
        session.xenapi.host.disable(host)
    server.stop()
    server.start()
    with server.session() as session:
        x = session.xenapi
        until(lambda: bool(x.host.get_enabled(host)))


def test_a_host_that_is_off_stays_so_when_the_server_restarts(server: LiveServer) -> None:
    with server.session() as session:
        x = session.xenapi
        _, host = hosts(x)
        guests = residents(x, host)
        x.host.disable(host)
        x.host.shutdown(host)
        until(lambda: not x.host_metrics.get_live(x.host.get_metrics(host)))
    server.kill()
    server.start()
    with server.session() as session:
        x = session.xenapi
        time.sleep(0.3)
        assert not x.host_metrics.get_live(x.host.get_metrics(host))
        assert {x.VM.get_power_state(vm) for vm in guests} == {"Running"}  # as far as anybody knows
        x.host.set_power_on_mode(host, "wake-on-lan", {})
        x.host.power_on(host)
        until(lambda: bool(x.host.get_enabled(host)))
        assert {x.VM.get_power_state(vm) for vm in guests} == {"Halted"}


def test_a_reboot_that_was_promised_takes_place(server: LiveServer) -> None:
    with server.session() as session:
        x = session.xenapi
        master, _ = hosts(x)
        guests = residents(x, master)
        assert guests
        x.host.disable(master)
        x.host.reboot(master)
    server.kill()
    server.start()
    with server.session() as session:
        x = session.xenapi
        until(lambda: {x.VM.get_power_state(vm) for vm in guests} == {"Halted"})
        until(lambda: bool(x.host.get_enabled(master)))
        assert x.host_metrics.get_live(x.host.get_metrics(master))


def test_cancelling_an_evacuation(tmp_path: Path) -> None:
    slow = (*QUICK, "--set", "simulator.migrate_seconds=1000")
    with running(tmp_path, *slow) as server, server.session() as session:
        x = session.xenapi
        _, host = hosts(x)
        guests = residents(x, host)
        task = x.Async.host.evacuate(host)
        until(lambda: any(x.VM.get_current_operations(vm) for vm in guests))
        until(lambda: "cancel" in _allowed_somewhere(x, task))
        x.task.cancel(task)
        until(lambda: x.task.get_status(task) != "pending")
        assert x.task.get_status(task) == "cancelled"
        assert residents(x, host) == guests
        for ref in x.host.get_all():
            assert x.host.get_current_operations(ref) == {}
        assert all(x.VM.get_current_operations(vm) == {} for vm in guests)


def _allowed_somewhere(x: Any, task: str) -> set[str]:
    """What may be done to a task or to those below it."""
    refs = [task, *x.task.get_subtasks(task)]
    return {operation for ref in refs for operation in x.task.get_allowed_operations(ref)}


def test_an_idle_pool_is_silent(server: LiveServer) -> None:
    with server.session() as session:
        x = session.xenapi
        classes = ["host", "host_metrics", "vm", "vm_metrics", "pbd"]

        def is_silent() -> bool:
            token = x.event_from(classes, "", 5.0)["token"]
            time.sleep(0.5)  # ten looks at what memory there is
            return x.event_from(classes, token, 0.0)["events"] == []

        until(is_silent)  # what a start has to do may take its time


def test_the_end_of_the_agent_is_that_of_the_server(tmp_path: Path) -> None:
    with running(tmp_path, *QUICK) as server:
        with server.session() as session:
            session.xenapi.host.shutdown_agent()
        assert server.process is not None
        assert server.process.wait(30) == 0


def test_plugins(tmp_path: Path) -> None:
    folder = tmp_path / "plugins"
    folder.mkdir()
    program = folder / "echo"
    program.write_text(
        f"#!{sys.executable}\n"
        "import sys, xmlrpc.client\n"
        "(session, args), fn = xmlrpc.client.loads(sys.argv[1])\n"
        "value = {'Status': 'Success', 'Value': fn + ' ' + args['text']}\n"
        "print(xmlrpc.client.dumps((value,), methodresponse=True))\n"
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    with running(tmp_path, "--set", f"programs.plugins={folder}") as server, server.session() as session:
        x = session.xenapi
        (host,) = x.host.get_all()
        assert x.host.call_plugin(host, "echo", "say", {"text": "hello"}) == "say hello"
        task = x.Async.host.call_plugin(host, "echo", "say", {"text": "later"})
        until(lambda: x.task.get_status(task) == "success")
        assert "say later" in x.task.get_result(task)


def test_questions(xapi: Any) -> None:
    (host,) = xapi.host.get_all()
    assert str(xapi.host.get_servertime(host)).endswith("Z")
    assert not str(xapi.host.get_server_localtime(host)).endswith("Z")
    assert "-----BEGIN CERTIFICATE-----" in xapi.host.get_server_certificate(host)
    assert int(xapi.host.compute_free_memory(host)) > 0
    assert {source["name_label"] for source in xapi.host.get_data_sources(host)} > {"cpu0", "memory_free_kib"}
    assert isinstance(xapi.host.query_data_source(host, "cpu_avg"), float)
    assert xapi.host.get_diagnostic_timing_stats(host)
    assert "do_errands" in xapi.host.get_thread_diagnostics(host)
    with pytest.raises(XenAPI.Failure) as caught:
        xapi.host.list_methods()
    assert caught.value.details == ["NOT_IMPLEMENTED", "list_method"]
