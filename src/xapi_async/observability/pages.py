"""The pages for those who run the server: health, readiness, metrics. Each is only for whom the settings name."""

from __future__ import annotations

import ipaddress

from aiohttp import web

from xapi_async.observability.metrics import Metrics
from xapi_async.observability.readiness import Readiness
from xapi_async.observability.settings import Audience, ObservabilitySettings
from xapi_async.operations.context import Origin
from xapi_async.wire.app import origin_of
from xapi_async.wire.routing import PageHandler, Routes

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def routes(metrics: Metrics, readiness: Readiness, settings: ObservabilitySettings) -> Routes:
    """The pages. One that is for nobody is not there at all."""

    async def healthz(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(text="ok\n")  # the event loop answers: that is all it says

    async def readyz(request: web.BaseRequest) -> web.StreamResponse:
        problem = readiness.problem()
        return web.Response(status=503, text=f"{problem}\n") if problem else web.Response(text="ok\n")

    async def show(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=metrics.page(), headers={"Content-Type": METRICS_TYPE})

    pages: tuple[tuple[str, PageHandler, Audience], ...] = (
        ("/healthz", healthz, settings.health),
        ("/readyz", readyz, settings.health),
        ("/metrics", show, settings.metrics),
    )
    return {("GET", path): _only_for(audience, path, page) for path, page, audience in pages if audience != "nobody"}


def _only_for(audience: Audience, path: str, page: PageHandler) -> PageHandler:
    async def guarded(request: web.BaseRequest) -> web.StreamResponse:
        # The router goes by prefixes; these pages have nothing under them.
        if request.path != path or not _is_meant(audience, origin_of(request)):
            raise web.HTTPForbidden
        return await page(request)

    return guarded


def _is_meant(audience: Audience, origin: Origin) -> bool:
    if audience == "everybody" or origin.is_local:
        return True
    try:
        address = ipaddress.ip_address(origin.address)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)  # IPv4 that comes to a socket of IPv6
    return (mapped or address).is_loopback
