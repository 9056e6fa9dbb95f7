"""A server's life: started, ready, reloaded, drained, ended.

A stop has an order that loses nothing which was acknowledged. Readiness says no; callers who wait for
events are answered; the listeners close; calls and tasks under way end, or fail when their time is
over; background work ends; the journal is flushed.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from pathlib import Path

import orjson
import uvloop

from xapi_async.config import Config, ConfigError
from xapi_async.listening import Listening, listening
from xapi_async.logs import set_up_logging
from xapi_async.observability import pages, slow_calls
from xapi_async.observability.lag import LoopLag
from xapi_async.observability.metrics import Metrics
from xapi_async.observability.readiness import Readiness
from xapi_async.observability.service_manager import ServiceManager
from xapi_async.observability.settings import ObservabilitySettings
from xapi_async.observability.tracing import TracingError, traced
from xapi_async.open_files import make_room
from xapi_async.reloading import Reloader
from xapi_async.server import Core, Work, assembled
from xapi_async.settings import ServerSettings
from xapi_async.storage import nbd
from xapi_async.storage.nbd import NbdSettings
from xapi_async.storage.nbd_listener import announced
from xapi_async.wire.app import Bound, serve
from xapi_async.wire.settings import WireSettings
from xapi_async.workers.hello import InForce
from xapi_async.workers.readers import AllTraffic, Readers, Writer

GARBAGE_THRESHOLDS = (700, 600, 20)
"""Objects made, less those gone, before young garbage is looked for; and passes before older garbage is, twice.

Nearly all objects go by themselves, so that passes find next to nothing. A pass over so many takes a fraction of a
millisecond, in which nobody is answered; older garbage is looked for as seldom as if they were twenty times as many.
"""

log = logging.getLogger(__name__)


def run(load: Callable[[], Config]) -> int:
    """Run the server until it is told to stop, and give the exit status.

    load: gives the settings; it is asked again when they are to be reloaded. Raises ConfigError,
    DatabaseError, and OSError where an address cannot be listened on.
    """
    config = load()
    _set_up_logging(config)
    make_room(config.section(WireSettings).connections)
    try:
        uvloop.run(_serve(config, load))
    except TracingError as error:
        raise ConfigError(str(error)) from None
    return 0


def _set_up_logging(config: Config) -> None:
    settings: ServerSettings = config.section(ServerSettings)
    set_up_logging(settings.log_level, settings.log_format)


async def _serve(config: Config, load: Callable[[], Config]) -> None:
    settings: ServerSettings = config.section(ServerSettings)
    shown: ObservabilitySettings = config.section(ObservabilitySettings)
    manager = ServiceManager()
    to_listen = await asyncio.to_thread(listening, settings)
    async with assembled(config) as core:
        _settle_memory()
        if core.access.made_password is not None:
            _tell_password(core.access.made_password)
        core.services.certificate = lambda: to_listen.certificate
        readiness, lag = Readiness(core.services.store), LoopLag(shown.lag_seconds)
        metrics = _metrics(core, lag)
        table = {**core.routes, **pages.routes(metrics, readiness, shown)}
        slow_calls.watch(core.dispatcher.stats, shown.slow_call_seconds)
        wire: WireSettings = config.section(WireSettings)
        drain_ends = _Deadline()
        async with (
            _working((*core.background, lag.run, manager.run)),
            _operating(core, drain_ends),
            traced(core.dispatcher, shown) as dispatcher,
            Readers(settings.workers - 1, core.services.store) as readers,
            serve(dispatcher, table, wire, to_listen.listeners, core.dispatcher.interrupt, readers.sharing) as bound,
            _disks_served(config, core, to_listen),
        ):
            metrics.traffic = AllTraffic(bound.front, readers)
            reloader = _reloader(config, load, core, bound, to_listen, readers)
            await readers.start(Writer(core.dispatcher, core.access.sessions, table, bound), _in_force(config))
            with _signals(core, partial(_reload, reloader, manager)) as (stop, at_once):
                core.services.stop = stop.set
                readiness.phase = "serving"
                _tell_ready(settings, bound)
                manager.ready(f"listening on {', '.join((*bound.plain, *bound.tls, *bound.local))}")
                await stop.wait()
                log.info("stopping")
                manager.stopping()
                readiness.phase = "draining"
                if settings.ready_file:
                    await asyncio.to_thread(Path(settings.ready_file).unlink, missing_ok=True)
                await _drain(core, reloader.config.section(ServerSettings).drain_delay_seconds, at_once)
                readers.stop()
                drain_ends.begin(bound.front.settings.shutdown_seconds)
    log.info("stopped")


@asynccontextmanager
async def _disks_served(config: Config, core: Core, to_listen: Listening) -> AsyncIterator[None]:
    """Serve disks over NBD while the body lasts, where the settings say so."""
    settings: NbdSettings = config.section(NbdSettings)
    if not settings.enabled:
        yield
        return
    async with nbd.serve(core.exports, settings, settings.host, to_listen.context if settings.tls else None) as port:
        core.services.nbd = announced(settings.announce, settings.host, port)
        log.info("serving disks over NBD on port %d", port)
        yield


def _settle_memory() -> None:
    """Leave what lasts, the objects above all, to itself: collecting garbage would look through it every time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    gc.enable()
    with suppress(AttributeError):  # glibc has it: what only reading the database took goes back to the system
        ctypes.CDLL(None).malloc_trim(0)


