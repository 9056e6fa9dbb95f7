"""Every operation on a block device in every two of the states that matter, and what calls then do."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import pytest

from tests.storage.conftest import Lab
from xapi_async.datamodel.classes.vbd import VBD
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.classes.vm_guest_metrics import VMGuestMetrics
from xapi_async.datamodel.classes.vm_metrics import VMMetrics
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.types import NULL_REF
from xapi_async.operations import marking
from xapi_async.operations.storage import vbd_rules

OPERATIONS = ("attach", "eject", "unplug", "unplug_force", "insert", "plug", "pause", "unpause")
UNPLUGS = ("unplug", "unplug_force")
HOTPLUG = ("plug", *UNPLUGS)
ATTACHING = ("attach", "plug", "insert")
PAUSES = ("pause", "unpause")
ANY = "any text"
STATES: Mapping[str, Mapping[str, Any]] = {
    **{f"running {op}": {"running": op} for op in OPERATIONS},
    "fixed": {"unpluggable": False},
    "floppy": {"type": "Floppy"},
    "drive": {"type": "CD", "mode": "RO"},
    "empty drive": {"type": "CD", "mode": "RO", "empty": True},
    "attached": {"attached": True},
    "reserved": {"reserved": True},
    **{state: {"state": state} for state in ("Halted", "Paused", "Suspended")},
    **{
        f"VM {op}": {"vm_running": op} for op in ("clean_shutdown", "hard_shutdown", "suspend", "pause", "clean_reboot")
    },
    "HVM without agent": {"hvm": None},
    **{f"HVM {hotplug}": {"hvm": hotplug} for hotplug in ("yes", "no", "unspecified", "detected", "versioned")},
    "hidden disk": {"managed": False},
    **{f"disk {op}": {"vdi_running": op} for op in ("copy", "mirror", "snapshot")},
    **{f"used {mode}": {"user": mode} for mode in ("RW", "RO")},
    "used by a suspended VM": {"user": "RW", "user_state": "Suspended"},
    "used by a system domain": {"user": "RW", "user_is_system": True},
    "sharable": {"sharable": True},
    "read-only disk": {"read_only": True},
    "RO": {"mode": "RO"},
    "system domain": {"is_system": True},
}
"""What may be the case, apart from a detached disk, to be written, of a running paravirtual guest."""


def expected(op: str, facts: Mapping[str, Any], names: Mapping[str, str]) -> list[str] | None:
    """The error, by the order of the API's checks, without that of sharing. names: references of B, V and M."""
    vbd, vm, state = names["B"], names["M"], facts.get("state", "Running")
    in_use = facts.get("attached") or facts.get("reserved")
    running, kind, empty = facts.get("running"), facts.get("type", "Disk"), facts.get("empty", False)
    passes = {"pause": PAUSES, "unpause": (*PAUSES, "attach")}.get(op, ())
    if running is not None and running not in passes:
        return ["OTHER_OPERATION_IN_PROGRESS", "VBD", vbd, running]
    if op in UNPLUGS and not facts.get("unpluggable", True):
        return ["VBD_NOT_UNPLUGGABLE", vbd]
    if op in ("insert", "eject") and kind != "CD":
        return ["VBD_NOT_REMOVABLE_MEDIA", vbd]
    if (op, empty) == ("eject", True):
        return ["VBD_IS_EMPTY", vbd]
    if (op, empty) == ("insert", False):
        return ["VBD_NOT_EMPTY", vbd]
    if state == "Running" and op == "plug" and in_use:
        return ["DEVICE_ALREADY_ATTACHED", vbd]
    if state == "Running" and op in UNPLUGS and not in_use:
        return ["DEVICE_ALREADY_DETACHED", vbd]
    if state != "Running" and (op in HOTPLUG or (op in PAUSES and state != "Paused")):
        return ["VM_BAD_POWER_STATE", vm, "running", state.lower()]
    if op in ("plug", "unplug") and facts.get("vm_running", "clean_reboot") != "clean_reboot":
        return ["OPERATION_NOT_ALLOWED", ANY]
    if "hvm" in facts and state == "Running" and op in HOTPLUG:
        if facts["hvm"] in (None, "unspecified"):
            return ["VM_MISSING_PV_DRIVERS", vm]
        if facts["hvm"] == "no" or kind == "CD":
            return ["OPERATION_NOT_ALLOWED", ANY]
    if kind == "CD" and state == "Suspended" and op in ("insert", "eject"):
        return ["VM_BAD_POWER_STATE", vm, "halted, running", "suspended"]
    if not empty and not facts.get("managed", True):
        return ["VDI_NOT_MANAGED", vbd]
    if not empty and facts.get("vdi_running") == "snapshot" and op in ATTACHING:
        return ["OTHER_OPERATION_IN_PROGRESS", "VDI", names["V"], "snapshot"]
    return None


