"""Every operation on an SR in every two of the states that matter, and what calls then do."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest

from tests.storage.conftest import CONFIGS, Lab
from xapi_async.datamodel.classes.pbd import PBD
from xapi_async.datamodel.classes.pool import Pool
from xapi_async.datamodel.classes.sm import SM
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.enums import STORAGE_OPERATIONS
from xapi_async.datamodel.errors import ApiError
from xapi_async.operations import marking
from xapi_async.operations.storage import sr_rules

NEEDED = {
    "update": "SR_UPDATE", "vdi_create": "VDI_CREATE", "vdi_destroy": "VDI_DELETE", "vdi_resize": "VDI_RESIZE",
    "vdi_introduce": "VDI_INTRODUCE", "vdi_mirror": "VDI_MIRROR", "vdi_enable_cbt": "VDI_CONFIG_CBT",
    "vdi_disable_cbt": "VDI_CONFIG_CBT", "vdi_data_destroy": "VDI_CONFIG_CBT",
    "vdi_list_changed_blocks": "VDI_CONFIG_CBT", "vdi_set_on_boot": "VDI_RESET_ON_BOOT", "vdi_snapshot": "VDI_SNAPSHOT",
}  # fmt: skip
NEED_NOTHING = {"scan", "destroy", "forget", "plug", "unplug", "vdi_clone", "pbd_create", "pbd_destroy"}
PRINTED = {
    "vdi_create": "VDI.create", "vdi_introduce": "VDI.introduce", "vdi_destroy": "VDI.destroy",
    "vdi_resize": "VDI.resize", "vdi_clone": "VDI.clone", "vdi_snapshot": "VDI.snapshot", "vdi_mirror": "VDI.mirror",
    "vdi_enable_cbt": "VDI.enable_cbt", "vdi_disable_cbt": "VDI.disable_cbt", "vdi_data_destroy": "VDI.data_destroy",
    "vdi_list_changed_blocks": "VDI.list_changed_blocks", "vdi_set_on_boot": "VDI.set_on_boot",
    "pbd_create": "PBD.create", "pbd_destroy": "PBD.destroy",
}  # fmt: skip
ALL = NEEDED.keys() | NEED_NOTHING
FEATURES = {*NEEDED.values(), "VDI_CLONE"}
STATES: Mapping[str, Mapping[str, Any]] = {
    "attached": {"attached": True},
    "no connection": {"connected": False},
    "a disk": {"disk": {}},
    "a hidden disk": {"disk": {"managed": False}},
    "statistics": {"disk": {"type": "rrd"}},
    **{f"without {feature}": {"lacks": feature} for feature in sorted(FEATURES)},
    "without a plugin": {"type": "odd"},
    "tools": {"tools": True},
    **{f"running {op}": {"running": op} for op in sorted(ALL)},
    "cluster stack": {"stacks": ("a", "b")},
    "the right cluster stack": {"stacks": ("a", "c")},
    "ha": {"ha": True},
}
"""What may be the case, apart from an empty SR whose one connection is not in use."""


def expected(op: str, facts: Mapping[str, Any], sr: str) -> list[str] | None:
    """The error, by the order of the API's checks."""
    feature, kind = NEEDED.get(op), facts.get("type", "nfs")
    missing = {facts.get("lacks"), *({"VDI_CREATE", "VDI_DELETE"} if facts.get("tools") else ())}
    if feature is not None and (feature in missing or kind == "odd"):
        return ["SR_OPERATION_NOT_SUPPORTED", sr]
    connected, disk = facts.get("connected", True), facts.get("disk")
    if op in ("destroy", "forget") and connected and facts.get("attached"):
        return ["SR_HAS_PBD", sr]
    if op == "destroy" and not connected:
        return ["SR_HAS_NO_PBDS", sr]
    if op == "destroy" and disk is not None and disk.get("managed", True) and disk.get("type") != "rrd":
        return ["SR_NOT_EMPTY"]
    if "running" in facts:
        return ["OTHER_OPERATION_IN_PROGRESS", "SR", sr, PRINTED.get(facts["running"], facts["running"])]
    stacks = facts.get("stacks", ())
    if op == "plug" and facts.get("ha") and stacks and "c" not in stacks and kind != "odd":
        return ["INCOMPATIBLE_CLUSTER_STACK_ACTIVE", ",".join(stacks)]
    return None


