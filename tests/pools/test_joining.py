"""What a host and a pool must have in common for the host to join."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from tests.support import FakeClock, context, memory_services
from xapi_async.datamodel.classes.bond import Bond
from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.network import Network
from xapi_async.datamodel.classes.pif import PIF
from xapi_async.datamodel.classes.pool import Pool
from xapi_async.datamodel.classes.pool_update import PoolUpdate
from xapi_async.datamodel.classes.sdn_controller import SDNController
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.tunnel import Tunnel
from xapi_async.datamodel.classes.vlan import VLAN
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.inventory.pool import populate
from xapi_async.inventory.settings import InventorySettings
from xapi_async.objects.transaction import Transaction
from xapi_async.operations.context import Services
from xapi_async.operations.pools.join_checks import CHECKS, Joining, Remote, require_joinable
from xapi_async.operations.pools.joining import HANDLERS


@asynccontextmanager
async def installed(seed: int, hosts: int = 1) -> AsyncIterator[Services]:
    async with memory_services(clock=FakeClock()) as services:
        async with services.store.transaction() as tx:
            populate(tx, InventorySettings(seed=seed, hosts=hosts, shared_srs=0), 0.0)
        yield services


async def records_of(services: Services) -> Remote:
    def records(cls: Any) -> dict[str, dict[str, Any]]:
        return {entity.ref: dict(entity.values()) for entity in services.store.all(cls)}

    (pool,) = records(Pool).values()
    return Remote(pool, records(Host), records(PIF), records(Network), records(PoolUpdate), records(SDNController))


async def case_with(change: Callable[[Transaction, Any], None], remote: Remote) -> list[str] | None:
    """The refusal where the joining host is changed in some way."""
    async with installed(1) as services:
        async with services.store.transaction() as tx:
            change(tx, next(iter(tx.all(Host))))
        return refusal(Joining(services.store, remote))


def refusal(case: Joining, *, force: bool = False) -> list[str] | None:
    try:
        require_joinable(case, force=force)
    except ApiError as error:
        return error.description
    return None


@pytest.fixture
async def remote() -> AsyncIterator[Remote]:
    async with installed(2, hosts=2) as services:
        yield await records_of(services)


def _first(tx: Transaction, cls: Any, **values: Any) -> Any:
    return next(one for one in tx.all(cls) if all(getattr(one, name) == value for name, value in values.items()))


def _guest(tx: Transaction, host: Host) -> None:
    tx.create(VM, power_state="Running")


def _busy(tx: Transaction, host: Host) -> None:
    tx.create(VM, current_operations={"task": "copy"})


def _version(**values: str) -> Callable[[Transaction, Host], None]:
    return lambda tx, host: tx.set(host, software_version={**host.software_version, **values})


def _without_schema(tx: Transaction, host: Host) -> None:
    tx.set(host, software_version={k: v for k, v in host.software_version.items() if k != "db_schema"})


def _update(tx: Transaction, host: Host) -> None:
    tx.set(host, updates=(tx.create(PoolUpdate, enforce_homogeneity=True).ref,))


HERE: list[tuple[Callable[[Transaction, Host], None], str]] = [
    (lambda tx, host: tx.set(_first(tx, PIF, management=True), management=False), "HOST_STILL_BOOTING"),
    (lambda tx, host: tx.set(_first(tx, Pool), ha_enabled=True), "HA_IS_ENABLED"),
    (lambda tx, host: tx.create(Host) and None, "JOINING_HOST_CANNOT_BE_MASTER_OF_OTHER_HOSTS"),
    (_guest, "JOINING_HOST_CANNOT_HAVE_RUNNING_VMS"),
    (_busy, "JOINING_HOST_CANNOT_HAVE_VMS_WITH_CURRENT_OPERATIONS"),
    (_version(platform_version="2.4.0"), "HOSTS_NOT_COMPATIBLE"),
    (_version(git_id="abc"), "HOSTS_NOT_HOMOGENEOUS"),
    (_version(**{"xs:linux": "pack"}), "HOSTS_NOT_HOMOGENEOUS"),
    (lambda tx, host: tx.set(host, cpu_info={**host.cpu_info, "vendor": "Other"}), "HOSTS_NOT_HOMOGENEOUS"),
    (lambda tx, host: tx.create(SR, shared=True) and None, "JOINING_HOST_CANNOT_CONTAIN_SHARED_SRS"),
    (lambda tx, host: tx.create(Bond) and None, "POOL_JOINING_HOST_HAS_BONDS"),
    (lambda tx, host: tx.create(Tunnel) and None, "POOL_JOINING_HOST_HAS_TUNNELS"),
    (lambda tx, host: tx.create(VLAN) and None, "POOL_JOINING_HOST_HAS_NON_MANAGEMENT_VLANS"),
    (
        lambda tx, host: tx.set(_first(tx, PIF, management=True), VLAN=7),
        "POOL_JOINING_HOST_MANAGEMENT_VLAN_DOES_NOT_MATCH",
    ),
    (lambda tx, host: tx.set(host, external_auth_type="AD"), "POOL_JOINING_EXTERNAL_AUTH_MISMATCH"),
    (lambda tx, host: tx.set(host, edition="enterprise-per-socket"), "LICENSE_HOST_POOL_MISMATCH"),
    (_version(network_backend="bridge"), "OPERATION_NOT_ALLOWED"),
    (lambda tx, host: tx.create(SDNController, address="10.9.9.9") and None, "OPERATION_NOT_ALLOWED"),
    (lambda tx, host: tx.set(host, API_version_minor=8), "POOL_JOINING_HOST_MUST_HAVE_SAME_API_VERSION"),
    (_without_schema, "POOL_JOINING_HOST_MUST_HAVE_SAME_DB_SCHEMA"),
    (_update, "HOSTS_NOT_HOMOGENEOUS"),
    (
        lambda tx, host: tx.set(_first(tx, PIF, management=True), primary_address_type="IPv6"),
        "OPERATION_NOT_ALLOWED",
    ),
]


async def test_freshly_installed_hosts_fit(remote: Remote):
    assert await case_with(lambda tx, host: None, remote) is None


@pytest.mark.parametrize(("change", "code"), HERE)
async def test_what_is_wrong_here(remote: Remote, change: Callable[[Transaction, Host], None], code: str):
    found = await case_with(change, remote)
    assert found is not None
    assert found[0] == code


async def test_what_is_wrong_there(remote: Remote):
    async with installed(1) as services:
        reader = services.store
        on = replace(remote, pool={**remote.pool, "ha_enabled": True})
        assert refusal(Joining(reader, on)) == ["HA_IS_ENABLED"]
        itself = await records_of(services)
        assert (refusal(Joining(reader, itself)) or [""])[0] == "OPERATION_NOT_ALLOWED"
        more = replace(remote, hosts={**remote.hosts, "OpaqueRef:third": remote.master})
        assert refusal(Joining(reader, more)) is None
        async with reader.transaction() as tx:
            pool = _first(tx, Pool)
            tx.set(pool, restrictions={**pool.restrictions, "restrict_pool_size": "true"})
        assert refusal(Joining(reader, more)) == ["LICENCE_RESTRICTION", "Pool_size"]
        async with reader.transaction() as tx:
            tx.create(VM, is_control_domain=True, name_label="storage-CVM")
        assert refusal(Joining(reader, more)) is None


async def test_networks_for_disks_must_be_alike(remote: Remote):
    ref, network = next(iter(remote.networks.items()))
    secure = replace(remote, networks={**remote.networks, ref: {**network, "purpose": ("nbd",)}})
    assert await case_with(lambda tx, host: None, secure) is None

    def insecure(tx: Transaction, host: Host) -> None:
        tx.set(next(iter(tx.all(Network))), purpose=("insecure_nbd",))

    assert (await case_with(insecure, secure) or [""])[0] == "OPERATION_NOT_ALLOWED"


async def test_force_only_overlooks_differing_hardware_and_software(remote: Remote):
    async with installed(1) as services:
        async with services.store.transaction() as tx:
            host = _first(tx, Host)
            tx.set(host, cpu_info={**host.cpu_info, "vendor": "Other"})
        case = Joining(services.store, remote)
        assert (refusal(case) or [""])[0] == "HOSTS_NOT_HOMOGENEOUS"
        assert refusal(case, force=True) is None


def test_each_check_is_made_once():
    assert len(set(CHECKS)) == len(CHECKS) == 23


async def test_a_server_that_is_not_there():
    async with installed(1) as services:
        with pytest.raises(ApiError) as caught:
            await HANDLERS["pool.join"](context(services), "127.0.0.1:1", "root", "secret")
        assert caught.value.description == ["JOINING_HOST_CONNECTION_FAILED"]
        async with services.store.transaction() as tx:
            pool = _first(tx, Pool)
            tx.set(pool, restrictions={**pool.restrictions, "restrict_pooling": "true"})
        with pytest.raises(ApiError) as caught:
            await HANDLERS["pool.join"](context(services), "127.0.0.1:1", "root", "secret")
        assert caught.value.description == ["LICENCE_RESTRICTION"]
