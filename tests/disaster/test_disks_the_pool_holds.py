"""Disks that hosts have attached for the pool itself: nobody destroys them, and they are attached after every start."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.client import refused, until
from tests.disaster.lab import SiteLab, site


def is_held(pool: SiteLab, disk: str) -> bool:
    """Whether a disk cannot be destroyed because hosts have it; what clients are shown must be the same."""
    can_be = "destroy" in pool.api.VDI.get_allowed_operations(disk)
    error = None if can_be else refused(pool.api.VDI.destroy, disk)
    assert error in (None, ["VDI_IN_USE", disk, "destroy"])
    return not can_be


def test_a_redo_log_outlasts_high_availability_on_the_same_disk(tmp_path: Path) -> None:
    with site(tmp_path / "site") as pool:
        sr = pool.lun()
        pool.api.pool.enable_redo_log(sr)
        log = pool.api.pool.get_redo_log_vdi(pool.pool)
        assert is_held(pool, log)
        pool.api.pool.enable_ha([sr], {})
        assert refused(pool.api.VDI.destroy, log) == ["HA_IS_ENABLED"]
        pool.api.pool.disable_ha()
        assert is_held(pool, log)
        (pbd,) = pool.api.SR.get_PBDs(sr)
        assert refused(pool.api.PBD.unplug, pbd) == ["VDI_IN_USE", log]
        pool.api.pool.disable_redo_log()
        assert not is_held(pool, log)
        pool.api.PBD.unplug(pbd)


def test_high_availability_outlasts_a_redo_log_on_the_same_disk(tmp_path: Path) -> None:
    with site(tmp_path / "site") as pool:
        sr = pool.lun()
        pool.api.pool.enable_ha([sr], {})
        pool.api.pool.enable_redo_log(sr)
        log = pool.api.pool.get_redo_log_vdi(pool.pool)
        pool.api.pool.disable_redo_log()
        assert refused(pool.api.VDI.destroy, log) == ["HA_IS_ENABLED"]
        pool.api.pool.sync_database()
        pool.api.pool.disable_ha()
        assert not is_held(pool, log)


@pytest.mark.parametrize("crash", [True, False])
def test_disks_are_attached_again_after_a_start(tmp_path: Path, crash: bool) -> None:
    with site(tmp_path / "site") as pool:
        sr, log_sr = pool.lun(), pool.sr
        pool.api.pool.enable_ha([sr], {})
        pool.api.pool.enable_redo_log(log_sr)
        log = pool.api.pool.get_redo_log_vdi(pool.pool)
        (statefile,) = pool.api.pool.get_ha_statefiles(pool.pool)
        pool.restart(crash=crash)
        # What a host has attached counts, as nobody could tell it from what a VM has.
        (pbd,) = pool.api.SR.get_PBDs(log_sr)
        until(lambda: refused(pool.api.PBD.unplug, pbd) == ["VDI_IN_USE", log])
        pool.api.pool.disable_redo_log()
        pool.api.pool.disable_ha()
        for disk in (log, statefile):
            assert not is_held(pool, disk)
            pool.api.VDI.destroy(disk)


def test_a_redo_log_moves_to_another_sr(tmp_path: Path) -> None:
    with site(tmp_path / "site") as pool:
        pool.api.pool.enable_redo_log(pool.sr)
        first = pool.api.pool.get_redo_log_vdi(pool.pool)
        iso = next(sr for sr in pool.api.SR.get_all() if pool.api.SR.get_is_tools_sr(sr))
        assert refused(pool.api.pool.enable_redo_log, iso)[0] == "CANNOT_ENABLE_REDO_LOG"
        assert (pool.api.pool.get_redo_log_vdi(pool.pool), is_held(pool, first)) == (first, True)
        pool.api.pool.enable_redo_log(pool.lun())
        second = pool.api.pool.get_redo_log_vdi(pool.pool)
        assert first != second
        assert (is_held(pool, first), is_held(pool, second)) == (False, True)
