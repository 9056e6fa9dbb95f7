"""Peers that parse the call and encode an answer, with the libraries that people use for that.

Usage: python -m benchmarks.peers.xmlrpc_servers KIND PORT.
"""

from __future__ import annotations

import sys
import xmlrpc.client
from typing import Any

ANSWER = {"Status": "Success", "Value": "a virtual machine"}


def aiohttp_xmlrpc(port: int) -> None:
    """The aiohttp-xmlrpc package."""
    from aiohttp import web
    from aiohttp_xmlrpc import handler

    class View(handler.XMLRPCView):  # type: ignore[misc]
        """Answers one method."""

        @handler.rename("VM.get_name_label")  # type: ignore[untyped-decorator]
        async def rpc_get_name_label(self, session: str, vm: str) -> dict[str, str]:
            return ANSWER

    app = web.Application()
    app.router.add_route("*", "/", View)
    web.run_app(app, host="127.0.0.1", port=port, print=None, access_log=None)


def falcon(port: int) -> None:
    """falcon's ASGI application in uvicorn, over the standard library's codec."""
    import falcon.asgi
    import uvicorn

    class Resource:
        """Answers one method."""

        async def on_post(self, request: Any, response: Any) -> None:
            xmlrpc.client.loads(await request.stream.read())
            response.content_type = "text/xml"
            response.data = xmlrpc.client.dumps((ANSWER,), methodresponse=True).encode()

    app = falcon.asgi.App()
    app.add_route("/", Resource())
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="error", loop="uvloop")


def main() -> None:
    """Run one peer until killed."""
    {"aiohttp-xmlrpc": aiohttp_xmlrpc, "falcon": falcon}[sys.argv[1]](int(sys.argv[2]))


if __name__ == "__main__":
    main()
