"""VM.provision: a template becomes a VM with the disks that the template asks for."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence

from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.vbd import VBD
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.entity import STARTS
from xapi_async.objects.reader import Reader
from xapi_async.operations.calling import call
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.marking import marked
from xapi_async.operations.storage.records import delete_vbd
from xapi_async.operations.vm.flags import clear_template
from xapi_async.operations.vm.rules import RULES
from xapi_async.operations.vm_copies import disks
from xapi_async.operations.vm_copies.disk_list import WantedDisk, parse
from xapi_async.operations.vm_copies.host_marks import provisioning_on_any
from xapi_async.operations.vm_copies.hosts import hosts_seeing, master

DISKS, SCRIPT = "disks", "postinstall"
"""The keys of other_config that a template asks by."""

SCRIPT_FOLDER = "/opt/xensource/packages/post-install-scripts"
_SCRIPT = re.compile(r"[a-z/-]+")

DESCRIPTION = "Created by template provisioner"

_VBD_FIELDS = tuple(name for name, field in VBD.FIELDS.items() if field.qualifier != "RO/runtime")


async def provision(ctx: Context, vm: str) -> None:
    """VM.provision. Where it fails, the VM stays no template, and keeps the disks made so far.

    Raises as the rules say, INTERNAL_ERROR [text] for a list of disks that cannot be understood,
    UUID_INVALID ["SR", text], as VDI.create and VBD.create do, PERMISSION_DENIED [text] for a script that is not
    allowed, and PROVISION_FAILED_OUT_OF_SPACE [] for one that fails.
    """
    async with marked(ctx, RULES, vm, "provision"):
        config = ctx.store.get(VM, vm).other_config
        wanted, script = parse(config.get(DISKS, "")), config.get(SCRIPT, "")
        async with provisioning_on_any(ctx, _candidates(ctx.store, wanted)):
            async with ctx.store.transaction() as tx:
                clear_template(tx, vm, ctx.services.clock.now())
            if wanted or script:
                made = [await _make_disk(ctx, vm, disk) for disk in wanted]
                if script:
                    await _run_script(ctx, script, made)
                await _forget_wishes(ctx, vm)


def _candidates(reader: Reader, wanted: Sequence[WantedDisk]) -> list[str]:
    """The hosts that see all the storage named; the master where none is named or one is not known."""
    named = {disk.sr: _named_sr(reader, disk.sr) for disk in wanted}
    if not named or None in named.values():
        return [master(reader)]
    return hosts_seeing(reader, [sr for sr in named.values() if sr is not None]) or [master(reader)]


def _named_sr(reader: Reader, text: str) -> str | None:
    srs = list(reader.all(SR))
    for sr in srs:
        if sr.uuid == text:
            return sr.ref
    by_name = [sr.ref for sr in srs if sr.name_label == text]
    if len(by_name) > 1:
        raise ApiError("INTERNAL_ERROR", f"{len(by_name)} SRs are called {text}")
    return by_name[0] if by_name else None


async def _make_disk(ctx: Context, vm: str, wanted: WantedDisk) -> tuple[str, str]:
    """Make a disk and attach it to the VM; gives the block device and the disk."""
    sr = ctx.store.by_uuid(SR, wanted.sr).ref
    vdi = await disks.create(
        ctx,
        name_label=wanted.device,  # renamed below should the block device come out elsewhere
        name_description=DESCRIPTION,
        SR=sr,
        virtual_size=wanted.size,
        type=wanted.type,
        sm_config={"vmhint": ctx.store.get(VM, vm).uuid},
    )
    starts = STARTS[VBD]
    vbd: str = await call(
        ctx,
        "VBD.create",
        {
            **{name: starts[name] for name in _VBD_FIELDS},
            "VM": vm,
            "VDI": vdi,
            "userdevice": wanted.device,
            "bootable": wanted.bootable,
            "mode": "RW",
            "type": "Disk",
            "unpluggable": wanted.type != "system",
            "empty": False,
            "other_config": {"owner": ""},
        },
    )
    position = ctx.store.get(VBD, vbd).userdevice
    if position != wanted.device:
        await call(ctx, "VDI.set_name_label", vdi, position)
    return vbd, vdi


async def _run_script(ctx: Context, script: str, made: Sequence[tuple[str, str]]) -> None:
    """Run a template's script with the new disks; they are destroyed where it fails.

    No such scripts are installed with this server, so that running one always fails.
    """
    try:
        ctx.task.check()
        if not _SCRIPT.fullmatch(script) or script.rpartition("/")[0] != SCRIPT_FOLDER:
            raise ApiError("PERMISSION_DENIED", f"templates may not run {script}")
        raise ApiError("PROVISION_FAILED_OUT_OF_SPACE")
    except ApiError:
        await asyncio.shield(_unmake(ctx, made))
        raise


async def _unmake(ctx: Context, made: Sequence[tuple[str, str]]) -> None:
    async with ctx.store.transaction() as tx:
        for ref, _ in made:
            vbd = tx.find(VBD, ref)
            if vbd is not None:
                delete_vbd(tx, vbd)
    await disks.destroy_quietly(ctx, [vdi for _, vdi in made if ctx.store.find(VDI, vdi) is not None])


async def _forget_wishes(ctx: Context, vm: str) -> None:
    async with ctx.store.transaction() as tx:
        target = tx.get(VM, vm)
        rest = {key: value for key, value in target.other_config.items() if key not in (DISKS, SCRIPT)}
        tx.set(target, other_config=rest)


HANDLERS: Handlers = {"VM.provision": provision}
