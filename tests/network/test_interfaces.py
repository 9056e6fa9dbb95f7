"""Hosts' interfaces: found, plugged, given addresses, forgotten."""

from __future__ import annotations

import pytest

from xapi_async.datamodel.classes.console import Console
from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.network import Network
from xapi_async.datamodel.classes.pif import PIF
from xapi_async.datamodel.classes.pif_metrics import PIFMetrics
from xapi_async.datamodel.classes.pool import Pool
from xapi_async.datamodel.classes.vif import VIF
from xapi_async.operations.networking.monitor import look_at_links


async def test_a_found_card(lab):
    pif = lab.pif(0, "eth1")
    assert (pif.physical, pif.managed, pif.VLAN, pif.MTU, pif.properties) == (True, True, -1, 1500, {"gro": "on"})
    assert (pif.currently_attached, pif.igmp_snooping_status, pif.ip_configuration_mode) == (True, "disabled", "None")
    assert pif.IPv6 == ()
    metrics = lab.store.get(PIFMetrics, pif.metrics)
    assert (metrics.carrier, metrics.speed, metrics.last_updated) == (False, 0, "19700101T00:00:00Z")
    before = [p.ref for p in lab.store.all(PIF)]
    await lab.call("PIF.scan", lab.hosts[0])
    assert [p.ref for p in lab.store.all(PIF)] == before


async def test_every_management_interface_leases_an_address_of_its_own(lab):
    first, second = lab.pif(0, "eth0"), lab.pif(1, "eth0")
    assert first.management
    assert second.management
    assert first.IP != second.IP
    assert (first.IP, first.netmask, first.gateway, first.DNS) == ("10.0.0.2", "255.255.0.0", "10.0.0.1", "10.0.0.1")
    assert lab.store.get(Host, lab.hosts[0]).address == first.IP


async def test_a_lease_outlives_plugging(lab):
    pif = lab.pif(1, "eth0")
    address = pif.IP
    await lab.call("PIF.plug", pif.ref)
    assert address == pif.IP


async def test_the_links_are_written_down_when_they_change(lab):
    await look_at_links(lab.services)
    linked = lab.store.get(PIFMetrics, lab.pif(0, "eth0").metrics)
    assert (linked.carrier, linked.speed, linked.duplex, linked.vendor_id) == (True, 10_000, True, "8086")
    assert lab.store.get(PIFMetrics, lab.pif(0, "eth2").metrics).carrier is False
    generation = lab.store.generation
    await look_at_links(lab.services)
    assert lab.store.generation == generation


async def test_missing_metrics_are_made_anew(lab):
    pif = lab.pif(0, "eth0")
    async with lab.store.transaction() as tx:
        tx.delete(tx.get(PIFMetrics, pif.metrics))
    await look_at_links(lab.services)
    assert lab.store.get(PIFMetrics, pif.metrics).carrier


async def test_introducing_a_card(lab):
    host = lab.hosts[0]
    mac = lab.pif(0, "eth1").MAC
    assert await lab.refused("PIF.introduce", host, "nonsense", "eth1", True) == ["MAC_INVALID", "nonsense"]
    assert await lab.refused("PIF.introduce", host, "", "eth7", True) == ["MAC_INVALID", ""]
    assert await lab.refused("PIF.introduce", host, mac, "eth1", True) == ["DUPLICATE_PIF_DEVICE_NAME", "eth1"]
    unknown = "COULD_NOT_FIND_NETWORK_INTERFACE_WITH_SPECIFIED_DEVICE_NAME_AND_MAC_ADDRESS"
    assert await lab.refused("PIF.introduce", host, mac, "eth7", True) == [unknown, "eth7", mac]
    await lab.call("PIF.forget", lab.pif(0, "eth1").ref)
    pif = lab.store.get(PIF, await lab.call("PIF.introduce", host, mac.upper(), "eth1", True))
    assert (pif.MAC, pif.device, pif.currently_attached) == (mac, "eth1", False)
    assert lab.store.get(Network, pif.network).bridge == "xenbr1"


