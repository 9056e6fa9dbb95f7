"""Which error comes first of hosts' interfaces, where several could."""

from __future__ import annotations

import pytest

from tests.climbing import climb
from xapi_async.datamodel.classes.bond import Bond
from xapi_async.datamodel.classes.pif import PIF
from xapi_async.datamodel.classes.tunnel import Tunnel
from xapi_async.datamodel.classes.vif import VIF
from xapi_async.datamodel.classes.vlan import VLAN
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError


async def test_pif_introduce(lab):
    host, mac = lab.hosts[0], lab.pif(0, "eth1").MAC
    it = climb(lab, "PIF.introduce", host=host, MAC="AB:CD", device="eth1", managed=False)
    await it.refused("MAC_INVALID", "ab:cd")
    it.now(MAC="AB:CD:EF:01:02:03")
    await it.refused("DUPLICATE_PIF_DEVICE_NAME", "eth1")
    await lab.call("PIF.forget", lab.pif(0, "eth1").ref)
    unknown = "COULD_NOT_FIND_NETWORK_INTERFACE_WITH_SPECIFIED_DEVICE_NAME_AND_MAC_ADDRESS"
    await it.refused(unknown, "eth1", "ab:cd:ef:01:02:03")
    it.now(MAC="")
    made = lab.store.get(PIF, await it.done())
    assert (made.MAC, made.managed) == (mac, False)


async def test_pif_forget(lab):
    pif, bond = lab.pif(0, "eth1"), await lab.put(Bond)
    vlan = await lab.put(VLAN, tagged_PIF=pif.ref, untagged_PIF="gone", tag=4)
    tunnel = await lab.put(Tunnel, transport_PIF=pif.ref, access_PIF="gone")
    await lab.set(PIF, pif.ref, management=True, bond_slave_of=bond)
    it = climb(lab, "PIF.forget", self=pif.ref)
    await it.pool(ha_enabled=True, redo_log_enabled=True)
    await it.refused("PIF_IS_MANAGEMENT_INTERFACE", pif.ref)
    await it.set(PIF, pif.ref, management=False)
    await it.refused("PIF_ALREADY_BONDED", pif.ref)
    await it.set(PIF, pif.ref, bond_slave_of="OpaqueRef:gone")  # a bond that no longer exists
    await it.refused("PIF_VLAN_STILL_EXISTS", pif.ref)
    await it.delete(VLAN, vlan)
    await it.refused("PIF_TUNNEL_STILL_EXISTS", pif.ref)
    await it.delete(Tunnel, tunnel)
    await it.refused("HA_IS_ENABLED")
    await it.pool(ha_enabled=False)
    await it.refused("REDO_LOG_IS_ENABLED")
    await it.set(PIF, pif.ref, currently_attached=False)
    await it.done()
    assert lab.store.find(PIF, pif.ref) is None


async def test_a_bond_s_own_interface_is_not_forgotten(lab):
    bond = await lab.call("Bond.create", await lab.network(), (lab.pif(0, "eth1").ref,), "", "balance-slb", {})
    master = lab.store.get(Bond, bond).master
    assert await lab.refused("PIF.forget", master) == ["PIF_ALREADY_BONDED", master]


async def test_pif_plug(lab):
    access, transport = await lab.network(), lab.pif(0, "eth1")
    await lab.refused("tunnel.create", transport.ref, access)
    pif = next(found for found in lab.store.all(PIF) if found.network == access)
    bond = await lab.put(Bond, master="gone")
    await lab.set(PIF, pif.ref, managed=False, bond_slave_of=bond)
    it = climb(lab, "PIF.plug", self=pif.ref)
    await it.refused("PIF_UNMANAGED", pif.ref)
    await it.set(PIF, pif.ref, managed=True)
    await it.refused("TRANSPORT_PIF_NOT_CONFIGURED", transport.ref)
    await it.set(PIF, transport.ref, ip_configuration_mode="Static", managed=False)
    await it.refused("PIF_UNMANAGED", transport.ref)
    await it.set(PIF, transport.ref, managed=True)
    with pytest.raises(ApiError) as caught:  # the transport has come up
        await it.done()
    assert caught.value.description == ["CANNOT_PLUG_BOND_SLAVE", pif.ref]
    await it.set(PIF, pif.ref, bond_slave_of="OpaqueRef:NULL")
    await it.done()
    assert pif.currently_attached


async def test_unplugging_the_transport_of_a_tunnel(lab):
    transport, network = lab.pif(0, "eth1"), await lab.network()
    await lab.call("PIF.reconfigure_ip", transport.ref, "Static", "1.2.3.4", "255.0.0.0", "", "")
    await lab.call("tunnel.create", transport.ref, network)
    access = next(found for found in lab.store.all(PIF) if found.network == network)
    vif = await lab.vif(await lab.vm("Running", 0), network, attached=True)
    it = climb(lab, "PIF.unplug", self=transport.ref)
    await it.refused("VIF_IN_USE", network, vif)
    await it.set(VIF, vif, currently_attached=False)
    await it.set(PIF, access.ref, disallow_unplug=True)
    await it.refused("PIF_DOES_NOT_ALLOW_UNPLUG", access.ref)
    await it.set(PIF, access.ref, disallow_unplug=False)
    await it.done()
    assert (access.currently_attached, transport.currently_attached) == (False, False)


