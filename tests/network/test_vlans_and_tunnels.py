"""VLANs and tunnels, on one host and on all."""

from __future__ import annotations

import pytest

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.network import Network
from xapi_async.datamodel.classes.pif import PIF
from xapi_async.datamodel.classes.pif_metrics import PIFMetrics
from xapi_async.datamodel.classes.tunnel import Tunnel
from xapi_async.datamodel.classes.vif import VIF
from xapi_async.datamodel.classes.vlan import VLAN


async def test_a_vlan_and_its_interface(lab):
    network, base = await lab.network(), lab.pif(0, "eth1")
    vlan = lab.store.get(VLAN, await lab.call("VLAN.create", base.ref, 0, network))
    pif = lab.store.get(PIF, vlan.untagged_PIF)
    assert (vlan.tagged_PIF, vlan.tag, vlan.other_config) == (base.ref, 0, {})
    assert (pif.device, pif.MAC, pif.VLAN, pif.physical) == ("eth1", "fe:ff:ff:ff:ff:ff", 0, False)
    assert (pif.metrics, pif.IPv6, pif.VLAN_master_of) == (base.metrics, ("",), vlan.ref)
    assert pif.currently_attached
    assert pif.igmp_snooping_status == "unknown"
    assert base.VLAN_slave_of == (vlan.ref,)
    await lab.call("VLAN.destroy", vlan.ref)
    assert lab.store.find(PIF, pif.ref) is None
    assert lab.store.find(PIFMetrics, base.metrics) is not None
    assert lab.store.find(Network, network) is not None


async def test_vlans_that_cannot_be(lab):
    network, base = await lab.network(), lab.pif(0, "eth0")

    def refused(base=base.ref, tag=9, network=network):
        return lab.refused("VLAN.create", base, tag, network)

    unmanaged = await lab.network(managed=False)
    assert await refused(network=unmanaged) == ["NETWORK_UNMANAGED", unmanaged]
    await lab.set(PIF, base.ref, managed=False)
    assert await refused() == ["PIF_UNMANAGED", base.ref]
    await lab.set(PIF, base.ref, managed=True)
    connected = lab.pif(0, "eth1")
    assert await refused(network=connected.network) == ["NETWORK_ALREADY_CONNECTED", lab.hosts[0], connected.ref]
    for tag in (-1, 4095):
        assert await refused(tag=tag) == ["VLAN_TAG_INVALID", str(tag)]
    await lab.call("VLAN.create", base.ref, 9, await lab.network())
    assert await refused() == ["PIF_VLAN_EXISTS", "eth0"]
    untagged = lab.pif(0, "eth0", 9).ref
    assert await refused(base=untagged) == ["PIF_IS_VLAN", untagged]
    assert await refused(tag=99) == ["VLAN_IN_USE", "eth0", "99"]
    await lab.call("Bond.create", await lab.network(), (connected.ref,), "", "balance-slb", {})
    assert await refused(base=connected.ref) == ["CANNOT_ADD_VLAN_TO_BOND_SLAVE", connected.ref]


async def test_a_vlan_whose_interface_fails_to_come_up_stays(lab):
    broken = await lab.network()
    await lab.set(Network, broken, bridge="broken")
    base = lab.pif(0, "eth1").ref
    assert (await lab.refused("VLAN.create", base, 5, broken))[0] == "PIF_CONFIGURATION_ERROR"
    assert not lab.pif(0, "eth1", 5).currently_attached


@pytest.mark.parametrize("kind", ["VLAN", "tunnel"])
async def test_what_is_put_to_use_while_it_goes_down_stays(lab, monkeypatch, kind):
    network, base = await lab.network(), lab.pif(0, "eth0").ref
    ref = await lab.call(f"{kind}.create", base, *([5] if kind == "VLAN" else []), network)
    vif = await lab.vif(await lab.vm("Running", 0), network)

    async def down(host, interface):
        await lab.set(VIF, vif, currently_attached=True)

    monkeypatch.setattr(lab.services.network, "down", down)
    assert await lab.refused(f"{kind}.destroy", ref) == ["VIF_IN_USE", network, vif]
    assert lab.store.get(Network, network).PIFs