async def test_forgetting_an_interface(lab):
    managed = lab.pif(0, "eth0").ref
    assert await lab.refused("PIF.forget", managed) == ["PIF_IS_MANAGEMENT_INTERFACE", managed]
    eth1, eth2 = lab.pif(0, "eth1").ref, lab.pif(0, "eth2").ref
    vlan = await lab.call("VLAN.create", eth1, 5, await lab.network())
    untagged = lab.pif(0, "eth1", 5).ref
    for ref in (eth1, untagged):
        assert await lab.refused("PIF.forget", ref) == ["PIF_VLAN_STILL_EXISTS", ref]
    await lab.call("VLAN.destroy", vlan)
    await lab.set(Pool, lab.pool.ref, ha_enabled=True)
    assert await lab.refused("PIF.forget", eth1) == ["HA_IS_ENABLED"]
    await lab.set(Pool, lab.pool.ref, ha_enabled=False, redo_log_enabled=True)
    assert await lab.refused("PIF.forget", eth1) == ["REDO_LOG_IS_ENABLED"]
    await lab.set(Pool, lab.pool.ref, redo_log_enabled=False)
    metrics, network = lab.store.get(PIF, eth1).metrics, lab.store.get(PIF, eth1).network
    await lab.call("PIF.forget", eth1)
    assert lab.store.find(PIF, eth1) is None
    assert lab.store.find(PIFMetrics, metrics) is None
    await lab.call("PIF.scan", lab.hosts[0])
    assert lab.pif(0, "eth1").network == network
    bond = await lab.call("Bond.create", await lab.network(), (lab.pif(0, "eth1").ref, eth2), "", "active-backup", {})
    assert await lab.refused("PIF.forget", eth2) == ["PIF_ALREADY_BONDED", eth2]
    assert bond


async def test_unplugging_in_order_of_the_checks(lab):
    pif = lab.pif(0, "eth1")
    vm = await lab.vm("Running", 0, ha_always_run=True, ha_restart_priority="restart")
    vif = await lab.vif(vm, pif.network, attached=True)
    await lab.set(PIF, pif.ref, managed=False, disallow_unplug=True, management=True)
    await lab.set(Pool, lab.pool.ref, ha_enabled=True)
    assert await lab.refused("PIF.unplug", pif.ref) == ["PIF_UNMANAGED", pif.ref]
    await lab.set(PIF, pif.ref, managed=True)
    assert await lab.refused("PIF.unplug", pif.ref) == ["HA_IS_ENABLED"]
    await lab.set(PIF, pif.ref, currently_attached=False)
    assert await lab.refused("PIF.unplug", pif.ref) == ["PIF_IS_MANAGEMENT_INTERFACE", pif.ref]
    await lab.set(PIF, pif.ref, management=False)
    assert await lab.refused("PIF.unplug", pif.ref) == ["HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN"]
    await lab.set(Pool, lab.pool.ref, ha_enabled=False)
    assert await lab.refused("PIF.unplug", pif.ref) == ["VIF_IN_USE", pif.network, vif]
    await lab.set(VIF, vif, currently_attached=False, current_operations={"task": "attach"})
    assert await lab.refused("PIF.unplug", pif.ref) == ["VIF_IN_USE", pif.network, vif]
    await lab.set(VIF, vif, current_operations={})
    assert await lab.refused("PIF.unplug", pif.ref) == ["PIF_DOES_NOT_ALLOW_UNPLUG", pif.ref]
    await lab.set(PIF, pif.ref, disallow_unplug=False, currently_attached=True)
    await lab.call("PIF.unplug", pif.ref)
    assert not pif.currently_attached
    await lab.call("PIF.unplug", pif.ref)
    await lab.call("PIF.plug", pif.ref)
    assert pif.currently_attached


@pytest.mark.parametrize(
    ("settings_sent", "field"),
    [
        (("Static", "", "", "", ""), "IP"),
        (("Static", "1.2.3.4", "", "", ""), "netmask"),
        (("Static", "1.2.3.4", "x", "y", ""), "netmask"),
        (("DHCP", "x", "", "", ""), "IP"),
        (("None", "", "x", "", ""), "netmask"),
        (("None", "", "", "x", ""), "gateway"),
        (("None", "", "", "", "1.1.1.1, 2.2.2.2"), "DNS"),
        (("None", "", "", "", "1.1.1.1,"), "DNS"),
    ],
)
async def test_ipv4_settings_that_are_no_addresses(lab, settings_sent, field):
    refused = await lab.refused("PIF.reconfigure_ip", lab.pif(0, "eth1").ref, *settings_sent)
    assert refused == ["INVALID_IP_ADDRESS_SPECIFIED", field]


async def test_ipv4_settings_are_stored_and_seen_down_and_up(lab):
    pif = lab.pif(0, "eth1")
    seen = []
    lab.store.listen(lambda changes: seen.extend(c.entity.currently_attached for c in changes if c.ref == pif.ref))
    await lab.call("PIF.reconfigure_ip", pif.ref, "Static", "1.2.3.4", "255.0.255.0", "1.2.3.1", "8.8.8.8,9.9.9.9")
    assert (pif.IP, pif.netmask, pif.gateway, pif.DNS) == ("1.2.3.4", "255.0.255.0", "1.2.3.1", "8.8.8.8,9.9.9.9")
    assert seen == [False, True]


