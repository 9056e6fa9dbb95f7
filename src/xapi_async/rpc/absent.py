"""What stands in where a call has no task, or nobody is logged in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext

from xapi_async.hypervisor.driver import Progress, unobserved
from xapi_async.objects.entity import new_uuid


class NoTask:
    """The task of a call that shows none. watch: told how far it is, where it stands below another."""

    __slots__ = ("_label", "_ref", "_watch")

    def __init__(self, label: str, watch: Progress = unobserved) -> None:
        self._label = label
        self._ref = ""
        self._watch = watch

    @property
    def ref(self) -> str:
        """A reference of nothing that is stored; made when it is asked for, which is seldom."""
        if not self._ref:
            self._ref = f"DummyRef:|{new_uuid()}|{self._label}"
        return self._ref

    async def progress(self, value: float) -> None:
        """Only whoever stands above sees it."""
        await self._watch(value)

    def check(self) -> None:
        """Nobody can cancel it."""

    def cancellable(self) -> AbstractAsyncContextManager[None]:
        """Nobody can cancel it."""
        return nullcontext()

    @asynccontextmanager
    async def child(self, name: str, watch: Progress = unobserved) -> AsyncIterator[NoTask]:
        """Nor can anybody see or cancel what stands below it."""
        yield NoTask(name, watch)


class Nobody:
    """The caller of a message that takes no session."""

    session = ""
    user_name = ""
    user_sid = ""
    is_superuser = False
    is_pool = False

    def may(self, permission: str) -> bool:
        """Nothing."""
        return False
