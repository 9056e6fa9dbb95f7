"""Which external directory is in use, switched on and off host by host as the API has it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from xapi_async.datamodel.classes import Host, Pool
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.clock import Clock
from xapi_async.objects.documents import Documents
from xapi_async.objects.store import Store
from xapi_async.operations.directory import Directory, DirectoryError

Config = Mapping[str, str]

Factory = Callable[[str, Config], Directory]
"""Makes a directory from the service's name and its configuration; raises DirectoryError where that says nonsense."""

PROBE_SECONDS = 5.0
"""Seconds between two looks whether the directory is there, after a start."""

_SECRETS = "external-authentication"


class External:
    """The directory of the pool's master, which is the one that counts.

    factories: the kinds of directory there are, by ``external_auth_type``. documents: where passwords
    for the directory are kept, as clients do not see those. Use :meth:`open` to make one.
    """

    def __init__(self, store: Store, clock: Clock, documents: Documents, factories: Mapping[str, Factory]) -> None:
        self._store = store
        self._clock = clock
        self._documents = documents
        self._factories = factories
        self._made: tuple[object, Directory] | None = None
        self._is_ready = False
        self._secrets: dict[str, dict[str, str]] = {}

    @staticmethod
    async def open(store: Store, clock: Clock, documents: Documents, factories: Mapping[str, Factory]) -> External:
        """With the passwords that are kept."""
        external = External(store, clock, documents, factories)
        external._secrets = await documents.get(_SECRETS) or {}
        return external

    @property
    def is_enabled(self) -> bool:
        """Whether users of a directory may log in."""
        master = self._master()
        return master is not None and master.external_auth_type != ""

    def current(self) -> Directory:
        """The directory in use. Raises AUTH_IS_DISABLED [], AUTH_UNKNOWN_TYPE [type], AUTH_SERVICE_ERROR [text]."""
        master = self._master()
        if master is None or not master.external_auth_type:
            raise ApiError("AUTH_IS_DISABLED")
        config = {**master.external_auth_configuration, **self._secrets.get(master.ref, {})}
        key = (master.external_auth_type, master.external_auth_service_name, config)
        if self._made is None or self._made[0] != key:
            try:
                self._made = (key, self._make(key[0], key[1], config))
            except DirectoryError as error:
                raise ApiError("AUTH_SERVICE_ERROR", error.text) from error
        return self._made[1]

    async def wait_ready(self, seconds: float) -> bool:
        """Wait until the directory was seen to answer since the start; whether it was, within that time."""
        deadline = self._clock.now() + seconds
        while not await self._probe():
            left = deadline - self._clock.now()
            if left <= 0:
                return False
            await self._clock.sleep(min(PROBE_SECONDS, left))
        return True

    async def enable(self, host_ref: str, config: Config, service_name: str, auth_type: str) -> None:
        """Have a host use a directory.

        Raises AUTH_ALREADY_ENABLED [type, service], AUTH_UNKNOWN_TYPE [type], or AUTH_ENABLE_FAILED…
        [text]; nothing is changed then.
        """
        host = self._store.get(Host, host_ref)
        if host.external_auth_type:
            raise ApiError("AUTH_ALREADY_ENABLED", host.external_auth_type, host.external_auth_service_name)
        try:
            await self._make(auth_type, service_name, config).probe()
        except DirectoryError as error:
            raise ApiError(failure_code("AUTH_ENABLE_FAILED", error), error.text) from error
        kept = {key: value for key, value in config.items() if not is_secret(key)}
        hidden = {key: value for key, value in config.items() if is_secret(key)}
        # The passwords first: without them the directory would be switched on but of no use.
        await self._keep({**self._secrets, host_ref: hidden})
        async with self._store.transaction() as tx:
            tx.set(
                tx.get(Host, host_ref),
                external_auth_type=auth_type,
                external_auth_service_name=service_name,
                external_auth_configuration=kept,
            )
        self._is_ready = True

    async def disable(self, host_ref: str) -> None:
        """Have a host use no directory; no error where it uses none."""
        async with self._store.transaction() as tx:
            tx.set(
                tx.get(Host, host_ref),
                external_auth_type="",
                external_auth_service_name="",
                external_auth_configuration={},
            )
        await self._keep({ref: hidden for ref, hidden in self._secrets.items() if ref != host_ref})

    async def _probe(self) -> bool:
        if not self._is_ready:
            try:
                await self.current().probe()
            except (ApiError, DirectoryError):
                return False
            self._is_ready = True
        return True

    def _make(self, auth_type: str, service_name: str, config: Config) -> Directory:
        factory = self._factories.get(auth_type)
        if factory is None:
            raise ApiError("AUTH_UNKNOWN_TYPE", auth_type)
        return factory(service_name, config)

    async def _keep(self, secrets: dict[str, dict[str, str]]) -> None:
        if secrets != self._secrets:
            await self._documents.put(_SECRETS, secrets)
            self._secrets = secrets

    def _master(self) -> Host | None:
        pool = next(iter(self._store.all(Pool)), None)
        return self._store.find(Host, pool.master) if pool is not None else None


def failure_code(prefix: str, error: DirectoryError) -> str:
    """The error code for a directory's failure: the prefix, and what went wrong where that is told apart."""
    return f"{prefix}_{error.kind}" if error.kind else prefix


def is_secret(key: str) -> bool:
    """Whether a key of a configuration holds what clients must not see."""
    return key == "pass" or key.endswith("password")
