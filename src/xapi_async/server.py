"""The server: where everything is put together, and taken apart again. :mod:`xapi_async.running` gives it its life."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from aiohttp import web

from xapi_async import __version__, operations
from xapi_async.bulk import blob_files, bulk_routes
from xapi_async.config import Config, load
from xapi_async.database_backups import kept_copies
from xapi_async.datamodel.classes import VM, Host, Pool
from xapi_async.datamodel.types import NULL_REF
from xapi_async.disks import FILE_TYPES, chosen_kind, make_storage
from xapi_async.faults import PLUGIN, failing, interposing, simulator_plugin
from xapi_async.hypervisor.settings import SimulatorSettings
from xapi_async.hypervisor.simulated import SimulatedHypervisor
from xapi_async.inventory.hardware import HostSettings
from xapi_async.inventory.known_hosts import known_hardware
from xapi_async.inventory.pool import populate
from xapi_async.inventory.settings import InventorySettings
from xapi_async.inventory.start import refresh_pool, restore_metrics
from xapi_async.network.settings import NetworkSettings
from xapi_async.network.simulated import SimulatedNetwork
from xapi_async.objects.clock import SystemClock
from xapi_async.objects.database import Database, open_database
from xapi_async.objects.settings import StoreSettings
from xapi_async.objects.store import Store
from xapi_async.observability.settings import ObservabilitySettings
from xapi_async.operations.blob_files import BlobFiles
from xapi_async.operations.context import Background, Services
from xapi_async.operations.host_states import HostStates
from xapi_async.operations.notices import Messages, MessageSettings
from xapi_async.operations.program_settings import ProgramSettings
from xapi_async.operations.storage.starting import adopt_storage, found_storage, settle_storage
from xapi_async.operations.vm.recovery import recover
from xapi_async.rpc.access import Access, open_access
from xapi_async.rpc.audit import AuditLog
from xapi_async.rpc.authentication.ldap_settings import LdapSettings
from xapi_async.rpc.call import EVENT_BATCH, EVENT_LIST
from xapi_async.rpc.copies import Copies
from xapi_async.rpc.dispatcher import Dispatcher
from xapi_async.rpc.event_queue import EventQueue
from xapi_async.rpc.events import Events, EventSettings
from xapi_async.rpc.settings import AccessSettings, AuditSettings
from xapi_async.rpc.tasks import Tasks, TaskSettings
from xapi_async.settings import ServerSettings
from xapi_async.storage.nbd import NbdSettings
from xapi_async.storage.nominal_settings import NominalSettings
from xapi_async.storage.places import FileSettings
from xapi_async.transfer import converting, fetching, recovering
from xapi_async.transfer.nbd_exports import DiskExports
from xapi_async.transfer.pool_disks import pool_disks
from xapi_async.transfer.statistics.recorder import Recorder
from xapi_async.transfer.statistics.settings import StatisticsSettings
from xapi_async.transfers import ReaderContexts, TransferAccess
from xapi_async.wire import reference, xmlrpc
from xapi_async.wire.routing import Routes
from xapi_async.wire.settings import WireSettings

SECTIONS: Mapping[str, type[Any]] = {
    "server": ServerSettings,
    "wire": WireSettings,
    "store": StoreSettings,
    "access": AccessSettings,
    "ldap": LdapSettings,
    "audit": AuditSettings,
    "tasks": TaskSettings,
    "events": EventSettings,
    "messages": MessageSettings,
    "inventory": InventorySettings,
    "simulator": SimulatorSettings,
    "network": NetworkSettings,
    "storage": NominalSettings,
    "files": FileSettings,
    "nbd": NbdSettings,
    "observability": ObservabilitySettings,
    "statistics": StatisticsSettings,
    "programs": ProgramSettings,
}
"""Every section of the settings and the dataclass that declares it."""

Work = Callable[[], Awaitable[None]]


@dataclass
class Core:
    """The server without its listeners. background: what runs as long as it does."""

    config: Config
    database: Database
    services: Services
    access: Access
    dispatcher: Dispatcher
    events: Events
    queue: EventQueue
    background: tuple[Work, ...]
    routes: Routes
    exports: DiskExports


def missing_messages() -> list[str]:
    """The messages of the API that are not built yet."""

    async def ask() -> list[str]:
        config = load(SECTIONS, environment={}, flags={("server", "database"): ""})
        async with assembled(config) as core:
            return core.dispatcher.missing()

    return asyncio.run(ask())


# Putting together


@asynccontextmanager
async def assembled(config: Config) -> AsyncIterator[Core]:
    """Everything but the listeners, over the database of the settings; a new database is filled first."""
    settings: ServerSettings = config.section(ServerSettings)
    async with AsyncExitStack() as stack:
        path = Path(settings.database) if settings.database else None
        facts: dict[str, str | int] = {"server_version": __version__}
        database = await stack.enter_async_context(open_database(path, config.section(StoreSettings), facts))
        clock, rng = SystemClock(settings.speed), random.Random()  # noqa: S311  identities, not secrets
        access = await open_access(
            database.store,
            database.documents,
            clock,
            rng,
            config.section(AccessSettings),
            config.section(LdapSettings),
        )
        is_new = not database.store.table(Pool)
        hardware = await _fill(config, database.store, clock, rng)
        messages = await Messages.open(database.log("messages"), clock, config.section(MessageSettings))
        guests = any(not (vm.is_a_template or vm.is_control_domain) for vm in database.store.all(VM))
        is_large = guests or len(database.store.table(Host)) > 1
        storage, files = make_storage(
            await chosen_kind(database.documents, settings, is_large=is_large),
            settings.database,
            config.section(NominalSettings),
            config.section(FileSettings),
            clock,
            stack,
        )
        simulator = SimulatedHypervisor(clock, config.section(SimulatorSettings))
        storage.interpose = interposing(simulator.faults)
        services = Services(
            store=database.store,
            clock=clock,
            rng=rng,
            hypervisor=simulator,
            storage=storage,
            network=SimulatedNetwork(config.section(NetworkSettings), clock),
            messages=messages,
            programs=config.section(ProgramSettings),
            documents=database.documents,
            hosts=HostStates(hardware=hardware),
            back_up=kept_copies(database),
        )
        if is_new:
            next(services.network.bridge_numbers)  # the internal management network had the first one
        if is_new and files is not None:
            await found_storage(services.store, services.storage, FILE_TYPES)
        adopt_storage(services.store, services.storage)
        if files is not None:
            await settle_storage(services, (*FILE_TYPES, "iso"))
        await recover(services)
        blobs = blob_files(settings.database, services.store, clock, stack)
        core = _core(config, database, services, simulator, access, messages, blobs)
        if files is not None:
            core.background += (files.run,)
        stack.push_async_callback(core.dispatcher.stop)
        yield core


async def _fill(config: Config, store: Store, clock: SystemClock, rng: random.Random) -> Mapping[str, HostSettings]:
    """What a start of the agent finds: nothing, and makes a pool of it, or a pool, and refreshes it.

    Gives the machines that the settings describe, by the hosts' uuids.
    """
    settings: InventorySettings = config.section(InventorySettings)
    if store.table(Pool):
        restore_metrics(store, rng, clock.now())
        hardware = known_hardware(settings, store.all(Host))
        async with store.transaction() as tx:
            refresh_pool(tx, clock.now(), rng, hardware)
    else:
        async with store.transaction() as tx:
            populate(tx, settings, clock.now())
        hardware = known_hardware(settings, store.all(Host))
    operations.put_off_refreshing(store)
    return hardware


def _core(
    config: Config,
    database: Database,
    services: Services,
    simulator: SimulatedHypervisor,
    access: Access,
    messages: Messages,
    blobs: BlobFiles,
) -> Core:
    store, clock = services.store, services.clock
    if config.section(SimulatorSettings).plugin:
        services.plugins = {PLUGIN: simulator_plugin(services, simulator)}
    audit = AuditLog(store, clock, config.section(AuditSettings))
    tasks = Tasks(store, clock, config.section(TaskSettings), xmlrpc.value_encoder(), lambda: _master(store))
    services.own_task = tasks.own
    services.cancel_task = tasks.cancel
    event_settings: EventSettings = config.section(EventSettings)
    events = Events(store, messages, access.sessions, event_settings)
    queue = EventQueue(store, messages, clock, access.sessions, event_settings)
    disks = pool_disks()
    handlers = {
        **operations.handlers(),
        **recovering.HANDLERS,
        **fetching.handlers(disks),
        **converting.handlers(disks),
    }
    dispatcher = Dispatcher(
        services,
        access.sessions,
        tasks,
        {
            **failing(handlers, simulator.faults),
            **access.handlers(messages),
            **tasks.handlers(),
            **audit.handlers(),
            **events.handlers(),
            **queue.handlers(),
        },
        readers=access.readers(),
        waits=events.waits(),
        audit=audit,
        result_types={"event.from": EVENT_BATCH, "event.next": EVENT_LIST},
    )
    services.caller_of = access.sessions.caller
    services.open_copy = Copies(services, access.sessions, dispatcher, handlers).open
    services.timings = dispatcher.stats.summaries
    recorder = Recorder(services, config.section(StatisticsSettings))
    background: list[Work] = [access.run, tasks.run, queue.run, messages.run, audit.run, services.hypervisor.run]
    background += [blobs.run, recorder.run, *(_bound(work, services) for work in operations.background())]
    contexts = ReaderContexts(services, access.sessions, tasks, "get_export_raw_vdi")
    pages: Routes = {
        ("GET", reference.PREFIX): partial(_reference_page, frozenset(dispatcher.missing())),
        **bulk_routes(TransferAccess(services, access.http, tasks, audit), disks, blobs, audit, recorder, clock),
    }
    exports = DiskExports(contexts, disks)
    return Core(config, database, services, access, dispatcher, events, queue, tuple(background), pages, exports)


def _bound(work: Background, services: Services) -> Work:
    return lambda: work(services)


def _master(store: Store) -> str:
    return next((pool.master for pool in store.all(Pool)), NULL_REF)


# Pages


async def _reference_page(missing: frozenset[str], request: web.BaseRequest) -> web.StreamResponse:
    page = reference.page(request.path, missing)
    if page is None:
        raise web.HTTPNotFound(reason="there is no such page in the reference")
    return web.Response(text=page, content_type="text/html")
