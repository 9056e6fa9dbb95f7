"""Messages that the hosts of a pool call of each other: who may, and what each does as a host sees it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import XenAPI

from tests.client import call_xml, failure, refused, until
from tests.inner import InnerServer
from tests.pools.between_hosts import (
    SLAVE_LOGIN,
    SOME_HOST,
    as_host,
    master_and_slaves,
    new_disk,
    secret_of,
    the_pool,
)
from xapi_async.datamodel.classes import VDI
from xapi_async.datamodel.types import BOOL, FLOAT, INT, Map, Record, Set
from xapi_async.server import missing_messages

NONE = "OpaqueRef:NULL"
SOME_OF_KIND: dict[type, Any] = {Map: {}, Record: {}, Set: []}
SOME_SCALARS: dict[Any, Any] = {BOOL: False, INT: "0", FLOAT: 0.0}


def some(kind: Any) -> Any:
    """Some value of a type."""
    return SOME_OF_KIND[type(kind)] if type(kind) in SOME_OF_KIND else SOME_SCALARS.get(kind, "")


@pytest.fixture(scope="module")
def root(server: InnerServer) -> Iterator[Any]:
    with server.session() as session:
        yield session.xenapi


def test_nothing_is_missing() -> None:
    assert missing_messages() == []


# Who may


def test_ordinary_sessions_may_not(server: InnerServer, root: Any) -> None:
    session = server.session_of("admin", "pool-admin")
    internal = [entry for entry in server.core.dispatcher.entries() if entry.message.pool_internal]
    assert len(internal) >= 25
    for entry in internal:
        args = [some(param.type) for param in entry.message.params]
        found = failure(server.url, entry.name, session, *args)
        assert (found[0], "hosts of the pool only" in found[1]) == ("INTERNAL_ERROR", True), entry.name


def test_roles_of_those_that_others_may_call(server: InnerServer, root: Any) -> None:
    operator, vm_operator = server.session_of("op", "pool-operator"), server.session_of("vm-op", "vm-operator")
    _, (slave, _) = master_and_slaves(root)
    secret = call_xml(server.url, "pool.initial_auth", operator)["Value"]
    assert secret == secret_of(server)
    for name, args in (("pool.initial_auth", ()), ("host.sm_dp_destroy", (slave, "vbd/1/xvda", False))):
        assert failure(server.url, name, vm_operator, *args)[:2] == ["RBAC_PERMISSION_DENIED", name.lower()]
    assert call_xml(server.url, "host.sm_dp_destroy", operator, slave, "vbd/1/xvda", False)["Status"] == "Success"


def test_a_host_that_is_none(api: Any) -> None:
    for name, args in {
        "tickle_heartbeat": ({},),
        "sync_vlans": (),
        "sync_tunnels": (),
        "sync_pif_currently_attached": ([],),
        "attach_static_vdis": ({},),
        "detach_static_vdis": ([],),
        "set_localdb_key": ("a", "b"),
        "request_backup": (0, False),
        "request_config_file_sync": ("",),
        "update_pool_secret": ("secret",),
        "update_master": ("10.0.0.1",),
        "mxgpu_vf_setup": (),
        "sm_dp_destroy": ("", False),
        "allocate_resources_for_vm": (NONE, False),
        "preconfigure_ha": ([], NONE, ""),
        "ha_join_liveset": (),
        "ha_disable_failover_decisions": (),
        "ha_disarm_fencing": (),
        "ha_stop_daemon": (),
        "ha_release_resources": (),
        "ha_wait_for_shutdown_via_statefile": (),
    }.items():
        found = refused(getattr(api.host, name), "OpaqueRef:none", *args)
        assert found == ["HANDLE_INVALID", "host", "OpaqueRef:none"], name


# The secret


def test_another_secret_counts_at_once(server: InnerServer, api: Any) -> None:
    _, (slave, _) = master_and_slaves(api)
    old = api.pool.initial_auth()
    assert refused(api.host.update_pool_secret, slave, "")[:2] == ["INVALID_VALUE", "pool_secret"]
    api.host.update_pool_secret(slave, "a new one")
    assert api.pool.initial_auth() == "a new one"
    with as_host(server.url, "a new one") as other:
        assert other.pool.get_all()
    assert failure(server.url, SLAVE_LOGIN, SOME_HOST, old)[0] == "SESSION_AUTHENTICATION_FAILED"
    api.host.request_config_file_sync(slave, "no such hash")


def test_the_audit_log_has_lines_of_other_hosts(server: InnerServer, api: Any) -> None:
    api.pool.audit_log_append("('trackid=1' 'somebody' 'ALLOWED')\nfaked")
    audit = server.core.dispatcher._audit

    async def read() -> bytes:
        return b"".join([part async for part in audit.read()])  # type: ignore[attr-defined]

    lines = server.run(read).decode().splitlines()
    (line,) = (line for line in lines if "somebody" in line)
    assert line.endswith("|audit] ('trackid=1' 'somebody' 'ALLOWED')\\x0afaked")
    assert not any("audit_log_append" in line for line in lines)


# Masters


def test_a_new_master_in_two_phases(api: Any) -> None:
    master, (slave, third) = master_and_slaves(api)
    address, other = api.host.get_address(slave), api.host.get_address(third)
    assert refused(api.host.commit_new_master, address)[0] == "HA_ABORT_NEW_MASTER"
    assert refused(api.host.abort_new_master, address)[0] == "HA_ABORT_NEW_MASTER"
    assert refused(api.host.propose_new_master, "192.0.2.1", True)[0] == "HA_ABORT_NEW_MASTER"

    api.host.propose_new_master(address, True)
    api.host.propose_new_master(address, True)
    assert refused(api.host.propose_new_master, other, True)[0] == "HA_ABORT_NEW_MASTER"
    assert refused(api.pool.designate_new_master, third)[0] == "HA_ABORT_NEW_MASTER"
    assert refused(api.host.commit_new_master, other)[0] == "HA_ABORT_NEW_MASTER"
    assert api.pool.get_master(the_pool(api)) == master
    api.host.abort_new_master(address)
    assert refused(api.host.commit_new_master, address)[0] == "HA_ABORT_NEW_MASTER"

    api.host.propose_new_master(address, False)
    api.host.commit_new_master(address)
    assert api.pool.get_master(the_pool(api)) == slave
    assert refused(api.host.commit_new_master, address)[0] == "HA_ABORT_NEW_MASTER"
    api.pool.designate_new_master(master)
    assert api.pool.get_master(the_pool(api)) == master


def test_a_promise_lasts_ten_minutes(api: Any) -> None:
    master, (slave, third) = master_and_slaves(api)
    api.host.propose_new_master(api.host.get_address(slave), True)
    assert not _accepted(api, api.host.get_address(third))
    until(lambda: _accepted(api, api.host.get_address(third)))
    api.host.abort_new_master(api.host.get_address(third))
    assert api.pool.get_master(the_pool(api)) == master


def _accepted(api: Any, address: str) -> bool:
    try:
        api.host.propose_new_master(address, True)
    except XenAPI.Failure:
        return False
    return True


def test_hosts_follow_the_master_there_is(api: Any) -> None:
    master, (slave, _) = master_and_slaves(api)
    api.host.update_master(slave, api.host.get_address(master))
    assert refused(api.host.update_master, slave, "192.0.2.1")[0] == "OPERATION_NOT_ALLOWED"


# What hosts say of themselves


def test_heartbeats(api: Any) -> None:
    master, (slave, _) = master_and_slaves(api)
    metrics = api.host.get_metrics(slave)
    assert api.host.tickle_heartbeat(slave, {"shutting-down": "true"}) == {}
    assert not api.host_metrics.get_live(metrics)
    assert "power_on" not in api.host.get_allowed_operations(master)
    assert refused(api.host.sync_vlans, "OpaqueRef:none")[0] == "HANDLE_INVALID"
    assert refused(api.host.mxgpu_vf_setup, slave) == ["HOST_OFFLINE", slave]
    assert api.host.tickle_heartbeat(slave, {}) == {}
    assert api.host_metrics.get_live(metrics)
    api.host.tickle_heartbeat(master, {"shutting-down": "true"})
    assert api.host_metrics.get_live(api.host.get_metrics(master))
    assert refused(api.host.tickle_heartbeat, slave, {"time": "noon"}) == ["INVALID_VALUE", "time", "noon"]


def test_clocks_that_go_wrong(server: InnerServer, api: Any) -> None:
    _, (slave, _) = master_and_slaves(api)

    def warnings() -> int:
        return sum(one["name"] == "HOST_CLOCK_SKEW_DETECTED" for one in api.message.get_all_records().values())

    def beat(late: float) -> None:
        api.host.tickle_heartbeat(slave, {"time": str(server.core.services.clock.now() - late)})

    for late, count in ((0, 0), (100_000, 1), (100_000, 1), (0, 1), (-100_000, 2)):
        beat(late)
        assert warnings() == count, late


def test_a_notification_is_acknowledged(api: Any) -> None:
    assert api.host.notify("any", "thing") == ""


# Networks


def test_networks_as_on_the_master(api: Any) -> None:
    master, (slave, _) = master_and_slaves(api)
    vlans, tunnels = (api.network.create({"name_label": name, "other_config": {}}) for name in ("vlans", "tunnels"))
    own = {api.PIF.get_device(pif): pif for pif in api.host.get_PIFs(master)}
    api.VLAN.create(own["eth1"], 20, vlans)
    api.PIF.reconfigure_ip(own["eth1"], "Static", "10.77.0.1", "255.255.0.0", "", "")
    api.tunnel.create(own["eth1"], tunnels)

    def hosts_on(network: str) -> set[str]:
        return {api.PIF.get_host(pif) for pif in api.network.get_PIFs(network)}

    assert hosts_on(vlans) == hosts_on(tunnels) == {master}
    api.host.sync_vlans(slave)
    assert (hosts_on(vlans), hosts_on(tunnels)) == ({master, slave}, {master})
    api.host.sync_tunnels(slave)
    assert hosts_on(tunnels) == {master, slave}
    for again in (api.host.sync_vlans, api.host.sync_tunnels):
        again(slave)
        again(master)
    assert len(api.network.get_PIFs(vlans)) == len(api.network.get_PIFs(tunnels)) == 2
    (untagged,) = (pif for pif in api.network.get_PIFs(vlans) if api.PIF.get_host(pif) == slave)
    assert (api.PIF.get_VLAN(untagged), api.PIF.get_currently_attached(untagged)) == ("20", False)


def test_which_interfaces_are_up(api: Any) -> None:
    _, (_, slave) = master_and_slaves(api)
    own = {record["device"]: ref for ref, record in api.PIF.get_all_records().items() if record["host"] == slave}
    bridge = api.network.get_bridge(api.PIF.get_network(own["eth1"]))
    before = {ref: record["currently_attached"] for ref, record in api.PIF.get_all_records().items()}
    api.host.sync_pif_currently_attached(slave, [bridge, "no such bridge"])
    now = {ref: record["currently_attached"] for ref, record in api.PIF.get_all_records().items()}
    assert now == {**before, own["eth0"]: False, own["eth1"]: True}
    api.host.sync_pif_currently_attached(slave, [bridge, "xenbr0"])
    assert api.PIF.get_currently_attached(own["eth0"])


# Room


def test_room_is_kept_for_a_vm(api: Any) -> None:
    _, (slave, third) = master_and_slaves(api)
    (template,) = api.VM.get_by_name_label("Other install media")
    vm = api.VM.clone(template, "expected")
    api.VM.provision(vm)
    free = int(api.host.compute_free_memory(slave))
    assert refused(api.host.allocate_resources_for_vm, slave, vm, True) == [
        "VM_BAD_POWER_STATE", vm, "Running", "Halted",
    ]  # fmt: skip
    assert refused(api.host.allocate_resources_for_vm, slave, NONE, False) == ["HANDLE_INVALID", "VM", NONE]
    assert refused(api.host.allocate_resources_for_vm, slave, template, False) == ["VM_IS_TEMPLATE", template]
    api.host.disable(third)
    assert refused(api.host.allocate_resources_for_vm, third, vm, False) == ["HOST_DISABLED", third]
    api.host.enable(third)
    api.host.allocate_resources_for_vm(slave, vm, False)
    api.host.allocate_resources_for_vm(slave, vm, False)
    assert int(api.host.compute_free_memory(slave)) < free
    assert api.host.get_current_operations(slave) == {}
    assert refused(api.host.allocate_resources_for_vm, third, vm, False) == ["OTHER_OPERATION_IN_PROGRESS", "VM", vm]
    api.VM.start(vm, False, False)
    assert api.VM.get_resident_on(vm) == slave
    used = int(api.host.compute_free_memory(slave))
    api.VM.hard_shutdown(vm)
    assert used < int(api.host.compute_free_memory(slave)) == free
    api.VM.destroy(vm)


# Disks


def test_static_disks(server: InnerServer, api: Any) -> None:
    _, (slave, third) = master_and_slaves(api)
    first, second = new_disk(api), new_disk(api)
    found = refused(api.host.attach_static_vdis, slave, {first: "why", "OpaqueRef:none": "why"})
    assert found == ["HANDLE_INVALID", "VDI", "OpaqueRef:none"]
    api.VDI.destroy(new_disk(api))  # nothing is attached then
    api.host.attach_static_vdis(slave, {first: "why", second: "why"})
    api.host.attach_static_vdis(slave, {first: "another reason"})
    api.host.attach_static_vdis(third, {first: "why"})
    for disk in (first, second):
        assert refused(api.VDI.destroy, disk) == ["VDI_IN_USE", disk, "destroy"]
    api.host.detach_static_vdis(slave, [first, second])
    api.host.detach_static_vdis(slave, [first])
    api.VDI.destroy(second)
    assert refused(api.VDI.destroy, first) == ["VDI_IN_USE", first, "destroy"]
    api.host.detach_static_vdis(third, [first])
    api.VDI.destroy(first)


def test_what_changed_only_cannot_be_attached(server: InnerServer, api: Any) -> None:
    _, (slave, _) = master_and_slaves(api)
    good, disk = new_disk(api), new_disk(api)
    api.VDI.enable_cbt(disk)
    snapshot = api.VDI.snapshot(disk, {})
    api.VDI.data_destroy(snapshot)
    found = refused(api.host.attach_static_vdis, slave, {good: "", snapshot: ""})
    assert found == ["VDI_INCOMPATIBLE_TYPE", snapshot, "cbt_metadata"]
    api.VDI.destroy(good)


def test_a_data_path_that_was_left_behind(server: InnerServer, api: Any) -> None:
    _, (slave, _) = master_and_slaves(api)
    (template,) = api.VM.get_by_name_label("Other install media")
    vm = api.VM.clone(template, "guest")
    api.VM.provision(vm)
    disk = new_disk(api)
    vbd = api.VBD.create({
        "VM": vm, "VDI": disk, "userdevice": "1", "bootable": False, "mode": "RW", "type": "Disk", "unpluggable": True,
        "empty": False, "other_config": {}, "qos_algorithm_type": "", "qos_algorithm_params": {},
    })  # fmt: skip
    api.VM.start_on(vm, slave, False, False)
    path = f"vbd/{api.VM.get_domid(vm)}/{api.VBD.get_device(vbd)}"
    assert refused(api.host.sm_dp_destroy, slave, path, False) == ["VDI_IN_USE", disk, "sm_dp_destroy"]
    assert f"host_{slave}" in api.VDI.get_sm_config(disk)
    until(lambda: "unplug" in api.VBD.get_allowed_operations(vbd))
    api.VBD.unplug(vbd)

    async def leave_behind() -> None:
        services = server.core.services
        async with services.store.transaction() as tx:
            found = tx.get(VDI, disk)
            tx.set(found, sm_config={**found.sm_config, f"host_{slave}": "RW"})

    server.run(leave_behind)
    for unknown in ("vbd/99/xvda", "nonsense", "vbd/1/../x"):
        api.host.sm_dp_destroy(slave, unknown, False)
    assert f"host_{slave}" in api.VDI.get_sm_config(disk)
    api.host.sm_dp_destroy(slave, path, False)
    assert f"host_{slave}" not in api.VDI.get_sm_config(disk)
    api.VM.hard_shutdown(vm)
