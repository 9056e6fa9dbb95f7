"""A server that is killed while it copies, takes in, snapshots, enlarges, writes and merges disks.

See also :mod:`tests.disks_live.crashing`.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.client import until
from tests.disks_live.crashing import crash
from tests.disks_live.lab import MIB, disk_lab, noise
from tests.vm_live.pools import simulator


def test_nothing_acknowledged_is_lost_and_nothing_half_stays(tmp_path: Path) -> None:
    crash(tmp_path, 4, random.Random(7), lambda line: None)


@pytest.mark.parametrize("kind", ["vhd", "raw"])
def test_a_copy_that_was_cut_off_leaves_nothing(tmp_path: Path, kind: str) -> None:
    with disk_lab(tmp_path) as lab:
        vdi = lab.disk(64 * MIB, sm_config={"type": kind})
        lab.fill(vdi, noise(1, 64 * MIB))
        before = {lab.uuid(one) for one in lab.api.SR.get_VDIs(lab.sr)}
        # It cannot be done before the kill: it will want to know how large the new disk has become.
        simulator(lab.api, "inject-fault", operation="storage.disk", delay=3600)
        # A clone of a raw disk is a copy too.
        task = lab.api.Async.VDI.copy(vdi, lab.sr) if kind == "vhd" else lab.api.Async.VDI.clone(vdi)
        until(lambda: lab.api.task.get_progress(task) > 0.0)
        lab.server.kill()
        lab.server.start()
        with lab.server.session() as session:
            api = session.xenapi
            assert {api.VDI.get_uuid(one) for one in api.SR.get_VDIs(lab.sr)} == before
            assert api.VDI.get_VBDs(vdi) == []
            lab.api = api
            assert lab.disagreements() == []
            api.VDI.destroy(vdi)