class Stage:
    """An SR with a connection and a disk, and what can be made the case of them."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.sr = self.pbd = self.vdi = self.spare = ""

    async def build(self) -> Stage:
        lab = self.lab
        sm = next(sm for sm in lab.store.all(SM) if sm.type == "nfs")
        await lab.set(SM, sm.ref, features=dict.fromkeys(FEATURES, 1), required_cluster_stack=())
        self.sr = await lab.sr("nfs", shared=False)
        self.spare = await lab.sr("ext")
        self.pbd, self.vdi = lab.pbd(self.sr), await lab.vdi(self.sr)
        return self

    async def show(self, facts: Mapping[str, Any]) -> None:
        async with self.lab.store.transaction() as tx:
            tx.set(
                tx.get(SR, self.sr),
                type=facts.get("type", "nfs"),
                is_tools_sr=facts.get("tools", False),
                current_operations={"t": facts["running"]} if "running" in facts else {},
            )
            # What is not there is in another SR meanwhile.
            home = self.sr if facts.get("connected", True) else self.spare
            tx.set(tx.get(PBD, self.pbd), SR=home, currently_attached=facts.get("attached", False))
            disk = {"managed": True, "type": "user", **(facts.get("disk") or {})}
            tx.set(tx.get(VDI, self.vdi), SR=self.sr if "disk" in facts else self.spare, **disk)
            sm = next(sm for sm in tx.all(SM) if sm.type == "nfs")
            features = dict.fromkeys(FEATURES - {facts.get("lacks")}, 1)
            tx.set(sm, features=features, required_cluster_stack=facts.get("stacks", ()))
            tx.set(tx.get(Pool, self.lab.pool.ref), ha_enabled=facts.get("ha", False), ha_cluster_stack="c")


def test_every_operation_has_a_rule() -> None:
    assert set(STORAGE_OPERATIONS.values) == ALL == set(sr_rules.FEATURES)


@pytest.mark.parametrize("base", ["", "attached", "a disk"])
async def test_every_two_states(lab: Lab, base: str) -> None:
    stage, store = await Stage(lab).build(), lab.store
    for chosen in itertools.combinations_with_replacement(STATES, 2):
        facts = {**STATES.get(base, {}), **STATES[chosen[0]], **STATES[chosen[1]]}
        await stage.show(facts)
        allowed = set()
        for op in sorted(ALL):
            error = sr_rules.check(store, store.get(SR, stage.sr), op)
            wanted = expected(op, facts, stage.sr)
            assert (error.description if error else None) == wanted, (chosen, op)
            if wanted is None:
                allowed.add(op)
        assert set(marking.allowed_operations(store, sr_rules.RULES, store.get(SR, stage.sr))) == allowed, chosen


Call = Callable[[Lab, Stage], Awaitable[Any]]
CALLS: Mapping[str, Call] = {
    "scan": lambda lab, stage: lab.call("SR.scan", stage.sr),
    "destroy": lambda lab, stage: lab.call("SR.destroy", stage.sr),
    "forget": lambda lab, stage: lab.call("SR.forget", stage.sr),
    "plug": lambda lab, stage: lab.call("PBD.plug", stage.pbd),
    "unplug": lambda lab, stage: lab.call("PBD.unplug", stage.pbd),
    "pbd_create": lambda lab, stage: lab.create(PBD, SR=stage.sr, host=lab.hosts[1], device_config=CONFIGS["nfs"]),
    "pbd_destroy": lambda lab, stage: lab.call("PBD.destroy", stage.pbd),
    "vdi_create": lambda lab, stage: lab.vdi(stage.sr),
    "vdi_introduce": lambda lab, stage: lab.call(
        "VDI.introduce", "", "", "", stage.sr, "user", False, False, {}, "/dev/x", {}, {}
    ),
    "vdi_destroy": lambda lab, stage: lab.call("VDI.destroy", stage.vdi),
    "vdi_resize": lambda lab, stage: lab.call("VDI.resize", stage.vdi, 1 << 30),
    "vdi_clone": lambda lab, stage: lab.call("VDI.clone", stage.vdi, {}),
    "vdi_snapshot": lambda lab, stage: lab.call("VDI.snapshot", stage.vdi, {}),
    "vdi_enable_cbt": lambda lab, stage: lab.call("VDI.enable_cbt", stage.vdi),
    "vdi_disable_cbt": lambda lab, stage: lab.call("VDI.disable_cbt", stage.vdi),
    "vdi_data_destroy": lambda lab, stage: lab.call("VDI.data_destroy", stage.vdi),
    "vdi_list_changed_blocks": lambda lab, stage: lab.call("VDI.list_changed_blocks", stage.vdi, stage.vdi),
    "vdi_set_on_boot": lambda lab, stage: lab.call("VDI.set_on_boot", stage.vdi, "persist"),
}
LATER: Mapping[str, set[str]] = {
    "pbd_destroy": {"OPERATION_NOT_ALLOWED"},  # it is in use
    "vdi_data_destroy": {"OPERATION_NOT_ALLOWED"},  # no snapshot
    "vdi_list_changed_blocks": {"SR_BACKEND_FAILURE_460"},
    "vdi_destroy": {"VDI_NOT_MANAGED", "VDI_HAS_RRDS"},
    "vdi_resize": {"VDI_NOT_MANAGED"},
    "vdi_clone": {"VDI_NOT_MANAGED", "SR_OPERATION_NOT_SUPPORTED"},  # which the disk's own rules ask for
    "vdi_snapshot": {"VDI_NOT_MANAGED"},
    "vdi_enable_cbt": {"VDI_INCOMPATIBLE_TYPE"},
    "vdi_disable_cbt": {"VDI_INCOMPATIBLE_TYPE"},
    "plug": {"SR_UNKNOWN_DRIVER"},
    "unplug": {"SR_UNKNOWN_DRIVER"},
    "destroy": {"SR_UNKNOWN_DRIVER"},
}
"""What may come once the SR's rules allow the operation."""
WITHOUT_CONNECTION = {"destroy", "forget", "plug", "unplug", "pbd_create", "pbd_destroy"}
"""What needs no connection that is in use."""
WITH_A_DISK = {op for op in ALL if op.startswith("vdi_")} - {"vdi_create", "vdi_introduce"}
CALLED = [state for state in STATES if state not in ("no connection", "ha", "the right cluster stack")]


@pytest.mark.parametrize("state", CALLED)
@pytest.mark.parametrize("attached", [False, True])
async def test_a_call_does_what_the_rules_say(
    lab: Lab, state: str, attached: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(marking, "RETRY_WAITS", (marking.LONGEST_WAIT, marking.LONGEST_WAIT))
    stage: Stage | None = None
    for op, call in CALLS.items():
        stage = stage or await Stage(lab).build()
        facts = {"disk": {}, **STATES[state]} if op in WITH_A_DISK else dict(STATES[state])
        facts |= {"attached": attached or facts.get("attached", False), "ha": "stacks" in facts}
        await stage.show(facts)
        wanted, found = expected(op, facts, stage.sr), None
        try:
            await call(lab, stage)
        except ApiError as error:
            found = error.description
        later = LATER.get(op, set()) | (set() if facts["attached"] or op in WITHOUT_CONNECTION else {"SR_HAS_NO_PBDS"})
        if wanted is not None:
            assert found == wanted, op
        else:
            assert found is None or found[0] in later, (op, found)
        sr = lab.store.find(SR, stage.sr)
        if sr is not None:
            assert len(sr.current_operations) == ("running" in facts)
        if wanted is None:
            stage = None  # it is not what it was
