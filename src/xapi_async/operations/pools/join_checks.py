"""What a host has to have in common with a pool to join it: one check for each, in the order of the API.

Nothing here talks to the other pool: its records are given, as a client of it gets them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from xapi_async.datamodel.classes.bond import Bond
from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.network import Network
from xapi_async.datamodel.classes.pif import PIF
from xapi_async.datamodel.classes.pool_update import PoolUpdate
from xapi_async.datamodel.classes.sdn_controller import SDNController
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.tunnel import Tunnel
from xapi_async.datamodel.classes.vlan import VLAN
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.inventory.licences import is_on
from xapi_async.objects.reader import Reader
from xapi_async.operations.pools.licences import rank
from xapi_async.operations.vm.features import the_pool

MOST_HOSTS = 3
"""Hosts of a pool whose licence does not include larger ones."""

HELPER_DOMAIN = "-CVM"
"""The end of the names of control domains that lift that limit."""

NO_TAG = -1

Record = Mapping[str, Any]
Records = Mapping[str, Record]


@dataclass(frozen=True)
class Remote:
    """The pool to be joined: its records by reference, each by the wire names of its fields."""

    pool: Record
    hosts: Records
    pifs: Records = field(default_factory=dict)
    networks: Records = field(default_factory=dict)
    updates: Records = field(default_factory=dict)
    controllers: Records = field(default_factory=dict)

    @property
    def master(self) -> Record:
        """Its master's record."""
        found: Record = self.hosts[self.pool["master"]]
        return found


@dataclass(frozen=True)
class Joining:
    """Both sides: the pool here, of which the master is to join, and the other."""

    reader: Reader
    remote: Remote

    @property
    def host(self) -> Host:
        """The host that is to join."""
        return self.reader.get(Host, the_pool(self.reader).master)

    @property
    def management(self) -> PIF | None:
        """Its management interface."""
        return next((pif for pif in self.reader.all(PIF) if pif.management and pif.host == self.host.ref), None)

    @property
    def remote_management(self) -> Record:
        """That of the other master; empty where it has none."""
        pifs = (pif for pif in self.remote.pifs.values() if pif["management"])
        return next((pif for pif in pifs if pif["host"] == self.remote.pool["master"]), {})


Check = Callable[[Joining], ApiError | None]


def _pool_size(case: Joining) -> ApiError | None:
    domains = (vm for vm in case.reader.all(VM) if vm.is_control_domain)
    if is_on("Pool_size", the_pool(case.reader).restrictions) or len(case.remote.hosts) < MOST_HOSTS:
        return None
    has_helper = any(vm.name_label.endswith(HELPER_DOMAIN) for vm in domains)
    return None if has_helper else ApiError("LICENCE_RESTRICTION", "Pool_size")


def _booted(case: Joining) -> ApiError | None:
    return ApiError("HOST_STILL_BOOTING") if case.management is None else None


def _ha_here(case: Joining) -> ApiError | None:
    return ApiError("HA_IS_ENABLED") if the_pool(case.reader).ha_enabled else None


def _ha_there(case: Joining) -> ApiError | None:
    return ApiError("HA_IS_ENABLED") if case.remote.pool["ha_enabled"] else None


def _other(case: Joining) -> ApiError | None:
    if case.remote.master["uuid"] != case.host.uuid:
        return None
    return ApiError("OPERATION_NOT_ALLOWED", "a host cannot join its own pool")


def _alone(case: Joining) -> ApiError | None:
    is_alone = sum(1 for _ in case.reader.all(Host)) == 1
    return None if is_alone else ApiError("JOINING_HOST_CANNOT_BE_MASTER_OF_OTHER_HOSTS")


def _running(case: Joining) -> ApiError | None:
    running = (vm for vm in case.reader.all(VM) if vm.power_state == "Running")
    return ApiError("JOINING_HOST_CANNOT_HAVE_RUNNING_VMS") if any(not vm.is_control_domain for vm in running) else None


def _busy(case: Joining) -> ApiError | None:
    is_busy = any(vm.current_operations for vm in case.reader.all(VM))
    return ApiError("JOINING_HOST_CANNOT_HAVE_VMS_WITH_CURRENT_OPERATIONS") if is_busy else None


def _brand(version: Mapping[str, str]) -> str:
    return version.get("product_brand") or version.get("platform_name", "")


def _compatible(case: Joining) -> ApiError | None:
    here, there = case.host.software_version, case.remote.master["software_version"]
    same = here.get("platform_version") == there.get("platform_version") and _brand(here) == _brand(there)
    return None if same else ApiError("HOSTS_NOT_COMPATIBLE")


def _homogeneous(case: Joining) -> ApiError | None:
    here, there = case.host.software_version, case.remote.master["software_version"]
    for key in ("platform_version", "product_brand", "git_id"):
        if here.get(key) != there.get(key):
            return ApiError("HOSTS_NOT_HOMOGENEOUS", f"the hosts differ in {key}")
    if ("xs:linux" in here) != ("xs:linux" in there):
        return ApiError("HOSTS_NOT_HOMOGENEOUS", "only one of the hosts has the Linux pack")
    if case.host.cpu_info.get("vendor") != case.remote.pool["cpu_info"].get("vendor"):
        return ApiError("HOSTS_NOT_HOMOGENEOUS", "the hosts' processors are of different vendors")
    return None


