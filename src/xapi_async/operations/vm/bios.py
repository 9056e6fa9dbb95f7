"""VM: the texts that firmware shows to guests."""

from __future__ import annotations

from collections.abc import Mapping

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.operations.context import Context, Handlers

GENERIC: Mapping[str, str] = {
    "bios-vendor": "Xen",
    "bios-version": "",
    "system-manufacturer": "Xen",
    "system-product-name": "HVM domU",
    "system-version": "",
    "system-serial-number": "",
    "enclosure-asset-tag": "",
    "hp-rombios": "",
    "oem-1": "Xen",
    "oem-2": "MS_VM_CERT/SHA1/bdbeb6e0a816d43fa6d3fe8aaef04c2bad9d3e3d",
}
"""What guests are shown where nothing else was said before their first start."""

SETTABLE = tuple(GENERIC)[:7]
"""The texts that clients may choose."""

LONGEST = 512
PRINTABLE = range(32, 127)


async def set_bios_strings(ctx: Context, self: str, value: Mapping[str, str]) -> None:
    """VM.set_bios_strings. Raises VM_BIOS_STRINGS_ALREADY_SET [] or INVALID_VALUE [key, text]."""
    async with ctx.store.transaction() as tx:
        vm = _without_strings(tx.get(VM, self))
        for key, text in value.items():
            _require_acceptable(key, text)
        tx.set(vm, bios_strings={**GENERIC, **value})


async def copy_bios_strings(ctx: Context, vm: str, host: str) -> None:
    """VM.copy_bios_strings: the texts of a host, which the VM prefers from then on."""
    async with ctx.store.transaction() as tx:
        target = _without_strings(tx.get(VM, vm))
        tx.set(target, bios_strings=tx.get(Host, host).bios_strings, affinity=host)


def _without_strings(vm: VM) -> VM:
    if vm.bios_strings:
        raise ApiError("VM_BIOS_STRINGS_ALREADY_SET")
    return vm


def _require_acceptable(key: str, text: str) -> None:
    if key not in SETTABLE:
        raise ApiError("INVALID_VALUE", key, "there is no such text")
    if not text:
        raise ApiError("INVALID_VALUE", key, "the text is empty")
    if len(text.encode()) > LONGEST:
        raise ApiError("INVALID_VALUE", key, f"the text is longer than {LONGEST} bytes")
    if any(ord(character) not in PRINTABLE for character in text):
        raise ApiError("INVALID_VALUE", key, "the text has characters that are not printable ASCII")


HANDLERS: Handlers = {"VM.set_bios_strings": set_bios_strings, "VM.copy_bios_strings": copy_bios_strings}
