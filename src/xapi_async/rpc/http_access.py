"""Who may use the HTTP handlers beside RPC: from a request's credentials to a caller, and the role check."""

from __future__ import annotations

import base64
import binascii
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from xapi_async.datamodel.errors import ApiError
from xapi_async.operations.context import Caller, Origin
from xapi_async.rpc.login import Identity
from xapi_async.rpc.passwords import Passwords
from xapi_async.rpc.roles import denied, http_permission
from xapi_async.rpc.sessions import Sessions

NOT_LOGGED_IN = "SESSION_AUTHENTICATION_FAILED"
"""The code of the error that means 401; RBAC_PERMISSION_DENIED means 403."""


class HttpAccess:
    """Admits HTTP requests."""

    def __init__(self, sessions: Sessions, passwords: Passwords) -> None:
        self._sessions = sessions
        self._passwords = passwords

    @asynccontextmanager
    async def admitted(
        self,
        origin: Origin,
        *,
        session_id: str | None = None,
        pool_secret: str | None = None,
        authorization: str | None = None,
    ) -> AsyncIterator[Caller]:
        """The caller of a request, for as long as the body lasts. The first credential given is the one that counts.

        authorization: the header of that name. Raises SESSION_AUTHENTICATION_FAILED [] where nobody
        is logged in by these; ValueError for a kind of authorization that is not ``Basic``.
        """
        if session_id is not None and not origin.is_local:
            yield self._known(session_id)
            return
        caller = await self._logged_in(origin, pool_secret, authorization)
        try:
            yield caller
        finally:
            await self._sessions.end((caller.session,))

    def _known(self, session_id: str) -> Caller:
        try:
            return self._sessions.peek(session_id)
        except ApiError:
            raise ApiError(NOT_LOGGED_IN) from None

    async def _logged_in(self, origin: Origin, pool_secret: str | None, authorization: str | None) -> Caller:
        if origin.is_local:
            return await self._sessions.begin(Identity("root"))
        if pool_secret is not None:
            if not self._passwords.is_pool_secret(pool_secret):
                raise ApiError(NOT_LOGGED_IN)
            return await self._sessions.begin(Identity("", is_pool=True))
        if authorization is None:
            raise ApiError(NOT_LOGGED_IN)
        name, password = basic_credentials(authorization)
        try:
            return await self._sessions.log_in(name, password, origin)
        except ApiError as error:
            raise ApiError(NOT_LOGGED_IN) from error


def basic_credentials(authorization: str) -> tuple[str, str]:
    """The name and password of a header ``Authorization: Basic …``. Raises ValueError for any other."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        raise ValueError(f"authorization of the kind {scheme} is not understood")
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise ValueError("the authorization is not well-formed") from None
    name, _, password = text.partition(":")
    return name, password


def assert_may(caller: Caller, action: str, part: str | None = None) -> None:
    """Raise RBAC_PERMISSION_DENIED [permission, text] where a caller may not use a handler, or a part of it."""
    permission = http_permission(action, part)
    if not caller.may(permission):
        raise denied(permission)
