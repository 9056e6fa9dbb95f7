"""Disks whose making is cancelled, at every moment that there is: nothing is left of them anywhere."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest

from tests.storage.conftest import MIB, Lab
from tests.support import context
from xapi_async.datamodel.classes.vbd import VBD
from xapi_async.datamodel.types import NULL_REF
from xapi_async.operations.storage.loopback import in_control_domain


async def turns(count: int = 50) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def seen(lab: Lab, sr: str) -> Any:
    """What there is of an SR's disks, in records and at the backend."""
    found = lab.get_sr(sr)
    there = await lab.services.storage.driver(found.type).scan(found.uuid)
    records = [lab.get_vdi(ref) for ref in found.VDIs]
    return {
        "records": {vdi.location: (vdi.current_operations, vdi.VBDs) for vdi in records},
        "disks": {state.location for state in there},
        "allocation": found.virtual_allocation,
        "operations": found.current_operations,
        "devices": list(lab.store.all(VBD)),
    }


@pytest.mark.parametrize("message", ["create", "snapshot", "clone", "copy"])
async def test_cancelled_at_any_moment(lab: Lab, message: str) -> None:
    sr = await lab.sr("ext")
    source = await lab.vdi(sr, 2 * MIB)

    made: list[str] = []

    async def make() -> None:
        if message == "create":
            made.append(await lab.vdi(sr))
        elif message == "copy":
            made.append(await lab.call("VDI.copy", source, sr, NULL_REF, NULL_REF))
        else:
            made.append(await lab.call(f"VDI.{message}", source, {}))

    before = await seen(lab, sr)
    for moment in itertools.count():
        making = asyncio.create_task(make())
        await turns(moment)
        making.cancel()
        await asyncio.wait((making,))
        await turns()
        if made:
            break  # it knows of it, though it may be cancelled right after that
        assert await seen(lab, sr) == before, moment
    assert moment > 0
    assert sr == lab.get_vdi(made[0]).SR


async def test_a_disk_opened_by_the_server_is_let_go_whenever_that_is_cancelled(lab: Lab) -> None:
    sr = await lab.sr("ext")
    vdi = await lab.vdi(sr)

    async def look() -> int:
        async with in_control_domain(context(lab.services), vdi, "RO") as image:
            return image.size

    before = await seen(lab, sr)
    for moment in itertools.count():
        looking = asyncio.create_task(look())
        await turns(moment)
        looking.cancel()
        await asyncio.wait((looking,))
        await turns()
        assert await seen(lab, sr) == before, moment
        if not looking.cancelled():
            break
    assert moment > 0
