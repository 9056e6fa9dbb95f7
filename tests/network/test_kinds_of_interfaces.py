"""What each kind of host interface starts out as."""

from __future__ import annotations

from typing import Any

import pytest

from tests.network.conftest import Lab
from xapi_async.datamodel.classes.bond import Bond
from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.network import Network
from xapi_async.datamodel.classes.pif import PIF
from xapi_async.datamodel.classes.pif_metrics import PIFMetrics
from xapi_async.datamodel.classes.pool import Pool
from xapi_async.datamodel.classes.tunnel import Tunnel
from xapi_async.inventory.networks import bridge_of
from xapi_async.network.driver import Card
from xapi_async.network.mac import is_mac

NULL = "OpaqueRef:NULL"

COMMON: dict[str, Any] = {
    "currently_attached": False,
    "management": False,
    "ip_configuration_mode": "None",
    "ipv6_configuration_mode": "None",
    "IP": "",
    "netmask": "",
    "gateway": "",
    "DNS": "",
    "ipv6_gateway": "",
    "primary_address_type": "IPv4",
    "managed": True,
    "disallow_unplug": False,
    "igmp_snooping_status": "unknown",
    "capabilities": (),
    "other_config": {},
}


async def physical(lab: Lab) -> PIF:
    await lab.call("PIF.forget", lab.pif(0, "eth2").ref)
    await lab.call("PIF.scan", lab.hosts[0])
    return lab.pif(0, "eth2")


async def bond_master(lab: Lab) -> PIF:
    network = await lab.network()
    await lab.set(Network, network, bridge="broken")  # so that it stays as it was made
    await lab.refused("Bond.create", network, (lab.pif(0, "eth1").ref,), "", "balance-slb", {})
    return lab.pif(0, "bond0")


async def vlan(lab: Lab) -> PIF:
    network = await lab.network()
    await lab.set(Network, network, bridge="broken")
    await lab.refused("VLAN.create", lab.pif(0, "eth1").ref, 12, network)
    return lab.pif(0, "eth1", 12)


async def tunnel_access(lab: Lab) -> PIF:
    await lab.refused("tunnel.create", lab.pif(0, "eth1").ref, await lab.network())
    (tunnel,) = lab.store.all(Tunnel)
    return lab.store.get(PIF, tunnel.access_PIF)


@pytest.mark.parametrize(
    ("make", "own"),
    [
        (physical, {"device": "eth2", "VLAN": -1, "physical": True, "MTU": 1500, "IPv6": ()}),
        (bond_master, {"device": "bond0", "VLAN": -1, "physical": False, "MTU": -1, "IPv6": ("",)}),
        (vlan, {"device": "eth1", "VLAN": 12, "physical": False, "MTU": 1500, "IPv6": ("",)}),
        (tunnel_access, {"device": "tunnel0", "VLAN": -1, "physical": False, "MTU": -1, "IPv6": ("",)}),
    ],
)
async def test_a_new_interface(lab, make, own):
    base = lab.pif(0, "eth1")
    pif = await make(lab)
    for field, value in {**COMMON, **own}.items():
        assert getattr(pif, field) == value, field
    has_properties = make in (physical, bond_master)
    assert pif.properties == ({"gro": "on"} if has_properties else {})
    assert (pif.metrics == base.metrics) is not has_properties  # those made over others share their metrics
    assert (bool(pif.bond_master_of), pif.VLAN_master_of != NULL, bool(pif.tunnel_access_PIF_of)) == (
        make is bond_master,
        make is vlan,
        make is tunnel_access,
    )
    if make is vlan:
        assert pif.MAC == "fe:ff:ff:ff:ff:ff"
    elif make is bond_master:
        assert pif.MAC == base.MAC
    elif make is tunnel_access:
        assert is_mac(pif.MAC)
        assert int(pif.MAC[:2], 16) & 3 == 2  # unicast, and the server's own
    metrics = lab.store.get(PIFMetrics, pif.metrics)
    assert (metrics.carrier, metrics.speed, metrics.duplex, metrics.last_updated) == (
        False,
        0,
        False,
        "19700101T00:00:00Z",
    )


@pytest.mark.parametrize("enabled", [True, False])
async def test_snooping_shows_once_an_interface_without_a_tag_is_up(lab, enabled):
    await lab.set(Pool, lab.pool.ref, igmp_snooping_enabled=enabled)
    base = lab.pif(0, "eth1")
    await lab.call("PIF.plug", base.ref)
    await lab.call("VLAN.create", base.ref, 5, await lab.network())
    bond = await lab.call("Bond.create", await lab.network(), (lab.pif(0, "eth2").ref,), "", "lacp", {})
    master = lab.store.get(PIF, lab.store.get(Bond, bond).master)
    status = "enabled" if enabled else "disabled"
    shown = [pif.igmp_snooping_status for pif in (base, lab.pif(0, "eth1", 5), master)]
    assert shown == [status, "unknown", status]


async def test_numbers_of_bonds_and_tunnels_are_used_again(lab):
    first = await lab.call("Bond.create", await lab.network(), (lab.pif(0, "eth1").ref,), "", "lacp", {})
    await lab.call("Bond.create", await lab.network(), (lab.pif(0, "eth2").ref,), "", "lacp", {})
    await lab.call("Bond.destroy", first)
    again = await lab.call(
        "Bond.create", await lab.network(), (lab.pif(0, "eth1").ref,), "aA:00:00:00:00:01", "lacp", {}
    )
    master = lab.store.get(PIF, lab.store.get(Bond, again).master)
    assert (master.device, master.MAC) == ("bond0", "aA:00:00:00:00:01")
    transport = lab.pif(0, "eth0").ref
    tunnels = [await lab.call("tunnel.create", transport, await lab.network()) for _ in range(2)]
    await lab.call("tunnel.destroy", tunnels[0])
    tunnel = await lab.call("tunnel.create", transport, await lab.network())
    assert lab.store.get(PIF, lab.store.get(Tunnel, tunnel).access_PIF).device == "tunnel0"


@pytest.mark.parametrize(
    ("device", "bridge"), [("eth0", "xenbr0"), ("eth12", "xenbr12"), ("em1", "brem1"), ("ethx", "brethx")]
)
def test_bridges_of_cards(device, bridge):
    assert bridge_of(device) == bridge


async def test_a_card_that_the_platform_boots_from(lab):
    card = Card("em1", "00:11:22:33:44:55", MTU=9000, managed=False, disallow_unplug=True, capabilities=("fcoe",))
    lab.services.network.learn(lab.store.get(Host, lab.hosts[1]).uuid, card)
    others = [await lab.put(Network, bridge="brem1") for _ in range(2)]
    await lab.call("PIF.scan", lab.hosts[1])
    pif = lab.pif(1, "em1")
    assert (pif.managed, pif.disallow_unplug, pif.capabilities, pif.MTU) == (False, True, ("fcoe",), 9000)
    network = lab.store.get(Network, pif.network)
    assert pif.network not in others  # of several with that bridge none is taken
    assert (network.name_label, network.name_description) == ("Pool-wide network associated with em1", "")
    assert (network.bridge, network.MTU, network.managed) == ("brem1", 1500, True)
