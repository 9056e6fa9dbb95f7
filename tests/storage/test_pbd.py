"""Connecting hosts to SRs and taking them off."""

from __future__ import annotations

import asyncio

import pytest

from tests.storage.conftest import CONFIGS, Lab
from xapi_async.datamodel.classes.pbd import PBD
from xapi_async.datamodel.classes.pool import Pool
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.classes.vm import VM
from xapi_async.storage.driver import SR_UNAVAILABLE, BackendError


async def test_a_new_connection_has_no_other_config(lab: Lab) -> None:
    sr = await lab.sr()
    given = {"device_config": CONFIGS["lvm"], "other_config": {"a": "b"}}
    pbd = await lab.create(PBD, SR=sr, host=lab.hosts[1], **given)
    assert lab.store.get(PBD, pbd).other_config == {}
    assert not lab.store.get(PBD, pbd).currently_attached
    again = await lab.refused("PBD.create", {"SR": sr, "host": lab.hosts[1], "device_config": {}, "other_config": {}})
    assert again == ["PBD_EXISTS", sr, lab.hosts[1], pbd]


async def test_what_a_configuration_may_not_hold(lab: Lab) -> None:
    sr = await lab.sr()
    args = {"SR": sr, "host": lab.hosts[1], "other_config": {}}
    refused = await lab.refused("PBD.create", {**args, "device_config": {"SRmaster": "true"}})
    assert refused[:3] == ["VALUE_NOT_SUPPORTED", "SRmaster", "true"]
    refused = await lab.refused("PBD.create", {**args, "device_config": {"x_password_secret": "none"}})
    assert refused == ["UUID_INVALID", "secret", "none"]


async def test_a_plugged_connection_is_not_destroyed(lab: Lab) -> None:
    sr = await lab.sr()
    pbd = lab.pbd(sr)
    assert (await lab.refused("PBD.destroy", pbd))[0] == "OPERATION_NOT_ALLOWED"
    await lab.call("PBD.unplug", pbd)
    await lab.call("PBD.unplug", pbd)
    await lab.call("PBD.destroy", pbd)
    assert lab.get_sr(sr).PBDs == ()
    assert lab.get_sr(sr).current_operations == {}


async def test_plugging_again_is_no_error(lab: Lab) -> None:
    sr = await lab.sr()
    await lab.call("PBD.plug", lab.pbd(sr))


async def test_a_local_sr_has_one_host(lab: Lab) -> None:
    sr = await lab.sr()
    other = await lab.create(PBD, SR=sr, host=lab.hosts[1], device_config=CONFIGS["lvm"])
    assert await lab.refused("PBD.plug", other) == ["SR_NOT_SHARABLE", sr, lab.hosts[0]]
    several = ["SR_HAS_MULTIPLE_PBDS", *(lab.store.get(PBD, ref).uuid for ref in lab.get_sr(sr).PBDs)]
    for pbd in lab.get_sr(sr).PBDs:
        assert await lab.refused("PBD.unplug", pbd) == several
    await lab.set(PBD, lab.pbd(sr), currently_attached=False)
    assert await lab.refused("PBD.plug", other) == several
    assert not lab.store.get(PBD, other).currently_attached
    await lab.call("PBD.destroy", lab.pbd(sr))
    await lab.call("PBD.plug", other)


async def test_what_goes_on_with_a_disk_keeps_the_connections_of_the_master(lab: Lab) -> None:
    shared, remote = await lab.sr("nfs"), await lab.sr("ext", host=1)
    for sr in (shared, remote):
        await lab.set(VDI, await lab.vdi(sr), current_operations={"t": "copy"})
    (busy,) = lab.get_sr(shared).VDIs
    unplugging = asyncio.create_task(lab.refused("PBD.unplug", lab.pbd(shared, 1)))
    for _ in range(10):
        await asyncio.sleep(0)
    assert not unplugging.done()  # it waits for the copy
    assert await unplugging == ["OTHER_OPERATION_IN_PROGRESS", "VDI", busy]
    await lab.call("PBD.unplug", lab.pbd(remote, 1))


