"""A server with real disks that the tests of a module share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.disks_live.lab import DiskLab, disk_lab


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DiskLab]:
    with disk_lab(tmp_path_factory.mktemp("disks")) as lab:
        yield lab
