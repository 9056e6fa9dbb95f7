"""Every class of the API, one module each."""

from __future__ import annotations

from xapi_async.datamodel.classes.auth import Auth
from xapi_async.datamodel.classes.blob import Blob
from xapi_async.datamodel.classes.bond import Bond
from xapi_async.datamodel.classes.console import Console
from xapi_async.datamodel.classes.crashdump import Crashdump
from xapi_async.datamodel.classes.data_source import DataSource
from xapi_async.datamodel.classes.dr_task import DRTask
from xapi_async.datamodel.classes.event import Event
from xapi_async.datamodel.classes.feature import Feature
from xapi_async.datamodel.classes.gpu_group import GPUGroup
from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.host_cpu import HostCpu
from xapi_async.datamodel.classes.host_crashdump import HostCrashdump
from xapi_async.datamodel.classes.host_metrics import HostMetrics
from xapi_async.datamodel.classes.host_patch import HostPatch
from xapi_async.datamodel.classes.lvhd import LVHD
from xapi_async.datamodel.classes.message import PoolMessage
from xapi_async.datamodel.classes.network import Network
from xapi_async.datamodel.classes.pbd import PBD
from xapi_async.datamodel.classes.pci import PCI
from xapi_async.datamodel.classes.pgpu import PGPU
from xapi_async.datamodel.classes.pif import PIF
from xapi_async.datamodel.classes.pif_metrics import PIFMetrics
from xapi_async.datamodel.classes.pool import Pool
from xapi_async.datamodel.classes.pool_patch import PoolPatch
from xapi_async.datamodel.classes.pool_update import PoolUpdate
from xapi_async.datamodel.classes.pusb import PUSB
from xapi_async.datamodel.classes.pvs_cache_storage import PVSCacheStorage
from xapi_async.datamodel.classes.pvs_proxy import PVSProxy
from xapi_async.datamodel.classes.pvs_server import PVSServer
from xapi_async.datamodel.classes.pvs_site import PVSSite
from xapi_async.datamodel.classes.role import Role
from xapi_async.datamodel.classes.sdn_controller import SDNController
from xapi_async.datamodel.classes.secret import Secret
from xapi_async.datamodel.classes.session import Session
from xapi_async.datamodel.classes.sm import SM
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.subject import Subject
from xapi_async.datamodel.classes.task import Task
from xapi_async.datamodel.classes.tunnel import Tunnel
from xapi_async.datamodel.classes.usb_group import USBGroup
from xapi_async.datamodel.classes.user import User
from xapi_async.datamodel.classes.vbd import VBD
from xapi_async.datamodel.classes.vbd_metrics import VBDMetrics
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.classes.vdi_nbd_server_info import VdiNbdServerInfo
from xapi_async.datamodel.classes.vgpu import VGPU
from xapi_async.datamodel.classes.vgpu_type import VGPUType
from xapi_async.datamodel.classes.vif import VIF
from xapi_async.datamodel.classes.vif_metrics import VIFMetrics
from xapi_async.datamodel.classes.vlan import VLAN
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.classes.vm_appliance import VMAppliance
from xapi_async.datamodel.classes.vm_guest_metrics import VMGuestMetrics
from xapi_async.datamodel.classes.vm_metrics import VMMetrics
from xapi_async.datamodel.classes.vmpp import VMPP
from xapi_async.datamodel.classes.vmss import VMSS
from xapi_async.datamodel.classes.vtpm import VTPM
from xapi_async.datamodel.classes.vusb import VUSB
from xapi_async.datamodel.language import ApiClass

CLASSES: tuple[type[ApiClass], ...] = (
    Bond,
    DRTask,
    Feature,
    GPUGroup,
    LVHD,
    PBD,
    PCI,
    PGPU,
    PIF,
    PIFMetrics,
    PUSB,
    PVSCacheStorage,
    PVSProxy,
    PVSServer,
    PVSSite,
    SDNController,
    SM,
    SR,
    USBGroup,
    VBD,
    VBDMetrics,
    VDI,
    VGPU,
    VGPUType,
    VIF,
    VIFMetrics,
    VLAN,
    VM,
    VMPP,
    VMSS,
    VMAppliance,
    VMGuestMetrics,
    VMMetrics,
    VTPM,
    VUSB,
    Auth,
    Blob,
    Console,
    Crashdump,
    DataSource,
    Event,
    Host,
    HostCpu,
    HostCrashdump,
    HostMetrics,
    HostPatch,
    PoolMessage,
    Network,
    Pool,
    PoolPatch,
    PoolUpdate,
    Role,
    Secret,
    Session,
    Subject,
    Task,
    Tunnel,
    User,
    VdiNbdServerInfo,
)
"""In the order of the API reference."""

BY_NAME: dict[str, type[ApiClass]] = {cls.FACTS.name: cls for cls in CLASSES}

__all__ = [
    "BY_NAME",
    "CLASSES",
    "LVHD",
    "PBD",
    "PCI",
    "PGPU",
    "PIF",
    "PUSB",
    "SM",
    "SR",
    "VBD",
    "VDI",
    "VGPU",
    "VIF",
    "VLAN",
    "VM",
    "VMPP",
    "VMSS",
    "VTPM",
    "VUSB",
    "Auth",
    "Blob",
    "Bond",
    "Console",
    "Crashdump",
    "DRTask",
    "DataSource",
    "Event",
    "Feature",
    "GPUGroup",
    "Host",
    "HostCpu",
    "HostCrashdump",
    "HostMetrics",
    "HostPatch",
    "Network",
    "PIFMetrics",
    "PVSCacheStorage",
    "PVSProxy",
    "PVSServer",
    "PVSSite",
    "Pool",
    "PoolMessage",
    "PoolPatch",
    "PoolUpdate",
    "Role",
    "SDNController",
    "Secret",
    "Session",
    "Subject",
    "Task",
    "Tunnel",
    "USBGroup",
    "User",
    "VBDMetrics",
    "VGPUType",
    "VIFMetrics",
    "VMAppliance",
    "VMGuestMetrics",
    "VMMetrics",
    "VdiNbdServerInfo",
]
