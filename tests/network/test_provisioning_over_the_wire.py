"""Provisioning proxies with their caches on real storage, and what they say when they cannot start."""

from __future__ import annotations

from typing import Any

import pytest
import XenAPI

from tests.live import LiveServer


class Site:
    """A provisioning site, and a guest with a proxy of it."""

    def __init__(self, api: Any) -> None:
        self.api = api
        (self.host,) = api.host.get_all()
        self.sr = next(sr for sr in api.SR.get_all() if api.SR.get_type(sr) in ("lvm", "ext"))
        network = api.network.create({"name_label": "streams", "name_description": "", "other_config": {}})
        self.vm = api.VM.clone(api.VM.get_by_name_label("Other install media")[0], "guest")
        api.VM.provision(self.vm)
        record = {"device": "0", "network": network, "VM": self.vm, "MAC": "", "MTU": "1500", "other_config": {}}
        vif = api.VIF.create({**record, "qos_algorithm_type": "", "qos_algorithm_params": {}})
        self.ref = api.PVS_site.introduce("site", "", "")
        self.proxy = api.PVS_proxy.create(self.ref, vif)
        self.seen: set[str] = set()

    def started(self) -> tuple[bool, set[str]]:
        """Start the guest anew; gives whether its proxy is attached, and the new messages about it."""
        if self.api.VM.get_power_state(self.vm) == "Running":
            self.api.VM.hard_shutdown(self.vm)
        self.api.VM.start(self.vm, False, False)
        uuid = self.api.PVS_proxy.get_uuid(self.proxy)
        messages = {ref: m for ref, m in self.api.message.get_all_records().items() if m["obj_uuid"] == uuid}
        assert all((m["cls"], m["priority"]) == ("PVS_proxy", "3") for m in messages.values())
        names = {m["name"] for ref, m in messages.items() if ref not in self.seen}
        self.seen.update(messages)
        return self.api.PVS_proxy.get_currently_attached(self.proxy), names

    def cache(self, size: int) -> str:
        record = {"host": self.host, "SR": self.sr, "site": self.ref, "size": str(size)}
        return self.api.PVS_cache_storage.create(record)


def test_a_proxy_starts_once_everything_is_there(fresh_server: LiveServer):
    with fresh_server.session() as session:
        api, site = session.xenapi, Site(session.xenapi)
        assert site.started() == (False, {"PVS_PROXY_NO_SERVER_AVAILABLE"})
        server = api.PVS_server.introduce(["10.0.0.9"], "6910", "6930", site.ref)
        assert site.started() == (False, {"PVS_PROXY_NO_CACHE_SR_AVAILABLE"})
        cache = site.cache(1 << 30)
        vdi = api.PVS_cache_storage.get_VDI(cache)
        record = api.VDI.get_record(vdi)
        assert (record["name_label"], record["name_description"], record["type"]) == (
            *["PVS cache VDI"] * 2,
            "pvs_cache",
        )
        assert (record["virtual_size"], record["sharable"], record["read_only"]) == (str(1 << 30), False, False)
        assert site.started() == (True, set())
        with pytest.raises(XenAPI.Failure) as refused:
            api.PVS_cache_storage.destroy(cache)
        assert refused.value.details == ["PVS_CACHE_STORAGE_IS_IN_USE", cache]
        api.VM.hard_shutdown(site.vm)
        assert api.PVS_proxy.get_status(site.proxy) == "stopped"

        api.VDI.forget(vdi)  # as if it had been in memory only
        assert site.started() == (True, set())
        remade = api.PVS_cache_storage.get_VDI(cache)
        assert remade != vdi
        assert api.VDI.get_virtual_size(remade) == str(1 << 30)

        api.VM.hard_shutdown(site.vm)
        api.PVS_server.forget(server)
        api.PVS_site.forget(site.ref)
        assert api.PVS_cache_storage.get_all() == []
        assert remade not in api.VDI.get_all()


def test_a_cache_that_no_longer_fits(fresh_server: LiveServer):
    with fresh_server.session() as session:
        api, site = session.xenapi, Site(session.xenapi)
        api.PVS_server.introduce(["10.0.0.9"], "6910", "6930", site.ref)
        api.VDI.destroy(api.PVS_cache_storage.get_VDI(site.cache(1 << 30)))
    fresh_server.stop()
    fresh_server.flags = ("--set", "simulator.faults=storage.create_disk: SR_BACKEND_FAILURE_44 full")
    fresh_server.start()
    with fresh_server.session() as session:
        site.api = session.xenapi
        assert site.started() == (False, {"PVS_PROXY_SR_OUT_OF_SPACE"})
        assert site.api.VM.get_power_state(site.vm) == "Running"
