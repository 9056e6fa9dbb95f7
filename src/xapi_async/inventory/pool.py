"""A new pool: everything that a database holds before the first client comes."""

from __future__ import annotations

import random

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.pool import Pool
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.user import User
from xapi_async.datamodel.types import NULL_REF
from xapi_async.inventory.cpu import pool_cpu_info
from xapi_async.inventory.guests import create_guests, storage_of
from xapi_async.inventory.hosts import create_host
from xapi_async.inventory.licences import restrictions
from xapi_async.inventory.maker import Maker
from xapi_async.inventory.networks import (
    addresses,
    create_card_networks,
    create_pifs,
    create_private_networks,
    create_vlans,
    synchronise_internal_network,
)
from xapi_async.inventory.places import Place, Storage
from xapi_async.inventory.plugins import synchronise_plugins
from xapi_async.inventory.settings import InventorySettings
from xapi_async.inventory.storage import create_local_storage, create_shared_storage, synchronise_tools
from xapi_async.inventory.template_records import create_templates
from xapi_async.objects.transaction import Transaction


def populate(tx: Transaction, settings: InventorySettings, now: float, rng: random.Random | None = None) -> None:
    """Fill an empty database with a freshly installed pool.

    now: seconds since 1970. rng: where identities come from, else the settings' seed. What depends on the
    rules of operations (allowed_operations) is left to their modules.
    """
    settings = settings.expanded()
    maker = Maker(tx, rng or settings.rng(), now)
    described = settings.host_list()
    free = (text for text in addresses(settings.management_subnet) if text not in {h.address for h in described})
    assigned = [hardware.address or next(free, "") for hardware in described]

    hosts = [create_host(maker, hardware, address) for hardware, address in zip(described, assigned, strict=True)]
    pool = _create_pool(maker, hosts, settings)
    maker.create(User, short_name="root", fullname="superuser", other_config={})
    synchronise_plugins(maker)
    synchronise_tools(maker, hosts)

    synchronise_internal_network(maker)
    by_device = create_card_networks(maker, described)
    subnet = settings.management_subnet
    pifs = [create_pifs(maker, host, h, by_device, subnet) for host, h in zip(hosts, described, strict=True)]
    bridges = create_vlans(maker, hosts, pifs, settings.vlans)
    create_private_networks(maker, settings.networks, first=bridges + 1)

    local = [create_local_storage(maker, host, hardware) for host, hardware in zip(hosts, described, strict=True)]
    shared = create_shared_storage(maker, hosts, settings, _shared_count(settings))
    maker.update(pool, default_SR=_default_sr(local, shared))

    templates = create_templates(maker)
    common = [Storage(sr) for sr in shared]
    places = [Place(maker, host, storage_of(sr, common)) for host, sr in zip(hosts, local, strict=True)]
    guests = addresses(settings.guest_subnet)
    create_guests(maker, settings.groups, templates, places, dict(pool.cpu_info), guests)
    for storage in {id(s): s for place in places for s in place.storage}.values():
        storage.enter(maker)
    for place in places:
        place.enter(maker)


def _create_pool(maker: Maker, hosts: list[Host], settings: InventorySettings) -> Pool:
    params = [host.license_params for host in hosts]
    return maker.create(
        Pool,
        name_label=settings.pool_name,
        name_description="",
        master=hosts[0].ref,
        default_SR=NULL_REF,
        suspend_image_SR=NULL_REF,
        crash_dump_SR=NULL_REF,
        other_config={"memory-ratio-hvm": "0.25", "memory-ratio-pv": "0.25"},
        ha_cluster_stack="xhad",
        restrictions=restrictions(params[0], params),
        cpu_info=pool_cpu_info(host.cpu_info for host in hosts),
    )


def _shared_count(settings: InventorySettings) -> int:
    if settings.shared_srs is not None:
        return settings.shared_srs
    return 1 if settings.hosts > 1 else 0


def _default_sr(local: list[SR | None], shared: list[SR]) -> str:
    """New disks go to storage that all hosts share, or else to the master's own."""
    if shared:
        return shared[0].ref
    return local[0].ref if local[0] is not None else NULL_REF
