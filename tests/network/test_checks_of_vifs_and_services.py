"""Which error comes first of VIFs, controllers, provisioning and management, where several could."""

from __future__ import annotations

from tests.climbing import SENTENCE, Climb, climb
from tests.network.conftest import LICENSED, bridged, switched
from xapi_async.datamodel.classes.bond import Bond
from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.pif import PIF
from xapi_async.datamodel.classes.pvs_server import PVSServer
from xapi_async.datamodel.classes.pvs_site import PVSSite
from xapi_async.datamodel.classes.sdn_controller import SDNController
from xapi_async.datamodel.classes.vif import VIF
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.classes.vm_guest_metrics import VMGuestMetrics


async def test_vif_create(lab):
    vm, network = await lab.vm(other_config={}), await lab.network()
    await lab.set(VM, vm, ha_always_run=True, ha_restart_priority="restart")
    await lab.put(VIF, VM=vm, network=network, device="3")

    async def create(device: str, MAC: str, network: str) -> str:
        return await lab.create(VIF, VM=vm, network=network, device=device, MAC=MAC, locking_mode="locked", MTU=-5)

    it = Climb(lab, create, device="x", MAC="", network=network)
    await it.pool(ha_enabled=True, restrictions={})
    await it.refused("LICENCE_RESTRICTION", "VIF_locking")
    await it.pool(restrictions=LICENSED)
    for wrong in ("x", "", " 3", "3.0", "0x3", "1_0", "٣"):
        it.now(device=wrong)
        await it.refused("INVALID_DEVICE", wrong)
    it.now(device="3")
    await it.refused("MAC_INVALID", "")
    it.now(MAC="00:00:00:00:00:00")
    await it.refused("HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN")
    await it.pool(ha_allow_overcommit=True)
    await it.refused("DEVICE_ALREADY_EXISTS", "3")
    it.now(device="1234", network="OpaqueRef:none")  # neither has to be anything
    made = lab.store.get(VIF, await it.done())
    assert (made.device, made.network, made.locking_mode, made.MTU) == ("1234", "OpaqueRef:none", "locked", -5)


async def test_vif_configure(lab):
    vm = await lab.vm()
    vif = await lab.vif(vm, locking_mode="locked")
    it = climb(lab, "VIF.configure_ipv4", self=vif, mode="Static", address="1.2.3.4", gateway="x")
    await it.pool(restrictions={})
    await it.refused("LICENCE_RESTRICTION", "Guest_ip_setting")
    await it.pool(restrictions=LICENSED)
    await it.refused("INVALID_CIDR_ADDRESS_SPECIFIED", "address")
    it.now(address="1.2.3.4/8")
    await it.refused("ADDRESS_VIOLATES_LOCKING_CONSTRAINT", "1.2.3.4/8")
    await lab.call("VIF.add_ipv4_allowed", vif, "1.2.3.4")
    await it.refused("INVALID_IP_ADDRESS_SPECIFIED", "gateway")
    it.now(gateway="")
    await it.refused("VM_LACKS_FEATURE", vm)
    guest = await lab.put(VMGuestMetrics, other={"feature-static-ip-setting": "0"})
    await it.set(VM, vm, guest_metrics=guest)
    await it.refused("VM_LACKS_FEATURE", vm)
    it.now(mode="None", address="no address", gateway="none")  # which is not looked at
    await it.refused("VM_LACKS_FEATURE", vm)
    await it.set(VMGuestMetrics, guest, other={"feature-static-ip-setting": "1"})
    await it.done()
    assert lab.store.get(VIF, vif).ipv4_addresses == ("no address",)


async def test_vif_locking_mode(lab):
    vif = await lab.vif(await lab.vm("Running", 1))
    controller = await lab.put(SDNController, protocol="pssl")
    it = climb(lab, "VIF.set_locking_mode", self=vif, value="locked")
    await it.pool(restrictions={})
    await it.refused("OPERATION_NOT_ALLOWED", SENTENCE)
    await it.set(Host, lab.hosts[1], software_version={"network_backend": "bridge"})  # where the VM is
    await it.refused("LICENCE_RESTRICTION", "VIF_locking")
    await switched(lab)
    await it.delete(SDNController, controller)
    await it.refused("LICENCE_RESTRICTION", "VIF_locking")
    for free in ("unlocked", "disabled", "network_default"):
        it.now(value=free)
        await it.done()
        assert lab.store.get(VIF, vif).locking_mode == free


async def test_sdn_controller_introduce(lab):
    existing = await lab.put(SDNController, protocol="pssl")
    await bridged(lab)
    it = climb(lab, "SDN_controller.introduce", protocol="pssl", address="x", port=99999)
    await it.refused("OPERATION_NOT_ALLOWED", SENTENCE)
    await switched(lab)
    await it.refused("OPERATION_NOT_ALLOWED", SENTENCE)
    await it.delete(SDNController, existing)
    await it.refused("INVALID_VALUE", "address", "x")
    it.now(address="")
    await it.refused("INVALID_VALUE", "port", "99999")
    it.now(protocol="ssl")
    await it.refused("INVALID_VALUE", "address", "")
    it.now(address="x")
    await it.refused("INVALID_IP_ADDRESS_SPECIFIED", "address")
    it.now(address="1.2.3.4")
    await it.refused("VALUE_NOT_SUPPORTED", "port", "99999", SENTENCE)
    it.now(port=65535)
    assert lab.store.get(SDNController, await it.done()).port == 65535


