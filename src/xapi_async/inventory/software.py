"""What a host says of its software and firmware."""

from __future__ import annotations

from xapi_async.inventory.hardware import HostSettings

API_VERSION = (2, 9)
API_VENDOR = "XenSource"
BUILD_NUMBER = "154917c"
PACK = "Base Pack, version 7.4.0, build 154917c"
SIGNATURE = "MS_VM_CERT/SHA1/bdbeb6e0a816d43fa6d3fe8aaef04c2bad9d3e3d"

_VERSIONS = {
    "product_version": "7.4.0",
    "product_version_text": "7.4",
    "product_version_text_short": "7.4",
    "platform_name": "XCP",
    "platform_version": "2.5.0",
    "product_brand": "XenServer",
    "build_number": BUILD_NUMBER,
    "hostname": "localhost",
    "date": "2018-02-27",
    "xapi": "1.20",
    "xen": "4.7.4-4.1",
    "linux": "4.4.0+10",
    "xencenter_min": "2.9",
    "xencenter_max": "2.9",
}

CAPABILITIES_PV = ("xen-3.0-x86_64", "xen-3.0-x86_32p")
CAPABILITIES_HVM = ("hvm-3.0-x86_32", "hvm-3.0-x86_32p", "hvm-3.0-x86_64")

GUEST_BIOS_STRINGS = {
    "bios-vendor": "Xen",
    "bios-version": "",
    "system-manufacturer": "Xen",
    "system-product-name": "HVM domU",
    "system-version": "",
    "system-serial-number": "",
    "enclosure-asset-tag": "",
    "hp-rombios": "",
    "oem-1": "Xen",
    "oem-2": SIGNATURE,
}
"""What guests are told of their machine when nothing else is set."""


def software_version(network_backend: str, edition: str) -> dict[str, str]:
    """host.software_version. The licensing version shows only with editions that a licence daemon gives."""
    licensing = {} if edition == "free/libre" else {"dbv": "2018.0223"}
    return {
        **_VERSIONS,
        **licensing,
        "network_backend": network_backend,
        "db_schema": "5.134",
        "xs:main": PACK,
    }


def capabilities(*, hvm: bool) -> tuple[str, ...]:
    """host.capabilities: the hypervisor's text split at blanks, which leaves an empty one at the end."""
    return (*CAPABILITIES_PV, *(CAPABILITIES_HVM if hvm else ()), "")


def bios_strings(host: HostSettings, serial_number: str) -> dict[str, str]:
    """host.bios_strings."""
    return {
        "bios-vendor": host.manufacturer,
        "bios-version": "2.7.1",
        "system-manufacturer": host.manufacturer,
        "system-product-name": host.product,
        "system-version": "",
        "system-serial-number": serial_number,
        "oem-1": "Xen",
        "oem-2": SIGNATURE,
        "oem-3": host.manufacturer,
        "hp-rombios": "",
    }
