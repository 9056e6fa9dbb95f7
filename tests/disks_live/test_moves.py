"""Disks that are moved to another SR while somebody writes to them: nothing of it stays behind."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.client import refused, until
from tests.disks_live.lab import MIB, DiskLab, noise

OLD, NEW = noise(31, 8 * MIB), noise(32, 8 * MIB)


@pytest.fixture
def other_sr(lab: DiskLab, tmp_path: Path) -> str:
    return str(lab.api.SR.create(lab.host, {"location": str(tmp_path)}, "0", "other", "", "file", "", False, {}))


@pytest.fixture
def vm(lab: DiskLab) -> Iterator[str]:
    vm = lab.running_vm()
    yield vm
    lab.api.VM.hard_shutdown(vm)


@contextmanager
def half_an_upload(lab: DiskLab, vdi: str, task: str) -> Iterator[socket.socket]:
    """An upload of which the server has written the first half."""
    place = urlsplit(lab.server.url)
    with socket.create_connection((place.hostname, place.port), timeout=30) as connection:
        path = lab.path("import_raw_vdi", vdi=vdi, task_id=task)
        connection.sendall(f"PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(NEW)}\r\n\r\n".encode())
        connection.sendall(NEW[: len(NEW) // 2])
        until(lambda: float(lab.api.task.get_progress(task)) >= 0.5)
        yield connection


def finish(connection: socket.socket) -> None:
    connection.sendall(NEW[len(NEW) // 2 :])
    while connection.recv(1 << 16):
        pass


@pytest.mark.parametrize("how", ["VDI.pool_migrate", "VM.migrate_send"])
@pytest.mark.parametrize("is_plugged", [True, False])
def test_an_upload_meanwhile(lab: DiskLab, vm: str, other_sr: str, how: str, is_plugged: bool) -> None:
    api, vdi, task = lab.api, lab.disk(), lab.task()
    lab.fill(vdi, OLD)
    vbd = lab.device(vm, vdi)
    if is_plugged:
        api.VBD.plug(vbd)
    with half_an_upload(lab, vdi, task) as connection:
        if how == "VDI.pool_migrate":
            moving = api.Async.VDI.pool_migrate(vdi, other_sr, {})
        else:
            network = api.PIF.get_network(api.host.get_management_interface(lab.host))
            dest = api.host.migrate_receive(lab.host, network, {})
            moving = api.Async.VM.migrate_send(vm, dest, True, {vdi: other_sr}, {}, {}, {})
        until(lambda: len(api.SR.get_VDIs(other_sr)) == 1)
        finish(connection)
    assert lab.outcome(task)["status"] == "success", lab.outcome(task)
    assert lab.outcome(moving)["status"] == "success", lab.outcome(moving)
    moved = api.VBD.get_VDI(vbd)
    assert (api.VDI.get_SR(moved), vdi in api.VDI.get_all()) == (other_sr, False)
    assert lab.content(moved) == NEW
    assert lab.disagreements() == []


def test_a_move_that_is_given_up_while_an_upload_goes_on(lab: DiskLab, vm: str, other_sr: str) -> None:
    api, vdi, task = lab.api, lab.disk(), lab.task()
    vbd = lab.device(vm, vdi)
    with half_an_upload(lab, vdi, task) as connection:
        moving = api.Async.VDI.pool_migrate(vdi, other_sr, {})
        until(lambda: len(api.SR.get_VDIs(other_sr)) == 1)
        api.task.cancel(moving)
        assert lab.outcome(moving)["status"] == "cancelled"
        finish(connection)
    assert lab.outcome(task)["status"] == "success"
    assert (api.VBD.get_VDI(vbd), api.SR.get_VDIs(other_sr)) == (vdi, [])
    assert api.VDI.get_current_operations(vdi) == {}
    assert lab.content(vdi) == NEW
    moved = api.VDI.pool_migrate(vdi, other_sr, {})
    assert refused(api.VDI.get_uuid, vdi) == ["HANDLE_INVALID", "VDI", vdi]
    assert lab.content(moved) == NEW