async def test_pvs_server_introduce(lab):
    await bridged(lab)
    used = await lab.put(PVSServer, addresses=("1.1.1.1", "2.2.2.2"), site="another")
    it = climb(
        lab,
        "PVS_server.introduce",
        addresses=("x", "2.2.2.2", "1.1.1.1", "2.2.2.2"),
        first_port=0,
        last_port=0,
        site="none",
    )
    await it.pool(restrictions={})
    await it.refused("LICENCE_RESTRICTION", "PVS_proxy")
    await it.pool(restrictions=LICENSED)
    await it.refused("OPENVSWITCH_NOT_ACTIVE")
    await switched(lab)
    await it.refused("INVALID_IP_ADDRESS_SPECIFIED", "addresses")
    it.now(addresses=("2.2.2.2", "3.3.3.3", "1.1.1.1", "2.2.2.2"))
    await it.refused("PVS_SERVER_ADDRESS_IN_USE", "2.2.2.2", "1.1.1.1")
    await it.delete(PVSServer, used)
    await it.refused("VALUE_NOT_SUPPORTED", "first_port", "0", SENTENCE)
    it.now(first_port=5)
    await it.refused("VALUE_NOT_SUPPORTED", "last_port", "0", SENTENCE)
    it.now(last_port=4)
    await it.refused("VALUE_NOT_SUPPORTED", "last_port", "4", SENTENCE)
    it.now(last_port=5)
    await it.refused("INVALID_VALUE", "site", "none")
    it.now(site=await lab.put(PVSSite), addresses=())
    assert lab.store.get(PVSServer, await it.done()).addresses == ()


async def test_pvs_proxy_create(lab):
    vm = await lab.vm()
    vif = await lab.vif(vm, device="1")
    first = await lab.vif(vm)
    await bridged(lab)
    it = climb(lab, "PVS_proxy.create", site="none", VIF="nothing")
    await it.pool(restrictions={})
    await it.refused("LICENCE_RESTRICTION", "PVS_proxy")
    await it.pool(restrictions=LICENSED)
    await it.refused("OPENVSWITCH_NOT_ACTIVE")
    await switched(lab)
    await it.refused("INVALID_VALUE", "site", "none")
    it.now(site=await lab.put(PVSSite))
    await it.refused("INVALID_VALUE", "VIF", "nothing")
    it.now(VIF=vif)
    await it.refused("INVALID_DEVICE", "1")
    it.now(VIF=first)
    proxy = await it.done()
    it.now(site="none")
    await it.refused("PVS_PROXY_ALREADY_PRESENT", proxy)


async def test_management_reconfigure(lab):
    pif = lab.pif(0, "eth1")
    await lab.set(PIF, pif.ref, bond_slave_of=await lab.put(Bond))
    it = climb(lab, "host.management_reconfigure", pif=pif.ref)
    await it.pool(ha_enabled=True)
    await it.refused("HA_IS_ENABLED")
    await it.pool(ha_enabled=False)
    await it.refused("CANNOT_PLUG_BOND_SLAVE", pif.ref)
    await it.set(PIF, pif.ref, bond_slave_of="OpaqueRef:NULL")
    await it.refused("PIF_HAS_NO_NETWORK_CONFIGURATION", pif.ref)
    await it.set(PIF, pif.ref, primary_address_type="IPv6")
    await it.refused("PIF_HAS_NO_V6_NETWORK_CONFIGURATION", pif.ref)
    await it.set(PIF, pif.ref, managed=False)  # of what others manage nothing is asked
    await it.done()
    assert pif.management


async def test_pool_management_reconfigure(lab):
    mine, others = lab.pif(0, "eth1"), lab.pif(1, "eth1")
    network, elsewhere = mine.network, await lab.network()
    await lab.set(PIF, others.ref, network=elsewhere, primary_address_type="IPv6", bond_slave_of=await lab.put(Bond))
    it = climb(lab, "pool.management_reconfigure", network=network)
    await it.pool(ha_enabled=True)
    await it.refused("HA_IS_ENABLED")
    await it.pool(ha_enabled=False)
    await it.refused("PIF_NOT_PRESENT", lab.hosts[1], network)
    await it.set(PIF, others.ref, network=network)
    await it.refused("PIF_INCOMPATIBLE_PRIMARY_ADDRESS_TYPE", others.ref)
    await it.set(PIF, others.ref, primary_address_type="IPv4")
    for pif in (mine, others):
        await it.set(PIF, pif.ref, ip_configuration_mode="Static", IP=f"1.1.1.{len(pif.ref)}", netmask="255.0.0.0")
    await it.refused("CANNOT_PLUG_BOND_SLAVE", others.ref)
    await it.set(PIF, others.ref, bond_slave_of="OpaqueRef:NULL")
    await it.set(PIF, mine.ref, managed=False, ip_configuration_mode="None")  # of which nothing is asked
    await it.done()
    assert (mine.management, others.management) == (True, True)
