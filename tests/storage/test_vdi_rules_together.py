"""Every operation on a disk in every two of the states that matter: which error comes first, as the API orders them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import pytest

from tests.storage.conftest import Lab
from tests.storage.test_vdi_rules import ALL, ALL_FEATURES, BLOCKED_BY_USE, LISTED, NEEDED
from xapi_async.datamodel.classes.pbd import PBD
from xapi_async.datamodel.classes.pool import Pool
from xapi_async.datamodel.classes.sm import SM
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.vbd import VBD
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.enums import VDI_TYPE
from xapi_async.datamodel.errors import ApiError
from xapi_async.operations import marking
from xapi_async.operations.marking import allowed_operations
from xapi_async.operations.storage import vdi_rules

TYPE_NAMES = {
    "system": "System", "user": "User", "ephemeral": "Ephemeral", "suspend": "Suspend", "crashdump": "Crashdump",
    "ha_statefile": "HA statefile", "metadata": "Metadata", "redo_log": "Redo log", "rrd": "rrd",
    "pvs_cache": "PVS cache", "cbt_metadata": "CBT metadata",
}  # fmt: skip
STATES: Mapping[str, Mapping[str, Any]] = {
    "upgrade": {"upgrade": True},
    "unplugged": {"plugged": False},
    **{f"running {op}": {"running": op} for op in ("copy", "mirror", "clone")},
    **{f"attached {mode}": {"user": mode} for mode in ("RW", "RO")},
    **{f"attached {mode} to a snapshot": {"user": mode, "user_is_snapshot": True} for mode in ("RW", "RO")},
    "busy device": {"device_busy": True},
    **{f"without {feature}": {"lacks": feature} for feature in sorted(set(NEEDED.values()))},
    **{f"type {kind}": {"type": kind} for kind in VDI_TYPE.values if kind != "user"},
    "tracked": {"cbt_enabled": True},
    "snapshot": {"is_a_snapshot": True},
    "tracked snapshot": {"is_a_snapshot": True, "cbt_enabled": True},
    "sharable": {"sharable": True},
    "reset": {"on_boot": "reset"},
    **{f"ha {ha}": {"ha": ha} for ha in ("on", "ha_enable", "ha_disable")},
    "udev": {"sr_type": "udev"},
    "tools": {"tools": True},
    "held": {"held_by": ("OpaqueRef:host static",)},
}
"""What may be the case, apart from a plain disk that nobody uses."""

METADATA_CANNOT = {"clone", "copy", "disable_cbt", "enable_cbt", "mirror", "resize", "resize_online", "snapshot"} | {
    "set_on_boot"
}
ANY = "any text"


def expected(op: str, facts: Mapping[str, Any], vdi: str, sr: str) -> list[str] | None:
    """The error, by the order of the API's checks."""
    kind, user, running = facts.get("type", "user"), facts.get("user"), facts.get("running")
    if facts.get("upgrade") and op not in LISTED | {"blocked"}:
        return ["NOT_SUPPORTED_DURING_UPGRADE"]
    if running not in (None, "copy") and (op, running) != ("destroy", "mirror"):
        return ["OTHER_OPERATION_IN_PROGRESS", "VDI", vdi]
    if op == "resize" and not facts.get("plugged", True):
        return ["SR_HAS_NO_PBDS", sr]
    in_the_way = {
        "copy": user == "RW",
        "list_changed_blocks": user is not None and not facts.get("user_is_snapshot"),
    }.get(op, user is not None and op in BLOCKED_BY_USE)
    if in_the_way:
        return ["VDI_IN_USE", vdi, op]
    if facts.get("device_busy") and op != "data_destroy":
        return ["OTHER_OPERATION_IN_PROGRESS", "VDI", vdi]
    if op in NEEDED and NEEDED[op] == facts.get("lacks"):
        return ["SR_OPERATION_NOT_SUPPORTED", sr]
    if kind == "cbt_metadata" and op in METADATA_CANNOT:
        return ["VDI_INCOMPATIBLE_TYPE", vdi, "CBT metadata"]
    if facts.get("cbt_enabled") and op in ("mirror", "set_on_boot"):
        return ["VDI_CBT_ENABLED", vdi]
    return _own(op, facts, vdi, sr)


