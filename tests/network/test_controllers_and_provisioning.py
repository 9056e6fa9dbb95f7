"""Switch controllers, provisioning sites and their proxies."""

from __future__ import annotations

import pytest

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.pool import Pool
from xapi_async.datamodel.classes.pvs_cache_storage import PVSCacheStorage
from xapi_async.datamodel.classes.pvs_proxy import PVSProxy
from xapi_async.datamodel.classes.pvs_server import PVSServer
from xapi_async.datamodel.classes.pvs_site import PVSSite
from xapi_async.datamodel.classes.sdn_controller import SDNController
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.classes.vif import VIF
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.operations.collector import DELETERS, NEEDS
from xapi_async.operations.networking.monitor import look_at_links
from xapi_async.operations.networking.vif import mark_detached
from xapi_async.operations.orphans import collect


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("pssl", "1.2.3.4", 0), ["INVALID_VALUE", "address", "1.2.3.4"]),
        (("pssl", "", 5), ["INVALID_VALUE", "port", "5"]),
        (("ssl", "", 0), ["INVALID_VALUE", "address", ""]),
        (("ssl", "x", 0), ["INVALID_IP_ADDRESS_SPECIFIED", "address"]),
        (("ssl", "1.2.3.4", 65536), ["VALUE_NOT_SUPPORTED", "port", "65536"]),
        (("ssl", "1.2.3.4", -1), ["VALUE_NOT_SUPPORTED", "port", "-1"]),
    ],
)
async def test_controllers_that_cannot_be(lab, arguments, error):
    assert (await lab.refused("SDN_controller.introduce", *arguments))[: len(error)] == error


async def test_one_controller(lab):
    ref = await lab.call("SDN_controller.introduce", "ssl", "1.2.3.4", 0)
    assert lab.store.get(SDNController, ref).port == 6632
    assert (await lab.refused("SDN_controller.introduce", "pssl", "", 0))[0] == "OPERATION_NOT_ALLOWED"
    await lab.call("SDN_controller.forget", ref)
    ref = await lab.call("SDN_controller.introduce", "pssl", "", 0)
    assert (lab.store.get(SDNController, ref).port, lab.store.get(SDNController, ref).address) == (0, "")
    assert await lab.refused("pool.set_vswitch_controller", "x") == ["INVALID_IP_ADDRESS_SPECIFIED", "address"]
    await lab.call("pool.set_vswitch_controller", "9.9.9.9")
    (controller,) = lab.store.all(SDNController)
    assert (controller.protocol, controller.address, controller.port) == ("ssl", "9.9.9.9", 6632)
    await lab.call("pool.set_vswitch_controller", "9.9.9.9")
    await lab.call("pool.set_vswitch_controller", "")
    assert not list(lab.store.all(SDNController))
    await lab.set(Host, lab.hosts[0], software_version={"network_backend": "bridge"})
    assert (await lab.refused("pool.set_vswitch_controller", "1.2.3.4"))[0] == "OPERATION_NOT_ALLOWED"
    assert (await lab.refused("SDN_controller.introduce", "ssl", "1.2.3.4", 0))[0] == "OPERATION_NOT_ALLOWED"


async def test_sites_and_servers(lab):
    site = await lab.call("PVS_site.introduce", "site", "", "uuid")
    server = await lab.call("PVS_server.introduce", ("1.1.1.1", "1.1.1.1"), 6910, 6930, site)
    assert lab.store.get(PVSServer, server).addresses == ("1.1.1.1",)

    def refused(*arguments):
        return lab.refused("PVS_server.introduce", *arguments)

    assert await refused(("x",), 0, 0, "") == ["INVALID_IP_ADDRESS_SPECIFIED", "addresses"]
    assert await refused(("2.2.2.2", "1.1.1.1"), 0, 0, "") == ["PVS_SERVER_ADDRESS_IN_USE", "1.1.1.1"]
    assert (await refused((), 0, 1, ""))[:3] == ["VALUE_NOT_SUPPORTED", "first_port", "0"]
    assert (await refused((), 1, 65536, ""))[:3] == ["VALUE_NOT_SUPPORTED", "last_port", "65536"]
    assert (await refused((), 5, 4, ""))[:3] == ["VALUE_NOT_SUPPORTED", "last_port", "4"]
    assert await refused((), 4, 4, "none") == ["INVALID_VALUE", "site", "none"]
    assert await lab.refused("PVS_site.forget", site) == ["PVS_SITE_CONTAINS_SERVERS", server]
    await lab.call("PVS_server.forget", server)
    await lab.call("PVS_site.forget", site)
    await lab.set(Host, lab.hosts[0], software_version={"network_backend": "bridge"})
    assert await refused((), 4, 4, "none") == ["OPENVSWITCH_NOT_ACTIVE"]
    assert await lab.refused("PVS_site.introduce", "", "", "") == ["OPENVSWITCH_NOT_ACTIVE"]
    await lab.set(Pool, lab.pool.ref, restrictions={})
    assert await refused((), 4, 4, "none") == ["LICENCE_RESTRICTION", "PVS_proxy"]
    assert await lab.refused("PVS_site.introduce", "", "", "") == ["LICENCE_RESTRICTION", "PVS_proxy"]


