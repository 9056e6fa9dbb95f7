"""What transfers need of the server: who asks, whether they may, and the task that shows how it goes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol

from aiohttp import web

from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.types import ApiType
from xapi_async.operations.context import Caller, Context
from xapi_async.storage.driver import BackendError, api_error


class Access(Protocol):
    """Admits requests and keeps their tasks."""

    def admitted(self, request: web.BaseRequest, action: str) -> AbstractAsyncContextManager[Caller]:
        """The caller of a request, for as long as the body lasts.

        action: the handler's name in the list of HTTP actions, such as ``get_export_raw_vdi``.
        Raises HTTPUnauthorized for bad or no credentials; HTTPForbidden where the caller's role does
        not allow it, the task that the request names having failed with RBAC_PERMISSION_DENIED by then.
        """
        ...

    async def begin(
        self, request: web.BaseRequest, caller: Caller, label: str, task_id: str | None, subtask_of: str | None
    ) -> Context:
        """The context of a transfer under the task ``task_id``, or under a new one with this label.

        subtask_of: the task that a new one belongs to.
        """
        ...

    async def succeed(self, ctx: Context, result_type: ApiType[Any] | None, value: Any) -> None:
        """End the transfer's task well; without a type it has no result."""
        ...

    async def fail(self, ctx: Context, error: ApiError) -> None:
        """End the transfer's task with an error; as cancelled where that is TASK_CANCELLED."""
        ...


def parameter(request: web.BaseRequest, name: str) -> str | None:
    """A parameter of a request: from its cookies, else from its query."""
    found = request.cookies.get(name)
    return found if found is not None else request.query.get(name)


class RefusedError(Exception):
    """A transfer that is answered by an error page. status: of the page. error: for the task.

    fields: what the client is told in the header of the answer, which then is all of it.
    """

    def __init__(self, status: int, error: ApiError, fields: Mapping[str, str] | None = None) -> None:
        super().__init__(status, error)
        self.status = status
        self.error = error
        self.fields = fields


class Ended:
    """How a transfer ended, to be said by whoever does it.

    result: of the task, type and value; none where it has no result. response: what was begun to be
    sent, from which on errors are told by the task alone; or what is sent in place of an error page.
    """

    def __init__(self) -> None:
        self.result: tuple[ApiType[Any], Any] | None = None
        self.response: web.StreamResponse | None = None

    @property
    def answer(self) -> web.StreamResponse:
        """What was sent."""
        if self.response is None:
            raise RuntimeError("the transfer ended without an answer")
        return self.response


@asynccontextmanager
async def transferring(
    request: web.BaseRequest, access: Access, action: str, label: str, refusal: int
) -> AsyncIterator[tuple[Context, Ended]]:
    """A transfer and its task: an exception that leaves the body fails the task.

    It then becomes a page (of its own status, or ``refusal`` for errors of the API) unless the answer
    has begun. A redirect leaves the task as it is. Raises aiohttp's HTTP exceptions.
    """
    async with access.admitted(request, action) as caller:
        task_id, subtask_of = parameter(request, "task_id"), parameter(request, "subtask_of")
        ctx = await access.begin(request, caller, label, task_id, subtask_of)
        ended = Ended()
        try:
            yield ctx, ended
        except web.HTTPRedirection:
            raise
        except (ApiError, RefusedError, BackendError, OSError, ValueError) as error:
            await access.fail(ctx, _as_api_error(error))
            if ended.response is None and isinstance(error, RefusedError) and error.fields:
                ended.response = web.Response(status=error.status, headers=error.fields)
                ended.response.force_close()
            elif ended.response is None:
                raise _page(error.status if isinstance(error, RefusedError) else refusal) from error
        except BaseException as error:
            await access.fail(ctx, ApiError("INTERNAL_ERROR", f"{type(error).__name__}: {error}"))
            raise
        else:
            await access.succeed(ctx, *(ended.result or (None, None)))


def redirect(request: web.BaseRequest, address: str | None) -> None:
    """Send the client to another host, if one is named. Raises HTTPFound."""
    if address is not None:
        host = f"[{address}]" if ":" in address else address
        raise web.HTTPFound(
            f"https://{host}{request.raw_path if request.raw_path.startswith('/') else request.path_qs}"
        )


_PAGES: Mapping[int, type[web.HTTPException]] = {
    400: web.HTTPBadRequest,
    403: web.HTTPForbidden,
    404: web.HTTPNotFound,
    500: web.HTTPInternalServerError,
    501: web.HTTPNotImplemented,
}


def _page(status: int) -> web.HTTPException:
    return _PAGES[status]()


def _as_api_error(error: Exception) -> ApiError:
    if isinstance(error, ApiError):
        return error
    if isinstance(error, RefusedError):
        return error.error
    if isinstance(error, BackendError):
        return api_error(error)
    if not isinstance(error, ConnectionError):  # the medium, or data that does not fit it
        return ApiError("VDI_IO_ERROR", str(error))
    return ApiError("CLIENT_ERROR", "the connection was closed before the transfer was done")


class UntilClose(web.StreamResponse):
    """An answer of unknown length, whose end is that the connection closes; nothing else marks it.

    aiohttp would send it in chunks, which clients of these handlers do not all understand.
    """

    _length_check = False

    def __init__(self, headers: dict[str, str], status: int = 200) -> None:
        super().__init__(status=status, headers=headers)
        self.force_close()