def _own(op: str, facts: Mapping[str, Any], vdi: str, sr: str) -> list[str] | None:
    """What only concerns one operation."""
    kind, ha = facts.get("type", "user"), facts.get("ha")
    ha_disk = ha == "on" and kind in ("ha_statefile", "redo_log")
    on_boot = ["VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION"] if facts.get("on_boot") == "reset" else None
    if op == "data_destroy":
        if not facts.get("is_a_snapshot"):
            return ["OPERATION_NOT_ALLOWED", ANY]
        if not facts.get("cbt_enabled"):
            return ["VDI_NO_CBT_METADATA", vdi]
    if op in ("destroy", "data_destroy"):
        if facts.get("sr_type") == "udev":
            return ["VDI_IS_A_PHYSICAL_DEVICE", vdi]
        if facts.get("tools"):
            return ["SR_OPERATION_NOT_SUPPORTED", sr]
        if kind == "rrd":
            return ["VDI_HAS_RRDS", vdi]
        if ha_disk:
            return ["HA_IS_ENABLED"]
        switching = {"ha_enable": "HA_ENABLE_IN_PROGRESS", "ha_disable": "HA_DISABLE_IN_PROGRESS"}.get(ha or "")
        if switching and kind in ("ha_statefile", "metadata"):
            return [switching]
        return ["VDI_IN_USE", vdi, op] if facts.get("held_by") else None
    if op == "forget":
        return ["HA_IS_ENABLED"] if ha_disk else ["VDI_HAS_RRDS", vdi] if kind == "rrd" else None
    if op in ("resize", "resize_online"):
        return ["HA_IS_ENABLED"] if ha_disk else None
    if op == "snapshot":
        if facts.get("sharable"):
            return ["VDI_IS_SHARABLE", vdi]
        return on_boot or (["OPERATION_NOT_ALLOWED", ANY] if facts.get("running") == "copy" else None)
    if op == "copy":
        return ["OPERATION_NOT_ALLOWED", ANY] if kind in ("ha_statefile", "redo_log") else None
    if op in ("enable_cbt", "disable_cbt"):
        if facts.get("is_a_snapshot"):
            return ["OPERATION_NOT_ALLOWED", ANY]
        return ["VDI_INCOMPATIBLE_TYPE", vdi, TYPE_NAMES[kind]] if kind not in ("user", "system") else on_boot
    return None


class Stage:
    """A disk, and what can be made the case of it."""

    def __init__(self, lab: Lab, vdi: str, vbd: str, pbds: list[str]) -> None:
        self.lab, self.vdi, self.vbd, self.pbds = lab, vdi, vbd, pbds
        self.sr = lab.get_vdi(vdi).SR

    async def show(self, facts: Mapping[str, Any]) -> None:
        store = self.lab.store
        async with store.transaction() as tx:
            own = ("type", "cbt_enabled", "is_a_snapshot", "sharable", "on_boot", "held_by")
            plain = {"type": "user", "cbt_enabled": False, "is_a_snapshot": False, "sharable": False, "held_by": ()}
            values = {**plain, "on_boot": "persist", **{key: facts[key] for key in own if key in facts}}
            running = {"t": facts["running"]} if "running" in facts else {}
            tx.set(tx.get(VDI, self.vdi), current_operations=running, **values)
            tx.set(tx.get(SR, self.sr), type=facts.get("sr_type", "nfs"), is_tools_sr=facts.get("tools", False))
            for sm in list(tx.all(SM)):
                if sm.type in ("nfs", "udev"):
                    tx.set(sm, features=dict.fromkeys(ALL_FEATURES - {facts.get("lacks")}, 1))
            ha = facts.get("ha")
            tx.set(
                tx.get(Pool, self.lab.pool.ref),
                other_config={"rolling_upgrade_in_progress": "true"} if facts.get("upgrade") else {},
                ha_enabled=ha == "on",
                current_operations={"t": ha} if ha in ("ha_enable", "ha_disable") else {},
            )
            vbd = tx.get(VBD, self.vbd)
            tx.set(
                vbd,
                currently_attached="user" in facts,
                mode=facts.get("user", "RW"),
                current_operations={"t": "attach"} if facts.get("device_busy") else {},
            )
            tx.set(tx.get(VM, vbd.VM), is_a_snapshot=facts.get("user_is_snapshot", False))
            for pbd in self.pbds:
                tx.set(tx.get(PBD, pbd), currently_attached=facts.get("plugged", True))


@pytest.fixture
async def stage(lab: Lab) -> Stage:
    sr = await lab.sr("nfs")
    vdi = await lab.vdi(sr)
    vbd = await lab.attached(await lab.vm("Running"), vdi)
    return Stage(lab, vdi, vbd, list(lab.get_sr(sr).PBDs))