def _shared_storage(case: Joining) -> ApiError | None:
    shared = any(sr.shared and not sr.is_tools_sr for sr in case.reader.all(SR))
    return ApiError("JOINING_HOST_CANNOT_CONTAIN_SHARED_SRS") if shared else None


def _bonds(case: Joining) -> ApiError | None:
    return ApiError("POOL_JOINING_HOST_HAS_BONDS") if any(True for _ in case.reader.all(Bond)) else None


def _tunnels(case: Joining) -> ApiError | None:
    return ApiError("POOL_JOINING_HOST_HAS_TUNNELS") if any(True for _ in case.reader.all(Tunnel)) else None


def _vlans(case: Joining) -> ApiError | None:
    management = case.management.ref if case.management else ""
    others = any(vlan.untagged_PIF != management for vlan in case.reader.all(VLAN))
    return ApiError("POOL_JOINING_HOST_HAS_NON_MANAGEMENT_VLANS") if others else None


def _management_vlan(case: Joining) -> ApiError | None:
    here = case.management.VLAN if case.management else NO_TAG
    there = int(case.remote_management.get("VLAN", NO_TAG))
    return None if here == there else ApiError("POOL_JOINING_HOST_MANAGEMENT_VLAN_DOES_NOT_MATCH", here, there)


def _directory(case: Joining) -> ApiError | None:
    master = case.remote.master
    here = (case.host.external_auth_type, case.host.external_auth_service_name)
    same = here == (master["external_auth_type"], master["external_auth_service_name"])
    return None if same else ApiError("POOL_JOINING_EXTERNAL_AUTH_MISMATCH")


def _edition(case: Joining) -> ApiError | None:
    here, there = case.host.edition, [host["edition"] for host in case.remote.hosts.values()]
    if {here, *there} == {here} or rank(here) == min(map(rank, there)):
        return None
    lowest = min(there, key=rank)
    return ApiError("LICENSE_HOST_POOL_MISMATCH", f"this host has edition {here}", f"the pool has edition {lowest}")


def _network_backend(case: Joining) -> ApiError | None:
    here = case.host.software_version.get("network_backend")
    if here != case.remote.master["software_version"].get("network_backend"):
        return ApiError("OPERATION_NOT_ALLOWED", "the hosts' bridges are of different kinds")
    if here != "openvswitch":
        return None
    own = {(one.address, one.protocol, one.port) for one in case.reader.all(SDNController)}
    others = {(one["address"], one["protocol"], int(one["port"])) for one in case.remote.controllers.values()}
    if own and own != others:
        return ApiError("OPERATION_NOT_ALLOWED", "the SDN controllers differ")
    return None


def _api_version(case: Joining) -> ApiError | None:
    here = f"{case.host.API_version_major}.{case.host.API_version_minor}"
    there = f"{case.remote.master['API_version_major']}.{case.remote.master['API_version_minor']}"
    return None if here == there else ApiError("POOL_JOINING_HOST_MUST_HAVE_SAME_API_VERSION", here, there)


def _schema(case: Joining) -> ApiError | None:
    here = case.host.software_version.get("db_schema", "")
    there = case.remote.master["software_version"].get("db_schema", "")
    return None if here and here == there else ApiError("POOL_JOINING_HOST_MUST_HAVE_SAME_DB_SCHEMA", here, there)


def _updates(case: Joining) -> ApiError | None:
    applied = (case.reader.get(PoolUpdate, ref) for ref in case.host.updates)
    here = {update.uuid for update in applied if update.enforce_homogeneity}
    installed = set(case.remote.master["updates"])
    records = ((ref, update) for ref, update in case.remote.updates.items() if update["enforce_homogeneity"])
    there = {update["uuid"] for ref, update in records if ref in installed}
    return None if here == there else ApiError("HOSTS_NOT_HOMOGENEOUS", "the hosts have different updates")


def _address_type(case: Joining) -> ApiError | None:
    here = case.management.primary_address_type if case.management else ""
    if here == case.remote_management.get("primary_address_type", here):
        return None
    return ApiError("OPERATION_NOT_ALLOWED", "the management interfaces have addresses of different kinds")


def _purposes(case: Joining) -> ApiError | None:
    here = _used(network.purpose for network in case.reader.all(Network))
    there = _used(network["purpose"] for network in case.remote.networks.values())
    if {"nbd", "insecure_nbd"} <= here | there and here != there:
        return ApiError("OPERATION_NOT_ALLOWED", "one side serves disks over NBD securely, the other does not")
    return None


def _used(purposes: Iterable[Iterable[str]]) -> set[str]:
    return {purpose for network in purposes for purpose in network}


CHECKS: tuple[Check, ...] = (
    _pool_size,
    _booted,
    _ha_here,
    _ha_there,
    _other,
    _alone,
    _running,
    _busy,
    _compatible,
    _homogeneous,
    _shared_storage,
    _bonds,
    _tunnels,
    _vlans,
    _management_vlan,
    _directory,
    _edition,
    _network_backend,
    _api_version,
    _schema,
    _updates,
    _address_type,
    _purposes,
)
"""All of them, in the order in which they are made."""

ONLY_UNFORCED = frozenset({_homogeneous})
"""What joining by force leaves out."""


def require_joinable(case: Joining, *, force: bool) -> None:
    """Raise the error of the first check that does not hold."""
    for check in CHECKS:
        error = None if force and check in ONLY_UNFORCED else check(case)
        if error is not None:
            raise error
