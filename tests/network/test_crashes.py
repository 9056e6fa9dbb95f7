"""Servers killed while a host follows changed records: what is found again is whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.client import until
from tests.live import LiveServer, running

SLOW = ("--set", "network.plug_seconds=60")
"""So that a kill comes long before a host has followed."""


@pytest.fixture
def server(tmp_path: Path):
    config = tmp_path / "settings.toml"
    nics = ", ".join(f'{{device = "eth{number}"}}' for number in range(3))
    config.write_text(f"[inventory]\nhosts = 1\n[inventory.host]\nnics = [{nics}]\n")
    with running(tmp_path, "--config", str(config)) as server:
        yield server


def new_network(api: Any, name: str) -> str:
    return api.network.create({"name_label": name, "name_description": "", "other_config": {}})


def guest_on(api: Any, network: str) -> str:
    """A running VM with an interface on the network; gives the interface."""
    vm = api.VM.clone(api.VM.get_by_name_label("Other install media")[0], "guest")
    api.VM.provision(vm)
    record = {"device": "0", "network": network, "VM": vm, "MAC": "", "MTU": "1500", "other_config": {}}
    vif = api.VIF.create({**record, "qos_algorithm_type": "", "qos_algorithm_params": {}})
    api.VM.start(vm, False, False)
    return vif


def restarted(server: LiveServer, *flags: str) -> None:
    server.flags = (*server.flags[:2], *flags)
    server.start()


def killed_while(server: LiveServer, api: Any, seen: str, call: Any, *args: Any) -> None:
    """Have a call begin, and kill the server once the number of objects of the class ``seen`` differs."""
    before = len(getattr(api, seen).get_all())
    task = call(*args)
    until(lambda: len(getattr(api, seen).get_all()) != before)
    assert api.task.get_status(task) == "pending"
    server.kill()


def test_a_bond_that_was_being_made_and_one_that_was_being_taken_apart(server: LiveServer):
    with server.session() as session:
        api = session.xenapi
        (host,) = api.host.get_all()
        eth0 = api.host.get_management_interface(host)
        eth1 = next(pif for pif in api.PIF.get_all() if api.PIF.get_device(pif) == "eth1")
        home, address = api.PIF.get_network(eth1), api.host.get_address(host)
        tagged, bonded = new_network(api, "tagged"), new_network(api, "bonded")
        api.VLAN.create(eth1, "7", tagged)
        tunnelled = new_network(api, "tunnelled")
        api.tunnel.create(eth0, tunnelled)
        api.PIF.set_disallow_unplug(eth1, True)
        on_card, on_vlan = guest_on(api, home), guest_on(api, tagged)
    server.stop()
    restarted(server, *SLOW)
    with server.session() as session:
        api = session.xenapi
        killed_while(server, api, "Bond", api.Async.Bond.create, bonded, [eth0, eth1], "", "active-backup", {})
    restarted(server)
    with server.session() as session:
        api = session.xenapi
        (bond,) = api.Bond.get_all()
        master = api.Bond.get_master(bond)
        assert api.host.get_management_interface(host) == master
        assert api.host.get_address(host) == api.PIF.get_IP(master) == address
        settled(api, master, tagged)
        (vlan,) = api.PIF.get_VLAN_slave_of(master)
        assert api.PIF.get_network(api.VLAN.get_untagged_PIF(vlan)) == tagged
        (tunnel,) = api.PIF.get_tunnel_transport_PIF_of(master)
        assert api.PIF.get_network(api.tunnel.get_access_PIF(tunnel)) == tunnelled
        assert api.PIF.get_disallow_unplug(master)
        assert [api.VIF.get_network(vif) for vif in (on_card, on_vlan)] == [bonded, tagged]
        assert [api.PIF.get_currently_attached(pif) for pif in (eth0, eth1)] == [False, False]
        assert [api.PIF.get_IP(pif) for pif in (eth0, eth1)] == ["", ""]
    server.stop()
    restarted(server, *SLOW)
    with server.session() as session:
        api = session.xenapi
        killed_while(server, api, "Bond", api.Async.Bond.destroy, bond)
    restarted(server)
    with server.session() as session:
        api = session.xenapi
        assert api.Bond.get_all() == []
        assert api.host.get_management_interface(host) == eth0
        assert api.host.get_address(host) == api.PIF.get_IP(eth0) == address
        settled(api, eth0, tagged)
        assert len(api.PIF.get_VLAN_slave_of(eth0)) == len(api.PIF.get_tunnel_transport_PIF_of(eth0)) == 1
        assert [api.VIF.get_network(vif) for vif in (on_card, on_vlan)] == [api.PIF.get_network(eth0), tagged]
        assert api.PIF.get_disallow_unplug(eth0)
        assert [api.PIF.get_bond_slave_of(pif) for pif in (eth0, eth1)] == ["OpaqueRef:NULL"] * 2


def settled(api: Any, managing: str, used: str) -> None:
    """Wait until what hosts have up at a start is up: the management interface, and the network that a guest uses."""
    until(lambda: all(api.PIF.get_currently_attached(pif) for pif in (managing, *api.network.get_PIFs(used))))
