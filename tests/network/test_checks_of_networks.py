"""Which error comes first when networks, VLANs, tunnels and bonds are made and taken away, where several could."""

from __future__ import annotations

import pytest

from tests.climbing import Climb, climb
from tests.network.conftest import switched
from xapi_async.datamodel.classes.bond import Bond
from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.network import Network
from xapi_async.datamodel.classes.pif import PIF
from xapi_async.datamodel.classes.tunnel import Tunnel
from xapi_async.datamodel.classes.vif import VIF
from xapi_async.datamodel.classes.vlan import VLAN
from xapi_async.datamodel.errors import ApiError


async def test_network_create(lab):
    async def create(bridge: str, MTU: int) -> str:
        return await lab.create(Network, bridge=bridge, MTU=MTU)

    taken = await lab.network(bridge="mine")
    await lab.set(Network, taken, bridge="xenmine")
    it = Climb(lab, create, bridge="xenmine", MTU=-1)
    await it.refused("INVALID_VALUE", "bridge", "xenmine")
    await lab.set(Network, taken, bridge="mine")
    it.now(bridge="mine")
    await it.refused("BRIDGE_NAME_EXISTS", "mine")
    it.now(bridge="a" * 15)
    made = lab.store.get(Network, await it.done())
    assert (made.bridge, made.MTU) == ("a" * 15, 1500)


async def test_another_host_of_the_pool_may_name_bridges_as_it_likes(lab):
    lab.ctx.caller.is_pool = True
    assert lab.store.get(Network, await lab.network(bridge="xenbr9")).bridge == "xenbr9"
    with pytest.raises(ApiError) as caught:
        await lab.network(bridge="xenbr9")
    assert caught.value.description == ["BRIDGE_NAME_EXISTS", "xenbr9"]


async def test_network_destroy(lab):
    network = next(found for found in lab.store.all(Network) if found.bridge == "xenapi").ref
    vm = await lab.vm("Running", 0)
    first, second = [await lab.create(VIF, VM=vm, network=network, device=device) for device in "01"]
    for vif in (first, second):
        await lab.set(VIF, vif, currently_attached=True)
    pif = await lab.put(PIF, host=lab.hosts[0], network=network, device="eth9")
    it = climb(lab, "network.destroy", self=network)
    await it.refused("NETWORK_CONTAINS_VIF", *lab.store.get(Network, network).VIFs)
    await it.set(VIF, first, currently_attached=False)
    await it.refused("NETWORK_CONTAINS_VIF", second)
    await it.set(VIF, second, currently_attached=False, reserved=True)
    await it.refused("NETWORK_CONTAINS_VIF", second)
    await it.set(VIF, second, reserved=False)
    await it.refused("NETWORK_CONTAINS_PIF", pif)
    await it.delete(PIF, pif)
    await it.refused("CANNOT_DESTROY_SYSTEM_NETWORK", network)
    await it.set(Network, network, other_config={})
    await it.done()
    assert lab.store.find(VIF, first) is None


async def test_vlan_create(lab):
    network, elsewhere = await lab.network(), await lab.network()
    tagged = await lab.put(PIF, host=lab.hosts[0], network=elsewhere, device="eth0", VLAN=3, managed=False)
    connected = await lab.put(PIF, host=lab.hosts[0], network=network, device="eth7")
    await lab.set(Network, network, managed=False)
    await lab.set(PIF, tagged, bond_slave_of=await lab.put(Bond))
    existing = await lab.put(VLAN, tagged_PIF=tagged, tag=99, untagged_PIF="gone")
    tunnel = await lab.put(Tunnel, access_PIF=tagged, transport_PIF="gone")
    it = climb(lab, "VLAN.create", tagged_PIF=tagged, tag=4095, network=network)
    await it.refused("NETWORK_UNMANAGED", network)
    await it.set(Network, network, managed=True)
    await it.refused("PIF_UNMANAGED", tagged)
    await it.set(PIF, tagged, managed=True)
    await it.refused("NETWORK_ALREADY_CONNECTED", lab.hosts[0], connected)
    await it.delete(PIF, connected)
    await it.refused("CANNOT_ADD_VLAN_TO_BOND_SLAVE", tagged)
    await it.set(PIF, tagged, bond_slave_of="OpaqueRef:NULL")
    await it.refused("PIF_IS_VLAN", tagged)
    await it.set(PIF, tagged, VLAN=-1)
    await it.refused("VLAN_TAG_INVALID", "4095")
    it.now(tag=99)
    await it.refused("PIF_VLAN_EXISTS", "eth0")
    await it.delete(VLAN, existing)
    await it.refused("IS_TUNNEL_ACCESS_PIF", tagged)
    await it.delete(Tunnel, tunnel)
    await it.refused("VLAN_IN_USE", "eth0", "99")
    it.now(tag=4094)
    assert lab.store.get(VLAN, await it.done()).tag == 4094


