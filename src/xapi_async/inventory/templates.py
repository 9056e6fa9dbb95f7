# ruff: noqa: E501  (one template to a line)
"""The built-in templates of a new pool, as data: what each is based on, and where it differs.

Memory is in MiB (the least a guest boots with) and GiB (the most it supports), disks in GiB.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

WINDOWS_DEVICE_ORDER = "dc"
LINUX_DEVICE_ORDER = "cdn"


@dataclass(frozen=True)
class Base:
    """What a family of templates has in common.

    boot_order: of a guest that boots by its BIOS; empty for one whose kernel the bootloader fetches
    (PV). vcpus: at first. gpu: offered to be given a GPU. vendor_device: offered the device that brings
    drivers. disk_boots: whether the first disk is marked bootable.
    """

    boot_order: str = ""
    platform: Mapping[str, str] = field(default_factory=dict)
    other_config: Mapping[str, str] = field(default_factory=dict)
    PV_args: str = ""
    vcpus: int = 1
    gpu: bool = False
    vendor_device: bool = False
    disk_boots: bool = True
    generation_id: str = ""
    shadow_multiplier: float = 1.0

    @property
    def hvm(self) -> bool:
        """Whether the guest boots by its BIOS."""
        return bool(self.boot_order)


@dataclass(frozen=True)
class Template:
    """One built-in template. memory_min: MiB; memory_max, disk: GiB (no disk: 0)."""

    name: str
    label: str
    uuid: str
    base: str
    memory_min: int
    memory_max: int
    disk: int
    other_config: Mapping[str, str] = field(default_factory=dict)
    PV_args: str | None = None
    vcpus_max: int = 32


def _like(base: Base, **changes: Any) -> Base:
    """A base with some fields replaced; its maps are added to."""
    for name in ("platform", "other_config"):
        if name in changes:
            changes[name] = {**getattr(base, name), **changes[name]}
    return replace(base, **changes)


PLATFORM = {"nx": "true", "acpi": "1", "apic": "true", "pae": "true", "hpet": "true"}
"""What every template's platform begins with."""

_PV = Base(
    platform={"viridian": "true"}, other_config={"linux_template": "true", "install-methods": "cdrom,nfs,http,ftp"}
)
_DEBIAN = _like(
    _PV,
    other_config={"install-distro": "debianlike", "install-methods": "cdrom,http,ftp"},
    PV_args="-- quiet console=hvc0",
)
_UBUNTU = _like(_DEBIAN, other_config={"install-methods": "http,ftp"})
_EL = _like(_PV, other_config={"install-distro": "rhlike"}, PV_args="graphical utf8")
_EL_5 = _like(_EL, other_config={"rhel5": "true"})
_EL_6 = _like(_EL, other_config={"rhel6": "true"})
_SLE = _like(_PV, other_config={"install-distro": "sleslike"}, PV_args="console=ttyS0 xencons=ttyS")
_SLE_32 = _like(_SLE, other_config={"install-arch": "i386"})
_SLE_64 = _like(_SLE, other_config={"install-arch": "x86_64"})
_HVM_LINUX = Base(
    boot_order=LINUX_DEVICE_ORDER,
    platform={
        "vga": "std",
        "videoram": "8",
        "viridian": "false",
        "device_id": "0001",
        "device-model": "qemu-trad",
    },
    other_config={"linux_template": "true", "install-methods": "cdrom,nfs,http,ftp"},
    gpu=True,
)
_WINDOWS = Base(
    boot_order=WINDOWS_DEVICE_ORDER,
    platform={
        "cores-per-socket": "2",
        "device_id": "0002",
        "viridian": "true",
        "viridian_time_ref_count": "true",
        "viridian_reference_tsc": "true",
        "device-model": "qemu-trad",
    },
    other_config={"install-methods": "cdrom"},
    vcpus=2,
    vendor_device=True,
    disk_boots=False,
)
_WINDOWS_8 = _like(_WINDOWS, platform={"vga": "std", "videoram": "8"}, generation_id="0:0")

