"""An update as clients bring it: its package is uploaded to a disk that holds real bytes."""

from __future__ import annotations

import urllib.request
from pathlib import Path

from tests.live import LiveServer, running
from tests.pools.packages import UUID, package


def upload(server: LiveServer, session: str, vdi: str, data: bytes) -> None:
    url = f"{server.url}/import_raw_vdi?session_id={session}&vdi={vdi}"
    request = urllib.request.Request(url, data=data, method="PUT")
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert answer.status == 200


def test_a_package_is_uploaded_and_installed(tmp_path: Path):
    data = package(after_apply_guidance="restartHost", installation_size="1048576")
    with running(tmp_path) as server, server.session() as session:
        xapi = session.xenapi
        (pool,) = xapi.pool.get_all()
        (host,) = xapi.host.get_all()
        values = {"name_label": "update", "name_description": "", "SR": xapi.pool.get_default_SR(pool)}
        values |= {"virtual_size": str(1 << 20), "type": "user", "sharable": False, "read_only": False}
        vdi = xapi.VDI.create({**values, "other_config": {}, "xenstore_data": {}, "sm_config": {}, "tags": []})
        upload(server, session.handle, vdi, data)
        update = xapi.pool_update.introduce(vdi)
        assert xapi.pool_update.get_uuid(update) == UUID
        assert xapi.pool_update.precheck(update, host) == "ok"
        xapi.pool_update.pool_apply(update)
        record = xapi.pool_update.get_record(update)
        assert (record["hosts"], record["installation_size"]) == ([host], "1048576")
        assert xapi.host.get_updates_requiring_reboot(host) == [update]
        (patch,) = xapi.host.get_patches(host)
        assert xapi.host_patch.get_applied(patch)
        xapi.pool_update.pool_clean(update)
        assert xapi.pool_update.get_vdi(update) == "OpaqueRef:NULL"
        assert vdi not in xapi.VDI.get_all()
