"""What slaves get of the master's bonds, VLANs and tunnels as their agents start."""

from __future__ import annotations

from xapi_async.datamodel.classes.bond import Bond
from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.network import Network
from xapi_async.datamodel.classes.pif import PIF
from xapi_async.datamodel.classes.tunnel import Tunnel
from xapi_async.datamodel.classes.vlan import VLAN
from xapi_async.operations.networking.following_master import follow_master
from xapi_async.operations.networking.starting import bring_up_networks

SLAVE = 1


def bond_of(lab, host):
    return next((b for b in lab.store.all(Bond) if lab.store.get(PIF, b.master).host == lab.hosts[host]), None)


def devices(lab, bond):
    return {lab.store.get(PIF, ref).device for ref in bond.slaves}


async def test_a_bond_of_equal_cards(lab):
    network = await lab.network()
    members = (lab.pif(0, "eth1").ref, lab.pif(0, "eth2").ref)
    mac = lab.pif(0, "eth2").MAC
    await lab.call("Bond.create", network, members, mac, "lacp", {"lacp-time": "fast"})
    await bring_up_networks(lab.services)
    bond = bond_of(lab, SLAVE)
    master = lab.store.get(PIF, bond.master)
    assert devices(lab, bond) == {"eth1", "eth2"}
    assert (master.network, master.currently_attached) == (network, True)
    assert master.MAC == lab.pif(SLAVE, "eth2").MAC  # as on the master, that of the second card
    assert (bond.mode, bond.properties) == (bond_of(lab, 0).mode, bond_of(lab, 0).properties)
    before = lab.store.generation
    await follow_master(lab.services, lab.hosts[SLAVE])
    await follow_master(lab.services, lab.hosts[0])
    assert lab.store.generation == before


async def test_a_bond_of_the_cards_there_are(lab):
    await lab.call("PIF.forget", lab.pif(SLAVE, "eth2").ref)
    network = await lab.network()
    members = (lab.pif(0, "eth1").ref, lab.pif(0, "eth2").ref)
    await lab.call("Bond.create", network, members, "00:11:22:33:44:55", "balance-slb", {})
    await follow_master(lab.services, lab.hosts[SLAVE])
    bond = bond_of(lab, SLAVE)
    assert devices(lab, bond) == {"eth1"}
    assert lab.store.get(PIF, bond.master).MAC == lab.pif(SLAVE, "eth1").MAC
    # The card comes back: the bond is made anew with it.
    await lab.call("PIF.scan", lab.hosts[SLAVE])
    await follow_master(lab.services, lab.hosts[SLAVE])
    assert devices(lab, bond_of(lab, SLAVE)) == {"eth1", "eth2"}
    assert lab.store.find(Bond, bond.ref) is None


async def test_a_bond_that_cannot_be_there_is_left_out(lab):
    network, other = await lab.network(), await lab.network()
    await lab.call("Bond.create", other, (lab.pif(SLAVE, "eth1").ref,), "", "balance-slb", {})
    await lab.call("Bond.create", network, (lab.pif(0, "eth1").ref,), "", "balance-slb", {})
    before = lab.store.generation
    await follow_master(lab.services, lab.hosts[SLAVE])
    assert lab.store.generation == before
    assert lab.store.get(PIF, bond_of(lab, SLAVE).master).network == other


async def test_no_bond_without_a_card_for_it(lab):
    for device in ("eth1", "eth2"):
        await lab.call("PIF.forget", lab.pif(SLAVE, device).ref)
    members = (lab.pif(0, "eth1").ref, lab.pif(0, "eth2").ref)
    await lab.call("Bond.create", await lab.network(), members, "", "balance-slb", {})
    await follow_master(lab.services, lab.hosts[SLAVE])
    assert bond_of(lab, SLAVE) is None


async def test_management_moves_to_a_bond_that_is_made(lab):
    address = lab.store.get(Host, lab.hosts[SLAVE]).address
    await lab.call("Bond.create", await lab.network(), (lab.pif(0, "eth0").ref,), "", "balance-slb", {})
    await follow_master(lab.services, lab.hosts[SLAVE])
    managing = await lab.call("host.get_management_interface", lab.hosts[SLAVE])
    assert managing == bond_of(lab, SLAVE).master
    assert lab.store.get(Host, lab.hosts[SLAVE]).address == lab.store.get(PIF, managing).IP == address


async def test_vlans_on_shared_networks(lab):
    shared, alone = await lab.network(), await lab.network()
    await lab.call("VLAN.create", lab.pif(0, "eth1").ref, 5, shared)
    await lab.call("VLAN.create", lab.pif(0, "eth2").ref, 6, alone)
    await lab.call("PIF.forget", lab.pif(SLAVE, "eth2").ref)
    await lab.set(Host, lab.hosts[SLAVE], other_config={"sync_vlans": "nosync"})
    await follow_master(lab.services, lab.hosts[SLAVE])
    assert len(list(lab.store.all(VLAN))) == 2
    await lab.set(Host, lab.hosts[SLAVE], other_config={})
    await follow_master(lab.services, lab.hosts[SLAVE])
    untagged = lab.pif(SLAVE, "eth1", 5)
    assert (untagged.network, untagged.currently_attached) == (shared, False)
    assert lab.store.get(VLAN, untagged.VLAN_master_of).tagged_PIF == lab.pif(SLAVE, "eth1").ref
    assert len(lab.store.get(Network, alone).PIFs) == 1
    before = lab.store.generation
    await follow_master(lab.services, lab.hosts[SLAVE])
    assert lab.store.generation == before


async def test_a_tag_that_is_taken_keeps_no_other_vlan_out(lab):
    base = lab.pif(0, "eth1").ref
    for tag in (5, 6):
        await lab.call("VLAN.create", base, tag, await lab.network())
    await lab.call("VLAN.create", lab.pif(SLAVE, "eth1").ref, 5, await lab.network())
    await follow_master(lab.services, lab.hosts[SLAVE])
    assert sorted(lab.store.get(VLAN, ref).tag for ref in lab.pif(SLAVE, "eth1").VLAN_slave_of) == [5, 6]


async def test_vlans_over_a_bond(lab):
    bond = await lab.call("Bond.create", await lab.network(), (lab.pif(0, "eth1").ref,), "", "balance-slb", {})
    network = await lab.network()
    await lab.call("VLAN.create", lab.store.get(Bond, bond).master, 7, network)
    await bring_up_networks(lab.services)
    assert lab.pif(SLAVE, "bond0", 7).network == network


async def test_tunnels_over_shared_networks(lab):
    network = await lab.network()
    await lab.call("PIF.reconfigure_ip", lab.pif(0, "eth1").ref, "Static", "10.9.0.1", "255.255.0.0", "", "")
    await lab.call("tunnel.create", lab.pif(0, "eth1").ref, network)
    await follow_master(lab.services, lab.hosts[SLAVE])
    (tunnel,) = (t for t in lab.store.all(Tunnel) if lab.store.get(PIF, t.access_PIF).host == lab.hosts[SLAVE])
    access = lab.store.get(PIF, tunnel.access_PIF)
    assert tunnel.transport_PIF == lab.pif(SLAVE, "eth1").ref
    assert (access.network, access.device, access.currently_attached) == (network, "tunnel0", False)
    before = lab.store.generation
    await follow_master(lab.services, lab.hosts[SLAVE])
    assert lab.store.generation == before