def shared(op: str, facts: Mapping[str, Any], names: Mapping[str, str]) -> list[str] | None:
    """The error of a call where others use the disk, or it cannot be written."""
    if op not in ATTACHING or facts.get("empty") or facts.get("attached") or facts.get("reserved"):
        return None
    mode, user = facts.get("mode", "RW"), facts.get("user")
    if facts.get("user_state") == "Suspended" or facts.get("user_is_system"):
        user = None
    if user and not facts.get("sharable") and not facts.get("is_system") and "RW" in (mode, user):
        return ["VDI_IN_USE", names["V"]]
    return ["VDI_READONLY", names["V"]] if mode == "RW" and facts.get("read_only") else None


class Stage:
    """A device, its disk and its VM, another that uses the disk, and what can be made the case of them."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.names: dict[str, str] = {}
        self.guest = self.other = self.metrics = ""

    async def build(self) -> Stage:
        lab = self.lab
        vdi, vm = await lab.vdi(await lab.sr("nfs")), await lab.vm("Running")
        vbd = await lab.attached(vm, vdi, currently_attached=False, userdevice="3")
        self.names = {"V": vdi, "M": vm, "B": vbd}
        self.other = await lab.attached(await lab.vm("Running"), vdi, currently_attached=False)
        self.guest, self.metrics = await lab.put(VMGuestMetrics), lab.store.get(VM, vm).metrics
        return self

    async def show(self, facts: Mapping[str, Any]) -> None:
        hvm = facts.get("hvm")
        async with self.lab.store.transaction() as tx:
            vbd, vdi, vm = tx.get(VBD, self.names["B"]), tx.get(VDI, self.names["V"]), tx.get(VM, self.names["M"])
            empty = facts.get("empty", False)
            tx.set(
                vbd,
                type=facts.get("type", "Disk"),
                mode=facts.get("mode", "RW"),
                empty=empty,
                VDI=NULL_REF if empty else vdi.ref,
                unpluggable=facts.get("unpluggable", True),
                currently_attached=facts.get("attached", False),
                reserved=facts.get("reserved", False),
                current_operations={"t": facts["running"]} if "running" in facts else {},
            )
            tx.set(
                vdi,
                managed=facts.get("managed", True),
                sharable=facts.get("sharable", False),
                read_only=facts.get("read_only", False),
                current_operations={"t": facts["vdi_running"]} if "vdi_running" in facts else {},
            )
            tx.set(
                vm,
                power_state=facts.get("state", "Running"),
                current_operations={"t": facts["vm_running"]} if "vm_running" in facts else {},
                guest_metrics=NULL_REF if hvm is None else self.guest,
                other_config={"is_system_domain": "true"} if facts.get("is_system") else {},
            )
            tx.set(tx.get(VMMetrics, self.metrics), hvm="hvm" in facts)
            tx.set(
                tx.get(VMGuestMetrics, self.guest),
                can_use_hotplug_vbd=hvm if hvm in ("yes", "no") else "unspecified",
                PV_drivers_detected=hvm == "detected",
                PV_drivers_version={"major": "7"} if hvm == "versioned" else {},
            )
            other = tx.get(VBD, self.other)
            tx.set(other, currently_attached="user" in facts, mode=facts.get("user", "RO"))
            tx.set(
                tx.get(VM, other.VM),
                power_state=facts.get("user_state", "Running"),
                is_control_domain=facts.get("user_is_system", False),
            )


@pytest.fixture
async def stage(lab: Lab) -> Stage:
    return await Stage(lab).build()


def said(error: ApiError | None, wanted: list[str] | None) -> list[str] | None:
    """What an error says, but for the text of those that are texts."""
    if error is None:
        return None
    return [*error.description[:-1], ANY] if wanted is not None and wanted[-1] == ANY else error.description


@pytest.mark.parametrize("base", ["", "drive", "empty drive", "attached"])
async def test_every_two_states(stage: Stage, base: str) -> None:
    store = stage.lab.store
    for chosen in itertools.combinations_with_replacement(STATES, 2):
        facts = {**STATES.get(base, {}), **STATES[chosen[0]], **STATES[chosen[1]]}
        await stage.show(facts)
        vbd, allowed = store.get(VBD, stage.names["B"]), set()
        for op in OPERATIONS:
            wanted, in_use = expected(op, facts, stage.names), shared(op, facts, stage.names)
            assert said(vbd_rules.check(store, vbd, op), wanted) == wanted, (chosen, op)
            assert said(vbd_rules.check_sharing(store, vbd, op), in_use) == in_use, (chosen, op)
            if wanted is None:
                allowed.add(op)
        assert set(marking.allowed_operations(store, vbd_rules.RULES, vbd)) == allowed, chosen


MESSAGES = {
    "attach": "assert_attachable",
    "unpause": "unpause",
    **{op: op for op in ("eject", "unplug", "unplug_force", "insert", "plug", "pause")},
}


@pytest.mark.parametrize("state", sorted(STATES))
@pytest.mark.parametrize("base", ["", "empty drive", "attached"])
async def test_a_call_does_what_the_rules_say(lab: Lab, state: str, base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marking, "RETRY_WAITS", (marking.LONGEST_WAIT, marking.LONGEST_WAIT))
    facts = {**STATES.get(base, {}), **STATES[state]}
    iso = await lab.vdi(await lab.sr("iso"))
    stage: Stage | None = None
    for op, message in MESSAGES.items():
        stage = stage or await Stage(lab).build()
        await stage.show(facts)
        args = {"insert": (iso,), "unpause": ("",)}.get(op, ())
        before = lab.get_vbd(stage.names["B"]).values()
        wanted = expected(op, facts, stage.names) or shared(op, facts, stage.names)
        hvm_disk = "hvm" in facts and facts.get("type", "Disk") != "CD" and facts.get("mode") == "RO"
        if wanted is None and op == "plug" and hvm_disk and facts.get("state", "Running") == "Running":
            wanted = ["DISK_VBD_MUST_BE_READWRITE_FOR_HVM", stage.names["B"]]
        if wanted is None and op in PAUSES:
            # No plugin does it.
            sr = NULL_REF if facts.get("empty") else lab.get_vdi(stage.names["V"]).SR
            wanted = ["SR_OPERATION_NOT_SUPPORTED", sr]
        found = None
        try:
            await lab.call(f"VBD.{message}", stage.names["B"], *args)
        except ApiError as error:
            found = error
        assert said(found, wanted) == wanted, op
        after = lab.get_vbd(stage.names["B"])
        if wanted is not None:
            untouched = {**after.values(), "allowed_operations": before["allowed_operations"]}
            assert untouched == before, op
        assert len(after.current_operations) == ("running" in facts)
        if wanted is None:
            stage = None  # it is not what it was