async def test_a_proxy_follows_its_vif(lab):
    site = await lab.call("PVS_site.introduce", "site", "", "uuid")
    vm, network = await lab.vm("Running", 0), await lab.network()
    vif = await lab.vif(vm, network)
    second = await lab.vif(vm, network, device="1")
    assert await lab.refused("PVS_proxy.create", "none", vif) == ["INVALID_VALUE", "site", "none"]
    assert await lab.refused("PVS_proxy.create", site, "none") == ["INVALID_VALUE", "VIF", "none"]
    assert await lab.refused("PVS_proxy.create", site, second) == ["INVALID_DEVICE", "1"]
    proxy = lab.store.get(PVSProxy, await lab.call("PVS_proxy.create", site, vif))
    assert await lab.refused("PVS_proxy.create", site, vif) == ["PVS_PROXY_ALREADY_PRESENT", proxy.ref]
    await lab.call("VIF.plug", vif)
    assert (proxy.currently_attached, proxy.status) == (False, "stopped")  # nothing to stream from
    await lab.call("VIF.unplug", vif)
    await lab.call("PVS_server.introduce", ("1.1.1.1",), 1, 2, site)
    disk = await lab.put(VDI)
    cache = await lab.put(PVSCacheStorage, site=site, host=lab.hosts[0], VDI=disk)
    await lab.call("VIF.plug", vif)
    assert (proxy.currently_attached, proxy.status) == (True, "initialised")
    await look_at_links(lab.services)
    assert proxy.status == "caching"
    for message, *rest in (("PVS_site.forget",), ("PVS_site.set_PVS_uuid", "x")):
        refused = await lab.refused(message, site, *rest)
        assert refused == ["PVS_SITE_CONTAINS_RUNNING_PROXIES", proxy.ref]
    assert await lab.refused("PVS_cache_storage.destroy", cache) == ["PVS_CACHE_STORAGE_IS_IN_USE", cache]
    with pytest.raises(ApiError) as caught:
        await lab.create(PVSCacheStorage, site=site, host=lab.hosts[0])
    assert caught.value.description == ["PVS_CACHE_STORAGE_ALREADY_PRESENT", site, lab.hosts[0]]
    async with lab.store.transaction() as tx:
        mark_detached(tx, vm)
    assert (proxy.currently_attached, proxy.status) == (False, "stopped")
    await lab.call("PVS_site.set_PVS_uuid", site, "x")
    async with lab.store.transaction() as tx:
        tx.delete(tx.get(VDI, disk))
    await lab.call("PVS_cache_storage.destroy", cache)


async def test_orphans_are_collected(lab):
    site = await lab.put(PVSSite)
    vm = await lab.vm()
    vif = await lab.vif(vm)
    kept = await lab.vif(await lab.vm())
    proxy = await lab.put(PVSProxy, VIF=vif, site=site)
    server = await lab.put(PVSServer, site="gone")
    async with lab.store.transaction() as tx:
        tx.delete(tx.get(VM, vm))
    await collect(lab.services, NEEDS, DELETERS)
    assert lab.store.find(VIF, vif) is None
    assert lab.store.find(PVSProxy, proxy) is None
    assert lab.store.find(PVSServer, server) is None
    assert lab.store.find(VIF, kept) is not None
