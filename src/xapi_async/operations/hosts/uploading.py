"""host and host_crashdump: sending status reports and crash dumps to where somebody looks at them."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

import aiohttp

from xapi_async.datamodel.classes.host_crashdump import HostCrashdump
from xapi_async.datamodel.errors import ApiError
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.hosts.reaching import reach
from xapi_async.operations.hosts.report import build_report

SCHEMES = ("http", "https")

LONGEST_SECONDS = 600.0
"""How long an upload may take."""


async def bugreport_upload(ctx: Context, host: str, url: str, options: Mapping[str, str]) -> None:
    """host.bugreport_upload: PUT a status report. The option ``http_proxy`` names a proxy.

    Raises INTERNAL_ERROR where that fails, or no URL is given: the server knows nobody to send it to.
    """
    report = build_report(ctx.services, reach(ctx, host))
    async with ctx.task.cancellable():
        await upload(url, report, options.get("http_proxy") or None)


async def upload(url: str, content: bytes, proxy: str | None = None) -> None:
    """Send content to a URL. Raises INTERNAL_ERROR [text]."""
    if urlsplit(url).scheme not in SCHEMES:
        raise ApiError("INTERNAL_ERROR", f"nothing can be uploaded to {url!r}: it is no http or https URL")
    timeout = aiohttp.ClientTimeout(total=LONGEST_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as client,
            client.put(url, data=content, proxy=proxy) as answer,
        ):
            answer.raise_for_status()
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise ApiError("INTERNAL_ERROR", f"the upload to {url} failed: {type(error).__name__}: {error}") from error


# Crash dumps


async def destroy_dump(ctx: Context, self: str) -> None:
    """host_crashdump.destroy: simulated hosts keep nothing but the record."""
    reach(ctx, ctx.store.get(HostCrashdump, self).host)
    async with ctx.store.transaction() as tx:
        tx.delete(tx.get(HostCrashdump, self))


async def upload_dump(ctx: Context, self: str, url: str, options: Mapping[str, str]) -> None:
    """host_crashdump.upload. Raises INTERNAL_ERROR: there is no data behind the record of a dump."""
    dump = ctx.store.get(HostCrashdump, self)
    reach(ctx, dump.host)
    raise ApiError("INTERNAL_ERROR", f"the dump {dump.filename} is not on the host any more")


HANDLERS: Handlers = {
    "host.bugreport_upload": bugreport_upload,
    "host_crashdump.destroy": destroy_dump,
    "host_crashdump.upload": upload_dump,
}
