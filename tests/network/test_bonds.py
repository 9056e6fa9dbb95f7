"""Bonds: what they take over from their members, and give back."""

from __future__ import annotations

import pytest

from xapi_async.datamodel.classes.bond import Bond
from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.network import Network
from xapi_async.datamodel.classes.pif import PIF
from xapi_async.datamodel.classes.pool import Pool
from xapi_async.datamodel.classes.tunnel import Tunnel
from xapi_async.datamodel.classes.vif import VIF
from xapi_async.datamodel.classes.vlan import VLAN
from xapi_async.operations.networking.monitor import look_at_links


async def test_a_bond_of_the_management_interface(lab):
    eth0, eth1 = lab.pif(0, "eth0"), lab.pif(0, "eth1")
    address, mac = eth0.IP, eth0.MAC
    ref = await lab.call("Bond.create", await lab.network(), (eth1.ref, eth0.ref, eth1.ref), "", "balance-slb", {})
    bond = lab.store.get(Bond, ref)
    master = lab.store.get(PIF, bond.master)
    assert (master.device, master.MAC, master.properties, master.IPv6) == ("bond0", mac, {"gro": "on"}, ("",))
    assert (master.IP, master.ip_configuration_mode, master.management) == (address, "DHCP", True)
    assert (eth0.IP, eth0.ip_configuration_mode, eth0.management) == ("", "None", False)
    assert bond.primary_slave == eth0.ref
    assert set(bond.slaves) == {eth0.ref, eth1.ref}
    assert (eth0.currently_attached, eth1.currently_attached, master.currently_attached) == (False, False, True)
    assert lab.store.get(Host, lab.hosts[0]).address == address
    assert lab.ctx.task.reached == [0.2, 0.4, 0.6, 0.8, 1.0]
    for slave in (eth0, eth1):
        assert await lab.refused("PIF.plug", slave.ref) == ["CANNOT_PLUG_BOND_SLAVE", slave.ref]
    await look_at_links(lab.services)
    assert bond.links_up == 2

    await lab.call("Bond.destroy", ref)
    assert lab.store.find(PIF, master.ref) is None
    assert (eth0.IP, eth0.management, eth0.currently_attached) == (address, True, True)
    assert eth1.currently_attached
    assert eth1.bond_slave_of == "OpaqueRef:NULL"


async def test_bonds_that_cannot_be(lab):
    eth0, eth1, eth2 = (lab.pif(0, f"eth{number}") for number in range(3))
    network = await lab.network()

    def refused(*members, network=network, mac="", mode="lacp", properties=None):
        return lab.refused("Bond.create", network, members, mac, mode, properties or {})

    assert await refused() == ["PIF_BOND_NEEDS_MORE_MEMBERS"]
    unmanaged = await lab.network(managed=False)
    assert await refused(eth1.ref, network=unmanaged) == ["NETWORK_UNMANAGED", unmanaged]
    connected = ["NETWORK_ALREADY_CONNECTED", lab.hosts[0], eth2.ref]
    assert await refused(eth1.ref, network=eth2.network) == connected
    assert await refused(eth1.ref, mac="x") == ["MAC_INVALID", "x"]
    bad = {"lacp-time": "soon"}
    assert await refused(eth1.ref, properties=bad) == ["INVALID_VALUE", "properties", "lacp-time = soon"]
    await lab.call("VLAN.create", eth1.ref, 5, await lab.network())
    assert await refused(lab.pif(0, "eth1", 5).ref) == ["PIF_VLAN_EXISTS", "eth1"]
    tunnel = await lab.call("tunnel.create", eth0.ref, await lab.network())
    access = lab.store.get(Tunnel, tunnel).access_PIF
    assert await refused(access) == ["IS_TUNNEL_ACCESS_PIF", access]
    await lab.set(Pool, lab.pool.ref, ha_enabled=True)
    assert await refused(eth0.ref) == ["HA_CANNOT_CHANGE_BOND_STATUS_OF_MGMT_IFACE"]
    await lab.set(Pool, lab.pool.ref, ha_enabled=False)
    await lab.set(PIF, eth2.ref, managed=False)
    assert await refused(eth2.ref) == ["PIF_UNMANAGED", eth2.ref]
    await lab.set(PIF, eth2.ref, managed=True)
    assert await refused(eth1.ref, lab.pif(1, "eth1").ref) == ["PIF_CANNOT_BOND_CROSS_HOST"]
    await lab.call("PIF.set_property", eth2.ref, "gro", "off")
    assert await refused(eth1.ref, eth2.ref) == ["INCOMPATIBLE_PIF_PROPERTIES"]
    await lab.call("PIF.reconfigure_ip", eth1.ref, "DHCP", "", "", "", "")
    assert await refused(eth0.ref, eth1.ref) == ["PIF_BOND_MORE_THAN_ONE_IP"]
    await lab.call("Bond.create", network, (eth2.ref,), "", "lacp", {})
    other = await lab.network()
    assert await refused(eth2.ref, network=other) == ["PIF_ALREADY_BONDED", eth2.ref]