async def test_vlan_destroy(lab):
    # On a slave, where an attached management interface is looked at first.
    vlan = await lab.call("VLAN.create", lab.pif(1, "eth1").ref, 5, await lab.network())
    untagged = lab.pif(1, "eth1", 5)
    vif = await lab.vif(await lab.vm("Running", 1), untagged.network, attached=True)
    await lab.set(PIF, untagged.ref, bond_slave_of=await lab.put(Bond), management=True, VLAN=-1)
    it = climb(lab, "VLAN.destroy", self=vlan)
    await it.pool(ha_enabled=True, redo_log_enabled=True)
    await it.refused("PIF_ALREADY_BONDED", untagged.ref)
    await it.set(PIF, untagged.ref, bond_slave_of="OpaqueRef:NULL")
    await it.refused("PIF_IS_MANAGEMENT_INTERFACE", untagged.ref)
    await it.set(PIF, untagged.ref, management=False)
    await it.refused("HA_IS_ENABLED")
    await it.pool(ha_enabled=False)
    await it.refused("REDO_LOG_IS_ENABLED")
    await it.pool(redo_log_enabled=False)
    await it.refused("PIF_IS_PHYSICAL")
    await it.set(PIF, untagged.ref, VLAN=5)
    await it.refused("VIF_IN_USE", untagged.network, vif)
    await it.set(VIF, vif, currently_attached=False)
    await it.set(PIF, untagged.ref, disallow_unplug=True)
    await it.refused("PIF_DOES_NOT_ALLOW_UNPLUG", untagged.ref)
    await it.set(PIF, untagged.ref, disallow_unplug=False)
    await it.done()
    assert lab.store.find(PIF, untagged.ref) is None


async def test_tunnel_create(lab):
    network, transport = await lab.network(), lab.pif(0, "eth1").ref
    connected = await lab.put(PIF, host=lab.hosts[0], network=network, device="eth7")
    await lab.set(Network, network, managed=False)
    await lab.set(PIF, transport, managed=False, bond_slave_of=await lab.put(Bond))
    tunnel = await lab.put(Tunnel, access_PIF=transport, transport_PIF="gone")
    await lab.set(Host, lab.hosts[1], software_version={"network_backend": "bridge"})
    it = climb(lab, "tunnel.create", transport_PIF=transport, network=network)
    await it.refused("NETWORK_UNMANAGED", network)
    await it.set(Network, network, managed=True)
    await it.refused("PIF_UNMANAGED", transport)
    await it.set(PIF, transport, managed=True)
    await it.refused("CANNOT_ADD_TUNNEL_TO_BOND_SLAVE", transport)
    await it.set(PIF, transport, bond_slave_of="OpaqueRef:NULL")
    await it.refused("NETWORK_ALREADY_CONNECTED", lab.hosts[0], connected)
    await it.delete(PIF, connected)
    await it.refused("OPENVSWITCH_NOT_ACTIVE")
    await switched(lab)
    await it.refused("IS_TUNNEL_ACCESS_PIF", transport)
    await it.delete(Tunnel, tunnel)
    await lab.call("PIF.reconfigure_ip", transport, "Static", "1.2.3.4", "255.0.0.0", "", "")
    await it.done()


async def test_bond_create(lab):
    network, (eth0, eth1, eth2) = await lab.network(), (lab.pif(0, f"eth{number}") for number in range(3))
    connected = await lab.put(PIF, host=lab.hosts[0], network=network, device="eth7")
    await lab.set(Network, network, managed=False)
    tunnel = await lab.put(Tunnel, access_PIF=eth0.ref, transport_PIF="gone")
    await lab.set(PIF, eth0.ref, bond_slave_of=await lab.put(Bond), VLAN=6, managed=False)
    await lab.set(PIF, eth1.ref, managed=False, ip_configuration_mode="DHCP", properties={"gro": "off"})
    abroad = lab.pif(1, "eth1").ref
    it = climb(lab, "Bond.create", network=network, members=(), MAC="x", mode="active-backup", properties={"a": "b"})
    await it.pool(ha_enabled=True)
    await it.refused("PIF_BOND_NEEDS_MORE_MEMBERS")
    it.now(members=(eth0.ref, eth1.ref, eth0.ref, abroad))
    await it.refused("NETWORK_UNMANAGED", network)
    await it.set(Network, network, managed=True)
    await it.refused("NETWORK_ALREADY_CONNECTED", lab.hosts[0], connected)
    await it.delete(PIF, connected)
    await it.refused("MAC_INVALID", "x")
    it.now(MAC="")
    await it.refused("INVALID_VALUE", "properties", "a = b")
    it.now(properties={})
    await it.refused("PIF_ALREADY_BONDED", eth0.ref)
    await it.set(PIF, eth0.ref, bond_slave_of="OpaqueRef:NULL")
    await it.refused("PIF_VLAN_EXISTS", "eth0")
    await it.set(PIF, eth0.ref, VLAN=-1)
    await it.refused("IS_TUNNEL_ACCESS_PIF", eth0.ref)
    await it.delete(Tunnel, tunnel)
    await it.refused("HA_CANNOT_CHANGE_BOND_STATUS_OF_MGMT_IFACE")
    await it.pool(ha_enabled=False)
    await it.refused("PIF_UNMANAGED", eth0.ref)
    await it.set(PIF, eth0.ref, managed=True)
    await it.refused("PIF_UNMANAGED", eth1.ref)  # each member is looked at in turn
    await it.set(PIF, eth1.ref, managed=True)
    await it.refused("PIF_CANNOT_BOND_CROSS_HOST")
    it.now(members=(eth0.ref, eth1.ref, eth2.ref))
    await it.refused("INCOMPATIBLE_PIF_PROPERTIES")
    await it.set(PIF, eth1.ref, properties={"gro": "on"})
    await it.refused("PIF_BOND_MORE_THAN_ONE_IP")
    await it.set(PIF, eth1.ref, ip_configuration_mode="None")
    bond = lab.store.get(Bond, await it.done())
    assert set(bond.slaves) == {eth0.ref, eth1.ref, eth2.ref}
