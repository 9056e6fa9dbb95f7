"""Membership, the master, and what is set or asked for the pool as a whole."""

from __future__ import annotations

from tests.copies.lab import Lab
from xapi_async.datamodel.classes.blob import Blob
from xapi_async.datamodel.classes.dr_task import DRTask
from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.host_metrics import HostMetrics
from xapi_async.datamodel.classes.pbd import PBD
from xapi_async.datamodel.classes.pool import Pool
from xapi_async.datamodel.classes.secret import Secret
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.types import NULL_REF


def shown(pool: Lab) -> Pool:
    return pool.store.get(Pool, pool.pool.ref)


async def set_live(pool: Lab, host: str, live: bool) -> None:
    await pool.set(pool.get(HostMetrics, pool.get(Host, host).metrics), live=live)


# Membership


async def test_a_host_leaves(pool: Lab):
    host = pool.get(Host, pool.slave)
    own = [pbd.SR for pbd in pool.store.all(PBD) if pbd.host == pool.slave and len(pool.get(SR, pbd.SR).PBDs) == 1]
    domain, cpus = host.control_domain, int(shown(pool).cpu_info["cpu_count"])
    assert own
    await pool.call("pool.eject", pool.slave)
    assert [host.ref for host in pool.store.all(Host)] == [pool.master]
    assert pool.store.find(VM, domain) is None
    assert all(pool.store.find(SR, sr) is None for sr in own)
    assert pool.store.find(SR, pool.sr) is not None
    assert int(shown(pool).cpu_info["cpu_count"]) < cpus


async def test_who_cannot_leave(pool: Lab):
    vm = await pool.running()
    host = pool.vm(vm).resident_on
    if host == pool.master:
        await pool.call("VM.pool_migrate", vm, pool.slave, {})
    assert (await pool.refused("pool.eject", pool.slave))[0] == "OPERATION_NOT_ALLOWED"
    assert (await pool.refused("pool.eject", pool.master))[0] == "INTERNAL_ERROR"
    await pool.set(shown(pool), ha_enabled=True)
    assert await pool.refused("pool.eject", pool.master) == ["HA_IS_ENABLED"]
    await set_live(pool, pool.slave, False)
    assert await pool.refused("pool.eject", pool.slave) == ["HOST_OFFLINE", pool.slave]


async def test_another_master(pool: Lab):
    await pool.call("pool.designate_new_master", pool.master)
    assert await pool.call("pool.is_slave", pool.slave)
    await pool.call("pool.designate_new_master", pool.slave)
    assert shown(pool).master == pool.slave
    assert not await pool.call("pool.is_slave", pool.slave)
    assert await pool.call("pool.recover_slaves") == (pool.master,)
    await set_live(pool, pool.master, False)
    assert await pool.refused("pool.designate_new_master", pool.master) == ["HOST_OFFLINE", pool.master]
    assert await pool.refused("pool.sync_database") == ["HOST_OFFLINE", pool.master]
    assert await pool.call("pool.recover_slaves") == ()
    await pool.set(shown(pool), ha_enabled=True)
    assert await pool.refused("pool.designate_new_master", pool.master) == ["HA_IS_ENABLED"]
    await pool.call("pool.sync_database")
    assert await pool.refused("pool.emergency_transition_to_master") == ["HA_IS_ENABLED"]
    assert await pool.refused("pool.emergency_reset_master", "10.0.0.9") == ["HA_IS_ENABLED"]


async def test_emergencies_do_not_happen(pool: Lab):
    await pool.call("pool.emergency_transition_to_master")
    await pool.call("pool.emergency_reset_master", pool.get(Host, pool.master).address)
    assert (await pool.refused("pool.emergency_reset_master", "10.99.0.9"))[0] == "OPERATION_NOT_ALLOWED"


async def test_a_host_says_hello(pool: Lab):
    uuid = pool.get(Host, pool.slave).uuid
    assert await pool.call("pool.hello", "nobody", "10.0.0.9") == "unknown_host"
    await set_live(pool, pool.slave, False)
    assert await pool.call("pool.hello", uuid, "10.0.0.9") == "ok"
    host = pool.get(Host, pool.slave)
    assert (host.address, host.enabled) == ("10.0.0.9", False)
    assert pool.get(HostMetrics, host.metrics).live
    await pool.services.hosts.errands.get_nowait()()
    assert pool.get(Host, pool.slave).enabled
    pool.services.hypervisor.kill_host(uuid)  # type: ignore[attr-defined]
    assert await pool.call("pool.hello", uuid, "10.0.0.9") == "cannot_talk_back"


# Settings


async def test_blobs(pool: Lab):
    blob = await pool.call("pool.create_new_blob", pool.pool.ref, "logo", "", False)
    assert shown(pool).blobs == {"logo": blob}
    assert pool.get(Blob, blob).mime_type == "application/octet-stream"


async def test_guest_agents(pool: Lab):
    add = ("pool.add_to_guest_agent_config", pool.pool.ref)
    await pool.call(*add, "auto_update_enabled", "true")
    await pool.call(*add, "auto_update_url", "https://example.com/agent")
    assert set(shown(pool).guest_agent_config) == {"auto_update_enabled", "auto_update_url"}
    for key, value in (("auto_update_enabled", "yes"), ("auto_update_url", "ftp://example.com"), ("other", "1")):
        refusal = ["INVALID_VALUE", "guest_agent_config", f"{key} = {value}"]
        assert await pool.refused(*add, key, value) == refusal
    duplicate = await pool.refused(*add, "auto_update_enabled", "false")
    assert duplicate == ["MAP_DUPLICATE_KEY", "pool", "guest_agent_config", pool.pool.ref, "auto_update_enabled"]
    await pool.call("pool.remove_from_guest_agent_config", pool.pool.ref, "auto_update_url")
    await pool.call("pool.remove_from_guest_agent_config", pool.pool.ref, "never_there")
    assert shown(pool).guest_agent_config == {"auto_update_enabled": "true"}


