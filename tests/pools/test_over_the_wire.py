"""High availability as a client sees it, on a server whose time runs fast."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import XenAPI

from tests.client import until
from tests.inner import InnerServer, inner_server


@pytest.fixture
def server() -> Iterator[InnerServer]:
    with inner_server({("inventory", "hosts"): "3", ("server", "speed"): "200"}) as made:
        yield made


def new_vm(xapi: Any, name: str) -> str:
    (template,) = xapi.VM.get_by_name_label("Other install media")
    vm: str = xapi.VM.clone(template, name)
    xapi.VM.provision(vm)
    return vm


def test_a_protected_vm_survives_its_host(server: InnerServer):
    with server.session() as session:
        xapi = session.xenapi
        (pool,) = xapi.pool.get_all()
        assert xapi.pool.get_allowed_operations(pool) == ["ha_enable"]
        xapi.pool.enable_ha([], {"timeout": "30"})
        assert xapi.pool.get_allowed_operations(pool) == ["ha_disable"]
        vm = new_vm(xapi, "shop")
        xapi.VM.set_ha_restart_priority(vm, "restart")
        slave = next(host for host in xapi.host.get_all() if host != xapi.pool.get_master(pool))
        xapi.VM.start_on(vm, slave, False, False)
        assert xapi.VM.get_ha_always_run(vm)
        assert xapi.pool.ha_compute_max_host_failures_to_tolerate() == "2"
        xapi.pool.set_ha_host_failures_to_tolerate(pool, 1)
        assert xapi.pool.get_ha_plan_exists_for(pool) == "1"
        uuid = xapi.host.get_uuid(slave)

        async def fail() -> None:
            server.core.services.hypervisor.kill_host(uuid)  # type: ignore[attr-defined]

        server.run(fail)
        until(lambda: xapi.VM.get_resident_on(vm) not in (slave, "OpaqueRef:NULL"))
        assert xapi.VM.get_power_state(vm) == "Running"
        until(lambda: "HA_HOST_FAILED" in {found["name"] for found in xapi.message.get_all_records().values()})
        xapi.pool.disable_ha()
        assert not xapi.pool.get_ha_enabled(pool)


def test_a_task_of_switching_it_on(server: InnerServer):
    with server.session() as session:
        xapi = session.xenapi
        task = xapi.Async.pool.enable_ha([], {})
        until(lambda: xapi.task.get_status(task) == "success")
        with pytest.raises(XenAPI.Failure) as caught:
            xapi.pool.enable_ha([], {})
        assert caught.value.details == ["HA_IS_ENABLED"]


def test_all_hosts_at_once(server: InnerServer):
    with server.session() as session:
        xapi = session.xenapi
        (pool,) = xapi.pool.get_all()
        xapi.pool.certificate_install("trusted.pem", "-----BEGIN CERTIFICATE-----")
        assert xapi.pool.certificate_list() == ["trusted.pem"]
        xapi.pool.certificate_uninstall("trusted.pem")
        assert xapi.pool.certificate_list() == []
        xapi.pool.disable_ssl_legacy(pool)
        assert not any(record["ssl_legacy"] for record in xapi.host.get_all_records().values())
        xapi.pool.enable_ssl_legacy(pool)
        assert all(record["ssl_legacy"] for record in xapi.host.get_all_records().values())
        assert not xapi.pool.has_extension(pool, "nothing")
        assert xapi.pool.get_license_state(pool)["expiry"] == "never"


def test_a_pool_moves_to_another_edition(server: InnerServer):
    with server.session() as session:
        xapi = session.xenapi
        (pool,) = xapi.pool.get_all()
        xapi.pool.apply_edition(pool, "standard-per-socket")
        assert {host["edition"] for host in xapi.host.get_all_records().values()} == {"standard-per-socket"}
        with pytest.raises(XenAPI.Failure) as caught:
            xapi.pool.apply_edition(pool, "golden")
        assert caught.value.details == ["INVALID_EDITION", "golden"]


def test_a_server_without_tls_is_none_to_join(server: InnerServer):
    with server.session() as session:
        with pytest.raises(XenAPI.Failure) as caught:
            session.xenapi.pool.join(server.url.removeprefix("http://"), "root", "wrong")
        assert caught.value.details == ["JOINING_HOST_CONNECTION_FAILED"]
