"""What hosts see of their links, written down when it changes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.pif import PIF
from xapi_async.datamodel.classes.pif_metrics import PIFMetrics
from xapi_async.datamodel.classes.pvs_proxy import PVSProxy
from xapi_async.network.driver import Card, Link
from xapi_async.objects.clock import api_time
from xapi_async.objects.reader import Reader
from xapi_async.operations.context import Services
from xapi_async.operations.networking.records import bond_of, bond_slaves, new_metrics, put
from xapi_async.operations.networking.scanning import learn

PERIOD = 5.0
"""Seconds between looks at the links."""

AT_ONCE = 16
"""Interfaces looked at before others get their turn."""


async def watch_links(services: Services) -> None:
    """Keep PIF_metrics, the links of bonds and the state of proxies up to date."""
    while True:
        await look_at_links(services)
        await services.clock.sleep(PERIOD)


async def look_at_links(services: Services) -> None:
    """Look once at every link of every host; only what changed is written."""
    store = services.store
    # Cards before bonds: how many links a bond has up is counted from what its members show.
    refs = [pif.ref for pif in store.all(PIF) if pif.physical]
    refs += [pif.ref for pif in store.all(PIF) if pif.bond_master_of and not pif.physical]
    for start in range(0, len(refs), AT_ONCE):
        seen = dict(_seen(services, refs[start : start + AT_ONCE]))
        changed = {ref: values for ref, values in seen.items() if _differs(store, ref, values)}
        if changed:
            await _write(services, changed)
        await asyncio.sleep(0)
    await _let_proxies_cache(services)


def _seen(services: Services, refs: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """For each interface what its metrics should say."""
    store, network = services.store, services.network
    for ref in refs:
        pif = store.find(PIF, ref)
        host = store.find(Host, pif.host) if pif else None
        if pif is None or host is None:
            continue
        if pif.physical:
            learn(services, pif)
            card = next((card for card in network.cards(host.uuid) if card.device == pif.device), None)
            yield ref, {**_link_fields(network.link(host.uuid, pif.device)), **(_card_fields(card) if card else {})}
        else:
            links = [network.link(host.uuid, slave.device) for slave in bond_slaves(store, pif)]
            up = [link for link in links if link.carrier]
            speed = sum(link.speed for link in up)
            yield ref, _link_fields(Link(bool(up), speed, bool(up) and all(link.duplex for link in up)))


def _link_fields(link: Link) -> dict[str, Any]:
    return {"carrier": link.carrier, "speed": link.speed, "duplex": link.duplex}


def _card_fields(card: Card) -> dict[str, Any]:
    return {
        "vendor_id": card.vendor_id,
        "vendor_name": card.vendor_name,
        "device_id": card.device_id,
        "device_name": card.device_name,
        "pci_bus_path": card.pci_bus_path,
    }


def _differs(reader: Reader, ref: str, values: dict[str, Any]) -> bool:
    pif = reader.get(PIF, ref)
    metrics = reader.find(PIFMetrics, pif.metrics)
    if metrics is None or any(getattr(metrics, name) != value for name, value in values.items()):
        return True
    bond = bond_of(reader, pif)
    return bond is not None and bond.links_up != _links_up(reader, pif)


async def _write(services: Services, changed: dict[str, dict[str, Any]]) -> None:
    now = api_time(services.clock.now())
    async with services.store.transaction() as tx:
        for ref, values in changed.items():
            pif = tx.find(PIF, ref)
            if pif is None:
                continue
            metrics = tx.find(PIFMetrics, pif.metrics)
            if metrics is None:
                tx.set(pif, metrics=new_metrics(tx))
                metrics = tx.get(PIFMetrics, pif.metrics)
            if any(getattr(metrics, name) != value for name, value in values.items()):
                tx.set(metrics, **values, last_updated=now)
            bond = bond_of(tx, pif)
            if bond is not None:
                put(tx, bond, links_up=_links_up(tx, pif))


def _links_up(reader: Reader, master: PIF) -> int:
    """How many members of a bond have a link; for bonds of one this is not counted."""
    slaves = bond_slaves(reader, master)
    if len(slaves) < 2:
        return 0
    metrics = (reader.find(PIFMetrics, slave.metrics) for slave in slaves)
    return sum(found is not None and found.carrier for found in metrics)


async def _let_proxies_cache(services: Services) -> None:
    """Proxies that have started report that they cache."""
    ready = [proxy.ref for proxy in services.store.all(PVSProxy) if _is_ready(proxy)]
    if not ready:
        return
    async with services.store.transaction() as tx:
        for ref in ready:
            proxy = tx.find(PVSProxy, ref)
            if proxy is not None and _is_ready(proxy):
                tx.set(proxy, status="caching")


def _is_ready(proxy: PVSProxy) -> bool:
    return proxy.currently_attached and proxy.status == "initialised"
