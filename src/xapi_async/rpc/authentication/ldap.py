"""A directory spoken to by LDAP: Active Directory, OpenLDAP and their like.

The library waits where it asks, so every question runs in a thread of its own small pool. Each opens
its connection anew: questions are rare, and a connection kept open would have to be watched.
"""

from __future__ import annotations

import asyncio
import math
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import ldap3  # type: ignore[import-untyped]
from ldap3.core import exceptions  # type: ignore[import-untyped]
from ldap3.utils.conv import escape_filter_chars  # type: ignore[import-untyped]

from xapi_async.objects.clock import Clock
from xapi_async.operations.directory import DirectoryError, RefusedError, UnknownError
from xapi_async.rpc.authentication.accounts import ATTRIBUTES, Entry, information, sid_of
from xapi_async.rpc.authentication.ldap_settings import LdapSettings

T = TypeVar("T")

_THREADS = 4
_DNS_IN_A_FILTER = 50


class LdapDirectory:
    """See :class:`~xapi_async.operations.directory.Directory`."""

    def __init__(self, settings: LdapSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._threads = ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="ldap")

    async def probe(self) -> None:
        """Log in to the directory and look up its base."""

        def ask() -> None:
            with self._connected() as connection:
                connection.search(self._settings.base_dn, "(objectClass=*)", ldap3.BASE, attributes=["1.1"])

        await self._in_thread(ask)

    async def verify(self, name: str, password: str) -> str:
        """The sid of the user with this name and password. Raises RefusedError."""

        def ask() -> str:
            if not password:
                # A directory takes a login without a password for an anonymous one, and lets it pass.
                raise RefusedError("a password is needed")
            try:
                entry = self._by_name(name, groups_too=False)
            except UnknownError:
                raise RefusedError("the user name or the password is wrong") from None
            if not entry.dn:
                raise RefusedError("the directory gives the user no name to log in by")
            try:
                with self._connected(entry.dn, password):
                    return sid_of(entry, self._settings.sid_attribute)
            except DirectoryError as error:
                if error.kind == "WRONG_CREDENTIALS":
                    raise RefusedError("the user name or the password is wrong") from error
                raise

        return await self._in_thread(ask)

    async def find_sid(self, name: str) -> str:
        """The sid of a user or group. Raises UnknownError."""
        entry = await self._in_thread(lambda: self._by_name(name, groups_too=True))
        return sid_of(entry, self._settings.sid_attribute)

    async def information(self, sid: str) -> Mapping[str, str]:
        """What is known of a user or group. Raises UnknownError."""
        entry = await self._in_thread(lambda: self._by_sid(sid))
        return information(entry, self._settings, self._clock.now())

    async def groups(self, sid: str) -> Sequence[str]:
        """The sids of all groups that a user or group is in, nested ones included. Raises UnknownError."""
        return await self._in_thread(lambda: self._groups(sid))

    # What runs in a thread

    async def _in_thread(self, ask: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, ask)

    def _by_name(self, name: str, *, groups_too: bool) -> Entry:
        settings = self._settings
        wanted = _filled(settings.user_filter, name=_bare(name), full=name)
        if groups_too:
            wanted = f"(|{wanted}{_filled(settings.group_name_filter, name=_bare(name))})"
        with self._connected() as connection:
            return self._only(self._search(connection, wanted), name)

    def _by_sid(self, sid: str) -> Entry:
        with self._connected() as connection:
            return self._find_sid(connection, sid)

    def _find_sid(self, connection: Any, sid: str) -> Entry:
        wanted = f"({self._settings.sid_attribute}={escape_filter_chars(sid)})"
        return self._only(self._search(connection, wanted), sid)

    @staticmethod
    def _only(entries: Sequence[Entry], name: str) -> Entry:
        if not entries:
            raise UnknownError(f"the directory has no user or group {name}")
        if len(entries) > 1:
            raise UnknownError(f"the directory has more than one user or group {name}")
        return entries[0]

    def _groups(self, sid: str) -> Sequence[str]:
        """Level by level upwards; a group met again is not followed again, as groups may contain each other."""
        settings, found = self._settings, dict[str, Entry]()
        with self._connected() as connection:
            member = self._find_sid(connection, sid)
            level = [member, *self._primary_group(connection, member)]
            found.update((entry.dn, entry) for entry in level[1:])
            while level:
                above = self._groups_with(connection, level)
                level = [entry for entry in above if entry.dn not in found and entry.dn != member.dn]
                found.update((entry.dn, entry) for entry in level)
        return tuple(dict.fromkeys(sid_of(entry, settings.sid_attribute) for entry in found.values()))

    def _groups_with(self, connection: Any, members: Sequence[Entry]) -> Iterator[Entry]:
        settings = self._settings
        for start in range(0, len(members), _DNS_IN_A_FILTER):
            some = members[start : start + _DNS_IN_A_FILTER]
            names = "".join(
                _filled(settings.member_filter, dn=entry.dn, name=entry.first(settings.name_attribute))
                for entry in some
            )
            yield from self._search(connection, f"(&{settings.group_filter}(|{names}))")

    def _primary_group(self, connection: Any, user: Entry) -> list[Entry]:
        """The one group of an Active Directory user that does not list its members."""
        number, sid = user.first("primaryGroupID"), sid_of(user, self._settings.sid_attribute)
        if not number or not sid.startswith("S-"):
            return []
        try:
            return [self._find_sid(connection, f"{sid.rpartition('-')[0]}-{number}")]
        except UnknownError:
            return []

    def _search(self, connection: Any, wanted: str) -> list[Entry]:
        settings = self._settings
        entries: list[Entry] = []
        cookie: bytes | None = None
        while True:
            connection.search(
                settings.base_dn,
                wanted,
                ldap3.SUBTREE,
                attributes=[settings.sid_attribute, settings.name_attribute, *ATTRIBUTES],
                time_limit=_whole(settings.timeout_seconds),
                paged_size=settings.page_size,
                paged_cookie=cookie,
            )
            entries.extend(
                Entry(item["dn"], {name.lower(): tuple(values) for name, values in item["raw_attributes"].items()})
                for item in connection.response
                if item["type"] == "searchResEntry"
            )
            control = (connection.result.get("controls") or {}).get("1.2.840.113556.1.4.319")
            cookie = control["value"]["cookie"] if control else None
            if not cookie:
                return entries

    @contextmanager
    def _connected(self, dn: str | None = None, password: str | None = None) -> Iterator[Any]:
        """A connection, logged in as the server itself or as given. Raises DirectoryError, here and in the body."""
        settings = self._settings
        if dn is None:
            dn, password = settings.bind_dn, settings.bind_password
        connection: Any = None
        unreachable: Exception = exceptions.LDAPInvalidServerError("no address is set")
        try:
            for server in self._servers():
                connection = ldap3.Connection(
                    server,
                    user=dn or None,
                    password=password or None,
                    authentication=ldap3.SIMPLE if dn else ldap3.ANONYMOUS,
                    receive_timeout=_whole(settings.timeout_seconds),
                    raise_exceptions=True,
                    auto_referrals=False,
                    check_names=False,
                    read_only=True,
                )
                try:
                    connection.open()
                    break
                except exceptions.LDAPSocketOpenError as error:
                    unreachable = error
            else:
                raise unreachable
            if settings.start_tls and not server.ssl and not connection.start_tls():
                raise exceptions.LDAPStartTLSError("the server does not encrypt")
            connection.bind()
            yield connection
        except (exceptions.LDAPException, OSError) as error:
            kind = next((kind for cause, kind in _KINDS.items() if isinstance(error, cause)), "")
            raise DirectoryError(f"the directory could not be asked: {error}", kind) from error
        finally:
            if connection is not None and not connection.closed:
                with suppress(exceptions.LDAPExceptionError, OSError):
                    connection.unbind()

    def _servers(self) -> list[Any]:
        settings = self._settings
        tls = ldap3.Tls(
            validate=ssl.CERT_REQUIRED if settings.verify_certificate else ssl.CERT_NONE,
            ca_certs_file=settings.ca_file or None,
        )
        return [
            ldap3.Server(uri, tls=tls, connect_timeout=settings.timeout_seconds, get_info=ldap3.NONE)
            for uri in settings.uri.split()
        ]


_KINDS: dict[type[Exception], str] = {
    exceptions.LDAPInvalidCredentialsResult: "WRONG_CREDENTIALS",
    exceptions.LDAPInsufficientAccessRightsResult: "PERMISSION_DENIED",
    exceptions.LDAPCommunicationError: "UNAVAILABLE",
    OSError: "UNAVAILABLE",
}
"""What the API calls a failure."""


def _whole(seconds: float) -> int:
    """Seconds as the library wants them."""
    return max(1, math.ceil(seconds))


def _filled(pattern: str, **parts: str) -> str:
    """A filter with names put in, escaped, so that a name cannot be more than a name."""
    for placeholder, value in parts.items():
        pattern = pattern.replace(f"{{{placeholder}}}", escape_filter_chars(value))
    return pattern


def _bare(name: str) -> str:
    r"""The name without its domain, be it written ``DOMAIN\name`` or ``name@domain``."""
    return name.rpartition("\\")[2].partition("@")[0]