async def test_who_uses_a_network_of_a_host(lab):
    """PIF.unplug: VIFs in use there, in every state of their VMs."""
    pif = lab.pif(0, "eth1")
    it = climb(lab, "PIF.unplug", self=pif.ref)
    for state, host, attached, starting, in_use in (
        ("Running", 0, True, False, True),
        ("Paused", 0, True, False, True),
        ("Suspended", None, True, False, False),
        ("Running", 1, True, False, False),
        ("Running", 0, False, False, False),
        ("Running", 0, False, True, True),
        ("Halted", None, False, True, True),
    ):
        vm = await lab.vm(state, host)
        if starting and host is None:
            await lab.set(VM, vm, scheduled_to_be_resident_on=lab.hosts[0])
        vif = await lab.vif(vm, pif.network)
        marks = {"task": "attach"} if starting else {}
        await lab.set(VIF, vif, currently_attached=attached, current_operations=marks)
        if in_use:
            await it.refused("VIF_IN_USE", pif.network, vif)
        else:
            await it.done()
        await it.delete(VIF, vif)


async def test_reconfigure_ip(lab):
    pif = lab.pif(0, "eth0")
    await lab.set(PIF, pif.ref, managed=False)
    it = climb(lab, "PIF.reconfigure_ip", self=pif.ref, mode="Static", IP="", netmask="", gateway="y", DNS="z")
    await it.pool(ha_enabled=True, redo_log_enabled=True)
    await it.refused("PIF_UNMANAGED", pif.ref)
    await it.set(PIF, pif.ref, managed=True)
    await it.refused("HA_IS_ENABLED")
    await it.pool(ha_enabled=False)
    await it.refused("REDO_LOG_IS_ENABLED")
    await it.pool(redo_log_enabled=False)
    await it.refused("INVALID_IP_ADDRESS_SPECIFIED", "IP")
    it.now(IP="1.2.3.4")
    await it.refused("INVALID_IP_ADDRESS_SPECIFIED", "netmask")
    it.now(mode="None", netmask="")
    await it.refused("INVALID_IP_ADDRESS_SPECIFIED", "gateway")
    it.now(gateway="")
    await it.refused("INVALID_IP_ADDRESS_SPECIFIED", "DNS")
    it.now(DNS="")
    await it.refused("PIF_IS_MANAGEMENT_INTERFACE", pif.ref)
    await it.set(PIF, pif.ref, primary_address_type="IPv6")
    await it.done()
    assert (pif.ip_configuration_mode, pif.IP) == ("None", "1.2.3.4")


async def test_reconfigure_ipv6(lab):
    pif = lab.pif(0, "eth0")
    await lab.set(PIF, pif.ref, managed=False, primary_address_type="IPv6", DNS="1.1.1.1")
    it = climb(
        lab, "PIF.reconfigure_ipv6", self=pif.ref, mode="None", IPv6="fe80::1%eth0/64", gateway="1.1.1.1", DNS="x"
    )
    await it.pool(ha_enabled=True, redo_log_enabled=True)
    await it.refused("PIF_UNMANAGED", pif.ref)
    await it.set(PIF, pif.ref, managed=True)
    await it.refused("HA_IS_ENABLED")
    await it.pool(ha_enabled=False)
    await it.refused("REDO_LOG_IS_ENABLED")
    await it.pool(redo_log_enabled=False)
    await it.refused("INVALID_IP_ADDRESS_SPECIFIED", "gateway")
    it.now(gateway="fe80::2%eth0")
    await it.refused("INVALID_IP_ADDRESS_SPECIFIED", "gateway")
    it.now(gateway="fe80::2")
    await it.refused("INVALID_CIDR_ADDRESS_SPECIFIED", "IPv6")
    it.now(IPv6="fe80::1/64")
    await it.refused("INVALID_IP_ADDRESS_SPECIFIED", "DNS")
    it.now(DNS="")
    await it.refused("PIF_IS_MANAGEMENT_INTERFACE", pif.ref)
    await it.set(PIF, pif.ref, primary_address_type="IPv4")
    await it.done()
    assert (pif.IPv6, pif.ipv6_gateway, pif.DNS) == (("fe80::1/64",), "fe80::2", "10.0.0.1")


async def test_set_primary_address_type(lab):
    pif = lab.pif(0, "eth0")
    it = climb(lab, "PIF.set_primary_address_type", self=pif.ref, primary_address_type="IPv6")
    await it.pool(ha_enabled=True, redo_log_enabled=True)
    await it.refused("HA_IS_ENABLED")
    await it.pool(ha_enabled=False)
    await it.refused("REDO_LOG_IS_ENABLED")
    await it.pool(redo_log_enabled=False)
    await it.refused("PIF_IS_MANAGEMENT_INTERFACE", pif.ref)
    it.now(self=lab.pif(0, "eth1").ref)
    await it.done()
    assert lab.pif(0, "eth1").primary_address_type == "IPv6"


async def test_set_property_of_a_pif(lab):
    eth1, eth2 = lab.pif(0, "eth1"), lab.pif(0, "eth2")
    bond = await lab.call("Bond.create", await lab.network(), (eth1.ref, eth2.ref), "", "balance-slb", {})
    master = lab.store.get(PIF, lab.store.get(Bond, bond).master)
    it = climb(lab, "PIF.set_property", self=eth1.ref, name="gro", value="maybe")
    await it.refused("INVALID_VALUE", "properties", "gro = maybe")
    it.now(value="off")
    await it.refused("CANNOT_CHANGE_PIF_PROPERTIES", eth1.ref)
    it.now(self=master.ref)
    await it.done()
    assert [pif.properties for pif in (master, eth1, eth2)] == [{"gro": "off"}] * 3
