"""DR_task: storage of another pool, attached here for as long as it takes to recover from it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from xapi_async.datamodel.classes.dr_task import DRTask
from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.pbd import PBD
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.errors import ApiError
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.pools.facts import master_first, require_feature
from xapi_async.operations.pools.small_xml import parse_xml
from xapi_async.operations.storage import pbd as pbds
from xapi_async.operations.storage import sr as srs
from xapi_async.operations.storage.facts import live, sm_of
from xapi_async.operations.vm.features import the_pool

log = logging.getLogger(__name__)

PROBE = {"metadata": "true"}


class _Found(NamedTuple):
    """An SR that a probe found."""

    uuid: str
    name: str
    description: str


async def create(ctx: Context, type: str, device_config: Mapping[str, str], whitelist: Sequence[str]) -> str:
    """DR_task.create: attach to all hosts those SRs at a place that are listed by uuid and not known here.

    Raises LICENCE_RESTRICTION ["DR"], OPERATION_NOT_ALLOWED [text] for a type that holds no metadata, as SR.probe,
    or as PBD.plug; the task and what was attached before then stay.
    """
    store = ctx.store
    require_feature(store, "DR")
    sm = sm_of(store, type.lower())
    if sm is None or "SR_METADATA" not in sm.features:
        raise ApiError("OPERATION_NOT_ALLOWED", f"storage of type {type} holds no metadata of pools")
    text = await srs.probe(ctx, the_pool(store).master, device_config, type, PROBE)
    known = {sr.uuid for sr in store.all(SR)}
    wanted = [found for found in _parsed(text) if found.uuid in whitelist and found.uuid not in known]
    async with store.transaction() as tx:
        task = tx.create(DRTask).ref
    for found in wanted:
        await _attach(ctx, task, found, type, device_config)
    return task


def _parsed(text: str) -> Iterator[_Found]:
    try:
        root = parse_xml(text)
    except ValueError as error:
        raise ApiError("INTERNAL_ERROR", f"the probe answered something else than XML: {error}") from error
    for element in root.iter("SR"):
        values = {child.tag: (child.text or "").strip() for child in element}
        if values.get("UUID"):
            yield _Found(values["UUID"], values.get("name_label", ""), values.get("name_description", ""))


async def _attach(ctx: Context, task: str, found: _Found, kind: str, device_config: Mapping[str, str]) -> None:
    sr = await srs.introduce(ctx, found.uuid, found.name, found.description, kind, "", True, {})
    try:
        hosts = [host.ref for host in master_first(ctx.store, the_pool(ctx.store))]
        async with ctx.store.transaction() as tx:
            made = [pbds.new_pbd(tx, sr, host, device_config) for host in hosts]
        for pbd in made:
            await pbds.plug(ctx, pbd)
        async with ctx.store.transaction() as tx:
            tx.set(tx.get(SR, sr), introduced_by=task)
    except BaseException:
        await asyncio.shield(_undo(ctx, sr))
        raise


async def _undo(ctx: Context, sr: str) -> None:
    try:
        await _detach(ctx, sr)
    except ApiError as error:
        log.warning("SR %s could not be taken away again: %s", sr, error.description)


async def _detach(ctx: Context, sr: str) -> None:
    """Unplug an SR, from the master last, and forget it."""
    master = the_pool(ctx.store).master
    connections = list(live(ctx.store, PBD, ctx.store.get(SR, sr).PBDs))
    for pbd in sorted(connections, key=lambda pbd: pbd.host == master):
        if ctx.store.find(Host, pbd.host) is not None:
            await pbds.unplug(ctx, pbd.ref)
    await srs.forget(ctx, sr)


async def destroy(ctx: Context, self: str) -> None:
    """DR_task.destroy: the SRs that still belong to it are detached and forgotten.

    Raises as PBD.unplug; what is left then stays.
    """
    for sr in ctx.store.get(DRTask, self).introduced_SRs:
        await _detach(ctx, sr)
    async with ctx.store.transaction() as tx:
        tx.delete(tx.get(DRTask, self))


HANDLERS: Handlers = {"DR_task.create": create, "DR_task.destroy": destroy}
