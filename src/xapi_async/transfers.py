"""Bulk data beside RPC, connected to sessions and tasks: who may transfer, and the task that shows it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from xapi_async.datamodel.classes import Task
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.types import ApiType
from xapi_async.operations.context import Caller, Context, Origin, Services
from xapi_async.rpc.audit import AuditLog
from xapi_async.rpc.call import Call
from xapi_async.rpc.http_access import NOT_LOGGED_IN, HttpAccess, assert_may
from xapi_async.rpc.sessions import Sessions
from xapi_async.rpc.tasks import RunningTask, Tasks
from xapi_async.transfer.access import parameter
from xapi_async.wire.app import origin_of


class TransferAccess:
    """Admits requests for transfers, and keeps their tasks."""

    def __init__(self, services: Services, http: HttpAccess, tasks: Tasks, audit: AuditLog) -> None:
        self._services = services
        self._http = http
        self._tasks = tasks
        self._audit = audit
        self._running: dict[str, RunningTask] = {}

    @asynccontextmanager
    async def admitted(self, request: web.BaseRequest, action: str) -> AsyncIterator[Caller]:
        """The caller of a request.

        Raises HTTPUnauthorized, HTTPForbidden; HTTPInternalServerError for credentials of another kind.
        """
        try:
            async with self._http.admitted(
                origin_of(request),
                session_id=parameter(request, "session_id"),
                pool_secret=parameter(request, "pool_secret"),
                authorization=request.headers.get("Authorization"),
            ) as caller:
                try:
                    assert_may(caller, action)
                except ApiError as error:
                    await self._refuse(request, error)
                    self._audit.note_http(caller, action, _shown(request), error)
                    raise web.HTTPForbidden(reason="Forbidden") from error
                self._audit.note_http(caller, action, _shown(request))
                yield caller
        except ApiError as error:
            if error.code != NOT_LOGGED_IN:
                raise
            await self._refuse(request, error)
            raise web.HTTPUnauthorized(reason="Unauthorised") from error
        except ValueError as error:
            raise web.HTTPInternalServerError(reason=str(error)) from error

    async def begin(
        self, request: web.BaseRequest, caller: Caller, label: str, task_id: str | None, subtask_of: str | None
    ) -> Context:
        """The context of a transfer under a task that is there already, or under a new one."""
        call = Call(label, (), origin_of(request), subtask_of=subtask_of, task_id=task_id)
        task = await self._tasks.begin(label, caller, call)
        self._running[task.ref] = task
        return Context(self._services, caller, task, origin_of(request))

    async def succeed(self, ctx: Context, result_type: ApiType[Any] | None, value: Any) -> None:
        """End the task of a transfer well."""
        task = self._running.pop(ctx.task.ref)
        if result_type is None:
            await self._tasks.end(task.ref, "success")
        else:
            await self._tasks.succeed(task, result_type, value)

    async def fail(self, ctx: Context, error: ApiError) -> None:
        """End the task of a transfer with an error."""
        await self._tasks.fail(self._running.pop(ctx.task.ref), error)

    async def _refuse(self, request: web.BaseRequest, error: ApiError) -> None:
        """Tell the task that a refused request names; one that does not exist has nobody waiting for it."""
        task_id = parameter(request, "task_id")
        if task_id is not None and self._services.store.find(Task, task_id) is not None:
            await self._tasks.fail(self._tasks.attach(task_id), error)


def _shown(request: web.BaseRequest) -> Mapping[str, str]:
    """The arguments of a request that logs may show: neither sessions nor secrets."""
    return {name: value for name, value in request.query.items() if name not in ("session_id", "pool_secret")}


class ReaderContexts:
    """The contexts in which clients read disks by other protocols than HTTP, under a session."""

    def __init__(self, services: Services, sessions: Sessions, tasks: Tasks, action: str) -> None:
        self._services = services
        self._sessions = sessions
        self._tasks = tasks
        self._action = action

    @asynccontextmanager
    async def __call__(self, session: str) -> AsyncIterator[Context]:
        """The context of a session. Raises SESSION_INVALID, RBAC_PERMISSION_DENIED."""
        caller = self._sessions.caller(session)
        assert_may(caller, self._action)
        async with self._tasks.own("NBD client") as task:
            yield Context(self._services, caller, task, Origin())
