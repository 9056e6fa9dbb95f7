"""What a new user does first: make a virtual machine from a template, run it, and find it after a crash."""

from __future__ import annotations

import time
import xmlrpc.client
from typing import Any

from tests.client import PATIENCE, ended
from tests.live import PASSWORD, LiveServer

TEMPLATE = "Debian Stretch 9.0"


def make_vm(api: Any, name: str) -> str:
    """A virtual machine from a built-in template, with a disk and a network interface."""
    (template,) = api.VM.get_by_name_label(TEMPLATE)
    vm = api.VM.clone(template, name)
    pool = api.pool.get_all()[0]
    sr = api.pool.get_default_SR(pool)
    api.VM.remove_from_other_config(vm, "disks")
    api.VM.add_to_other_config(vm, "disks", disks_xml(api.SR.get_uuid(sr)))
    api.VM.provision(vm)
    network = next(ref for ref, record in api.network.get_all_records().items() if record["PIFs"])
    api.VIF.create(
        {
            "VM": vm,
            "network": network,
            "device": "0",
            "MAC": "",
            "MTU": "1500",
            "other_config": {},
            "qos_algorithm_type": "",
            "qos_algorithm_params": {},
        }
    )
    return str(vm)


def disks_xml(sr_uuid: str) -> str:
    return f'<provision><disk bootable="true" device="0" size="1073741824" sr="{sr_uuid}" type="system"/></provision>'


def follow(api: Any, vm: str, state: str, token: str) -> str:
    """Wait by events until the machine is in a state; gives the newest token."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        batch = api.event_from(["vm"], token, 5.0)
        token = batch["token"]
        for event in batch["events"]:
            if event["ref"] == vm and event["snapshot"]["power_state"] == state:
                return token
    raise AssertionError(f"the machine did not become {state}")


def test_a_virtual_machine_from_template_to_its_end(fresh_server: LiveServer) -> None:
    with fresh_server.session() as session:
        api = session.xenapi
        vm = make_vm(api, "first")
        record = api.VM.get_record(vm)
        assert not record["is_a_template"]
        assert len(record["VIFs"]) == 1
        disks = [api.VBD.get_record(vbd) for vbd in record["VBDs"]]
        assert [disk["type"] for disk in disks] == ["Disk"]

        token = api.event_from(["vm"], "", 0.0)["token"]
        task = api.Async.VM.start(vm, False, False)
        token = follow(api, vm, "Running", token)
        record = api.VM.get_record(vm)
        assert api.host.get_resident_VMs(record["resident_on"]).count(vm) == 1
        metrics = api.VM_metrics.get_record(record["metrics"])
        assert int(metrics["memory_actual"]) > 0
        assert ended(api, task)["status"] == "success"

        api.VM.hard_shutdown(vm)
        follow(api, vm, "Halted", token)
        for vbd in api.VM.get_VBDs(vm):
            vdi = api.VBD.get_VDI(vbd)
            api.VBD.destroy(vbd)
            api.VDI.destroy(vdi)
        api.VM.destroy(vm)
        assert vm not in api.VM.get_all()


def test_everything_acknowledged_is_there_after_a_kill(fresh_server: LiveServer) -> None:
    with fresh_server.session() as session:
        api = session.xenapi
        vm = make_vm(api, "survivor")
        api.VM.start(vm, False, False)
        before = api.VM.get_record(vm)
        everything = {name: len(getattr(api, name).get_all()) for name in ("VM", "VDI", "VBD", "VIF", "network")}
        fresh_server.kill()

    fresh_server.start()
    with fresh_server.session() as session:
        api = session.xenapi
        after = api.VM.get_record(vm)
        for name in ("uuid", "name_label", "power_state", "resident_on", "VBDs", "VIFs", "other_config", "metrics"):
            assert sorted(after[name]) == sorted(before[name]), name
        assert everything == {name: len(getattr(api, name).get_all()) for name in everything}
        api.VM.hard_shutdown(vm)
        assert api.VM.get_power_state(vm) == "Halted"


def test_a_plain_xmlrpc_client(fresh_server: LiveServer) -> None:
    server: Any = xmlrpc.client.ServerProxy(fresh_server.url)
    session = server.session.login_with_password("root", PASSWORD, "2.9", "plain")["Value"]
    (pool,) = server.pool.get_all(session)["Value"]
    master = server.pool.get_master(session, pool)["Value"]
    assert server.host.get_software_version(session, master)["Value"]["product_version"] == "7.4.0"
    assert server.session.logout(session) == {"Status": "Success", "Value": ""}
