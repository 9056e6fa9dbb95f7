"""What clients are shown as allowed is what the rules say, also after what only bears on it from afar."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.client import until
from tests.inner import InnerServer, inner_server
from xapi_async.operations.marking import Rules, allowed_operations
from xapi_async.operations.pools.rules import RULES as POOL_RULES
from xapi_async.operations.storage import sr_rules, vbd_rules, vdi_rules

RULES: tuple[Rules[Any], ...] = (sr_rules.RULES, vdi_rules.RULES, vbd_rules.RULES, POOL_RULES)
MIB = 1 << 20


@pytest.fixture(scope="module")
def server() -> Iterator[InnerServer]:
    with inner_server({("inventory", "hosts"): "2", ("server", "speed"): "200"}) as made:
        yield made


@pytest.fixture
def api(server: InnerServer) -> Iterator[Any]:
    with server.session() as session:
        yield session.xenapi


@pytest.fixture
def vm(api: Any) -> Iterator[str]:
    (template,) = api.VM.get_by_name_label("Other install media")
    made = api.VM.clone(template, "guest")
    api.VM.provision(made)
    yield made
    if api.VM.get_power_state(made) != "Halted":
        api.VM.hard_shutdown(made)
    api.VM.destroy(made)


def differences(server: InnerServer) -> list[str]:
    """Objects that show something else than the rules say."""
    store = server.core.services.store

    async def look() -> list[str]:
        found = []
        for rules in RULES:
            for target in list(store.all(rules.cls)):
                shown, allowed = set(target.allowed_operations), set(allowed_operations(store, rules, target))
                if shown != allowed:
                    found.append(f"{rules.cls.__name__}: shown {shown - allowed}, hidden {allowed - shown}")
        return found

    return server.run(look)


def new_disk(api: Any, sr: str = "", kind: str = "user") -> str:
    fields = {
        "name_label": "d", "name_description": "", "SR": sr or api.pool.get_default_SR(api.pool.get_all()[0]),
        "virtual_size": str(4 * MIB), "type": kind, "sharable": False, "read_only": False, "other_config": {},
        "xenstore_data": {}, "sm_config": {}, "tags": [],
    }  # fmt: skip
    return str(api.VDI.create(fields))


def new_device(api: Any, vm: str, vdi: str, kind: str = "Disk", mode: str = "RW", *, empty: bool = False) -> str:
    fields = {
        "VM": vm, "VDI": vdi, "userdevice": "autodetect", "bootable": False, "mode": mode, "type": kind,
        "empty": empty, "unpluggable": True, "other_config": {}, "qos_algorithm_type": "", "qos_algorithm_params": {},
    }  # fmt: skip
    return str(api.VBD.create(fields))


def test_disks_of_an_sr_that_no_host_uses(server: InnerServer, api: Any) -> None:
    local = next(sr for sr in api.SR.get_all() if api.SR.get_type(sr) == "lvm")
    disk, (pbd,) = new_disk(api, local), api.SR.get_PBDs(local)
    api.PBD.unplug(pbd)
    assert "resize" not in api.VDI.get_allowed_operations(disk)
    assert "destroy" not in api.SR.get_allowed_operations(local)
    assert differences(server) == []
    api.VDI.forget(disk)
    assert "destroy" in api.SR.get_allowed_operations(local)
    assert differences(server) == []
    api.PBD.plug(pbd)
    (found,) = api.SR.get_VDIs(local)
    assert "resize" in api.VDI.get_allowed_operations(found)
    assert differences(server) == []


def test_devices_that_change_their_kind(server: InnerServer, api: Any, vm: str) -> None:
    disk = new_disk(api)
    device = new_device(api, vm, disk)
    api.VBD.set_type(device, "CD")
    assert "eject" in api.VBD.get_allowed_operations(device)
    api.VBD.set_type(device, "Disk")
    assert "eject" not in api.VBD.get_allowed_operations(device)
    api.VM.start(vm, False, False)
    until(lambda: "unplug" in api.VBD.get_allowed_operations(device))
    api.VBD.set_unpluggable(device, False)
    assert "unplug" not in api.VBD.get_allowed_operations(device)
    assert differences(server) == []


def test_a_drive_that_was_made_empty_but_names_a_disk(server: InnerServer, api: Any, vm: str) -> None:
    disk = new_disk(api)
    new_device(api, vm, disk, "CD", "RO", empty=True)
    api.VM.start(vm, False, False)
    assert differences(server) == []


def test_a_disk_that_a_vm_leaves_behind(server: InnerServer, api: Any, vm: str) -> None:
    disk = new_disk(api, kind="rrd")
    new_device(api, vm, disk)
    api.VM.start(vm, False, False)
    until(lambda: api.VM.get_guest_metrics(vm) != "OpaqueRef:NULL")
    snapshot = api.VM.checkpoint(vm, "kept")
    api.VM.destroy(snapshot)
    assert differences(server) == []


def test_disks_that_serve_the_pool_wherever_they_are(server: InnerServer, api: Any) -> None:
    local = next(sr for sr in api.SR.get_all() if api.SR.get_type(sr) == "lvm")
    disks = [new_disk(api, local, kind) for kind in ("redo_log", "ha_statefile")]
    api.pool.enable_ha([], {})
    assert all("destroy" not in api.VDI.get_allowed_operations(disk) for disk in disks)
    assert differences(server) == []
    api.pool.disable_ha()
    assert all("destroy" in api.VDI.get_allowed_operations(disk) for disk in disks)
    assert differences(server) == []
