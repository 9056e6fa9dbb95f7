"""A pool of three hosts over a real socket, and a client that is one of its hosts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import XenAPI

from tests.client import call_xml
from tests.inner import InnerServer, inner_server

SLAVE_LOGIN, SOME_HOST = "session.slave_login", "OpaqueRef:some-host"
SPEED = ("server", "speed"), "200"


@contextmanager
def pool_of_three(**more: str) -> Iterator[InnerServer]:
    """A server whose time runs fast. more: settings of the inventory."""
    settings = {("inventory", name): value for name, value in {"hosts": "3", **more}.items()}
    with inner_server({**settings, SPEED[0]: SPEED[1]}) as server:
        yield server


@contextmanager
def as_host(url: str, secret: str) -> Iterator[Any]:
    """The official client, logged in as a host of the pool, which has a secret."""
    answer = call_xml(url, SLAVE_LOGIN, SOME_HOST, secret)
    assert answer["Status"] == "Success", answer
    session = XenAPI.Session(url)
    session._session = answer["Value"]  # the client has no login of that kind
    try:
        yield session.xenapi
    finally:
        call_xml(url, "session.logout", answer["Value"])


def secret_of(server: InnerServer) -> str:
    """The secret of its pool."""
    return server.core.access.passwords.pool_secret


def new_disk(api: Any, sr: str = "", **values: Any) -> str:
    """A disk on an SR, or on the one that the hosts share."""
    shared = next(ref for ref, record in api.SR.get_all_records().items() if record["type"] == "nfs")
    base = {
        "name_label": "d", "name_description": "", "SR": sr or shared, "virtual_size": str(1 << 20), "type": "user",
        "sharable": False, "read_only": False, "other_config": {}, "xenstore_data": {}, "sm_config": {}, "tags": [],
    }  # fmt: skip
    return str(api.VDI.create({**base, **values}))


def the_pool(api: Any) -> str:
    return str(api.pool.get_all()[0])


def master_and_slaves(api: Any) -> tuple[str, list[str]]:
    """The hosts, by reference."""
    master = api.pool.get_master(the_pool(api))
    return master, [host for host in api.host.get_all() if host != master]