async def test_management_needs_its_address(lab):
    pif = lab.pif(0, "eth0")
    refused = await lab.refused("PIF.reconfigure_ip", pif.ref, "None", "", "", "", "")
    assert refused == ["PIF_IS_MANAGEMENT_INTERFACE", pif.ref]
    assert await lab.refused("PIF.set_primary_address_type", pif.ref, "IPv6") == [
        "PIF_IS_MANAGEMENT_INTERFACE",
        pif.ref,
    ]


async def test_a_new_management_address_is_seen_everywhere(lab):
    vm = await lab.vm("Running", 0)
    console = await lab.put(Console, VM=vm, location="old")
    await lab.call("PIF.reconfigure_ip", lab.pif(0, "eth0").ref, "Static", "10.9.9.9", "255.0.0.0", "", "")
    assert lab.store.get(Host, lab.hosts[0]).address == "10.9.9.9"
    assert lab.store.get(Console, console).location == f"https://10.9.9.9/console?ref={console}"


async def test_ipv6_settings(lab):
    pif = lab.pif(0, "eth1")

    def refused(*settings):
        return lab.refused("PIF.reconfigure_ipv6", pif.ref, *settings)

    assert await refused("Static", "fe80::1/64", "1.2.3.4", "") == ["INVALID_IP_ADDRESS_SPECIFIED", "gateway"]
    assert await refused("Static", "fe80::1", "", "") == ["INVALID_CIDR_ADDRESS_SPECIFIED", "IPv6"]
    assert await refused("Static", "fe80::1/129", "", "") == ["INVALID_CIDR_ADDRESS_SPECIFIED", "IPv6"]
    assert await refused("Static", "", "", "1.1.1.1") == ["INVALID_IP_ADDRESS_SPECIFIED", "DNS"]
    await lab.call("PIF.reconfigure_ipv6", pif.ref, "Static", "", "", "")
    assert pif.IPv6 == ("",)
    await lab.call("PIF.reconfigure_ipv6", pif.ref, "Autoconf", "", "fe80::1", "")
    assert pif.IPv6[0].startswith("fd00::1:")
    assert pif.ipv6_gateway == "fe80::1"


async def test_properties(lab):
    pif = lab.pif(0, "eth1")
    refused = ["INVALID_VALUE", "properties", "tso = on"]
    assert await lab.refused("PIF.set_property", pif.ref, "tso", "on") == refused
    assert await lab.refused("PIF.set_property", pif.ref, "gro", "x") == ["INVALID_VALUE", "properties", "gro = x"]
    await lab.call("PIF.set_property", pif.ref, "gro", "off")
    assert pif.properties == {"gro": "off"}
    await lab.call("VLAN.create", pif.ref, 5, await lab.network())
    untagged = lab.pif(0, "eth1", 5).ref
    assert await lab.refused("PIF.set_property", untagged, "gro", "on") == ["CANNOT_CHANGE_PIF_PROPERTIES", untagged]


async def test_trouble_on_the_host_is_told(lab):
    await lab.set(Network, lab.pif(0, "eth1").network, bridge="broken")
    pif = lab.pif(0, "eth1")
    assert (await lab.refused("PIF.plug", pif.ref))[:2] == ["PIF_CONFIGURATION_ERROR", pif.ref]


async def test_the_packet_size_in_use(lab):
    pif = lab.pif(0, "eth1")
    await lab.set(Network, pif.network, MTU=9000)
    await lab.call("PIF.plug", pif.ref)
    assert pif.MTU == 9000
    await lab.set(PIF, pif.ref, other_config={"mtu": "1400"})
    await lab.call("PIF.plug", pif.ref)
    assert pif.MTU == 1400
    await lab.set(PIF, pif.ref, other_config={"mtu": "large"})
    await lab.call("PIF.plug", pif.ref)
    assert pif.MTU == 9000


async def test_records_without_checks(lab):
    args = ["ethX", "OpaqueRef:no", lab.hosts[0], "bad", 1, 7, True, "None", "", "", "", "", "b", "", False]
    ref = await lab.call("PIF.db_introduce", *args, {}, False, "None", (), "", "IPv4", True, {})
    pif = lab.store.get(PIF, ref)
    assert (pif.device, pif.currently_attached, pif.bond_slave_of) == ("ethX", False, "OpaqueRef:NULL")
    metrics = pif.metrics
    await lab.call("PIF.db_forget", ref)
    assert lab.store.find(PIF, ref) is None
    assert lab.store.find(PIFMetrics, metrics) is not None