BASES: dict[str, Base] = {
    "debian-pv": _DEBIAN,
    "ubuntu-10.04": _like(_UBUNTU, other_config={"debian-release": "lucid"}),
    "ubuntu-10.10": _like(_UBUNTU, other_config={"debian-release": "maverick"}),
    "el-5-32bit": _EL_5,
    "el-5-64bit": _EL_5,
    "el-6-32bit": _EL_6,
    "el-6-64bit": _EL_6,
    "kylin-6-64bit": _EL_6,
    "sle-pv-32bit": _SLE_32,
    "sle-pv-64bit": _SLE_64,
    "sle-12-pv-64bit": replace(_SLE_64, PV_args="console=xvc0 xencons=xvc"),
    "hvmlinux": _HVM_LINUX,
    "el-7": _HVM_LINUX,
    "kylin-7": _HVM_LINUX,
    "windows": _WINDOWS,
    "windows-8": _WINDOWS_8,
    "windows-10": _like(_WINDOWS_8, platform={"acpi_laptop_slate": "1"}),
    "xenapp-windows": _like(_WINDOWS, other_config={"application_template": "1"}, shadow_multiplier=4.0),
    "other": Base(
        boot_order=WINDOWS_DEVICE_ORDER,
        platform={"viridian": "true"},
        other_config={"install-methods": "cdrom"},
        disk_boots=False,
    ),
}

