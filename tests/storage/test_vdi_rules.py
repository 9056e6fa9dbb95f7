"""When which operation is allowed on a disk: the whole table, stated anew."""

from __future__ import annotations

from typing import Any

import pytest

from tests.storage.conftest import Lab
from xapi_async.datamodel.classes.pool import Pool
from xapi_async.datamodel.classes.sm import SM
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.vbd import VBD
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.enums import VDI_OPERATIONS
from xapi_async.operations.storage import vdi_rules

LISTED = {"clone", "copy", "resize", "resize_online", "snapshot", "destroy", "forget", "update", "force_unlock"} | {
    "generate_config"
}
ALL = set(vdi_rules.FEATURES)
CBT = {"enable_cbt", "disable_cbt", "data_destroy", "list_changed_blocks"}
ALL_FEATURES = {
    "VDI_CREATE", "VDI_DELETE", "VDI_MIRROR", "VDI_RESIZE", "VDI_RESIZE_ONLINE", "VDI_CLONE", "VDI_SNAPSHOT",
    "VDI_UPDATE", "VDI_GENERATE_CONFIG", "VDI_RESET_ON_BOOT", "VDI_CONFIG_CBT",
}  # fmt: skip
NEEDED = {
    "snapshot": "VDI_SNAPSHOT", "destroy": "VDI_DELETE", "resize": "VDI_RESIZE", "resize_online": "VDI_RESIZE_ONLINE",
    "update": "VDI_UPDATE", "generate_config": "VDI_GENERATE_CONFIG", "clone": "VDI_CLONE", "mirror": "VDI_MIRROR",
    "enable_cbt": "VDI_CONFIG_CBT", "disable_cbt": "VDI_CONFIG_CBT", "data_destroy": "VDI_CONFIG_CBT",
    "list_changed_blocks": "VDI_CONFIG_CBT", "set_on_boot": "VDI_RESET_ON_BOOT",
}  # fmt: skip


class Case:
    """A disk on an SR that can do everything, and what is refused on it."""

    def __init__(self, lab: Lab, vdi: str) -> None:
        self.lab = lab
        self.vdi = vdi

    def refusals(self) -> dict[str, list[str]]:
        store = self.lab.store
        errors = {op: vdi_rules.check(store, store.get(VDI, self.vdi), op) for op in sorted(ALL)}
        return {op: error.description for op, error in errors.items() if error is not None}

    def codes(self) -> dict[str, str]:
        return {op: refusal[0] for op, refusal in self.refusals().items()}

    async def set(self, **values: Any) -> None:
        await self.lab.set(VDI, self.vdi, **values)


@pytest.fixture
async def case(lab: Lab) -> Case:
    sr = await lab.sr("nfs")
    vdi = await lab.vdi(sr)
    sm = next(sm for sm in lab.store.all(SM) if sm.type == "nfs")
    await lab.set(SM, sm.ref, features=dict.fromkeys(ALL_FEATURES, 1))
    return Case(lab, vdi)


# What an ordinary disk refuses, whatever else is the case.
ORDINARY = {"data_destroy": "OPERATION_NOT_ALLOWED"}


def test_every_operation_has_a_rule() -> None:
    assert set(VDI_OPERATIONS.values) == ALL
    assert set(vdi_rules.LISTED) == LISTED


async def test_an_unused_disk(case: Case) -> None:
    assert case.codes() == ORDINARY


async def test_during_a_rolling_upgrade(case: Case) -> None:
    await case.lab.set(Pool, case.lab.pool.ref, other_config={"rolling_upgrade_in_progress": ""})
    assert case.refusals() == {op: ["NOT_SUPPORTED_DURING_UPGRADE"] for op in ALL - LISTED - {"blocked"}}


@pytest.mark.parametrize("running", sorted(ALL))
async def test_while_something_goes_on(case: Case, running: str) -> None:
    await case.set(current_operations={"t": running})
    busy = ["OTHER_OPERATION_IN_PROGRESS", "VDI", case.vdi]
    refusals = case.refusals()
    if running == "copy":
        assert {op: refusal[0] for op, refusal in refusals.items()} == {**ORDINARY, "snapshot": "OPERATION_NOT_ALLOWED"}
    else:
        free = {"destroy"} if running == "mirror" else set()
        assert refusals == dict.fromkeys(ALL - free, busy)