async def test_what_a_bond_takes_over(lab):
    eth1, eth2 = lab.pif(0, "eth1"), lab.pif(0, "eth2")
    vlan_network, network = await lab.network(), await lab.network()
    vlan = await lab.call("VLAN.create", eth1.ref, 5, vlan_network)
    await lab.call("PIF.reconfigure_ip", eth1.ref, "Static", "1.2.3.4", "255.0.0.0", "", "")
    tunnel = await lab.call("tunnel.create", eth1.ref, await lab.network())
    old_mac = lab.store.get(PIF, lab.store.get(Tunnel, tunnel).access_PIF).MAC
    await lab.set(PIF, eth2.ref, disallow_unplug=True)
    here = await lab.vif(await lab.vm("Running", 0), eth2.network)
    elsewhere = await lab.vif(await lab.vm("Running", 1), eth2.network)
    anywhere = await lab.vif(await lab.vm(), eth2.network)

    bond = lab.store.get(Bond, await lab.call("Bond.create", network, (eth1.ref, eth2.ref), "", "active-backup", {}))
    master = lab.store.get(PIF, bond.master)
    (moved,) = (lab.store.get(VLAN, ref) for ref in master.VLAN_slave_of)
    assert lab.store.find(VLAN, vlan) is None
    untagged = lab.store.get(PIF, moved.untagged_PIF)
    assert (moved.tag, untagged.network, untagged.device) == (5, vlan_network, "bond0")
    assert untagged.currently_attached
    (other,) = (lab.store.get(Tunnel, ref) for ref in master.tunnel_transport_PIF_of)
    assert lab.store.find(Tunnel, tunnel) is None
    assert old_mac != lab.store.get(PIF, other.access_PIF).MAC
    assert (master.disallow_unplug, eth2.disallow_unplug) == (True, False)
    networks = [lab.store.get(VIF, vif).network for vif in (here, elsewhere, anywhere)]
    assert networks == [network, eth2.network, eth2.network]

    await lab.call("Bond.destroy", bond.ref)
    assert lab.store.get(VIF, here).network == eth1.network
    assert len(eth1.VLAN_slave_of) == len(eth1.tunnel_transport_PIF_of) == 1
    assert (eth1.IP, eth1.disallow_unplug) == ("1.2.3.4", True)


async def test_members_with_the_same_vlan(lab):
    eth1, eth2 = lab.pif(0, "eth1"), lab.pif(0, "eth2")
    first, second = await lab.network(), await lab.network()
    await lab.call("VLAN.create", eth1.ref, 5, first)
    await lab.call("VLAN.create", eth2.ref, 5, second)
    vif = await lab.vif(await lab.vm("Running", 0), second)
    bond = await lab.call("Bond.create", await lab.network(), (eth1.ref, eth2.ref), "", "active-backup", {})
    master = lab.store.get(PIF, lab.store.get(Bond, bond).master)
    assert len(master.VLAN_slave_of) == 1
    assert lab.store.get(VIF, vif).network == first


