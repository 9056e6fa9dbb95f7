"""What hosts keep for themselves outlasts the server: secrets, values, disks, copies of the database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.client import call_xml, failure, refused
from tests.live import LiveServer
from tests.pools.between_hosts import SLAVE_LOGIN, SOME_HOST, as_host, master_and_slaves, new_disk


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LiveServer]:
    made = LiveServer(tmp_path, "--hosts", "2").start()
    try:
        yield made
    finally:
        made.stop()


def initial_auth(server: LiveServer) -> str:
    with server.session() as session:
        return str(session.xenapi.pool.initial_auth())


def test_a_crash_loses_nothing_of_it(server: LiveServer) -> None:
    old = initial_auth(server)
    with as_host(server.url, old) as api:
        _, (slave,) = master_and_slaves(api)
        disk, other = new_disk(api), new_disk(api)
        api.host.attach_static_vdis(slave, {disk: "for ever", other: "for a while"})
        api.host.detach_static_vdis(slave, [other])
        api.host.set_localdb_key(slave, "key", "value")
        api.host.update_pool_secret(slave, "another secret")
    server.kill()
    server.start()
    assert failure(server.url, SLAVE_LOGIN, SOME_HOST, old)[0] == "SESSION_AUTHENTICATION_FAILED"
    assert initial_auth(server) == "another secret"
    with as_host(server.url, "another secret") as api:
        assert refused(api.VDI.destroy, disk) == ["VDI_IN_USE", disk, "destroy"]
        assert "destroy" not in api.VDI.get_allowed_operations(disk)
        assert "destroy" in api.VDI.get_allowed_operations(other)
        api.VDI.destroy(other)
        api.host.detach_static_vdis(slave, [disk])
        assert "destroy" in api.VDI.get_allowed_operations(disk)
        api.VDI.destroy(disk)


def test_a_copy_of_the_database(server: LiveServer, tmp_path: Path) -> None:
    with as_host(server.url, initial_auth(server)) as api:
        _, (slave,) = master_and_slaves(api)
        uuid = api.host.get_uuid(slave)
        file = tmp_path / "state.db.copies" / f"{uuid}.db"
        api.host.set_name_label(slave, "before")
        api.host.request_backup(slave, 0, False)
        assert _name_in(server, api, file, uuid) == "before"
        api.host.set_name_label(slave, "after")
        api.host.request_backup(slave, 0, False)  # the one that it has is newer than that
        assert _name_in(server, api, file, uuid) == "before"
        api.host.request_backup(slave, 0, True)
        assert _name_in(server, api, file, uuid) == "after"
        api.host.set_name_label(slave, "later")
        api.host.request_backup(slave, str(10**12), False)
        assert _name_in(server, api, file, uuid) == "later"
        assert file.stat().st_mode & 0o077 == 0
        assert [path.name for path in file.parent.iterdir()] == [file.name]


def _name_in(server: LiveServer, api: Any, file: Path, uuid: str) -> str:
    """What a host is called in a copy."""
    session = api.session.create_from_db_file(str(file))
    host = call_xml(server.url, "host.get_by_uuid", session, uuid)["Value"]
    return str(call_xml(server.url, "host.get_name_label", session, host)["Value"])