async def test_licences(pool: Lab):
    assert await pool.call("pool.get_license_state", pool.pool.ref) == {"edition": "free/libre", "expiry": "never"}
    for ref, edition, expiry in (
        (pool.master, "enterprise-per-socket", "20190101T00:00:00Z"),
        (pool.slave, "standard-per-socket", "20200101T00:00:00Z"),
    ):
        host = pool.get(Host, ref)
        await pool.set(host, edition=edition, license_params={**host.license_params, "expiry": expiry})
    state = {"edition": "standard-per-socket", "expiry": "20200101T00:00:00Z"}
    assert await pool.call("pool.get_license_state", pool.pool.ref) == state


async def test_a_redo_log(pool: Lab):
    await pool.call("pool.disable_redo_log")
    await pool.call("pool.enable_redo_log", pool.sr)
    vdi = shown(pool).redo_log_vdi
    assert shown(pool).redo_log_enabled
    assert (pool.get(VDI, vdi).type, pool.get(VDI, vdi).sharable) == ("redo_log", True)
    await pool.call("pool.enable_redo_log", pool.sr)
    await pool.call("pool.disable_redo_log")
    assert (shown(pool).redo_log_enabled, shown(pool).redo_log_vdi) == (False, vdi)
    iso = next(sr for sr in pool.store.all(SR) if sr.is_tools_sr)
    assert (await pool.refused("pool.enable_redo_log", iso.ref))[0] == "CANNOT_ENABLE_REDO_LOG"


async def test_workload_balancing(pool: Lab):
    login = ("root", "secret", "root", "secret")
    asking = (("pool.send_wlb_configuration", {}), ("pool.retrieve_wlb_configuration",))
    for url in ("", "server", "server:", ":80", "server:99999", "http://server:80", "[::1]", "::1:80"):
        assert await pool.refused("pool.initialize_wlb", url, *login) == ["WLB_URL_INVALID", url]
    assert await pool.refused("pool.initialize_wlb", "127.0.0.1:1", *login) == ["WLB_CONNECTION_REFUSED"]
    assert await pool.refused("pool.deconfigure_wlb") == ["WLB_NOT_INITIALIZED"]
    for message in (*asking, ("pool.retrieve_wlb_recommendations",)):
        assert await pool.refused(*message) == ["WLB_NOT_INITIALIZED"]
    async with pool.store.transaction() as tx:
        secret = tx.create(Secret, value="secret").ref
        tx.set(tx.get(Pool, pool.pool.ref), wlb_url="server:8012", wlb_username="wlb", wlb_password=secret)
    assert await pool.refused("pool.retrieve_wlb_recommendations") == ["WLB_DISABLED"]
    for message in asking:
        assert await pool.refused(*message) == ["NOT_IMPLEMENTED", message[0]]
    await pool.restrict(restrict_wlb="true")
    for message in (*asking, ("pool.retrieve_wlb_recommendations",)):
        assert await pool.refused(*message) == ["LICENCE_RESTRICTION", "WLB"]
    assert await pool.refused("pool.initialize_wlb", "x", *login) == ["LICENCE_RESTRICTION", "WLB"]
    await pool.call("pool.deconfigure_wlb")
    assert (shown(pool).wlb_url, shown(pool).wlb_username, shown(pool).wlb_password) == ("", "", NULL_REF)
    assert pool.store.find(Secret, secret) is None


async def test_what_is_gone(pool: Lab):
    assert await pool.refused("pool.test_archive_target", pool.pool.ref, {}) == ["MESSAGE_REMOVED"]
    assert await pool.call("pool.slave_network_report", {}, {}, {}, pool.slave) == ()
    assert list(await pool.refused("pool.send_test_post", "127.0.0.1", 1, "")) == ["CANNOT_CONTACT_HOST", "127.0.0.1:1"]


# Disaster recovery


async def test_storage_is_attached_to_recover_from(pool: Lab):
    """The SR of another pool: made here, and forgotten before."""
    config = {"target": "10.0.0.9", "targetIQN": "iqn.2018-01.com.example:disk", "SCSIid": "360a98000"}
    sr = await pool.call("SR.create", pool.master, config, 0, "other", "", "lvmoiscsi", "user", True, {})
    uuid = pool.get(SR, sr).uuid
    for pbd in pool.get(SR, sr).PBDs:
        await pool.call("PBD.unplug", pbd)
    await pool.call("SR.forget", sr)

    nothing = await pool.call("DR_task.create", "lvmoiscsi", config, ())
    assert pool.get(DRTask, nothing).introduced_SRs == ()
    task = await pool.call("DR_task.create", "lvmoiscsi", config, (uuid,))
    (attached,) = pool.get(DRTask, task).introduced_SRs
    found = pool.get(SR, attached)
    assert (found.uuid, found.shared, found.introduced_by) == (uuid, True, task)
    assert sorted(pool.get(PBD, pbd).host for pbd in found.PBDs) == sorted([pool.master, pool.slave])
    assert all(pool.get(PBD, pbd).currently_attached for pbd in found.PBDs)
    await pool.call("DR_task.destroy", task)
    assert pool.store.find(SR, attached) is None
    assert pool.store.find(DRTask, task) is None


async def test_what_holds_no_metadata(pool: Lab):
    assert (await pool.refused("DR_task.create", "nfs", {}, ()))[0] == "OPERATION_NOT_ALLOWED"
    await pool.restrict(restrict_dr="true")
    assert await pool.refused("DR_task.create", "nfs", {}, ()) == ["LICENCE_RESTRICTION", "DR"]
