"""Whose interfaces move along when a bond is made: VMs there, and VMs that could start nowhere else."""

from __future__ import annotations

import pytest

from xapi_async.datamodel.classes.bond import Bond
from xapi_async.datamodel.classes.network import Network
from xapi_async.datamodel.classes.pbd import PBD
from xapi_async.datamodel.classes.pif import PIF
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.vbd import VBD
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.classes.vif import VIF


async def disk(lab, vm, *hosts, attached=True):
    """Give a VM a disk on an SR that those hosts have."""
    sr = await lab.put(SR)
    for host in hosts:
        await lab.put(PBD, SR=sr, host=lab.hosts[host], currently_attached=attached)
    await lab.put(VBD, VM=vm, VDI=await lab.put(VDI, SR=sr))


@pytest.mark.parametrize(
    ("state", "home", "disks_on", "moves"),
    [
        ("Running", 0, (0, 1), True),
        ("Paused", 0, (0, 1), True),
        ("Running", 1, (0, 1), False),
        ("Halted", None, None, False),  # could start anywhere
        ("Halted", None, (0, 1), False),
        ("Halted", None, (1,), False),
        ("Halted", None, (0,), True),
        ("Suspended", None, (0,), True),
        ("Halted", None, (), True),  # can start nowhere
    ],
)
async def test_by_where_it_is_and_could_be(lab, state, home, disks_on, moves):
    eth1 = lab.pif(0, "eth1")
    vm = await lab.vm(state, home)
    if disks_on is not None:
        await disk(lab, vm, *disks_on)
    vif = await lab.vif(vm, eth1.network)
    network = await lab.network()
    bond = await lab.call("Bond.create", network, (eth1.ref,), "", "balance-slb", {})
    assert (lab.store.get(VIF, vif).network == network) is moves
    await lab.call("Bond.destroy", bond)
    assert lab.store.get(VIF, vif).network == eth1.network


async def test_storage_that_is_not_plugged_in_does_not_count(lab):
    eth1, vm = lab.pif(0, "eth1"), await lab.vm()
    await disk(lab, vm, 1, attached=False)
    vif = await lab.vif(vm, eth1.network)
    network = await lab.network()
    await lab.call("Bond.create", network, (eth1.ref,), "", "balance-slb", {})
    assert lab.store.get(VIF, vif).network == network


async def test_another_network_may_tie_a_vm_to_the_host(lab):
    eth1, vm, only_here = lab.pif(0, "eth1"), await lab.vm(), await lab.network()
    await lab.call("VLAN.create", lab.pif(0, "eth0").ref, 5, only_here)
    vif = await lab.vif(vm, eth1.network)
    tied = await lab.vif(vm, only_here, device="1")
    network = await lab.network()
    await lab.call("Bond.create", network, (eth1.ref,), "", "balance-slb", {})
    assert [lab.store.get(VIF, ref).network for ref in (vif, tied)] == [network, only_here]


async def test_a_vif_in_use_goes_on_over_the_bond(lab):
    eth1, vm, network = lab.pif(0, "eth1"), await lab.vm("Running", 0), await lab.network()
    vif = await lab.vif(vm, eth1.network)
    await lab.call("VIF.plug", vif)
    bond = await lab.call("Bond.create", network, (eth1.ref,), "", "balance-slb", {})
    moved = lab.store.get(VIF, vif)
    assert (moved.network, moved.currently_attached) == (network, True)
    master = lab.store.get(PIF, lab.store.get(Bond, bond).master)
    assert await lab.refused("PIF.unplug", master.ref) == ["VIF_IN_USE", network, vif]
    await lab.call("Bond.destroy", bond)
    assert (moved.network, moved.currently_attached) == (eth1.network, True)
    assert lab.store.get(Network, network).VIFs == ()
