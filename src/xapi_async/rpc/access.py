"""Everything that has to do with who may come in, put together: what a server needs of it, in one piece."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from xapi_async.objects.clock import Clock
from xapi_async.objects.documents import Documents
from xapi_async.objects.store import Store
from xapi_async.operations import auth, message, role
from xapi_async.operations.context import Handlers
from xapi_async.operations.directory import Directory
from xapi_async.operations.notices import Messages
from xapi_async.operations.subject import DIRECTORY_TYPE
from xapi_async.rpc import roles
from xapi_async.rpc.authentication import between_hosts, enabling
from xapi_async.rpc.authentication.external import Config, External
from xapi_async.rpc.authentication.ldap_settings import LdapSettings, configured
from xapi_async.rpc.expiry import Expiry
from xapi_async.rpc.http_access import HttpAccess
from xapi_async.rpc.login import Login
from xapi_async.rpc.passwords import Passwords
from xapi_async.rpc.sessions import Sessions
from xapi_async.rpc.settings import AccessSettings


@dataclass(frozen=True)
class Access:
    """Who may come in. made_password: root's, where this start had to make one; to be shown once."""

    store: Store
    passwords: Passwords
    made_password: str | None
    external: External
    sessions: Sessions
    expiry: Expiry
    http: HttpAccess

    def handlers(self, messages: Messages) -> Handlers:
        """The explicit messages of sessions, the directory and class message."""
        return {
            **self.sessions.handlers(),
            **auth.handlers(self.external),
            **message.handlers(messages),
            **between_hosts.handlers(self.passwords),
            **enabling.handlers(self.external, self.expiry.revalidate, messages),
        }

    def readers(self) -> Mapping[str, Callable[..., Any]]:
        """The reading messages that are answered otherwise than those of other classes."""
        return {**self.sessions.readers(), **role.readers(self.store)}

    async def run(self) -> None:
        """End sessions as their time comes, until cancelled."""
        try:
            await self.expiry.run()
        except asyncio.CancelledError:
            self.passwords.close()
            raise


async def open_access(
    store: Store,
    documents: Documents,
    clock: Clock,
    rng: random.Random,
    settings: AccessSettings,
    ldap: LdapSettings,
) -> Access:
    """Put it together; also puts the role objects into the store, which must not be in use yet."""

    def active_directory(service_name: str, config: Config) -> Directory:
        # Few servers have one, and the library takes its time.
        from xapi_async.rpc.authentication.ldap import LdapDirectory

        return LdapDirectory(configured(ldap, service_name, config), clock)

    roles.install(store)
    passwords, made = await Passwords.open(documents, settings)
    external = await External.open(store, clock, documents, {DIRECTORY_TYPE: active_directory})
    sessions = Sessions(store, clock, Login(store, clock, settings, passwords, external), passwords)
    expiry = Expiry(store, clock, rng, settings, sessions, external)
    return Access(store, passwords, made, external, sessions, expiry, HttpAccess(sessions, passwords))