async def test_on_an_sr_that_no_host_uses(case: Case) -> None:
    sr = case.lab.get_vdi(case.vdi).SR
    for host in (0, 1):
        await case.lab.call("PBD.unplug", case.lab.pbd(sr, host))
    assert case.codes() == {**ORDINARY, "resize": "SR_HAS_NO_PBDS"}
    assert case.refusals()["resize"] == ["SR_HAS_NO_PBDS", sr]


BLOCKED_BY_USE = {"resize", "destroy", "forget", "update", "force_unlock", "generate_config", "set_on_boot"}


@pytest.mark.parametrize("how", ["currently_attached", "reserved"])
@pytest.mark.parametrize("mode", ["RO", "RW"])
@pytest.mark.parametrize("is_snapshot", [False, True])
async def test_in_use(case: Case, how: str, mode: str, is_snapshot: bool) -> None:
    vm = await case.lab.vm("Suspended", is_a_snapshot=is_snapshot)
    await case.lab.attached(vm, case.vdi, **{"mode": mode, "currently_attached": False, how: True})
    expected = BLOCKED_BY_USE | ({"copy"} if mode == "RW" else set())
    expected |= set() if is_snapshot else {"list_changed_blocks"}
    refusals = case.refusals()
    assert {op: refusal for op, refusal in refusals.items() if op not in ORDINARY} == {
        op: ["VDI_IN_USE", case.vdi, op] for op in expected
    }


async def test_while_a_device_is_busy(case: Case) -> None:
    vbd = await case.lab.vbd(await case.lab.vm(), case.vdi)
    await case.lab.set(VBD, vbd, current_operations={"t": "attach"})
    busy = ["OTHER_OPERATION_IN_PROGRESS", "VDI", case.vdi]
    refusals = case.refusals()
    assert refusals.pop("data_destroy")[0] == "OPERATION_NOT_ALLOWED"
    assert refusals == dict.fromkeys(ALL - {"data_destroy"}, busy)


@pytest.mark.parametrize("feature", sorted(ALL_FEATURES))
async def test_without_a_feature(case: Case, feature: str) -> None:
    sr = case.lab.get_vdi(case.vdi).SR
    sm = next(sm for sm in case.lab.store.all(SM) if sm.type == "nfs")
    await case.lab.set(SM, sm.ref, features=dict.fromkeys(ALL_FEATURES - {feature}, 1))
    expected = {op: ["SR_OPERATION_NOT_SUPPORTED", sr] for op, needed in NEEDED.items() if needed == feature}
    refusals = case.refusals()
    assert {op: refusal for op, refusal in refusals.items() if refusal[0] != "OPERATION_NOT_ALLOWED"} == expected


async def test_when_only_the_log_of_changes_is_left(case: Case) -> None:
    await case.set(type="cbt_metadata", is_a_snapshot=True, cbt_enabled=True)
    ops = {"clone", "copy", "disable_cbt", "enable_cbt", "mirror", "resize", "resize_online", "snapshot", "set_on_boot"}
    assert case.refusals() == {op: ["VDI_INCOMPATIBLE_TYPE", case.vdi, "CBT metadata"] for op in ops}


async def test_while_changes_are_tracked(case: Case) -> None:
    await case.set(cbt_enabled=True)
    refusals = case.refusals()
    assert refusals.pop("data_destroy")[0] == "OPERATION_NOT_ALLOWED"
    assert refusals == {op: ["VDI_CBT_ENABLED", case.vdi] for op in ("mirror", "set_on_boot")}


async def test_data_of_snapshots(case: Case) -> None:
    await case.set(is_a_snapshot=True)
    assert case.refusals()["data_destroy"] == ["VDI_NO_CBT_METADATA", case.vdi]
    assert case.codes()["enable_cbt"] == case.codes()["disable_cbt"] == "OPERATION_NOT_ALLOWED"
    await case.set(cbt_enabled=True)
    assert "data_destroy" not in case.codes()
    await case.lab.set(SR, case.lab.get_vdi(case.vdi).SR, is_tools_sr=True)
    assert case.codes()["data_destroy"] == "SR_OPERATION_NOT_SUPPORTED"


