"""Making networks, telling them apart, and taking them away."""

from __future__ import annotations

import pytest

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.network import Network
from xapi_async.datamodel.classes.vif import VIF
from xapi_async.datamodel.classes.vif_metrics import VIFMetrics
from xapi_async.inventory.networks import INTERNAL_NETWORK
from xapi_async.network.mac import generated_mac, is_mac


async def test_a_fresh_pool_has_a_network_per_card_and_the_internal_one(lab):
    found = {network.bridge: network for network in lab.store.all(Network)}
    assert sorted(found) == ["xenapi", "xenbr0", "xenbr1", "xenbr2"]
    assert found["xenbr1"].name_label == "Pool-wide network associated with eth1"
    assert len(found["xenbr1"].PIFs) == 2
    internal = found["xenapi"]
    for field, value in INTERNAL_NETWORK.items():
        assert getattr(internal, field) == value


async def test_bridges_are_numbered_and_no_number_comes_back(lab):
    first = await lab.network()
    assert lab.store.get(Network, first).bridge == "xapi1"  # xapi0 went to the internal management network
    await lab.call("network.destroy", first)
    assert lab.store.get(Network, await lab.network()).bridge == "xapi2"


@pytest.mark.parametrize("bridge", ["a" * 16, "xenbr9", "xapi7", "vif1", "tap1", "eth9"])
async def test_bridges_of_the_servers_own_names_are_refused(lab, bridge):
    values = {"MTU": 1500, "bridge": bridge}
    assert await lab.refused("network.create", values) == ["INVALID_VALUE", "bridge", bridge]


async def test_a_bridge_belongs_to_one_network(lab):
    await lab.network(bridge="mine")
    assert await lab.refused("network.create", {"MTU": 1500, "bridge": "mine"}) == ["BRIDGE_NAME_EXISTS", "mine"]


async def test_nonsense_packet_sizes_become_the_usual_one(lab):
    assert lab.store.get(Network, await lab.network(MTU=-3)).MTU == 1500
    assert lab.store.get(Network, await lab.network(MTU=9000)).MTU == 9000


async def test_destroying_a_network(lab):
    ref = await lab.network()
    running = await lab.vm("Running", 0)
    vif = await lab.vif(running, ref, attached=True)
    assert await lab.refused("network.destroy", ref) == ["NETWORK_CONTAINS_VIF", vif]
    await lab.set(VIF, vif, currently_attached=False)
    metrics = lab.store.get(VIF, vif).metrics
    await lab.call("network.destroy", ref)
    assert lab.store.find(VIF, vif) is None
    assert lab.store.find(VIFMetrics, metrics) is not None
    shared = lab.pif(0, "eth0").network
    pifs = lab.store.get(Network, shared).PIFs
    assert await lab.refused("network.destroy", shared) == ["NETWORK_CONTAINS_PIF", *pifs]
    internal = next(n.ref for n in lab.store.all(Network) if n.bridge == "xenapi")
    assert await lab.refused("network.destroy", internal) == ["CANNOT_DESTROY_SYSTEM_NETWORK", internal]


async def test_purposes_of_the_whole_pool_go_together(lab):
    one, other = await lab.network(), await lab.network()
    await lab.call("network.add_purpose", one, "nbd")
    await lab.call("network.add_purpose", one, "nbd")
    assert lab.store.get(Network, one).purpose == ("nbd",)
    refused = await lab.refused("network.add_purpose", other, "insecure_nbd")
    assert refused == ["NETWORK_INCOMPATIBLE_PURPOSES", "insecure_nbd", "nbd"]
    await lab.call("network.remove_purpose", one, "nbd")
    await lab.call("network.remove_purpose", one, "nbd")
    await lab.call("network.add_purpose", other, "insecure_nbd")
    assert await lab.refused("network.add_purpose", other, "nbd") == [
        "NETWORK_INCOMPATIBLE_PURPOSES",
        "nbd",
        "insecure_nbd",
    ]


async def test_the_default_locking_mode_stays_while_a_vif_is_attached(lab):
    ref = await lab.network()
    vif = await lab.vif(await lab.vm(), ref, attached=True)
    assert await lab.refused("network.set_default_locking_mode", ref, "disabled") == ["VIF_IN_USE", ref, vif]
    await lab.set(VIF, vif, currently_attached=False)
    await lab.call("network.set_default_locking_mode", ref, "disabled")
    assert lab.store.get(Network, ref).default_locking_mode == "disabled"


async def test_an_unmanaged_network_needs_its_bridge(lab):
    ref = await lab.network(managed=False, bridge="elsewhere")
    assert await lab.refused("network.attach", ref, lab.hosts[0]) == ["BRIDGE_NOT_AVAILABLE", "elsewhere"]


async def test_networks_are_brought_up_for_a_vm_and_released(lab):
    ref = await lab.network()
    vm = await lab.vm("Running", 0)
    await lab.vif(vm, ref)
    bridge, uuid = lab.store.get(Network, ref).bridge, lab.store.get(Host, lab.hosts[0]).uuid
    await lab.call("network.attach_for_vm", lab.hosts[0], vm)
    assert lab.services.network.has_bridge(uuid, bridge)
    await lab.call("network.detach_for_vm", lab.hosts[0], vm)
    assert not lab.services.network.has_bridge(uuid, bridge)
    await lab.call("network.detach_for_vm", lab.hosts[0], "OpaqueRef:gone")


@pytest.mark.parametrize(
    ("number", "mac"), [(0, "9e:89:c8:4a:62:ba"), (1, "26:d1:6c:c5:93:ac"), (2, "6a:17:50:56:f3:26")]
)
def test_addresses_made_from_a_seed(number, mac):
    assert generated_mac("00000000-0000-0000-0000-000000000000", number) == mac


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("00:00:00:00:00:00", True),
        ("FF:ff:FF:ff:FF:ff", True),
        ("", False),
        ("00:00:00:00:00", False),
        ("00:00:00:00:00:00:00", False),
        ("0:00:00:00:00:000", False),
        ("00-00-00-00-00-00", False),
        ("0g:00:00:00:00:00", False),
        ("00:00:00:00:00:00\n", False),
    ],
)
def test_what_a_mac_address_is(text, good):
    assert is_mac(text) is good