class _Deadline:
    """The moment by which what is under way must have ended; calling it gives the seconds until then."""

    def __init__(self) -> None:
        self._when = 0.0

    def begin(self, seconds: float) -> None:
        """It comes in so many seconds."""
        self._when = asyncio.get_running_loop().time() + seconds

    def __call__(self) -> float:
        return max(0.0, self._when - asyncio.get_running_loop().time())


def _metrics(core: Core, lag: LoopLag) -> Metrics:
    spellings: dict[str, str] = {}
    for entry in core.dispatcher.entries():
        other = entry.name.replace(".", "_", 1)
        spellings |= {other: entry.name, f"Async.{other}": f"Async.{entry.name}"}
    return Metrics(core.services.store, core.dispatcher.stats, core.events, core.queue, lag, spellings)


def _in_force(config: Config) -> InForce:
    return InForce(
        config.section(ServerSettings),
        config.section(WireSettings),
        config.section(ObservabilitySettings).slow_call_seconds,
    )


def _reloader(
    config: Config, load: Callable[[], Config], core: Core, bound: Bound, to_listen: Listening, readers: Readers
) -> Reloader:
    def renew(new: Config) -> None:
        to_listen.renew(new.section(ServerSettings))

    def limit(new: Config) -> None:
        bound.front.limit(new.section(WireSettings))
        make_room(new.section(WireSettings).connections)

    def watch(new: Config) -> None:
        slow_calls.watch(core.dispatcher.stats, new.section(ObservabilitySettings).slow_call_seconds)

    def tell_readers(new: Config) -> None:
        readers.put_in_force(_in_force(new))

    # The certificate first: it is what may be wrong.
    return Reloader(config, load, (renew, limit, watch, _set_up_logging, tell_readers))


def _reload(reloader: Reloader, manager: ServiceManager) -> None:
    manager.reloading()
    reloader.reload()
    manager.ready()


# Stopping


@contextmanager
def _signals(core: Core, reload: Callable[[], None]) -> Iterator[tuple[asyncio.Event, asyncio.Event]]:
    """The signals mean something for the length of a ``with``; gives what the first two signals to stop set."""
    loop = asyncio.get_running_loop()
    stop, at_once = asyncio.Event(), asyncio.Event()

    def on_stop() -> None:
        if stop.is_set():
            log.warning("stopping at once: what is under way fails")
            core.dispatcher.interrupt()
            at_once.set()
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_stop)
    loop.add_signal_handler(signal.SIGHUP, reload)
    try:
        yield stop, at_once
    finally:
        # Those of a stop stay: the second is for what the first one began.
        loop.add_signal_handler(signal.SIGHUP, lambda: None)


async def _drain(core: Core, delay: float, at_once: asyncio.Event) -> None:
    """What happens before the listeners close: load balancers take note, and whoever only waits is answered.

    delay: how many seconds the former have, unless it is to be done at once.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(delay):
            await at_once.wait()
    core.events.release()
    core.queue.release()
    for _ in range(_TURNS):
        if core.events.waiting + core.queue.waiting == 0:
            break
        await asyncio.sleep(0)  # a turn of the loop, in which those who wait write their answers


_TURNS = 1000
"""Turns of the event loop after which whoever still waits is not waited for."""


@asynccontextmanager
async def _operating(core: Core, seconds: Callable[[], float]) -> AsyncIterator[None]:
    """Leaving it waits for the work behind asynchronous calls; what then still goes on is made to fail."""
    yield
    await core.dispatcher.drain(seconds())
    core.dispatcher.interrupt()
    await core.dispatcher.drain(_TELL_SECONDS)


_TELL_SECONDS = 5.0
"""How long work that was interrupted has to say so in its task."""


@asynccontextmanager
async def _working(works: Sequence[Work]) -> AsyncIterator[None]:
    """Background work for as long as the body lasts. No task group: it would wrap what the body raises."""
    tasks = [asyncio.create_task(_for_ever(work)) for work in works]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _for_ever(work: Work) -> None:
    """Keep work going that a bug may end: what it looks after would stand still without it."""
    while True:
        try:
            await work()
            return
        except Exception:
            log.exception("background work failed and begins anew in a second: %r", work)
            await asyncio.sleep(1.0)


# Telling


def _tell_password(password: str) -> None:
    # To the terminal and not to the log, which others may read and which is kept.
    sys.stdout.write(
        f"The password of root is {password}\nIt is shown this once; session.change_password sets another.\n"
    )
    sys.stdout.flush()


def _tell_ready(settings: ServerSettings, bound: Bound) -> None:
    """Say where the server answers; the ready file comes last and whole."""
    for url in (*bound.plain, *bound.tls, *bound.local):
        log.info("listening on %s", url)
    if settings.ready_file:
        said = {"url": next(iter(bound.plain), ""), "tls_url": next(iter(bound.tls), ""), "pid": os.getpid()}
        file = Path(settings.ready_file)
        draft = file.with_name(f"{file.name}.new")
        draft.write_bytes(orjson.dumps(said))
        draft.replace(file)
