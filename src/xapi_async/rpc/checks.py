"""What is wrong with a call, whoever finds out, in the API's own terms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from xapi_async.datamodel.errors import ApiError
from xapi_async.operations.context import Caller
from xapi_async.rpc.call import Call
from xapi_async.rpc.entries import Entry
from xapi_async.rpc.roles import denied


def session_text(session: Any) -> str:
    """The session that a call names. Raises INTERNAL_ERROR for what is no text."""
    if type(session) is not str:
        raise ApiError("INTERNAL_ERROR", "the session is not a string")
    return session


def count_mismatch(call: Call, expected: int, received: int) -> ApiError:
    """The error of a call with the wrong number of parameters, the session left out."""
    return ApiError("MESSAGE_PARAMETER_COUNT_MISMATCH", call.method.removeprefix("Async."), expected, received)


def stopped() -> ApiError:
    """The error of a call that the end of the server cuts off."""
    return ApiError("INTERNAL_ERROR", "the server stopped before the operation had ended")


def assert_allowed(entry: Entry, caller: Caller, args: Sequence[Any]) -> None:
    """Raise RBAC_PERMISSION_DENIED where the caller's roles do not allow a call with these parameters."""
    if not entry.message.takes_session or caller.is_superuser:
        return
    permission = entry.permission_for(args[1]) if entry.key_permissions else entry.permission
    if not caller.may(permission):
        raise denied(permission)