async def test_an_sr_that_could_not_be_scanned_is_scanned_later(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    sr = await lab.sr()
    await lab.call("PBD.unplug", lab.pbd(sr))

    async def lost(sr: str) -> None:
        raise BackendError(SR_UNAVAILABLE)

    monkeypatch.setattr(lab.services.storage.driver("lvm"), "scan", lost)
    await lab.call("PBD.plug", lab.pbd(sr))
    assert lab.store.get(PBD, lab.pbd(sr)).currently_attached
    assert "dirty" in lab.get_sr(sr).other_config


async def test_an_unknown_type_is_not_plugged(lab: Lab) -> None:
    sr = await lab.call("SR.introduce", "", "n", "", "odd", "user", True, {})
    pbd = await lab.create(PBD, SR=sr, host=lab.hosts[0])
    assert await lab.refused("PBD.plug", pbd) == ["SR_UNKNOWN_DRIVER", "odd"]


async def test_a_backend_says_what_is_missing(lab: Lab) -> None:
    sr = await lab.call("SR.introduce", "", "n", "", "nfs", "user", True, {})
    pbd = await lab.create(PBD, SR=sr, host=lab.hosts[0], device_config={"server": "nas"})
    assert (await lab.refused("PBD.plug", pbd))[0] == "SR_BACKEND_FAILURE_101"
    assert not lab.store.get(PBD, pbd).currently_attached


async def test_disks_in_use_keep_the_connection(lab: Lab) -> None:
    sr = await lab.sr("nfs")
    first, second, spare = [await lab.vdi(sr) for _ in range(3)]
    here, there = await lab.vm("Running"), await lab.vm("Running", host=1)
    await lab.attached(here, first)
    await lab.attached(here, second, userdevice="1", device="xvdb")
    await lab.attached(there, spare)
    refused = await lab.refused("PBD.unplug", lab.pbd(sr))
    assert refused[0] == "VDI_IN_USE"
    assert set(refused[1:]) == {first, second}


async def test_suspended_vms_do_not_keep_the_connection(lab: Lab) -> None:
    sr = await lab.sr()
    await lab.attached(await lab.vm("Suspended"), await lab.vdi(sr))
    await lab.call("PBD.unplug", lab.pbd(sr))


async def test_high_availability_keeps_the_connection(lab: Lab) -> None:
    sr = await lab.sr("nfs")
    vdi = await lab.vdi(sr)
    vm = await lab.vm(ha_always_run=True, ha_restart_priority="restart")
    await lab.attached(vm, vdi, currently_attached=False)
    await lab.set(Pool, lab.pool.ref, ha_enabled=True)
    assert await lab.refused("PBD.unplug", lab.pbd(sr)) == ["HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN"]
    await lab.set(VM, vm, ha_restart_priority="")
    await lab.set(Pool, lab.pool.ref, ha_statefiles=(vdi,))
    await lab.set(VDI, vdi, type="ha_statefile")
    assert await lab.refused("PBD.unplug", lab.pbd(sr)) == ["HA_IS_ENABLED"]


async def test_unplugging_forgets_which_metadata_is_the_latest(lab: Lab) -> None:
    sr = await lab.sr("nfs")
    vdi = await lab.vdi(sr, type="metadata")
    await lab.set(VDI, vdi, metadata_latest=True)
    await lab.call("PBD.unplug", lab.pbd(sr))
    assert not lab.get_vdi(vdi).metadata_latest


async def test_a_cluster_stack_that_does_not_fit(lab: Lab) -> None:
    from xapi_async.datamodel.classes.sm import SM

    sr = await lab.sr("nfs")
    await lab.call("PBD.unplug", lab.pbd(sr))
    sm = next(sm for sm in lab.store.all(SM) if sm.type == "nfs")
    await lab.set(SM, sm.ref, required_cluster_stack=("a", "b"))
    await lab.set(Pool, lab.pool.ref, ha_enabled=True, ha_cluster_stack="c")
    assert await lab.refused("PBD.plug", lab.pbd(sr)) == ["INCOMPATIBLE_CLUSTER_STACK_ACTIVE", "a,b"]
    assert "plug" in lab.store.get(SR, sr).allowed_operations  # from before high availability
