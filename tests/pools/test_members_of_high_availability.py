"""High availability host by host, as its hosts are told to take part in it, and not to."""

from __future__ import annotations

from typing import Any

from tests.client import ended, refused
from tests.copies.lab import Lab
from tests.pools.between_hosts import master_and_slaves, new_disk, the_pool
from tests.pools.test_high_availability import enable, fail, look_for, messages, protected_vm, shown
from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.operations.pools.ha_monitor import Watch

NO_STATEFILE, NOT_A_MEMBER, A_MEMBER = ["HA_HOST_CANNOT_ACCESS_STATEFILE"], ["HA_NOT_ENABLED"], ["HA_IS_ENABLED"]


def ha_disks(api: Any) -> tuple[str, str]:
    """The disks that a pool has kept from when it was switched on."""
    if not api.pool.get_ha_statefiles(the_pool(api)):
        api.pool.enable_ha([], {})
        api.pool.disable_ha()
    (statefile,) = api.pool.get_ha_statefiles(the_pool(api))
    return statefile, next(ref for ref, vdi in api.VDI.get_all_records().items() if vdi["type"] == "redo_log")


def test_hosts_take_part_one_by_one(api: Any) -> None:
    statefile, metadata = ha_disks(api)
    _, (first, second) = master_and_slaves(api)
    uuids = {host: api.host.get_uuid(host) for host in (first, second)}
    assert refused(api.host.ha_join_liveset, first) == NO_STATEFILE
    assert refused(api.host.ha_disarm_fencing, first) == NOT_A_MEMBER
    for host in (first, second):
        api.host.preconfigure_ha(host, [statefile], metadata, "generation")
        assert api.host.get_ha_statefiles(host) == [statefile]
        assert api.host.get_ha_network_peers(host) == []
        api.host.ha_join_liveset(host)
        api.host.ha_join_liveset(host)
        assert refused(api.host.preconfigure_ha, host, [statefile], metadata, "again") == A_MEMBER
        assert refused(api.host.ha_release_resources, host) == A_MEMBER
    for host in (first, second):
        assert set(api.host.get_ha_network_peers(host)) == set(uuids.values())
    api.host.ha_disarm_fencing(first)

    waiting = api.Async.host.ha_wait_for_shutdown_via_statefile(first)
    assert api.task.get_status(waiting) == "pending"
    api.host.ha_stop_daemon(first)
    assert ended(api, waiting)["status"] == "success"
    assert api.host.get_ha_network_peers(first) == []
    assert api.host.get_ha_network_peers(second) == [uuids[second]]
    assert refused(api.host.ha_disarm_fencing, first) == NOT_A_MEMBER
    api.host.ha_release_resources(first)
    assert api.host.get_ha_statefiles(first) == []
    assert refused(api.host.ha_join_liveset, first) == NO_STATEFILE
    api.host.ha_stop_daemon(second)
    api.host.ha_stop_daemon(second)
    api.host.ha_release_resources(second)
    api.host.ha_wait_for_shutdown_via_statefile(second)
    api.pool.enable_ha([], {})
    api.pool.disable_ha()
    assert all(api.host.get_ha_network_peers(host) == [] for host in api.host.get_all())


def test_waiting_can_be_cancelled(api: Any) -> None:
    _, (host, _) = master_and_slaves(api)
    statefile, metadata = ha_disks(api)
    api.host.preconfigure_ha(host, [statefile], metadata, "")
    api.host.ha_join_liveset(host)
    waiting = api.Async.host.ha_wait_for_shutdown_via_statefile(host)
    api.task.cancel(waiting)
    assert ended(api, waiting)["status"] == "cancelled"
    api.host.ha_stop_daemon(host)
    api.host.ha_release_resources(host)


def test_disks_that_cannot_be_attached(api: Any) -> None:
    statefile, _ = ha_disks(api)
    master, (host, _) = master_and_slaves(api)
    local = next(
        record["SR"]
        for record in api.PBD.get_all_records().values()
        if record["host"] == master and api.SR.get_type(record["SR"]) == "lvm"
    )
    elsewhere = new_disk(api, local)
    found = refused(api.host.preconfigure_ha, host, [statefile], "OpaqueRef:none", "")
    assert found == ["HANDLE_INVALID", "VDI", "OpaqueRef:none"]
    assert refused(api.host.preconfigure_ha, host, [statefile], elsewhere, "") == ["VDI_NOT_AVAILABLE", elsewhere]
    assert api.host.get_ha_statefiles(host) == []
    assert refused(api.host.ha_join_liveset, host) == NO_STATEFILE
    api.VDI.destroy(elsewhere)


async def test_a_master_that_may_not_decide_restarts_nothing(pool: Lab):
    watch = Watch()
    vm = await protected_vm(pool, "protected", pool.slave)
    await enable(pool)
    await pool.call("host.ha_disable_failover_decisions", pool.master)
    await fail(pool, pool.slave)
    await look_for(pool, watch, 120)
    assert pool.vm(vm).power_state == "Halted"
    await pool.call("host.set_localdb_key", pool.master, "ha.disable_failover_decisions", "false")
    await look_for(pool, watch, 20)
    assert pool.vm(vm).power_state == "Running"


async def test_a_host_that_may_not_decide_does_not_become_master(pool: Lab):
    watch, master = Watch(), pool.master
    await enable(pool)
    await pool.call("host.ha_disable_failover_decisions", pool.slave)
    await fail(pool, master)
    await look_for(pool, watch, 120)
    assert shown(pool).master == master
    await pool.call("pool.disable_ha")
    assert await pool.services.documents.get(f"local values of {pool.get(Host, pool.slave).uuid}") == {}


async def test_a_host_whose_fencing_is_disarmed_was_not_fenced(pool: Lab):
    for disarmed in (False, True):
        names, watch = messages(pool), Watch()
        await enable(pool)
        if disarmed:
            await pool.call("host.ha_disarm_fencing", pool.slave)
        await fail(pool, pool.slave)
        await look_for(pool, watch, 120)
        await pool.services.hypervisor.start_host(pool.get(Host, pool.slave).uuid)
        await look_for(pool, watch, 20)
        assert "HA_HOST_FAILED" in names
        assert ("HA_HOST_WAS_FENCED" in names) is not disarmed
        await pool.call("pool.disable_ha")


async def test_a_host_that_has_left_stays_away_until_it_joins(pool: Lab):
    watch = Watch()
    await enable(pool)
    await pool.call("host.ha_stop_daemon", pool.slave)
    assert pool.services.pool.wake.is_set()
    await look_for(pool, watch, 20)
    slave, master = pool.get(Host, pool.slave), pool.get(Host, pool.master)
    assert (slave.ha_network_peers, master.ha_network_peers) == ((), (master.uuid,))
    statefiles = shown(pool).ha_statefiles
    metadata = next(disk.ref for disk in pool.store.all(VDI) if disk.held_by and disk.ref not in statefiles)
    await pool.call("host.preconfigure_ha", pool.slave, statefiles, metadata, "")
    await pool.call("host.ha_join_liveset", pool.slave)
    await look_for(pool, watch, 20)
    assert set(slave.ha_network_peers) == {master.uuid, slave.uuid}
