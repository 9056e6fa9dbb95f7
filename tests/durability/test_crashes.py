"""Nothing that was answered is lost when the process is killed. Longer runs: ``crash.py --kills 300``."""

from __future__ import annotations

import random
from pathlib import Path

from tests.durability.crash import StoreTarget, crash


async def test_ten_kills_lose_nothing(tmp_path: Path) -> None:
    answered = await crash(StoreTarget(tmp_path / "database"), 10, random.Random(3), lambda line: None)
    assert answered > 0
