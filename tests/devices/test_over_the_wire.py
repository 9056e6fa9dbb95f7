"""Graphics cards, PCI and USB devices as the settings describe them, given to guests of a real server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.client import refused, until
from tests.live import LiveServer, running

NULL = "OpaqueRef:NULL"

SETTINGS = """
[inventory]
hosts = 2
seed = 1

[inventory.host]
usb_devices = [{path = "1-1", serial = "one", disk_size = 1073741824}]

[[inventory.host.gpus]]
vendor_id = "10de"
vendor_name = "NVIDIA Corporation"
device_id = "13f2"
device_name = "Tesla M60"
pci_id = "0000:0a:00.0"
vgpu_types = [
  {model_name = "half", identifier = "0001:nvidia,13f2,,11d1,0000", per_card = 2},
  {model_name = "quarter", identifier = "0001:nvidia,13f2,,11d2,0000", per_card = 4},
]

[[inventory.host.gpus]]
vendor_id = "1002"
vendor_name = "AMD"
device_id = "6929"
device_name = "FirePro S7150"
pci_id = "0000:0b:00.0"
vgpu_types = [
  {model_name = "shared", identifier = "0001:mxgpu,6929,100", implementation = "mxgpu", per_card = 2},
]

[[inventory.host.gpus]]
vendor_id = "8086"
vendor_name = "Intel Corporation"
device_id = "191b"
device_name = "HD Graphics"
pci_id = "0000:00:02.0"
hidden_from_dom0 = true
"""


class Hardware:
    """The pool under test."""

    def __init__(self, api: Any) -> None:
        self.api = api
        self.master = api.pool.get_all_records().popitem()[1]["master"]
        self.slave = next(host for host in api.host.get_all() if host != self.master)
        self.types = {record["model_name"]: ref for ref, record in api.VGPU_type.get_all_records().items()}

    def group(self, device: str) -> str:
        return next(
            ref for ref, record in self.api.GPU_group.get_all_records().items() if device in record["name_label"]
        )

    def card(self, device: str, host: str) -> str:
        return next(p for p in self.api.GPU_group.get_PGPUs(self.group(device)) if self.api.PGPU.get_host(p) == host)

    def guest(self, name: str = "guest", **other_config: str) -> str:
        """A halted HVM guest without disks."""
        vm = self.api.VM.clone(self.api.VM.get_by_name_label("Other install media")[0], name)
        self.api.VM.provision(vm)
        for key, value in other_config.items():
            self.api.VM.add_to_other_config(vm, key, value)
        return vm

    def guest_with(self, device: str, kind: str) -> tuple[str, str]:
        """A guest with a VGPU; gives both."""
        vm = self.guest()
        return vm, self.api.VGPU.create(vm, self.group(device), "0", {}, self.types[kind])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    folder: Path = tmp_path_factory.mktemp("hardware")
    (folder / "settings.toml").write_text(SETTINGS)
    with running(folder, "--config", str(folder / "settings.toml")) as server:
        yield server


@pytest.fixture
def hardware(server: LiveServer) -> Iterator[Hardware]:
    with server.session() as session:
        api = session.xenapi
        yield Hardware(api)
    with server.session() as session:  # the test may have started it anew
        api = session.xenapi
        for vm in api.VM.get_by_name_label("guest"):
            if api.VM.get_power_state(vm) != "Halted":
                api.VM.hard_shutdown(vm)
            api.VM.destroy(vm)


def test_what_the_settings_describe(hardware: Hardware):
    api = hardware.api
    nvidia, amd, intel = (hardware.card(name, hardware.master) for name in ("Tesla", "FirePro", "HD Graphics"))
    names = {ref: name for name, ref in hardware.types.items()}
    supported = {card: {names[t] for t in api.PGPU.get_supported_VGPU_types(card)} for card in (nvidia, amd, intel)}
    assert supported == {nvidia: {"passthrough", "half", "quarter"}, amd: {"shared"}, intel: {"passthrough"}}
    assert api.PGPU.get_supported_VGPU_max_capacities(amd) == {hardware.types["shared"]: "2"}
    assert api.PGPU.get_dom0_access(intel) == "disabled"
    assert api.GPU_group.get_GPU_types(hardware.group("Tesla")) == ["10de/13f2"]
    assert len(api.PGPU.get_all()) == 6  # virtual functions are no cards
    places = [api.PCI.get_pci_id(pci) for pci in api.host.get_PCIs(hardware.master)]
    assert {"0000:0b:00.0", "0000:0b:02.0", "0000:0b:02.1"} <= set(places)
    virtual = next(p for p in api.host.get_PCIs(hardware.master) if api.PCI.get_pci_id(p) == "0000:0b:02.0")
    assert api.PCI.get_dependencies(virtual) == []


def test_a_share_of_a_card(hardware: Hardware):
    api = hardware.api
    vm, vgpu = hardware.guest_with("Tesla", "half")
    card = hardware.card("Tesla", hardware.slave)
    api.VM.start_on(vm, hardware.slave, False, False)
    assert (api.VGPU.get_resident_on(vgpu), api.VGPU.get_currently_attached(vgpu)) == (card, True)
    assert api.VM.get_attached_PCIs(vm) == []
    assert api.PGPU.get_remaining_capacity(card, hardware.types["half"]) == "1"
    assert api.PGPU.get_remaining_capacity(card, hardware.types["quarter"]) == "0"
    assert refused(api.VM.suspend, vm) == ["VM_HAS_VGPU", vm]
    assert refused(api.VM.checkpoint, vm, "c") == ["VM_HAS_VGPU", vm]
    assert refused(api.VM.pool_migrate, vm, hardware.master, {}) == ["VM_HAS_VGPU", vm]
    assert refused(api.VGPU.destroy, vgpu)[0] == "OPERATION_NOT_ALLOWED"
    assert refused(api.PGPU.set_GPU_group, card, hardware.group("Fire")) == ["PGPU_IN_USE_BY_VM", vm]
    api.VM.hard_reboot(vm)
    assert (api.VGPU.get_resident_on(vgpu), api.VGPU.get_currently_attached(vgpu)) == (card, True)
    other, _ = hardware.guest_with("Tesla", "quarter")
    assert refused(api.VM.start_on, other, hardware.slave, False, False) == [
        "VM_REQUIRES_GPU",
        other,
        hardware.group("Tesla"),
    ]
    api.VM.start(other, False, False)
    assert api.VM.get_resident_on(other) == hardware.master
    third, _ = hardware.guest_with("Tesla", "passthrough")
    assert refused(api.VM.start, third, False, False) == [
        "VGPU_TYPE_NOT_COMPATIBLE_WITH_RUNNING_TYPE",
        *refused(api.VM.start, third, False, False)[1:],
    ]
    api.VM.hard_shutdown(vm)
    assert (api.VGPU.get_resident_on(vgpu), api.VGPU.get_currently_attached(vgpu)) == (NULL, False)
    assert "snapshot" in api.VM.get_allowed_operations(vm)


@pytest.mark.parametrize(("algorithm", "together"), [("depth_first", True), ("breadth_first", False)])
def test_hosts_are_filled_or_spread_over(hardware: Hardware, algorithm: str, together: bool):
    api, group = hardware.api, hardware.group("Tesla")
    api.GPU_group.set_allocation_algorithm(group, algorithm)
    vms = [hardware.guest_with("Tesla", "quarter")[0] for _ in range(2)]
    for vm in vms:
        api.VM.start(vm, False, False)
    homes = {api.VM.get_resident_on(vm) for vm in vms}
    assert (len(homes) == 1) is together
    api.GPU_group.set_allocation_algorithm(group, "depth_first")


def test_virtual_functions_run_out(hardware: Hardware):
    api = hardware.api
    guests = [hardware.guest_with("FirePro", "shared") for _ in range(3)]
    for number, (vm, _) in enumerate(guests[:2]):
        api.VM.start_on(vm, hardware.master, False, False)
        (function,) = api.VM.get_attached_PCIs(vm)
        assert api.PCI.get_pci_id(function) == f"0000:0b:02.{number}"
        assert api.VM.get_other_config(vm)["vgpu_pci"] == f"0/0000:0b:02.{number}"
        assert refused(api.VM.suspend, vm) == ["VM_HAS_PCI_ATTACHED", vm]
    group, third = hardware.group("FirePro"), guests[2][0]
    assert refused(api.VM.start_on, third, hardware.master, False, False) == ["VM_REQUIRES_GPU", third, group]
    api.VM.hard_shutdown(guests[0][0])
    api.VM.start_on(third, hardware.master, False, False)
    assert api.VM.get_other_config(third)["vgpu_pci"] == "0/0000:0b:02.0"


def test_a_whole_card(hardware: Hardware):
    api = hardware.api
    vm, vgpu = hardware.guest_with("HD Graphics", "passthrough")
    api.VM.start_on(vm, hardware.master, False, False)
    (pci,) = api.VM.get_attached_PCIs(vm)
    assert api.PCI.get_pci_id(pci) == "0000:00:02.0"
    assert api.VM.get_platform(vm)["igd_passthrough"] == "true"
    for call, *args in ((api.VM.suspend,), (api.VM.checkpoint, "c"), (api.VM.pool_migrate, hardware.slave, {})):
        assert refused(call, vm, *args) == ["VM_HAS_PCI_ATTACHED", vm]
    other, _ = hardware.guest_with("HD Graphics", "passthrough")
    api.VM.start(other, False, False)
    assert api.VM.get_resident_on(other) == hardware.slave
    third, _ = hardware.guest_with("HD Graphics", "passthrough")
    kind = hardware.types["passthrough"]
    why = refused(api.VM.start, third, False, False)
    assert (why[0], why[2]) == ("PGPU_INSUFFICIENT_CAPACITY_FOR_VGPU", kind)
    api.VM.hard_shutdown(vm)
    assert api.VM.get_attached_PCIs(vm) == []
    api.VM.start(third, False, False)
    assert api.VGPU.get_resident_on(vgpu) == NULL


def test_any_other_device(hardware: Hardware):
    api = hardware.api
    vm = hardware.guest(pci="1/0000:03:00.0,nonsense,0/0000:04:00.1,2/0000:77:00.0")
    api.VM.start_on(vm, hardware.master, False, False)
    places = [api.PCI.get_pci_id(pci) for pci in api.VM.get_attached_PCIs(vm)]
    assert places == ["0000:04:00.1", "0000:03:00.0"]
    assert all(api.PCI.get_host(pci) == hardware.master for pci in api.VM.get_attached_PCIs(vm))
    assert refused(api.VM.suspend, vm) == ["VM_HAS_PCI_ATTACHED", vm]
    second = hardware.guest(pci="0/0000:03:00.0")
    api.VM.start_on(second, hardware.master, False, False)
    assert api.VM.get_attached_PCIs(second) == []
    api.VM.hard_shutdown(vm)
    assert api.VM.get_attached_PCIs(vm) == []


def test_a_usb_device(hardware: Hardware):
    api = hardware.api
    pusb = next(p for p in api.host.get_PUSBs(hardware.slave))
    group = api.PUSB.get_USB_group(pusb)
    assert api.USB_group.get_name_label(group) == "Group of 0781 5581 USBs"
    assert len(usb_disks(api)) == 2  # one in each host
    api.PUSB.set_passthrough_enabled(pusb, True)
    assert usb_disks(api) == []
    vm = hardware.guest()
    vusb = api.VUSB.create(vm, group, {})
    assert api.VUSB.get_allowed_operations(vusb) == []
    api.VM.update_allowed_operations(vm)
    assert api.VUSB.get_allowed_operations(vusb) == ["attach"]
    why = refused(api.VM.start, vm, False, False)
    assert (why[0], why[2]) == ("INVALID_VALUE", "qemu-trad")
    platform = {**api.VM.get_platform(vm), "device-model": "qemu-upstream-compat"}
    api.VM.set_platform(vm, platform)
    assert refused(api.VM.start_on, vm, hardware.master, False, False)[0] == "OPERATION_NOT_ALLOWED"
    api.VM.start(vm, False, False)
    assert api.VM.get_resident_on(vm) == hardware.slave
    assert (api.VUSB.get_currently_attached(vusb), api.VUSB.get_allowed_operations(vusb)) == (
        True,
        ["attach", "unplug"],
    )
    for call, *args in (
        (api.VM.suspend,),
        (api.VM.snapshot, "s"),
        (api.VM.checkpoint, "c"),
        (api.VM.pool_migrate, hardware.slave, {}),
    ):
        assert refused(call, vm, *args) == ["VM_HAS_VUSBS", vm]
    assert refused(api.PUSB.set_passthrough_enabled, pusb, False) == ["USB_ALREADY_ATTACHED", pusb, vm]
    assert refused(api.USB_group.destroy, group) == ["USB_GROUP_CONTAINS_VUSB", vusb]
    assert refused(api.VUSB.destroy, vusb)[0] == "OPERATION_NOT_ALLOWED"
    api.VUSB.unplug(vusb)
    assert api.VUSB.get_allowed_operations(vusb) == ["attach", "plug"]
    api.VM.hard_reboot(vm)
    assert api.VUSB.get_currently_attached(vusb)
    api.VM.hard_shutdown(vm)
    assert (api.VUSB.get_currently_attached(vusb), api.VUSB.get_allowed_operations(vusb)) == (False, ["attach"])
    api.PUSB.set_passthrough_enabled(pusb, False)
    assert len(usb_disks(api)) == 2
    assert refused(api.VUSB.get_record, vusb) == ["HANDLE_INVALID", "VUSB", vusb]
    assert "snapshot" in api.VM.get_allowed_operations(vm)


def usb_disks(api: Any) -> list[str]:
    return [ref for ref, record in api.VDI.get_all_records().items() if record["sm_config"].get("usb_path") == "1-1"]


def test_consoles_by_kind_of_guest(hardware: Hardware):
    api = hardware.api

    def protocols(vm: str) -> list[str]:
        return sorted(api.console.get_protocol(console) for console in api.VM.get_consoles(vm))

    hvm, silent = hardware.guest(), hardware.guest()
    api.VM.add_to_platform(silent, "hvm_serial", "none")
    paravirtual, terminal = hardware.guest(), hardware.guest(disable_pv_vnc="1")
    for vm in (paravirtual, terminal):
        api.VM.set_HVM_boot_policy(vm, "")
        api.VM.set_PV_bootloader(vm, "pygrub")
    assert protocols(hvm) == []
    for vm in (hvm, silent, paravirtual, terminal):
        api.VM.start_on(vm, hardware.slave, False, False)
    kinds = [protocols(vm) for vm in (hvm, silent, paravirtual, terminal)]
    assert kinds == [["rfb", "vt100"], ["rfb"], ["rfb", "vt100"], ["vt100"]]
    for console in api.VM.get_consoles(hvm):
        address, uuid = api.host.get_address(hardware.slave), api.console.get_uuid(console)
        assert api.console.get_location(console) == f"https://{address}/console?uuid={uuid}"
    before = api.VM.get_consoles(paravirtual)
    api.VM.pool_migrate(paravirtual, hardware.master, {"force": "true"})
    assert set(before).isdisjoint(api.VM.get_consoles(paravirtual))
    assert protocols(paravirtual) == ["rfb", "vt100"]
    api.VM.hard_shutdown(hvm)
    assert protocols(hvm) == []
    for host in (hardware.master, hardware.slave):
        domain = api.host.get_control_domain(host)
        assert protocols(domain) == ["rfb", "vt100"]
        for console in api.VM.get_consoles(domain):
            assert api.console.get_location(console) == f"https://{api.host.get_address(host)}/console?ref={domain}"
    assert refused(api.console.create, {"other_config": {}, "port": "1"}) == ["NOT_IMPLEMENTED", "Console.create"]


def test_devices_after_a_restart(hardware: Hardware, server: LiveServer):
    api = hardware.api
    vm, vgpu = hardware.guest_with("FirePro", "shared")
    api.VM.start_on(vm, hardware.slave, False, False)
    card, function = api.VGPU.get_resident_on(vgpu), api.VM.get_attached_PCIs(vm)
    server.stop()
    flags = server.flags
    server.flags = (*flags, "--set", "simulator.build_seconds=60")
    server.start()
    with server.session() as session:
        hardware.api = api = session.xenapi
        cut_off, reserving = hardware.guest_with("HD Graphics", "passthrough")
        api.Async.VM.start_on(cut_off, hardware.slave, False, False)
        until(lambda: api.VGPU.get_scheduled_to_be_resident_on(reserving) != NULL)
        reserved = api.VGPU.get_scheduled_to_be_resident_on(reserving)
        assert api.PGPU.get_remaining_capacity(reserved, hardware.types["passthrough"]) == "0"
        server.kill()
    server.flags = flags
    server.start()
    with server.session() as session:
        hardware.api = api = session.xenapi
        assert api.VGPU.get_scheduled_to_be_resident_on(reserving) == NULL
        assert api.PGPU.get_remaining_capacity(reserved, hardware.types["passthrough"]) == "1"
        assert api.VM.get_power_state(cut_off) == "Halted"
        assert (api.VGPU.get_resident_on(vgpu), api.VGPU.get_currently_attached(vgpu)) == (card, True)
        assert api.VM.get_attached_PCIs(vm) == function
        assert api.PGPU.get_remaining_capacity(card, hardware.types["shared"]) == "1"
        api.VM.hard_shutdown(vm)
        assert api.PGPU.get_remaining_capacity(card, hardware.types["shared"]) == "2"
        api.VM.destroy(vm)
