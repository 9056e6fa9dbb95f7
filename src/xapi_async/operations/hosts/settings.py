"""host: what is set on a host by calls of its own rather than by plain fields."""

from __future__ import annotations

import re
from collections.abc import Mapping

from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.errors import ApiError
from xapi_async.hypervisor.driver import HypervisorError
from xapi_async.inventory.hosts import CONTROL_DOMAIN_PREFIX
from xapi_async.inventory.licences import is_on
from xapi_async.inventory.software import software_version
from xapi_async.operations.context import Context, Handlers
from xapi_async.operations.devices.pgpu import AFTER_DISABLING, AFTER_ENABLING
from xapi_async.operations.hosts.reaching import is_master, reach
from xapi_async.operations.storage.facts import live
from xapi_async.operations.subject import DIRECTORY_TYPE
from xapi_async.operations.vm.facts import is_live
from xapi_async.operations.vm.features import the_pool

LONGEST_NAME = 255

NO_LOCAL_STORAGE = "no_local_storage"
LAST_SYNC = "last_blob_sync_time"

AGENT_CONFIG = "guest_agent_features/Guest_agent_auto_update/parameters/"
"""Where guests find the pool's settings for their agents."""


async def set_hostname_live(ctx: Context, host: str, hostname: str) -> None:
    """host.set_hostname_live. Raises AUTH_ALREADY_ENABLED [type, service] or HOST_NAME_INVALID [text]."""
    target = reach(ctx, host)
    if target.external_auth_type == DIRECTORY_TYPE:
        raise ApiError("AUTH_ALREADY_ENABLED", target.external_auth_type, target.external_auth_service_name)
    problem = _problem(hostname)
    if problem:
        raise ApiError("HOST_NAME_INVALID", problem)
    async with ctx.store.transaction() as tx:
        tx.set(tx.get(Host, host), hostname=hostname)
        domain = tx.find(VM, target.control_domain)
        if domain is not None and domain.name_label.startswith(CONTROL_DOMAIN_PREFIX):
            tx.set(domain, name_label=CONTROL_DOMAIN_PREFIX + hostname)


def _problem(hostname: str) -> str:
    if not hostname:
        return "a host name cannot be empty"
    if len(hostname) > LONGEST_NAME:
        return f"a host name has at most {LONGEST_NAME} characters"
    if re.search(r"[^A-Za-z0-9.-]", hostname):
        return "a host name consists of letters, digits, dots and dashes"
    if hostname.startswith("-") or hostname.endswith("-"):
        return "a host name neither begins nor ends with a dash"
    return ""


async def syslog_reconfigure(ctx: Context, host: str) -> None:
    """host.syslog_reconfigure: simulated hosts have no logging daemon, so nothing but the record is there to follow."""
    reach(ctx, host)


async def enable_display(ctx: Context, host: str) -> str:
    """host.enable_display: gives what now holds; some of it only from the next boot on."""
    reach(ctx, host)
    return await _set_display(ctx, host, AFTER_ENABLING)


async def disable_display(ctx: Context, host: str) -> str:
    """host.disable_display: as :func:`enable_display`. Raises FEATURE_RESTRICTED []."""
    reach(ctx, host)
    if not is_on("Integrated_GPU", the_pool(ctx.store).restrictions):
        raise ApiError("FEATURE_RESTRICTED")
    return await _set_display(ctx, host, AFTER_DISABLING)


async def _set_display(ctx: Context, host: str, table: Mapping[str, str]) -> str:
    async with ctx.store.transaction() as tx:
        target = tx.get(Host, host)
        after = table[target.display]
        if after != target.display:
            tx.set(target, display=after)
        return after


async def set_ssl_legacy(ctx: Context, self: str, value: bool) -> None:
    """host.set_ssl_legacy: kept on record; this server accepts no TLS that old in either case."""
    reach(ctx, self)
    if ctx.store.get(Host, self).ssl_legacy != value:
        async with ctx.store.transaction() as tx:
            tx.set(tx.get(Host, self), ssl_legacy=value)


async def refresh_pack_info(ctx: Context, host: str) -> None:
    """host.refresh_pack_info: work out software_version anew."""
    reach(ctx, host)
    async with ctx.store.transaction() as tx:
        target = tx.get(Host, host)
        backend = target.software_version.get("network_backend", "openvswitch")
        versions = {**target.software_version, **software_version(backend, target.edition)}
        if versions != target.software_version:
            tx.set(target, software_version=versions)


async def apply_guest_agent_config(ctx: Context, host: str) -> None:
    """host.apply_guest_agent_config: show every guest the pool's settings for agents; one that is gone is no matter."""
    target = reach(ctx, host)
    config = {AGENT_CONFIG + key: value for key, value in the_pool(ctx.store).guest_agent_config.items()}
    for vm in list(live(ctx.store, VM, target.resident_VMs)):
        if is_live(vm) and not vm.is_control_domain:
            try:
                await ctx.services.hypervisor.set_data(vm.uuid, {**vm.xenstore_data, **config})
            except HypervisorError:
                continue


# What hosts keep for themselves. Here one process keeps it for all.


async def sync_data(ctx: Context, host: str) -> None:
    """host.sync_data: note when the host last had everything the master has. Never fails."""
    async with ctx.store.transaction() as tx:
        target = tx.find(Host, host)
        if target is None or is_master(tx, host) or NO_LOCAL_STORAGE in target.other_config:
            return
        tx.set(target, other_config={**target.other_config, LAST_SYNC: str(ctx.services.clock.now())})


async def backup_rrds(ctx: Context, host: str, delay: float) -> None:
    """host.backup_rrds: whatever is measured is with the master already."""
    reach(ctx, host)


async def enable_binary_storage(ctx: Context, host: str) -> None:
    """host.enable_binary_storage."""
    reach(ctx, host)
    async with ctx.store.transaction() as tx:
        target = tx.get(Host, host)
        rest = {key: value for key, value in target.other_config.items() if key != NO_LOCAL_STORAGE}
        tx.set(target, other_config=rest)


async def disable_binary_storage(ctx: Context, host: str) -> None:
    """host.disable_binary_storage."""
    reach(ctx, host)
    async with ctx.store.transaction() as tx:
        target = tx.get(Host, host)
        tx.set(target, other_config={**target.other_config, NO_LOCAL_STORAGE: "true"})


HANDLERS: Handlers = {
    "host.set_hostname_live": set_hostname_live,
    "host.syslog_reconfigure": syslog_reconfigure,
    "host.enable_display": enable_display,
    "host.disable_display": disable_display,
    "host.set_ssl_legacy": set_ssl_legacy,
    "host.refresh_pack_info": refresh_pack_info,
    "host.apply_guest_agent_config": apply_guest_agent_config,
    "host.sync_data": sync_data,
    "host.backup_rrds": backup_rrds,
    "host.enable_binary_storage": enable_binary_storage,
    "host.disable_binary_storage": disable_binary_storage,
}
