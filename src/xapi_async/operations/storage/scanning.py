"""Scanning SRs: on demand, after one was plugged, and by itself."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.vdi import VDI
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.entity import new_ref
from xapi_async.objects.transaction import Transaction
from xapi_async.operations.context import Context, Services
from xapi_async.operations.marking import mark, marked, unmark
from xapi_async.operations.storage import sr_rules
from xapi_async.operations.storage.facts import live, the_pool
from xapi_async.operations.storage.records import new_disk, note_sizes, promised, sizes_of, update_disk
from xapi_async.operations.storage.sites import Site, failures, not_supported, serving_pbd, site_of
from xapi_async.storage.driver import DiskState, RepositoryState

log = logging.getLogger(__name__)

DIRTY = "dirty"
"""The key of SR.other_config that asks for a scan."""

INTERVAL = 30.0
"""Seconds between two looks for SRs that are to be scanned."""


async def scan(ctx: Context, sr: str) -> None:
    """SR.scan: bring the records of an SR's disks in line with what is there."""
    async with marked(ctx, sr_rules.RULES, sr, "scan"):
        await bring_in_line(ctx.services, sr)


async def bring_in_line(services: Services, sr: str) -> None:
    """Compare an SR's disks with their records, and correct those and the sizes of the SR.

    Raises SR_HAS_NO_PBDS [SR], SR_OPERATION_NOT_SUPPORTED [SR], or what the backend does.
    """
    site = site_of(services, sr)
    with failures(sr, unimplemented=not_supported(sr)):
        found = await site.driver.scan(site.sr)
    sizes = await sizes_of(site)
    async with services.store.transaction() as tx:
        _note_scan(tx, site, found, sizes)


def _note_scan(tx: Transaction, site: Site, found: Sequence[DiskState], sizes: RepositoryState) -> None:
    sr = tx.find(SR, site.ref)
    if sr is None:
        return
    view = tx.view
    known = {vdi.location: vdi for vdi in live(view, VDI, sr.VDIs)}
    states = {state.location: state for state in found}
    for location in known.keys() - states.keys():
        # Its block devices go with the next collection of orphans; CD drives are only emptied by that.
        tx.delete(known[location])
    # Snapshots name what they were taken from, so those come after all others.
    for location, state in sorted(states.items(), key=lambda item: bool(item[1].snapshot_of)):
        if location in known:
            update_disk(tx, known[location], state)
        else:
            new_disk(tx, site.ref, state)
    allocated = sum(promised(state.type, state.virtual_size) for state in found)
    values: dict[str, Any] = {"virtual_allocation": allocated, "clustered": False}
    if DIRTY in sr.other_config:
        values["other_config"] = {key: value for key, value in sr.other_config.items() if key != DIRTY}
    note_sizes(tx, site.ref, sizes, **values)


def make_dirty(tx: Transaction, sr: str) -> None:
    """Ask for a scan of an SR within the next half minute."""
    target = tx.find(SR, sr)
    if target is not None and DIRTY not in target.other_config:
        tx.set(target, other_config={**target.other_config, DIRTY: ""})


async def refresh_sizes(services: Services, sr: str) -> None:
    """Show how full an SR is. Raises SR_HAS_NO_PBDS [SR], SR_OPERATION_NOT_SUPPORTED [SR], or what the backend does."""
    site = site_of(services, sr)
    with failures(sr, unimplemented=not_supported(sr)):
        sizes = await site.driver.state(site.sr)
    async with services.store.transaction() as tx:
        note_sizes(tx, sr, sizes, clustered=False)


async def scan_by_itself(services: Services) -> None:
    """Scan the plugged SRs that ask for it, again and again, until cancelled."""
    while True:
        await services.clock.sleep(_interval(services))
        for ref in [sr.ref for sr in services.store.all(SR) if _is_due(services, sr)]:
            try:
                await _scan_marked(services, ref)
            except ApiError as error:
                log.info("SR %s could not be scanned: %s", ref, error.description)


async def _scan_marked(services: Services, sr: str) -> None:
    """Scan an SR with nobody's task. Raises OTHER_OPERATION_IN_PROGRESS where anything else goes on with it."""
    key = new_ref()
    async with services.store.transaction() as tx:
        mark(tx, sr_rules.RULES, sr, "scan", key)
    try:
        await bring_in_line(services, sr)
    finally:
        await asyncio.shield(_unmark(services, sr, key))


async def _unmark(services: Services, sr: str, key: str) -> None:
    async with services.store.transaction() as tx:
        unmark(tx, sr_rules.RULES, sr, key)


def _is_due(services: Services, sr: SR) -> bool:
    if sr.other_config.get("auto-scan") != "true" and DIRTY not in sr.other_config:
        return False
    pbd = serving_pbd(services.store, sr)
    return pbd is not None and pbd.currently_attached and not sr.current_operations


def _interval(services: Services) -> float:
    host = services.store.find(Host, the_pool(services.store).master)
    try:
        return max(1.0, float(host.other_config["auto-scan-interval"])) if host is not None else INTERVAL
    except (KeyError, ValueError):
        return INTERVAL