SPECIAL: list[tuple[dict[str, Any], dict[str, list[str]]]] = [
    ({"sharable": True}, {"snapshot": ["VDI_IS_SHARABLE", "V"]}),
    (
        {"on_boot": "reset"},
        {key: ["VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION"] for key in ("snapshot", "enable_cbt", "disable_cbt")},
    ),
    (
        {"type": "rrd"},
        {
            **{key: ["VDI_HAS_RRDS", "V"] for key in ("destroy", "forget")},
            **{key: ["VDI_INCOMPATIBLE_TYPE", "V", "rrd"] for key in ("enable_cbt", "disable_cbt")},
        },
    ),
    (
        {"type": "suspend"},
        {key: ["VDI_INCOMPATIBLE_TYPE", "V", "Suspend"] for key in ("enable_cbt", "disable_cbt")},
    ),
    ({"type": "system"}, {}),
    ({"managed": False, "missing": True, "read_only": True}, {}),
]


@pytest.mark.parametrize(("fields", "expected"), SPECIAL)
async def test_special_disks(case: Case, fields: dict[str, Any], expected: dict[str, list[str]]) -> None:
    await case.set(**fields)
    refusals = case.refusals()
    refusals.pop("data_destroy")
    named = {op: [case.vdi if param == "V" else param for param in error] for op, error in expected.items()}
    assert refusals == named


@pytest.mark.parametrize(("kind", "name"), [("ha_statefile", "HA statefile"), ("redo_log", "Redo log")])
@pytest.mark.parametrize("ha", [False, True])
async def test_disks_of_high_availability(case: Case, kind: str, name: str, ha: bool) -> None:
    await case.set(type=kind)
    await case.lab.set(Pool, case.lab.pool.ref, ha_enabled=ha)
    refusals = case.refusals()
    assert refusals.pop("copy")[0] == "OPERATION_NOT_ALLOWED"
    assert refusals.pop("data_destroy")[0] == "OPERATION_NOT_ALLOWED"
    for op in ("enable_cbt", "disable_cbt"):
        assert refusals.pop(op) == ["VDI_INCOMPATIBLE_TYPE", case.vdi, name]
    blocked = ("destroy", "forget", "resize", "resize_online") if ha else ()
    assert refusals == {key: ["HA_IS_ENABLED"] for key in blocked}


@pytest.mark.parametrize("kind", ["ha_statefile", "metadata"])
@pytest.mark.parametrize(
    ("running", "code"), [("ha_enable", "HA_ENABLE_IN_PROGRESS"), ("ha_disable", "HA_DISABLE_IN_PROGRESS")]
)
async def test_while_high_availability_is_switched(case: Case, kind: str, running: str, code: str) -> None:
    await case.set(type=kind)
    await case.lab.set(Pool, case.lab.pool.ref, current_operations={"t": running})
    assert case.refusals()["destroy"] == [code]


async def test_a_device_that_is_a_disk(case: Case) -> None:
    sr = case.lab.get_vdi(case.vdi).SR
    sm = next(sm for sm in case.lab.store.all(SM) if sm.type == "udev")
    await case.lab.set(SM, sm.ref, features=dict.fromkeys(ALL_FEATURES, 1))
    await case.lab.set(SR, sr, type="udev")
    assert case.refusals()["destroy"] == ["VDI_IS_A_PHYSICAL_DEVICE", case.vdi]


DISK = {"force_unlock", "update", "forget", "destroy", "snapshot", "resize", "copy", "clone"}


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("lvm", DISK),
        *((kind, DISK | {"generate_config"}) for kind in ("ext", "nfs", "lvmoiscsi")),
        ("iso", {"forget", "copy", "force_unlock", "destroy"}),
    ],
)
async def test_what_a_fresh_disk_lists(lab: Lab, kind: str, expected: set[str]) -> None:
    vdi = lab.get_vdi(await lab.vdi(await lab.sr(kind)))
    assert set(vdi.allowed_operations) == expected


async def test_what_a_disk_in_use_lists(lab: Lab) -> None:
    sr, vm = await lab.sr(), await lab.vm("Running")
    for mode, expected in (("RW", {"snapshot", "clone"}), ("RO", {"snapshot", "clone", "copy"})):
        vdi = await lab.vdi(sr)
        await lab.call("VBD.plug", await lab.vbd(vm, vdi, mode=mode))
        assert set(lab.get_vdi(vdi).allowed_operations) == expected


async def test_what_a_drive_lists(lab: Lab) -> None:
    sr = await lab.sr("udev")
    location = "/dev/xapi/cd/sr0"
    vdi = await lab.call("VDI.introduce", "", "", "", sr, "user", False, False, {}, location, {}, {})
    assert set(lab.get_vdi(vdi).allowed_operations) == {"update", "forget", "copy", "force_unlock"}
    assert await lab.refused("VDI.destroy", vdi) == ["SR_OPERATION_NOT_SUPPORTED", sr]
