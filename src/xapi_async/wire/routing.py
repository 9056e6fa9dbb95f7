"""Which request goes where: by method, and the longest prefix of the path."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from xapi_async.wire.rpc_endpoint import RPC_PATHS, PathKind

PageHandler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
"""Answers a request that is no call. It may raise aiohttp's HTTP exceptions, which become the server's own pages."""

Routes = Mapping[tuple[str, str], PageHandler]
"""By method and prefix of the path."""

METHODS = frozenset({"GET", "POST", "PUT", "CONNECT", "OPTIONS"})


class Router:
    """Finds who answers. routes: what there is beside RPC."""

    def __init__(self, routes: Routes) -> None:
        table: dict[str, dict[str, PageHandler | PathKind]] = {method: {} for method in METHODS}
        table["POST"].update(RPC_PATHS)
        for (method, prefix), handler in routes.items():
            table[method][prefix] = handler
        # The longest first, so that the first that fits is the one.
        self._table = {
            method: sorted(prefixes.items(), key=lambda item: -len(item[0])) for method, prefixes in table.items()
        }

    def find(self, method: str, path: str) -> PageHandler | PathKind | None:
        """The handler of a page, or what kind of calls the path takes; None where there is nothing."""
        for prefix, target in self._table.get(method, ()):
            if path.startswith(prefix):
                return target
        return None
