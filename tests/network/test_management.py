"""The interface hosts are managed through, and what is switched for all hosts at once."""

from __future__ import annotations

from xapi_async.datamodel.classes.bond import Bond
from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.network import Network
from xapi_async.datamodel.classes.pif import PIF
from xapi_async.datamodel.classes.pool import Pool
from xapi_async.datamodel.classes.vlan import VLAN


async def test_management_moves_to_another_interface(lab):
    eth0, eth1 = lab.pif(0, "eth0"), lab.pif(0, "eth1")
    message = "host.management_reconfigure"
    assert await lab.refused(message, eth1.ref) == ["PIF_HAS_NO_NETWORK_CONFIGURATION", eth1.ref]
    await lab.set(PIF, eth1.ref, primary_address_type="IPv6")
    assert await lab.refused(message, eth1.ref) == ["PIF_HAS_NO_V6_NETWORK_CONFIGURATION", eth1.ref]
    await lab.set(PIF, eth1.ref, primary_address_type="IPv4")
    await lab.call("PIF.reconfigure_ip", eth1.ref, "Static", "1.2.3.4", "255.0.0.0", "", "")
    await lab.set(Pool, lab.pool.ref, ha_enabled=True)
    assert await lab.refused(message, eth1.ref) == ["HA_IS_ENABLED"]
    assert await lab.refused("host.management_disable") == ["HA_IS_ENABLED"]
    await lab.set(Pool, lab.pool.ref, ha_enabled=False)
    await lab.call(message, eth1.ref)
    await lab.call(message, eth1.ref)
    assert (eth0.management, eth1.management) == (False, True)
    assert eth0.currently_attached
    assert eth0.IP
    assert lab.store.get(Host, lab.hosts[0]).address == "1.2.3.4"
    assert await lab.call("host.get_management_interface", lab.hosts[0]) == eth1.ref
    await lab.call("host.management_disable")
    assert lab.store.get(Host, lab.hosts[0]).address == ""
    assert (await lab.refused("host.get_management_interface", lab.hosts[0]))[0] == "INTERNAL_ERROR"


async def test_the_whole_pool_moves(lab):
    network = lab.pif(0, "eth1").network
    message = "pool.management_reconfigure"
    nowhere = await lab.network()
    assert await lab.refused(message, nowhere) == ["PIF_NOT_PRESENT", lab.hosts[0], nowhere]
    await lab.set(PIF, lab.pif(1, "eth1").ref, primary_address_type="IPv6")
    refused = await lab.refused(message, network)
    assert refused == ["PIF_INCOMPATIBLE_PRIMARY_ADDRESS_TYPE", lab.pif(1, "eth1").ref]
    await lab.set(PIF, lab.pif(1, "eth1").ref, primary_address_type="IPv4")
    refused = await lab.refused(message, network)
    assert refused == ["PIF_HAS_NO_NETWORK_CONFIGURATION", lab.pif(0, "eth1").ref]
    for host in (0, 1):
        await lab.call("PIF.reconfigure_ip", lab.pif(host, "eth1").ref, "DHCP", "", "", "", "")
    moved = []
    lab.store.listen(
        lambda changes: moved.extend(c.entity.host for c in changes if c.cls is PIF and c.entity.management)
    )
    await lab.call(message, network)
    assert all(lab.pif(host, "eth1").management for host in (0, 1))
    assert moved[0] == lab.hosts[1]  # the master last
    assert moved[-1] == lab.hosts[0]


async def test_snooping_is_switched_everywhere(lab):
    message, pool = "pool.set_igmp_snooping_enabled", lab.pool.ref
    await lab.call(message, pool, True)
    assert {pif.igmp_snooping_status for pif in lab.store.all(PIF)} == {"enabled"}
    await lab.set(Network, lab.pif(0, "eth2").network, bridge="broken")
    assert await lab.refused(message, pool, False) == ["COULD_NOT_UPDATE_IGMP_SNOOPING_EVERYWHERE"]
    assert not lab.pool.igmp_snooping_enabled
    await lab.set(Host, lab.hosts[0], software_version={"network_backend": "bridge"})
    assert await lab.refused(message, pool, True) == ["OPENVSWITCH_NOT_ACTIVE"]
    await lab.set(Pool, pool, restrictions={})
    assert await lab.refused(message, pool, True) == ["LICENCE_RESTRICTION", "IGMP_snooping"]


async def test_no_host_is_ever_in_emergency_mode(lab):
    assert await lab.refused("host.local_management_reconfigure", "eth0") == ["NOT_IN_EMERGENCY_MODE"]


async def test_addresses_are_read_again(lab):
    pif = lab.pif(0, "eth0")
    await lab.set(PIF, pif.ref, IP="", netmask="")
    await lab.call("host.signal_networking_change")
    assert pif.netmask == "255.255.0.0"
    assert lab.store.get(Host, lab.hosts[0]).address == pif.IP != ""


async def test_networking_is_reset(lab):
    await lab.call("VLAN.create", lab.pif(0, "eth1").ref, 5, await lab.network())
    await lab.call("Bond.create", await lab.network(), (lab.pif(0, "eth2").ref,), "", "lacp", {})
    await lab.call("host.reset_networking", lab.hosts[0])
    assert lab.store.get(Host, lab.hosts[0]).PIFs == ()
    assert not list(lab.store.all(VLAN))
    assert not list(lab.store.all(Bond))
    await lab.call("PIF.scan", lab.hosts[0])
    assert len(lab.store.get(Host, lab.hosts[0]).PIFs) == 3