async def test_every_two_states(stage: Stage) -> None:
    store, tried = stage.lab.store, 0
    for names in itertools.combinations_with_replacement(STATES, 2):
        facts = {**STATES[names[0]], **STATES[names[1]]}
        await stage.show(facts)
        allowed = set(ALL)
        for op in sorted(ALL):
            error = vdi_rules.check(store, store.get(VDI, stage.vdi), op)
            wanted = expected(op, facts, stage.vdi, stage.sr)
            found = error.description if error is not None else None
            if wanted is not None and wanted[-1] == ANY and found is not None:
                found = [*found[:-1], ANY]
            assert found == wanted, (names, op)
            if wanted is not None:
                allowed.discard(op)
            tried += 1
        listed = allowed_operations(store, vdi_rules.RULES, store.get(VDI, stage.vdi))
        assert set(listed) == allowed & LISTED, names
    assert tried > 10_000


MESSAGES: Mapping[str, tuple[str, tuple[Any, ...]]] = {
    "clone": ("VDI.clone", ({},)),
    "copy": ("VDI.copy", ("SR", "OpaqueRef:NULL", "OpaqueRef:NULL")),
    "resize": ("VDI.resize", (16 << 20,)),
    "snapshot": ("VDI.snapshot", ({},)),
    "destroy": ("VDI.destroy", ()),
    "forget": ("VDI.forget", ()),
    "update": ("VDI.update", ()),
    "force_unlock": ("VDI.force_unlock", ()),
    "enable_cbt": ("VDI.enable_cbt", ()),
    "disable_cbt": ("VDI.disable_cbt", ()),
    "data_destroy": ("VDI.data_destroy", ()),
    "set_on_boot": ("VDI.set_on_boot", ("persist",)),
}
AFTER = {
    "force_unlock": {"MESSAGE_DEPRECATED"},  # whatever the rules say
    "data_destroy": {"VDI_IN_USE"},  # the device stays
    "destroy": {"VDI_IN_USE"},
}
UNMARKED_SR = {"copy", "forget", "update", "force_unlock"}
"""Operations that show on the disk alone."""
CALLED = (
    "upgrade", "running mirror", "running clone", "running copy", "attached RW", "attached RO", "busy device",
    "without VDI_SNAPSHOT", "without VDI_CONFIG_CBT", "type rrd", "type suspend", "type ha_statefile",
    "type cbt_metadata", "tracked", "snapshot", "tracked snapshot", "sharable", "reset", "tools", "held",
)  # fmt: skip


@pytest.mark.parametrize("state", CALLED)
@pytest.mark.parametrize("ha", [None, "on"])
async def test_a_call_does_what_the_rules_say(
    stage: Stage, state: str, ha: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(marking, "RETRY_WAITS", (marking.LONGEST_WAIT, marking.LONGEST_WAIT))
    lab, facts, target = stage.lab, {**STATES[state], "ha": ha}, await stage.lab.sr("lvm")
    for op, (message, args) in MESSAGES.items():
        vdi = await lab.vdi(stage.sr)
        vm = await lab.vm("Halted")
        vbd = await lab.attached(vm, vdi, currently_attached=False)
        here = Stage(lab, vdi, vbd, stage.pbds)
        if facts.get("cbt_enabled"):
            driver = lab.services.storage.driver("nfs")
            await driver.enable_cbt(lab.get_sr(stage.sr).uuid, lab.get_vdi(vdi).location)
        await here.show(facts)
        wanted = expected(op, facts, vdi, stage.sr)
        if op not in UNMARKED_SR and NEEDED.get(op) == facts.get("lacks") and op != "clone":
            wanted = ["SR_OPERATION_NOT_SUPPORTED", stage.sr]  # the SR is asked first
        if op == "destroy" and facts.get("tools"):
            wanted = ["SR_OPERATION_NOT_SUPPORTED", stage.sr]
        given = [target if arg == "SR" else arg for arg in args]
        found = None
        try:
            await lab.call(message, vdi, *given)
        except ApiError as error:
            found = error.description
        if wanted is None:
            assert found is None or found[0] in AFTER.get(op, ()), (op, found)
        else:
            if wanted[-1] == ANY and found is not None:
                found = [*found[:-1], ANY]
            assert found == wanted, (op, found)
        await stage.show({})
