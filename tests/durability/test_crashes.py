"""Nothing that was answered is lost when the process is killed. Longer runs: ``crash.py --kills 300``."""

from __future__ import annotations

import random
from pathlib import Path

from tests.durability.crash import StoreTarget, crash
from tests.durability.server_target import ServerTarget


async def test_ten_kills_lose_nothing(tmp_path: Path) -> None:
    answered = await crash(StoreTarget(tmp_path / "database"), 10, random.Random(3), lambda line: None)
    assert answered > 0


async def test_killing_the_whole_server_loses_nothing(tmp_path: Path) -> None:
    answered = await crash(ServerTarget(tmp_path), 3, random.Random(4), lambda line: None)
    assert answered > 0