# fmt: off
TEMPLATES: tuple[Template, ...] = (
    Template("Asianux Server 4 (64-bit)", "asianux-server-4-64bit", "eb63d5f0-15d7-11e7-968a-64006a84d229", "el-6-64bit", 512, 128, 8),
    Template("CentOS 5 (32-bit)", "centos-5-32bit", "1d11a7b9-0eec-479c-8fba-8ce4be598e43", "el-5-32bit", 512, 16, 8),
    Template("CentOS 5 (64-bit)", "centos-5-64bit", "03c460f1-f3fc-42a2-8c5d-0c5d4019d90d", "el-5-64bit", 512, 128, 8),
    Template("CentOS 6 (32-bit)", "centos-6-32bit", "0a21ac1d-b18f-469e-9fe7-8bb9d0291574", "el-6-32bit", 512, 16, 8),
    Template("CentOS 6 (64-bit)", "centos-6-64bit", "15828343-5b0d-4b86-a2da-56278c3b8c68", "el-6-64bit", 512, 128, 8),
    Template("CentOS 7", "centos-7", "11fd3dc9-96cc-49af-b091-a2ca7e94c589", "el-7", 2048, 1536, 10),
    Template("Citrix XenApp on Windows Server 2008 (32-bit)", "xenapp-windows-server-2008-32bit", "e566a90e-78fd-4000-9d14-283119024a9a", "xenapp-windows", 512, 64, 24),
    Template("Citrix XenApp on Windows Server 2008 (64-bit)", "xenapp-windows-server-2008-64bit", "646f9d6b-bdbb-4969-9f52-05eac1d67706", "xenapp-windows", 512, 1024, 24),
    Template("Citrix XenApp on Windows Server 2008 R2 (64-bit)", "xenapp-windows-server-2008-r2-64bit", "81b93df5-29b9-462a-baad-465c0da2d6d1", "xenapp-windows", 512, 1536, 24),
    Template("CoreOS", "coreos", "094706dd-5d22-4830-99b7-c710769c9dcc", "hvmlinux", 1024, 512, 8),
    Template("Debian Jessie 8.0", "debian-8", "79abf1d8-4b61-4fc3-aafa-58b0ccae48d3", "hvmlinux", 128, 1536, 8),
    Template("Debian Squeeze 6.0 (32-bit)", "debian-6-32bit", "34f68876-1ed4-4e8b-bb8a-a1526a573ab2", "debian-pv", 128, 32, 8, other_config={"debian-release": "squeeze", "install-arch": "i386"}),
    Template("Debian Squeeze 6.0 (64-bit)", "debian-6-64bit", "0781203b-950d-404a-8267-6014a86e4853", "debian-pv", 128, 32, 8, other_config={"debian-release": "squeeze", "install-arch": "amd64"}),
    Template("Debian Stretch 9.0", "debian-9", "381ebb02-96d5-11e7-92b9-b8ca3a97c5fc", "hvmlinux", 128, 1536, 10),
    Template("Debian Wheezy 7.0 (32-bit)", "debian-7-32bit", "f2bdd824-ad8c-4a78-83f8-6053e904fa11", "debian-pv", 128, 64, 8, other_config={"debian-release": "wheezy", "install-arch": "i386"}),
    Template("Debian Wheezy 7.0 (64-bit)", "debian-7-64bit", "28387a39-63c3-46cc-a0ec-e71807f72383", "debian-pv", 128, 128, 8, other_config={"debian-release": "wheezy", "install-arch": "amd64"}),
    Template("GreatTurbo Enterprise Server 12 (64-bit)", "turbo-12-64bit", "7bed1d01-3c40-11e7-83a5-64006a84d229", "el-6-64bit", 512, 128, 8),
    Template("Legacy Windows", "legacy-windows", "e0efedba-03b7-4e8d-b26b-9376b5366165", "other", 128, 1024, 24),
    Template("Linx Linux 6 (64-bit)", "linx-6-64bit", "3c85f58f-46b0-11e7-8d8c-64006a84d229", "hvmlinux", 512, 1536, 10, vcpus_max=6),
    Template("Linx Linux 8 (64-bit)", "linx-8-64bit", "808365c2-3fa8-11e7-9807-64006a84d229", "hvmlinux", 512, 1536, 10),
    Template("NeoKylin Linux Security OS 5 (64-bit)", "kylin-server-5-64bit", "8b4a2648-4060-11e7-9555-0242ac110004", "el-6-64bit", 512, 128, 8, PV_args="graphical utf8 tpm_tis.force=0"),
    Template("NeoKylin Linux Server 6 (64-bit)", "kylin-server-6-64bit", "7279a78a-4756-4fc3-99f0-3e7694c0318f", "kylin-6-64bit", 512, 128, 8, other_config={"install-arch": "amd64"}),
    Template("NeoKylin Linux Server 7", "kylin-server-7", "7279a78a-4756-4fc3-99f0-3e7694c0319e", "kylin-7", 1024, 1536, 10),
    Template("Oracle Enterprise Linux 5 (32-bit)", "oel-5-32bit", "3a332616-7410-4dc7-8d57-c12f5291c34b", "el-5-32bit", 512, 64, 8),
    Template("Oracle Enterprise Linux 5 (64-bit)", "oel-5-64bit", "b124ba5e-d512-4ef7-9827-e90a06f43a5c", "el-5-64bit", 512, 128, 8),
    Template("Oracle Enterprise Linux 6 (32-bit)", "oel-6-32bit", "71a59bef-0db4-4dd2-8f98-059dcbdab951", "el-6-32bit", 512, 16, 8),
    Template("Oracle Enterprise Linux 6 (64-bit)", "oel-6-64bit", "28583880-aa0c-4a6b-ad96-8d71571ac505", "el-6-64bit", 512, 128, 8),
    Template("Oracle Linux 7", "oel-7", "f873abe0-b138-4995-8f6f-498b423d234d", "el-7", 2048, 1536, 10),
    Template("Other install media", "other-install-media", "552bce37-51b2-445d-84f2-5f33fa112d7e", "other", 128, 128, 0),
    Template("Red Hat Enterprise Linux 5 (32-bit)", "rhel-5-32bit", "e9881b99-9cbd-425a-9127-356c8d83a4ab", "el-5-32bit", 512, 16, 8),
    Template("Red Hat Enterprise Linux 5 (64-bit)", "rhel-5-64bit", "29792b3c-bb92-45ce-aae6-8e10bf864640", "el-5-64bit", 512, 128, 8),
    Template("Red Hat Enterprise Linux 6 (32-bit)", "rhel-6-32bit", "62230644-0b4a-4a81-83b6-c6e354c06ef3", "el-6-32bit", 512, 16, 8),
    Template("Red Hat Enterprise Linux 6 (64-bit)", "rhel-6-64bit", "b3427a33-41a9-49a8-9819-bfda075dc672", "el-6-64bit", 512, 128, 8),
    Template("Red Hat Enterprise Linux 7", "rhel-7", "03d30863-86a2-428e-94c8-88ddfcb8cd29", "el-7", 2048, 1536, 10),
    Template("Scientific Linux 5 (32-bit)", "sl-5-32bit", "b8bb4fa8-c1ca-4862-a4ed-350c07043f74", "el-5-32bit", 512, 16, 8),
    Template("Scientific Linux 5 (64-bit)", "sl-5-64bit", "df12cf4e-7890-4917-a5d0-29996dba24ce", "el-5-64bit", 512, 128, 8),
    Template("Scientific Linux 6 (32-bit)", "sl-6-32bit", "57477bad-68b9-433c-bff5-bc026a1b5b30", "el-6-32bit", 512, 16, 8),
    Template("Scientific Linux 6 (64-bit)", "sl-6-64bit", "50ea05dd-db33-41e4-ab69-47a1e7d4b978", "el-6-64bit", 512, 128, 8),
    Template("Scientific Linux 7", "sl-7", "4b116889-af64-42af-ba86-75dcb3cb7828", "el-7", 2048, 1536, 10),
    Template("SUSE Linux Enterprise Desktop 11 SP3 (64-bit)", "sled-11-sp3-64bit", "ebc94c1c-2532-4765-b2e1-b72db794b6a0", "sle-pv-64bit", 512, 128, 8),
    Template("SUSE Linux Enterprise Desktop 12 (64-bit)", "sled-12-64bit", "89a9ab32-39a2-47db-8f11-25be020a16cf", "sle-12-pv-64bit", 512, 128, 8),
    Template("SUSE Linux Enterprise Desktop 12 SP1 (64-bit)", "sled-12-sp1-64bit", "14b3465d-d3d8-4bde-8a2e-a1a011b14e1e", "sle-12-pv-64bit", 512, 128, 8),
    Template("SUSE Linux Enterprise Desktop 12 SP2 (64-bit)", "sled-12-sp2-64bit", "a2c2f832-97bc-11e7-92b9-b8ca3a97c5fc", "sle-12-pv-64bit", 512, 128, 8),
    Template("SUSE Linux Enterprise Desktop 12 SP3 (64-bit)", "sled-12-sp3-64bit", "09dfef48-97bd-11e7-92b9-b8ca3a97c5fc", "sle-12-pv-64bit", 512, 128, 8),
    Template("SUSE Linux Enterprise Server 11 (32-bit)", "sles-11-32bit", "d2c02e43-5940-4d09-b175-9c56a3c15f86", "sle-pv-32bit", 512, 16, 8),
    Template("SUSE Linux Enterprise Server 11 (64-bit)", "sles-11-64bit", "be019803-d144-40a3-9e26-ef4c9be76be9", "sle-pv-64bit", 512, 128, 8),
    Template("SUSE Linux Enterprise Server 11 SP1 (32-bit)", "sles-11-sp1-32bit", "da36e5b6-714a-44fa-a502-7d08d9838e2c", "sle-pv-32bit", 512, 16, 8),
    Template("SUSE Linux Enterprise Server 11 SP1 (64-bit)", "sles-11-sp1-64bit", "d389ec86-ae3d-4045-9639-e47f5785e656", "sle-pv-64bit", 512, 128, 8),
    Template("SUSE Linux Enterprise Server 11 SP2 (32-bit)", "sles-11-sp2-32bit", "e958b573-9f7d-4c99-8d85-c95370d578b3", "sle-pv-32bit", 512, 16, 8),
    Template("SUSE Linux Enterprise Server 11 SP2 (64-bit)", "sles-11-sp2-64bit", "a1c25c28-b648-4c16-858a-2e3a61addb86", "sle-pv-64bit", 512, 128, 8),
    Template("SUSE Linux Enterprise Server 11 SP3 (32-bit)", "sles-11-sp3-32bit", "2e46fb99-1688-452e-bf46-47f7530b16ee", "sle-pv-32bit", 512, 16, 8),
    Template("SUSE Linux Enterprise Server 11 SP3 (64-bit)", "sles-11-sp3-64bit", "f28fd4f5-a234-4b79-9a6f-de91fefd68d6", "sle-pv-64bit", 512, 128, 8),
    Template("SUSE Linux Enterprise Server 11 SP4 (32-bit)", "sles-11-sp4-32bit", "405768ce-f8a1-4b3d-9410-8b1d4395e1b4", "sle-pv-32bit", 512, 16, 8),
    Template("SUSE Linux Enterprise Server 11 SP4 (64-bit)", "sles-11-sp4-64bit", "7006c141-2ba0-4ff8-aa4b-66d67b545043", "sle-pv-64bit", 512, 128, 8),
    Template("SUSE Linux Enterprise Server 12 (64-bit)", "sles-12-64bit", "1282055a-055b-43c2-bc4d-0d5a22b6b619", "sle-12-pv-64bit", 512, 128, 8),
    Template("SUSE Linux Enterprise Server 12 SP1 (64-bit)", "sles-12-sp1-64bit", "57d86822-8e9f-42aa-a096-081e4ee37f4c", "sle-12-pv-64bit", 512, 128, 8),
    Template("SUSE Linux Enterprise Server 12 SP2 (64-bit)", "sles-12-sp2-64bit", "1d504a36-96dd-11e7-92b9-b8ca3a97c5fc", "sle-12-pv-64bit", 512, 128, 8),
    Template("SUSE Linux Enterprise Server 12 SP3 (64-bit)", "sles-12-sp3-64bit", "23c33afa-97bd-11e7-92b9-b8ca3a97c5fc", "sle-12-pv-64bit", 512, 128, 8),
    Template("Ubuntu Lucid Lynx 10.04 (32-bit)", "ubuntu-10.04-32bit", "0e9d218d-03ef-49be-934a-dbc47c206957", "ubuntu-10.04", 128, 32, 8, other_config={"install-arch": "i386"}, vcpus_max=8),
    Template("Ubuntu Lucid Lynx 10.04 (64-bit)", "ubuntu-10.04-64bit", "7279a78a-4756-4fc3-99f0-3e7694c0318e", "ubuntu-10.04", 128, 32, 8, other_config={"install-arch": "amd64"}),
    Template("Ubuntu Maverick Meerkat 10.10 (32-bit) (experimental)", "ubuntu-10.10-32bit", "c0a2051f-f323-444b-a9d6-588d84eb434a", "ubuntu-10.10", 128, 32, 8, other_config={"install-arch": "i386"}, vcpus_max=8),
    Template("Ubuntu Maverick Meerkat 10.10 (64-bit) (experimental)", "ubuntu-10.10-64bit", "3a249b5e-b38d-4795-b0aa-cda9ff320a56", "ubuntu-10.10", 128, 32, 8, other_config={"install-arch": "amd64"}),
    Template("Ubuntu Precise Pangolin 12.04 (32-bit)", "ubuntu-12.04-32bit", "abfee665-a260-4aea-8d55-c75e19392133", "debian-pv", 128, 32, 8, other_config={"debian-release": "precise", "install-arch": "i386"}, PV_args="-- quiet console=hvc0 d-i:base-installer/kernel/image=linux-generic-pae", vcpus_max=8),
    Template("Ubuntu Precise Pangolin 12.04 (64-bit)", "ubuntu-12.04-64bit", "15e93e84-fd4b-468c-9505-73752405cf65", "debian-pv", 128, 128, 8, other_config={"debian-release": "precise", "install-arch": "amd64"}),
    Template("Ubuntu Trusty Tahr 14.04", "ubuntu-14.04", "0124e204-5fae-48cf-beaa-05b79579ef28", "hvmlinux", 512, 1536, 8),
    Template("Ubuntu Xenial Xerus 16.04", "ubuntu-16.04", "e9763585-f70a-4526-bfcb-822064742e9f", "hvmlinux", 512, 1536, 10),
    Template("Windows 10 (32-bit)", "windows-10-32bit", "9caee571-3b07-4673-940d-1d687b2818d6", "windows-10", 1024, 4, 24),
    Template("Windows 10 (64-bit)", "windows-10-64bit", "7774689b-4ca1-4dea-8545-dddd6b64c17f", "windows-10", 2048, 1536, 24),
    Template("Windows 7 (32-bit)", "windows-7-32bit", "5f2d0b8c-f80a-49ef-986a-03d65e449f2e", "windows", 1024, 4, 24),
    Template("Windows 7 (64-bit)", "windows-7-64bit", "92c21ae3-5eb4-474b-9729-afa58dfde98b", "windows", 2048, 192, 24),
    Template("Windows 8 (32-bit)", "windows-8-32bit", "4383f051-cc9e-48d5-99e9-8fa2e979e2d0", "windows-8", 1024, 4, 24),
    Template("Windows 8 (64-bit)", "windows-8-64bit", "11c46476-bd5c-4d75-9cf0-57fe55343ba3", "windows-8", 2048, 512, 24),
    Template("Windows Server 2008 (32-bit)", "windows-server-2008-32bit", "ff6e5856-7ad9-4667-8391-ee187684b741", "windows", 512, 64, 24),
    Template("Windows Server 2008 (64-bit)", "windows-server-2008-64bit", "152f130b-117b-4dd1-a785-d396b950c86b", "windows", 512, 1024, 24),
    Template("Windows Server 2008 R2 (64-bit)", "windows-server-2008-r2-64bit", "67f3e069-0da0-44d3-a5c0-e0f3e2fcdafa", "windows", 512, 1536, 24),
    Template("Windows Server 2012 (64-bit)", "windows-server-2012-64bit", "83af4ddb-e029-48ff-ba7a-11a23ff99caa", "windows-8", 1024, 1536, 32),
    Template("Windows Server 2012 R2 (64-bit)", "windows-server-2012-r2-64bit", "17a818b5-20a6-4d34-a7ef-320da9ef4c14", "windows-8", 1024, 1536, 32),
    Template("Windows Server 2016 (64-bit)", "windows-server-2016-64bit", "c15fab79-6cce-4e1f-916f-a64b98ff9e7d", "windows-8", 1024, 1536, 32),
    Template("Yinhe Kylin 4 (64-bit)", "yinhe-4-64bit", "33e7a341-42b2-11e7-a38a-64006a84d229", "hvmlinux", 512, 1536, 10),
)
# fmt: on

BY_LABEL = {template.label: template for template in TEMPLATES}
"""Templates by their reference label."""
