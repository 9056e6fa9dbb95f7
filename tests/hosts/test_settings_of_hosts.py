"""Names, licences, local caching, displays, certificates and figures of hosts."""

from __future__ import annotations

import base64
import math
from datetime import datetime
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.copies.lab import Lab
from xapi_async.datamodel.classes.blob import Blob
from xapi_async.datamodel.classes.host import Host
from xapi_async.datamodel.classes.host_crashdump import HostCrashdump
from xapi_async.datamodel.classes.host_metrics import HostMetrics
from xapi_async.datamodel.classes.pbd import PBD
from xapi_async.datamodel.classes.pool import Pool
from xapi_async.datamodel.classes.sr import SR
from xapi_async.datamodel.classes.vm import VM
from xapi_async.objects.clock import api_time
from xapi_async.objects.step import Step
from xapi_async.operations.hosts import certificates
from xapi_async.operations.hosts.measuring import measure
from xapi_async.operations.hosts.report import build_report
from xapi_async.wire.tls import self_signed


def host(pool: Lab, ref: str = "") -> Host:
    found: Host = pool.get(Host, ref or pool.slave)
    return found


def restrictions(pool: Lab) -> dict[str, str]:
    return dict(pool.get(Pool, pool.pool.ref).restrictions)


# Names


async def test_a_new_host_name(pool: Lab) -> None:
    before = host(pool).name_label
    await pool.call("host.set_hostname_live", pool.slave, "alpha-1.example")
    assert host(pool).hostname == "alpha-1.example"
    assert host(pool).name_label == before
    domain = pool.get(VM, host(pool).control_domain)
    assert domain.name_label == "Control domain on host: alpha-1.example"
    await pool.set(domain, name_label="mine")
    await pool.call("host.set_hostname_live", pool.slave, "beta")
    assert pool.get(VM, domain.ref).name_label == "mine"


@pytest.mark.parametrize("name", ["", "a" * 256, "a_b", "a b", "-a", "a-", "ü", "a\n"])
async def test_host_names_that_are_none(pool: Lab, name: str) -> None:
    error = await pool.refused("host.set_hostname_live", pool.slave, name)
    assert error[0] == "HOST_NAME_INVALID"
    assert len(error) == 2


async def test_hosts_of_a_domain_keep_their_names(pool: Lab) -> None:
    await pool.set(host(pool), external_auth_type="AD", external_auth_service_name="corp.example")
    error = await pool.refused("host.set_hostname_live", pool.slave, "")
    assert error == ["AUTH_ALREADY_ENABLED", "AD", "corp.example"]


# Licences


async def test_editions(pool: Lab) -> None:
    await pool.call("host.apply_edition", pool.slave, "free", False)
    assert host(pool).edition == "free"
    assert host(pool).license_params["restrict_wlb"] == "true"
    assert host(pool).license_params["enable_xha"] == "false"
    assert restrictions(pool)["restrict_wlb"] == "true"  # one host lacks it
    assert "dbv" in host(pool).software_version
    await pool.call("host.apply_edition", pool.slave, "free/libre", False)
    assert restrictions(pool)["restrict_wlb"] == "false"
    assert "dbv" not in host(pool).software_version


async def test_editions_that_cannot_be_had(pool: Lab) -> None:
    assert await pool.refused("host.apply_edition", pool.slave, "platinum", False) == ["INVALID_EDITION", "platinum"]
    await pool.set(host(pool), license_server={"address": "", "port": "27000"})
    error = await pool.refused("host.apply_edition", pool.slave, "enterprise-per-socket", False)
    assert error == ["MISSING_CONNECTION_DETAILS"]
    await pool.call("host.apply_edition", pool.slave, "free", False)  # which nobody is asked for
    await pool.set(pool.pool, ha_enabled=True)
    assert await pool.refused("host.apply_edition", pool.slave, "platinum", False) == ["HA_IS_ENABLED"]