async def test_management_on_a_vlan_of_a_member(lab):
    eth1, eth2 = lab.pif(0, "eth1"), lab.pif(0, "eth2")
    await lab.call("VLAN.create", eth1.ref, 5, await lab.network())
    untagged = lab.pif(0, "eth1", 5).ref
    await lab.call("PIF.reconfigure_ip", untagged, "Static", "1.2.3.4", "255.0.0.0", "", "")
    await lab.call("host.management_reconfigure", untagged)
    assert lab.store.get(Host, lab.hosts[0]).address == "1.2.3.4"
    bond = await lab.call("Bond.create", await lab.network(), (eth1.ref, eth2.ref), "", "active-backup", {})
    managing = lab.store.get(PIF, await lab.call("host.get_management_interface", lab.hosts[0]))
    assert (managing.device, managing.VLAN, managing.IP) == ("bond0", 5, "1.2.3.4")
    assert lab.store.get(PIF, lab.store.get(Bond, bond).master).currently_attached
    await lab.call("Bond.destroy", bond)
    managing = lab.store.get(PIF, await lab.call("host.get_management_interface", lab.hosts[0]))
    assert (managing.device, managing.currently_attached) == ("eth1", True)
    assert lab.store.get(Host, lab.hosts[0]).address == "1.2.3.4"


async def test_records_move_at_once_and_interfaces_after_them(lab):
    eth0, eth1 = lab.pif(0, "eth0"), lab.pif(0, "eth1")
    vlan_network, network = await lab.network(), await lab.network()
    await lab.call("VLAN.create", eth1.ref, 5, vlan_network)
    tunnel_network = await lab.network()
    await lab.call("tunnel.create", eth0.ref, tunnel_network)
    await lab.set(PIF, eth1.ref, disallow_unplug=True)
    vif = await lab.vif(await lab.vm("Running", 0), eth1.network)
    address = eth0.IP

    def moved_to(network):
        """What the interface on the network has taken over."""
        pif = next(pif for pif in lab.store.all(PIF) if (pif.network, pif.host) == (network, lab.hosts[0]))
        tags = [lab.store.get(VLAN, vlan).tag for vlan in pif.VLAN_slave_of]
        tunnels = [lab.store.get(PIF, lab.store.get(Tunnel, t).access_PIF) for t in pif.tunnel_transport_PIF_of]
        networks = [access.network for access in tunnels]
        return pif.management, pif.IP, tags, networks, pif.disallow_unplug, lab.store.get(VIF, vif).network

    everything = (True, address, [5], [tunnel_network], True, network)
    seen = []
    stop = lab.store.listen(lambda changes: seen.append(moved_to(network)))
    bond = await lab.call("Bond.create", network, (eth0.ref, eth1.ref), "", "active-backup", {})
    stop()
    assert len(seen) > 1
    assert set(map(str, seen)) == {str(everything)}
    back = []
    stop = lab.store.listen(lambda changes: back.append(moved_to(eth0.network)))
    await lab.call("Bond.destroy", bond)
    stop()
    assert len(back) > 1
    assert set(map(str, back)) == {str((*everything[:-1], eth0.network))}


async def test_what_fails_to_come_up_keeps_nothing_else_from_moving(lab):
    eth1, eth2 = lab.pif(0, "eth1"), lab.pif(0, "eth2")
    broken, fine = await lab.network(), await lab.network()
    await lab.call("VLAN.create", eth1.ref, 5, broken)
    await lab.call("VLAN.create", eth1.ref, 6, fine)
    await lab.set(Network, broken, bridge="broken")
    refused = await lab.refused("Bond.create", await lab.network(), (eth1.ref, eth2.ref), "", "active-backup", {})
    failed, works = lab.pif(0, "bond0", 5), lab.pif(0, "bond0", 6)
    assert refused[:2] == ["PIF_CONFIGURATION_ERROR", failed.ref]
    assert (failed.currently_attached, works.currently_attached) == (False, True)
    assert lab.ctx.task.reached == [0.2, 0.4, 0.6, 0.8]
    (bond,) = lab.store.all(Bond)
    await lab.call("Bond.destroy", bond.ref)
    assert (lab.pif(0, "eth1", 5).currently_attached, lab.pif(0, "eth1", 6).currently_attached) == (False, True)


async def test_a_tunnel_over_a_vlan_of_a_member_moves_along(lab):
    eth1 = lab.pif(0, "eth1")
    network = await lab.network()
    await lab.call("VLAN.create", eth1.ref, 5, await lab.network())
    untagged = lab.pif(0, "eth1", 5).ref
    await lab.call("PIF.reconfigure_ip", untagged, "Static", "1.2.3.4", "255.0.0.0", "", "")
    await lab.call("tunnel.create", untagged, network)
    await lab.call("Bond.create", await lab.network(), (eth1.ref,), "", "active-backup", {})
    (tunnel,) = lab.store.all(Tunnel)
    assert tunnel.transport_PIF == lab.pif(0, "bond0", 5).ref
    access = lab.store.get(PIF, tunnel.access_PIF)
    assert (access.network, access.currently_attached) == (network, True)


