"""Calls about interfaces and devices of a host that does not answer: refused, and nothing is changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.client import refused, until
from tests.live import LiveServer, running

STATIC = ("Static", "192.0.2.7", "255.255.255.0", "", "")


class Away:
    """A slave with interfaces of every kind and a running guest, to be taken away."""

    def __init__(self, api: Any) -> None:
        self.api = api
        self.master = api.pool.get_master(api.pool.get_all()[0])
        (self.host,) = [host for host in api.host.get_all() if host != self.master]
        own = {api.PIF.get_device(pif): pif for pif in api.host.get_PIFs(self.host)}
        self.management, self.pif = own["eth0"], own["eth1"]
        api.PIF.reconfigure_ip(self.pif, *STATIC)
        self.vlan = api.VLAN.create(self.pif, "7", self.network())
        self.untagged = api.VLAN.get_untagged_PIF(self.vlan)
        self.tunnel = api.tunnel.create(self.pif, self.network())
        self.bond = api.Bond.create(self.network(), [own["eth2"], own["eth3"]], "", "balance-slb", {})
        self.free = self.network()
        (template,) = api.VM.get_by_name_label("Other install media")
        self.vm = api.VM.clone(template, "guest")
        api.VM.provision(self.vm)
        self.vif, self.other = self.new_vif("0"), self.new_vif("1")
        api.VM.start_on(self.vm, self.host, False, False)
        until(lambda: "unplug" in api.VIF.get_allowed_operations(self.vif))
        api.VIF.unplug(self.other)

    def network(self) -> str:
        fields = {"name_label": "n", "name_description": "", "MTU": "1500", "other_config": {}, "tags": []}
        return str(self.api.network.create(fields))

    def new_vif(self, device: str) -> str:
        fields = {"device": device, "network": self.api.PIF.get_network(self.pif), "VM": self.vm, "MAC": "", "MTU": "0"}
        more: Mapping[str, Any] = {"other_config": {}, "qos_algorithm_type": "", "qos_algorithm_params": {}}
        return str(self.api.VIF.create({**fields, **more}))

    def fail(self, *, noticed: bool) -> None:
        args = {"noticed": str(noticed).lower()}
        self.api.host.call_plugin(self.host, "simulator", "fail-host", args)

    def seen(self) -> Any:
        """The records that none of the calls may change."""
        classes = ("PIF", "VLAN", "tunnel", "Bond", "VIF", "network", "PGPU")
        return {name: getattr(self.api, name).get_all_records() for name in classes}


CALLS: Mapping[str, Callable[[Away], tuple[Callable[..., Any], tuple[Any, ...]]]] = {
    "PIF.plug": lambda it: (it.api.PIF.plug, (it.pif,)),
    "PIF.unplug": lambda it: (it.api.PIF.unplug, (it.pif,)),
    "PIF.reconfigure_ip": lambda it: (it.api.PIF.reconfigure_ip, (it.pif, *STATIC)),
    "PIF.reconfigure_ipv6": lambda it: (it.api.PIF.reconfigure_ipv6, (it.pif, "Autoconf", "", "", "")),
    "PIF.set_primary_address_type": lambda it: (it.api.PIF.set_primary_address_type, (it.pif, "IPv6")),
    "PIF.set_property": lambda it: (it.api.PIF.set_property, (it.pif, "gro", "off")),
    "PIF.scan": lambda it: (it.api.PIF.scan, (it.host,)),
    "PIF.introduce": lambda it: (it.api.PIF.introduce, (it.host, "", "eth9", True)),
    "PIF.forget": lambda it: (it.api.PIF.forget, (it.pif,)),
    "PIF.create_VLAN": lambda it: (it.api.PIF.create_VLAN, ("eth1", it.free, it.host, "8")),
    "PIF.destroy": lambda it: (it.api.PIF.destroy, (it.untagged,)),
    "VLAN.create": lambda it: (it.api.VLAN.create, (it.pif, "8", it.free)),
    "VLAN.destroy": lambda it: (it.api.VLAN.destroy, (it.vlan,)),
    "pool.create_VLAN": lambda it: (it.api.pool.create_VLAN, ("eth1", it.free, "8")),
    "tunnel.create": lambda it: (it.api.tunnel.create, (it.pif, it.free)),
    "tunnel.destroy": lambda it: (it.api.tunnel.destroy, (it.tunnel,)),
    "Bond.create": lambda it: (it.api.Bond.create, (it.free, [it.pif], "", "balance-slb", {})),
    "Bond.destroy": lambda it: (it.api.Bond.destroy, (it.bond,)),
    "Bond.set_mode": lambda it: (it.api.Bond.set_mode, (it.bond, "active-backup")),
    "Bond.set_property": lambda it: (it.api.Bond.set_property, (it.bond, "miimon", "200")),
    "network.attach": lambda it: (it.api.network.attach, (it.free, it.host)),
    "host.management_reconfigure": lambda it: (it.api.host.management_reconfigure, (it.pif,)),
    "VIF.plug": lambda it: (it.api.VIF.plug, (it.other,)),
    "VIF.unplug": lambda it: (it.api.VIF.unplug, (it.vif,)),
    "VIF.unplug_force": lambda it: (it.api.VIF.unplug_force, (it.vif,)),
    "VIF.move": lambda it: (it.api.VIF.move, (it.vif, it.api.PIF.get_network(it.management))),
    "PUSB.scan": lambda it: (it.api.PUSB.scan, (it.host,)),
    "PGPU.enable_dom0_access": lambda it: (it.api.PGPU.enable_dom0_access, (it.api.host.get_PGPUs(it.host)[0],)),
    "PGPU.disable_dom0_access": lambda it: (it.api.PGPU.disable_dom0_access, (it.api.host.get_PGPUs(it.host)[0],)),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    folder: Path = tmp_path_factory.mktemp("away")
    nics = ", ".join(f'{{device = "eth{number}"}}' for number in range(4))
    settings = folder / "settings.toml"
    settings.write_text(f"[simulator]\nplugin = true\n[inventory]\nhosts = 2\n[inventory.host]\nnics = [{nics}]\n")
    with running(folder, "--config", str(settings)) as made:
        yield made


@pytest.fixture(scope="module")
def away(server: LiveServer) -> Iterator[Away]:
    with server.session() as session:
        yield Away(session.xenapi)


@pytest.mark.parametrize("noticed", [False, True])
def test_a_host_that_does_not_answer(away: Away, noticed: bool) -> None:
    away.fail(noticed=noticed)
    code = "HOST_OFFLINE" if noticed else "CANNOT_CONTACT_HOST"
    before = away.seen()
    for name, call in CALLS.items():
        function, args = call(away)
        assert refused(function, *args) == [code, away.host], name
    assert away.seen() == before
