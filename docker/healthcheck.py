"""Whether the server in this container answers its API. Exit status 0: it does; 1: it does not.

It asks what clients ask first, ``system.listMethods``, which needs no session.
Usage: healthcheck.py [URL]
"""

import os
import sys
import xmlrpc.client


class _Transport(xmlrpc.client.Transport):
    """A connection that does not wait longer than a health check may."""

    def make_connection(self, host):
        connection = super().make_connection(host)
        connection.timeout = 4
        return connection


def _default_url() -> str:
    port = os.environ.get("XAPI_SERVER_LISTEN", ":8080").split(",")[0].rpartition(":")[2]
    return f"http://127.0.0.1:{port}"


def main() -> int:
    """Ask, and give the exit status."""
    url = sys.argv[1] if len(sys.argv) > 1 else _default_url()
    try:
        methods = xmlrpc.client.ServerProxy(url, transport=_Transport()).system.listMethods()
    except (OSError, xmlrpc.client.Error) as error:
        print(f"{url}: {error}", file=sys.stderr)
        return 1
    return 0 if "VM.start" in methods else 1


if __name__ == "__main__":
    sys.exit(main())