async def test_a_tunnel_that_is_up_has_its_transport_brought_up(lab):
    eth0, network = lab.pif(0, "eth0"), await lab.network()
    for _ in range(2):
        await lab.call("tunnel.create", eth0.ref, await lab.network())
    bond = await lab.call("Bond.create", network, (eth0.ref,), "", "active-backup", {})
    await lab.call("host.management_disable")
    await lab.call("PIF.unplug", lab.pif(0, "bond0").ref)  # which takes only the first tunnel down
    up = [
        lab.store.get(PIF, tunnel.access_PIF).network
        for tunnel in lab.store.all(Tunnel)
        if lab.store.get(PIF, tunnel.access_PIF).currently_attached
    ]
    assert len(up) == 1
    await lab.call("Bond.destroy", bond)
    attached = [
        lab.store.get(PIF, tunnel.access_PIF).network
        for tunnel in lab.store.all(Tunnel)
        if lab.store.get(PIF, tunnel.access_PIF).currently_attached
    ]
    assert attached == up
    assert eth0.currently_attached


async def test_a_bond_without_members_is_only_taken_away(lab):
    master = await lab.put(PIF, host=lab.hosts[0], network=await lab.network(), device="bond0")
    bond = await lab.put(Bond, master=master)
    await lab.call("Bond.destroy", bond)
    assert lab.store.find(Bond, bond) is None
    assert lab.store.find(PIF, master) is None


async def test_bridges_of_a_vlan_come_and_go_with_it(lab):
    eth1, uuid = lab.pif(0, "eth1"), lab.store.get(Host, lab.hosts[0]).uuid
    below = lab.store.get(Network, eth1.network).bridge
    await lab.call("PIF.unplug", eth1.ref)
    assert not lab.services.network.has_bridge(uuid, below)
    vlan = await lab.call("VLAN.create", eth1.ref, 5, await lab.network())
    assert lab.services.network.has_bridge(uuid, below)
    assert not eth1.currently_attached
    await lab.call("VLAN.destroy", vlan)
    assert not lab.services.network.has_bridge(uuid, below)


LACP_DEFAULTS = {"hashing_algorithm": "tcpudp_ports", "lacp-time": "slow", "lacp-fallback-ab": "true"}


async def test_modes_and_their_properties(lab):
    bond = await lab.call("Bond.create", await lab.network(), (lab.pif(0, "eth1").ref,), "", "balance-slb", {})
    assert lab.store.get(Bond, bond).properties == {}
    await lab.call("Bond.set_mode", bond, "lacp")
    assert lab.store.get(Bond, bond).properties == LACP_DEFAULTS
    await lab.call("Bond.set_property", bond, "lacp-time", "fast")
    await lab.call("Bond.set_property", bond, "lacp-aggregation-key", "17")
    assert lab.store.get(Bond, bond).properties["lacp-time"] == "fast"
    await lab.call("Bond.set_mode", bond, "active-backup")
    assert lab.store.get(Bond, bond).properties == {}
    refused = await lab.refused("Bond.set_property", bond, "lacp-time", "fast")
    assert refused == ["INVALID_VALUE", "properties", "lacp-time = fast"]


@pytest.mark.parametrize(
    ("key", "value"),
    [("hashing_algorithm", "x"), ("lacp-aggregation-key", "one"), ("lacp-fallback-ab", "yes"), ("other", "1")],
)
async def test_properties_no_lacp_bond_has(lab, key, value):
    refused = await lab.refused("Bond.create", await lab.network(), (lab.pif(0, "eth1").ref,), "", "lacp", {key: value})
    assert refused == ["INVALID_VALUE", "properties", f"{key} = {value}"]


async def test_no_bond_of_management_changes_under_high_availability(lab):
    bond = await lab.call("Bond.create", await lab.network(), (lab.pif(0, "eth0").ref,), "", "lacp", {})
    await lab.set(Pool, lab.pool.ref, ha_enabled=True)
    assert await lab.refused("Bond.destroy", bond) == ["HA_CANNOT_CHANGE_BOND_STATUS_OF_MGMT_IFACE"]