async def test_the_deprecated_messages(lab):
    network = await lab.network()
    refused = await lab.refused("PIF.create_VLAN", "eth9", network, lab.hosts[0], 5)
    assert refused == ["INVALID_VALUE", "device", "eth9"]
    untagged = await lab.call("PIF.create_VLAN", "eth1", network, lab.hosts[0], 5)
    assert lab.store.get(PIF, untagged).VLAN == 5
    assert await lab.refused("PIF.destroy", lab.pif(0, "eth1").ref) == ["PIF_IS_PHYSICAL"]
    await lab.call("PIF.destroy", untagged)
    assert not list(lab.store.all(VLAN))


async def test_a_vlan_without_its_interface_is_only_a_record(lab):
    vlan = await lab.call("VLAN.pool_introduce", lab.pif(0, "eth1").ref, "OpaqueRef:gone", 5, {"a": "b"})
    assert lab.store.get(VLAN, vlan).other_config == {"a": "b"}
    await lab.call("VLAN.destroy", vlan)
    assert lab.store.find(VLAN, vlan) is None


async def test_a_vlan_on_every_host(lab):
    network = await lab.network()
    made = await lab.call("pool.create_VLAN", "eth1", network, 7)
    assert [lab.store.get(PIF, ref).host for ref in made] == lab.hosts
    assert set(lab.store.get(Network, network).PIFs) == set(made)
    assert all(lab.store.get(PIF, ref).currently_attached for ref in made)
    refused = await lab.refused("pool.create_VLAN", "eth1", await lab.network(), 7)
    assert refused == ["PIF_VLAN_EXISTS", "eth1"]
    assert len(list(lab.store.all(VLAN))) == 2


async def test_a_vlan_on_every_live_host(lab):
    made = await lab.call("pool.create_VLAN_from_PIF", lab.pif(1, "eth2").ref, await lab.network(), 7)
    assert {lab.store.get(PIF, ref).device for ref in made} == {"eth2"}
    assert len(made) == 2


async def test_a_tunnel(lab):
    network, transport = await lab.network(), lab.pif(0, "eth0")
    tunnel = lab.store.get(Tunnel, await lab.call("tunnel.create", transport.ref, network))
    access = lab.store.get(PIF, tunnel.access_PIF)
    assert (access.device, access.VLAN, access.currently_attached) == ("tunnel0", -1, True)
    assert (access.metrics, tunnel.status) == (transport.metrics, {"active": "false"})
    assert await lab.refused("PIF.forget", transport.ref) == ["PIF_IS_MANAGEMENT_INTERFACE", transport.ref]
    assert await lab.refused("PIF.forget", access.ref) == ["PIF_TUNNEL_STILL_EXISTS", access.ref]
    refused = await lab.refused("tunnel.create", access.ref, await lab.network())
    assert refused == ["IS_TUNNEL_ACCESS_PIF", access.ref]
    await lab.call("tunnel.destroy", tunnel.ref)
    assert lab.store.find(PIF, access.ref) is None


async def test_a_tunnel_needs_an_address_below(lab):
    transport = lab.pif(0, "eth1").ref
    refused = await lab.refused("tunnel.create", transport, await lab.network())
    assert refused == ["TRANSPORT_PIF_NOT_CONFIGURED", transport]
    assert len(list(lab.store.all(Tunnel))) == 1


async def test_a_tunnel_needs_the_switch_on_every_host(lab):
    await lab.set(Host, lab.hosts[1], software_version={"network_backend": "bridge"})
    refused = await lab.refused("tunnel.create", lab.pif(0, "eth0").ref, await lab.network())
    assert refused == ["OPENVSWITCH_NOT_ACTIVE"]
