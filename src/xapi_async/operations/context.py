"""What a message gets to work with: the services of the server, its caller and its task."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from xapi_async.hypervisor.driver import Hypervisor, Progress, unobserved
from xapi_async.network.driver import NetworkDriver
from xapi_async.network.simulated import SimulatedNetwork
from xapi_async.objects.clock import Clock
from xapi_async.objects.documents import Keeping, MemoryDocuments
from xapi_async.objects.store import Store
from xapi_async.operations.host_states import HostStates
from xapi_async.operations.notices import Messages
from xapi_async.operations.pools.state import PoolState
from xapi_async.operations.program_settings import ProgramSettings
from xapi_async.operations.replication.replicas import Replicas
from xapi_async.operations.storage.open_disks import OpenDisks
from xapi_async.storage.driver import Storage
from xapi_async.storage.nbd_listener import NbdListener

Plugin = Callable[[str, str, Mapping[str, str]], Awaitable[str]]
"""A plugin: takes the host by reference, the function and its arguments, and gives the text it answers."""


async def no_copy(name: str) -> None:
    """Of a database that is kept nowhere no copy is made either."""


@dataclass
class Services:
    """What all calls of one server share."""

    store: Store
    clock: Clock
    rng: random.Random
    hypervisor: Hypervisor
    storage: Storage
    network: NetworkDriver = field(default_factory=SimulatedNetwork)
    messages: Messages | None = None
    cancel_task: Callable[[str], None] = lambda ref: None
    """Has the work of a task stop where it can; no error where the task is over."""
    own_task: Callable[[str], AbstractAsyncContextManager[Task]] | None = None
    """Makes a task, with that label, for what the server does without being asked; gone with the body."""
    nbd: NbdListener = field(default_factory=NbdListener)
    """Where disks are served over NBD, as clients are told."""
    certificate: Callable[[], str] = str
    """Gives the certificate that the server presents, as PEM; empty where it has none."""
    hosts: HostStates = field(default_factory=HostStates)
    """What is known of hosts while the server runs."""
    plugins: Mapping[str, Plugin] = field(default_factory=dict)
    """Plugins of hosts that are part of the server, by name."""
    programs: ProgramSettings = field(default_factory=ProgramSettings)
    """Which programs calls may run."""
    documents: Keeping = field(default_factory=MemoryDocuments)
    """What is to last and is no object."""
    timings: Callable[[], Mapping[str, str]] = dict
    """How long calls took, in words, by the call's name."""
    stop: Callable[[], None] = lambda: None
    """Has the server end in an orderly way."""
    pool: PoolState = field(default_factory=PoolState)
    """What is known of the pool while the server runs."""
    waiters: int = 0
    """Calls that wait for operations of others to end."""
    open_copy: Callable[[Store], Awaitable[str]] | None = None
    """Makes a session that sees a store with a copy of a database; gives its reference."""
    caller_of: Callable[[str], Caller] | None = None
    """The caller behind a session. Raises SESSION_INVALID [session]."""
    home: Services | None = None
    """For a session that sees a copy of a database: what this pool's own calls share."""
    replicas: Replicas = field(default_factory=Replicas)
    """The copies of the database on disks."""
    open_disks: OpenDisks = field(default_factory=OpenDisks)
    """The disks that the server itself writes to."""
    back_up: Callable[[str], Awaitable[None]] = no_copy
    """Keeps a copy of the database under a name; nothing for a database in memory. Raises INTERNAL_ERROR [text]."""
    running_schedules: set[str] = field(default_factory=set)
    """The snapshot schedules that are being run now."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a call came from. address: the client's; is_local: over the trusted local socket."""

    address: str = ""
    is_local: bool = False


class Caller(Protocol):
    """Who calls. session: the reference of the session, empty where a call takes none.

    user_name: as logged in. user_sid: the directory's identifier, empty for local accounts.
    is_superuser: may do everything. is_pool: another host of the pool.
    """

    session: str
    user_name: str
    user_sid: str
    is_superuser: bool
    is_pool: bool

    def may(self, permission: str) -> bool:
        """Whether the caller's roles have a permission, such as ``vm.start``."""
        ...


class Task(Protocol):
    """The task a call runs under."""

    @property
    def ref(self) -> str:
        """Its reference, as put into current_operations."""
        ...

    async def progress(self, value: float) -> None:
        """Say how far the work is, from 0 to 1."""
        ...

    def cancellable(self) -> AbstractAsyncContextManager[None]:
        """A stretch of work that a cancel may stop: it is then left with TASK_CANCELLED [task]."""
        ...

    def check(self) -> None:
        """Raise TASK_CANCELLED [task] if the task was cancelled."""
        ...

    def child(self, name: str, watch: Progress = unobserved) -> AbstractAsyncContextManager[Task]:
        """A task below this one, shown while the body runs and cancelled along with this one.

        name: its label. watch: told how far it is.
        """
        ...


@dataclass
class Context:
    """What one call gets."""

    services: Services
    caller: Caller
    task: Task
    origin: Origin = Origin()

    @property
    def store(self) -> Store:
        """The objects."""
        return self.services.store


Handler = Callable[..., Awaitable[Any]]
"""An explicit message: ``async def start(ctx, vm, start_paused, force)``, parameters as the API names them,
already checked to be of their types. It returns the result, or raises ApiError."""

Handlers = Mapping[str, Handler]
"""By wire name: ``{"VM.start": start}``."""

Background = Callable[[Services], Awaitable[None]]
"""Work that goes on as long as the server runs; it ends by being cancelled."""
