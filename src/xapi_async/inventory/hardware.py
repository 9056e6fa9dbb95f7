"""What the hosts of a new pool are made of: settings that describe hardware."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from xapi_async.inventory.licences import LACKING
from xapi_async.inventory.memory import GIB

XEON_FLAGS = (
    "fpu de tsc msr pae mce cx8 apic sep mca cmov pat clflush acpi mmx fxsr sse sse2 ht syscall nx lm constant_tsc "
    "arch_perfmon rep_good nopl nonstop_tsc eagerfpu pni pclmulqdq monitor est ssse3 fma cx16 sse4_1 sse4_2 movbe "
    "popcnt aes xsave avx f16c rdrand hypervisor lahf_lm abm 3dnowprefetch ida arat epb pln pts dtherm fsgsbase bmi1 "
    "hle avx2 bmi2 erms rtm rdseed adx xsaveopt cqm_llc cqm_occup_llc"
)


@dataclass(frozen=True)
class CpuSettings:
    """The processors of a host."""

    vendor: Literal["GenuineIntel", "AuthenticAMD"] = field(
        default="GenuineIntel", metadata={"doc": "Vendor as the processor names itself."}
    )
    model_name: str = field(
        default="Intel(R) Xeon(R) CPU E5-2650 v4 @ 2.20GHz", metadata={"doc": "Model as the processor names itself."}
    )
    count: int = field(default=16, metadata={"doc": "Logical processors, over all sockets."})
    sockets: int = field(default=2, metadata={"doc": "Sockets."})
    speed: float = field(default=2199.998, metadata={"doc": "Clock rate in MHz."})
    family: int = field(default=6, metadata={"doc": "Family number."})
    model: int = field(default=79, metadata={"doc": "Model number."})
    stepping: int = field(default=1, metadata={"doc": "Stepping."})
    flags: str = field(default=XEON_FLAGS, metadata={"doc": "Abilities by name, with blanks between."})
    features: str = field(
        default="7ffefbff-bfebfbff-00000121-2c100800", metadata={"doc": "Abilities as four feature words."}
    )
    features_pv: str = field(
        default="17c9cbf5-f6f83203-2191cbf5-00000123-00000001-000c0b39-00000000-00000000-00001000",
        metadata={"doc": "Feature words that PV guests can be given."},
    )
    features_hvm: str = field(
        default="17cbfbff-f7fa3223-2d93fbff-00000123-00000001-001c0fbb-00000000-00000000-00001000",
        metadata={"doc": "Feature words that HVM guests can be given."},
    )

    def __post_init__(self) -> None:
        if not 1 <= self.sockets <= self.count:
            raise ValueError(f"cpu: {self.count} processors do not fill {self.sockets} sockets")


@dataclass(frozen=True)
class NicSettings:
    """A network card of a host."""

    device: str = field(default="eth0", metadata={"doc": "Name of the device."})
    mac: str = field(default="", metadata={"doc": "MAC address; empty: one derived from the host's uuid."})
    speed: int = field(default=10_000, metadata={"doc": "Speed of the link in Mbit/s."})
    linked: bool = field(default=True, metadata={"doc": "Whether a cable is plugged in."})
    vendor_id: str = field(default="8086", metadata={"doc": "PCI vendor, four hex digits."})
    vendor_name: str = field(default="Intel Corporation", metadata={"doc": "PCI vendor by name."})
    device_id: str = field(default="10fb", metadata={"doc": "PCI device, four hex digits."})
    device_name: str = field(
        default="82599ES 10-Gigabit SFI/SFP+ Network Connection", metadata={"doc": "PCI device by name."}
    )
    pci_bus_path: str = field(default="", metadata={"doc": "Its place, such as 0000:04:00.0; empty: the next."})


@dataclass(frozen=True)
class VgpuTypeSettings:
    """A kind of virtual GPU that a graphics card can be shared as."""

    model_name: str = field(default="", metadata={"doc": "Name shown to users."})
    identifier: str = field(default="", metadata={"doc": "Identifier, such as 0001:nvidia,13f2,,11d1,0000."})
    implementation: Literal["nvidia", "gvt_g", "mxgpu"] = field(default="nvidia", metadata={"doc": "Technique."})
    vendor_name: str = field(default="NVIDIA Corporation", metadata={"doc": "Vendor by name."})
    per_card: int = field(default=1, metadata={"doc": "How many fit on one card."})
    framebuffer_size: int = field(default=0, metadata={"doc": "Memory of each, in bytes."})
    max_heads: int = field(default=0, metadata={"doc": "Screens."})
    max_resolution_x: int = field(default=0, metadata={"doc": "Widest screen, in pixels."})
    max_resolution_y: int = field(default=0, metadata={"doc": "Highest screen, in pixels."})
    experimental: bool = field(default=False, metadata={"doc": "Whether it is not yet supported."})


@dataclass(frozen=True)
class GpuSettings:
    """A graphics card of a host."""

    vendor_id: str = field(default="102b", metadata={"doc": "PCI vendor, four hex digits."})
    vendor_name: str = field(default="Matrox Electronics Systems Ltd.", metadata={"doc": "PCI vendor by name."})
    device_id: str = field(default="0534", metadata={"doc": "PCI device, four hex digits."})
    device_name: str = field(default="G200eR2", metadata={"doc": "PCI device by name."})
    subsystem_vendor_id: str = field(default="", metadata={"doc": "PCI subsystem vendor, four hex digits."})
    subsystem_vendor_name: str = field(default="", metadata={"doc": "PCI subsystem vendor by name."})
    subsystem_device_id: str = field(default="", metadata={"doc": "PCI subsystem device, four hex digits."})
    subsystem_device_name: str = field(default="", metadata={"doc": "PCI subsystem device by name."})
    pci_id: str = field(default="", metadata={"doc": "Where it is plugged in, such as 0000:0a:00.0; empty: next."})
    system_display: bool = field(default=False, metadata={"doc": "Whether it shows the host's own console."})
    hidden_from_dom0: bool = field(default=False, metadata={"doc": "Whether the control domain was booted without it."})
    vgpu_types: tuple[VgpuTypeSettings, ...] = field(
        default=(), metadata={"doc": "Kinds of virtual GPU it can be shared as, beside passing it through whole."}
    )


@dataclass(frozen=True)
class UsbSettings:
    """A USB device plugged into a host."""

    path: str = field(default="1-1", metadata={"doc": "Bus and port, such as 2-2."})
    vendor_id: str = field(default="0781", metadata={"doc": "USB vendor, four hex digits."})
    vendor_desc: str = field(default="SanDisk Corp.", metadata={"doc": "USB vendor by name."})
    product_id: str = field(default="5581", metadata={"doc": "USB product, four hex digits."})
    product_desc: str = field(default="Ultra", metadata={"doc": "USB product by name."})
    serial: str = field(default="", metadata={"doc": "Serial number."})
    version: str = field(default="2.00", metadata={"doc": "USB version, such as 3.00."})
    description: str = field(default="", metadata={"doc": "Description; empty: made of the two names."})
    disk_size: int = field(default=0, metadata={"doc": "Size in bytes when it is a disk, else 0."})


DEFAULT_NICS = (NicSettings(device="eth0"), NicSettings(device="eth1"))
DEFAULT_GPUS = (GpuSettings(system_display=True),)


@dataclass(frozen=True)
class HostSettings:
    """A host: what it is called and what it is made of."""

    name: str = field(default="", metadata={"doc": "Name; empty: host_prefix and a number."})
    uuid: str = field(default="", metadata={"doc": "uuid given at installation; empty: a random one."})
    address: str = field(default="", metadata={"doc": "Management address; empty: the next of management_subnet."})
    cpu: CpuSettings = field(default=CpuSettings(), metadata={"doc": "Processors."})
    memory: int = field(default=256 * GIB, metadata={"doc": "Memory in bytes."})
    dom0_memory: int = field(default=0, metadata={"doc": "Memory of the control domain in bytes; 0: by the host's."})
    nics: tuple[NicSettings, ...] = field(
        default=DEFAULT_NICS, metadata={"doc": "Network cards; the first carries the management interface."}
    )
    local_storage: Literal["lvm", "ext", "none"] = field(
        default="lvm", metadata={"doc": "Kind of local storage: lvm, ext (thin) or none."}
    )
    local_storage_size: int = field(
        default=894 * GIB, metadata={"doc": "Size of local storage in bytes; more where the VMs need it."}
    )
    local_storage_device: str = field(default="/dev/sda3", metadata={"doc": "Device that local storage is on."})
    dvd_drives: int = field(default=1, metadata={"doc": "DVD drives."})
    gpus: tuple[GpuSettings, ...] = field(default=DEFAULT_GPUS, metadata={"doc": "Graphics cards."})
    usb_devices: tuple[UsbSettings, ...] = field(default=(), metadata={"doc": "USB devices plugged in."})
    iommu: bool = field(default=True, metadata={"doc": "Whether devices can be passed through to guests."})
    hvm: bool = field(default=True, metadata={"doc": "Whether the processors have hardware virtualisation."})
    network_backend: Literal["openvswitch", "bridge"] = field(
        default="openvswitch", metadata={"doc": "What carries frames."}
    )
    edition: str = field(
        default="free/libre", metadata={"doc": "Licence edition: free/libre has every feature, free the least."}
    )
    manufacturer: str = field(default="Dell Inc.", metadata={"doc": "Maker of the machine."})
    product: str = field(default="PowerEdge R630", metadata={"doc": "Model of the machine."})
    serial_number: str = field(default="", metadata={"doc": "Serial number of the machine; empty: a random one."})

    def __post_init__(self) -> None:
        if self.memory < GIB:
            raise ValueError("host: memory must be at least 1 GiB (1073741824 bytes)")
        if self.edition not in LACKING:
            raise ValueError(f"host: there is no edition {self.edition}; there are {', '.join(LACKING)}")
        devices = [nic.device for nic in self.nics]
        if len(set(devices)) < len(devices):
            raise ValueError(f"host: two network cards have the same name: {', '.join(devices)}")