def licence(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


async def test_licence_files(pool: Lab) -> None:
    file = '<xe_license sku_type="standard-per-socket" expiry="20990101T00:00:00Z" serialnumber="x-1" other="y"/>'
    await pool.call("host.license_add", pool.slave, licence(file))
    params = host(pool).license_params
    assert host(pool).edition == "standard-per-socket"
    assert params["expiry"] == "20990101T00:00:00Z"
    assert params["serialnumber"] == "x-1"
    assert "other" not in params
    await pool.call("host.license_remove", pool.slave)
    assert host(pool).edition == "free"
    assert "expiry" not in host(pool).license_params


@pytest.mark.parametrize(
    "contents",
    [
        "no base64!",
        licence("no XML"),
        licence("<other/>"),
        licence('<xe_license sku_type="unknown"/>'),
        licence('<!DOCTYPE x [<!ENTITY e "f">]><xe_license sku_type="free"/>'),
    ],
)
async def test_files_that_are_no_licences(pool: Lab, contents: str) -> None:
    assert await pool.refused("host.license_add", pool.slave, contents) == ["LICENSE_PROCESSING_ERROR"]


async def test_licence_details_as_they_are(pool: Lab) -> None:
    await pool.call("host.set_license_params", pool.slave, {"restrict_cbt": "true"})
    assert host(pool).license_params == {"restrict_cbt": "true"}
    assert restrictions(pool)["restrict_cbt"] == "true"


# Caching


async def test_local_caching(pool: Lab) -> None:
    sr = await _local(pool, pool.slave)
    assert await pool.refused("host.enable_local_storage_caching", pool.slave, sr) == ["HOST_NOT_DISABLED"]
    await pool.call("host.disable", pool.slave)
    error = await pool.refused("host.enable_local_storage_caching", pool.slave, sr)
    assert error == ["SR_OPERATION_NOT_SUPPORTED"]  # it is no ext
    await pool.set(pool.get(SR, sr), type="ext")
    await pool.call("host.enable_local_storage_caching", pool.slave, sr)
    assert host(pool).local_cache_sr == sr
    assert pool.get(SR, sr).local_cache_enabled
    other = await _local(pool, pool.master)
    await pool.set(pool.get(SR, other), type="ext")
    error = await pool.refused("host.enable_local_storage_caching", pool.slave, other)
    assert error == ["HOST_CANNOT_SEE_SR", pool.slave, other]
    error = await pool.refused("host.enable_local_storage_caching", pool.slave, pool.sr)
    assert error == ["SR_OPERATION_NOT_SUPPORTED"]
    await pool.call("host.disable_local_storage_caching", pool.slave)
    assert host(pool).local_cache_sr == "OpaqueRef:NULL"
    assert not pool.get(SR, sr).local_cache_enabled


async def _local(pool: Lab, ref: str) -> str:
    pbds = (pool.get(PBD, pbd) for pbd in host(pool, ref).PBDs)
    return next(pbd.SR for pbd in pbds if pool.get(SR, pbd.SR).type == "lvm")


async def test_caching_is_switched_on_idle_hosts_only(pool: Lab) -> None:
    vm = await pool.built()
    await pool.set(pool.vm(vm), HVM_boot_policy="", PV_bootloader="pygrub")
    await pool.call("VM.start_on", vm, pool.slave, False, False)
    await pool.call("host.disable", pool.slave)
    error = await pool.refused("host.disable_local_storage_caching", pool.slave)
    assert error == ["HOST_IN_USE", pool.slave, "vm", vm]


# Displays


@pytest.mark.parametrize(
    ("now", "enabled", "disabled"),
    [
        ("enabled", "enabled", "disable_on_reboot"),
        ("disable_on_reboot", "enabled", "disable_on_reboot"),
        ("disabled", "enable_on_reboot", "disabled"),
        ("enable_on_reboot", "enable_on_reboot", "disabled"),
    ],
)
async def test_displays(pool: Lab, now: str, enabled: str, disabled: str) -> None:
    for message, after in (("host.enable_display", enabled), ("host.disable_display", disabled)):
        await pool.set(host(pool), display=now)
        assert await pool.call(message, pool.slave) == after
        assert host(pool).display == after


async def test_displays_need_a_licence_to_be_given_away(pool: Lab) -> None:
    await pool.restrict(restrict_integrated_gpu_passthrough="true")
    assert await pool.refused("host.disable_display", pool.slave) == ["FEATURE_RESTRICTED"]
    await pool.call("host.enable_display", pool.slave)


# Certificates


@pytest.mark.parametrize(("kind", "code"), [("certificate", "CERTIFICATE"), ("crl", "CRL")])
async def test_certificates(pool: Lab, kind: str, code: str) -> None:
    async def names(ref: str) -> tuple[str, ...]:
        found: tuple[str, ...] = await pool.call(f"host.{kind}_list", ref)
        return found

    await pool.call(f"host.{kind}_install", pool.master, "b.pem", "anything")
    await pool.call(f"host.{kind}_install", pool.master, "a_1-x.pem", "anything")
    assert await names(pool.master) == ("a_1-x.pem", "b.pem")
    error = await pool.refused(f"host.{kind}_install", pool.master, "b.pem", "else")
    assert error == [f"{code}_ALREADY_EXISTS", "b.pem"]
    await pool.call(f"host.{kind}_install", pool.slave, "own.pem", "goes")
    await pool.call("host.certificate_sync", pool.slave)
    assert await names(pool.slave) == ("a_1-x.pem", "b.pem")
    await pool.call(f"host.{kind}_uninstall", pool.master, "b.pem")
    error = await pool.refused(f"host.{kind}_uninstall", pool.master, "b.pem")
    assert error == [f"{code}_DOES_NOT_EXIST", "b.pem"]
    for name in (".pem", ".a.pem", "a", "a.crt", "a b.pem", "../a.pem", "a.pem\n"):
        assert await pool.refused(f"host.{kind}_install", pool.master, name, "") == [f"{code}_NAME_INVALID", name]
    kinds = {one.code: one for one in certificates.KINDS}
    assert await certificates.installed(pool.services, kinds[code], pool.master) == {"a_1-x.pem": "anything"}


async def test_the_servers_own_certificate(pool: Lab, tmp_path: Any) -> None:
    assert await pool.refused("host.get_server_certificate", pool.slave) == ["CERTIFICATE_LIBRARY_CORRUPT"]
    file, _ = self_signed(tmp_path, datetime(2018, 2, 21))
    pem = file.read_text()
    pool.services.certificate = lambda: pem + pem
    assert await pool.call("host.get_server_certificate", pool.slave) == pem


# Questions


async def test_memory(pool: Lab) -> None:
    master = host(pool, pool.master)
    metrics = pool.get(HostMetrics, master.metrics)
    domain = pool.get(VM, master.control_domain)
    used = domain.memory_dynamic_min + domain.memory_overhead
    free = await pool.call("host.compute_free_memory", pool.master)
    assert free == metrics.memory_total - master.memory_overhead - used
    assert await pool.call("host.compute_memory_overhead", pool.master) == master.memory_overhead


async def test_memory_is_measured_and_written_only_when_changed(pool: Lab) -> None:
    seen: list[Step] = []
    pool.store.listen(seen.extend)
    await measure(pool.services, pool.slave)
    assert seen == []  # a fresh pool has the right figures
    before = pool.get(HostMetrics, host(pool).metrics).memory_free
    vm = await pool.built()
    await pool.set(pool.vm(vm), HVM_boot_policy="", PV_bootloader="pygrub")
    await pool.call("VM.start_on", vm, pool.slave, False, False)
    await measure(pool.services, pool.slave)
    record = pool.vm(vm)
    taken = before - pool.get(HostMetrics, host(pool).metrics).memory_free
    assert taken == record.memory_dynamic_min + record.memory_overhead
    seen.clear()
    await measure(pool.services, pool.slave)
    assert seen == []


async def test_time(pool: Lab) -> None:
    assert await pool.call("host.get_servertime", pool.slave) == api_time(pool.services.clock.now())
    local = await pool.call("host.get_server_localtime", pool.slave)
    assert datetime.strptime(local, "%Y%m%dT%H:%M:%S").timestamp() == int(pool.services.clock.now())


async def test_the_hypervisors_log(pool: Lab) -> None:
    log = await pool.call("host.dmesg", pool.slave)
    assert log.startswith("(XEN) Xen version 4.7.4")
    await pool.call("host.send_debug_keys", pool.slave, "q")
    longer = await pool.call("host.dmesg", pool.slave)
    assert longer.startswith(log)
    assert "'q' pressed" in longer


@pytest.mark.parametrize(
    ("message", "name"),
    [("host.dmesg_clear", "dmesg_clear"), ("host.get_log", "get_log"), ("host.list_methods", "list_method")],
)
async def test_what_the_api_only_declares(pool: Lab, message: str, name: str) -> None:
    args = () if message == "host.list_methods" else (pool.slave,)
    assert await pool.refused(message, *args) == ["NOT_IMPLEMENTED", name]


async def test_status_reports(pool: Lab) -> None:
    root = ElementTree.fromstring(await pool.call("host.get_system_status_capabilities", pool.slave))
    assert root.tag == "system-status-capabilities"
    keys = [part.attrib["key"] for part in root]
    assert "hypervisor-log" in keys
    names = {"key", "content-type", "default-checked", "pii", "min-size", "max-size", "min-time", "max-time"}
    assert all(set(part.attrib) == names for part in root)
    assert build_report(pool.services, host(pool), ["host", "vms"])[:2] == b"\x1f\x8b"
    for url in ("", "file:///etc/passwd", "http://127.0.0.1:1/x"):
        assert (await pool.refused("host.bugreport_upload", pool.slave, url, {}))[0] == "INTERNAL_ERROR"


async def test_figures(pool: Lab) -> None:
    sources = await pool.call("host.get_data_sources", pool.master)
    by_name = {source["name_label"]: source for source in sources}
    assert {"cpu0", "cpu_avg", "loadavg", "memory_total_kib", "memory_free_kib", "pif_eth0_rx", "pif_aggr_tx"} <= set(
        by_name
    )
    assert "pool_session_count" in by_name
    assert all(source["value"] == 0.0 for source in sources)
    others = {source["name_label"] for source in await pool.call("host.get_data_sources", pool.slave)}
    assert "pool_session_count" not in others
    total = await pool.call("host.query_data_source", pool.slave, "memory_total_kib")
    assert total == pool.get(HostMetrics, host(pool).metrics).memory_total / 1024
    assert 0 <= await pool.call("host.query_data_source", pool.slave, "cpu_avg") <= 1
    assert (await pool.refused("host.query_data_source", pool.slave, "nothing"))[0] == "INTERNAL_ERROR"


async def test_recording_figures(pool: Lab) -> None:
    async def enabled(name: str) -> bool:
        sources = await pool.call("host.get_data_sources", pool.slave)
        return next(bool(source["enabled"]) for source in sources if source["name_label"] == name)

    name = "pif_eth0_rx_errors"
    assert not await enabled(name)
    assert math.isnan(await pool.call("host.query_data_source", pool.slave, name))
    await pool.call("host.record_data_source", pool.slave, name)
    assert await enabled(name)
    assert await pool.call("host.query_data_source", pool.slave, name) == 0.0
    await pool.call("host.forget_data_source_archives", pool.slave, "cpu0")
    assert not await enabled("cpu0")
    assert (await pool.refused("host.record_data_source", pool.slave, "nothing"))[0] == "INTERNAL_ERROR"


# The rest


async def test_blobs(pool: Lab) -> None:
    blob = await pool.call("host.create_new_blob", pool.slave, "notes", "", False)
    assert host(pool).blobs == {"notes": blob}
    assert pool.get(Blob, blob).mime_type == "application/octet-stream"
    error = await pool.refused("host.create_new_blob", pool.slave, "notes", "", False)
    assert error[0] == "MAP_DUPLICATE_KEY"


async def test_copies_of_data(pool: Lab) -> None:
    await pool.call("host.sync_data", pool.master)
    assert "last_blob_sync_time" not in host(pool, pool.master).other_config
    await pool.call("host.disable_binary_storage", pool.slave)
    await pool.call("host.sync_data", pool.slave)
    assert "last_blob_sync_time" not in host(pool).other_config
    await pool.call("host.enable_binary_storage", pool.slave)
    await pool.call("host.sync_data", pool.slave)
    assert float(host(pool).other_config["last_blob_sync_time"]) == pool.services.clock.now()
    await pool.call("host.sync_data", "OpaqueRef:gone")
    await pool.call("host.backup_rrds", pool.slave, 1.0)


async def test_old_tls(pool: Lab) -> None:
    await pool.call("host.set_ssl_legacy", pool.slave, False)
    assert not host(pool).ssl_legacy


async def test_crash_dumps(pool: Lab) -> None:
    async with pool.store.transaction() as tx:
        dump = tx.create(HostCrashdump, host=pool.slave, size=1, timestamp=api_time(0), filename="20180227-120000-UTC")
    assert (await pool.refused("host_crashdump.upload", dump.ref, "", {}))[0] == "INTERNAL_ERROR"
    await pool.call("host_crashdump.destroy", dump.ref)
    assert host(pool).crashdumps == ()


async def test_advice_on_workload(pool: Lab) -> None:
    message = "host.retrieve_wlb_evacuate_recommendations"
    await pool.restrict(restrict_wlb="true")
    assert await pool.refused(message, pool.slave) == ["LICENCE_RESTRICTION", "WLB"]
    await pool.restrict(restrict_wlb="false")
    assert await pool.refused(message, pool.slave) == ["WLB_NOT_INITIALIZED"]
    await pool.set(pool.pool, wlb_url="wlb:8012")
    assert await pool.refused(message, pool.slave) == ["WLB_DISABLED"]


async def test_a_host_on_record(pool: Lab) -> None:
    made = await pool.call(
        "host.create", "9b0e5cb9-0d2b-4d63-8d0b-4c3dcd1b7bd2", "third", "", "third", "10.0.0.9",
        "", "", {}, host(pool).license_params, "free/libre", {}, "OpaqueRef:NULL", {}, True,
    )  # fmt: skip
    record = host(pool, made)
    assert not record.enabled
    assert not pool.get(HostMetrics, record.metrics).live
    assert await pool.refused("host.dmesg", made) == ["HOST_OFFLINE", made]
    await pool.call("host.destroy", made)


async def test_disarming_the_master(pool: Lab) -> None:
    await pool.call("host.emergency_ha_disable", True)
    assert await pool.refused("host.emergency_ha_disable", False) == ["HA_NOT_ENABLED"]
    await pool.set(pool.pool, ha_enabled=True)
    await pool.set(host(pool, pool.master), ha_statefiles=("OpaqueRef:disk",))
    await pool.set(host(pool), ha_statefiles=("OpaqueRef:disk",))
    await pool.call("host.emergency_ha_disable", False)
    assert host(pool, pool.master).ha_statefiles == ()
    assert host(pool).ha_statefiles == ("OpaqueRef:disk",)
    error = await pool.refused("host.emergency_ha_disable", False)
    assert error == ["HA_NOT_ENABLED"]
