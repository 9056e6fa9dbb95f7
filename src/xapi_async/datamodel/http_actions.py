"""The HTTP handlers beside RPC: where they are, what they take and who may use them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from xapi_async.datamodel.roles import (
    POOL_ADMIN,
    POOL_OPERATOR,
    READ_ONLY,
    VM_ADMIN,
    VM_OPERATOR,
    VM_POWER_ADMIN,
    Roles,
)


@dataclass(frozen=True)
class HttpAction:
    """A handler. args: the query arguments, as ``name: type``; ``*`` takes any. roles: who may use it.

    sub_actions: parts of it with roles of their own. rbac_checked: False where the handler itself
    sees to who may use it.
    """

    name: str
    doc: str
    method: str
    uri: str
    args: tuple[str, ...] = ()
    roles: Roles = POOL_ADMIN
    sub_actions: Mapping[str, Roles] = field(default_factory=dict)
    rbac_checked: bool = True


HTTP_ACTIONS: tuple[HttpAction, ...] = (
    HttpAction("get_services", "List the services of the host.", "GET", "/services", roles=READ_ONLY),
    HttpAction("post_services", "Call a service of the host.", "POST", "/services", roles=POOL_ADMIN),
    HttpAction("put_services", "Send data to a service of the host.", "PUT", "/services", roles=POOL_ADMIN),
    HttpAction(
        "post_remote_db_access",
        "Read and write the database from another host, first protocol.",
        "POST",
        "/remote_db_access",
        roles=POOL_ADMIN,
    ),
    HttpAction(
        "post_remote_db_access_v2",
        "Read and write the database from another host, second protocol.",
        "POST",
        "/remote_db_access_v2",
        roles=POOL_ADMIN,
    ),
    HttpAction("connect_migrate", "Receive the memory of a migrating VM.", "CONNECT", "/migrate", roles=VM_POWER_ADMIN),
    HttpAction(
        "get_services_xenops", "Ask the service that runs guests.", "GET", "/services/xenops", roles=VM_POWER_ADMIN
    ),
    HttpAction(
        "post_services_xenops", "Call the service that runs guests.", "POST", "/services/xenops", roles=VM_POWER_ADMIN
    ),
    HttpAction(
        "put_services_xenops",
        "Send data to the service that runs guests.",
        "PUT",
        "/services/xenops",
        roles=VM_POWER_ADMIN,
    ),
    HttpAction("get_services_sm", "Ask the storage service.", "GET", "/services/SM", roles=VM_POWER_ADMIN),
    HttpAction("post_services_sm", "Call the storage service.", "POST", "/services/SM", roles=VM_POWER_ADMIN),
    HttpAction("put_services_sm", "Send data to the storage service.", "PUT", "/services/SM", roles=VM_POWER_ADMIN),
    HttpAction(
        "put_import",
        "Import VMs from an export.",
        "PUT",
        "/import",
        args=("restore: bool", "force: bool", "sr_id: string"),
        roles=VM_ADMIN,
    ),
    HttpAction(
        "put_import_metadata",
        "Import VMs without their disks.",
        "PUT",
        "/import_metadata",
        args=("restore: bool", "force: bool"),
        roles=VM_ADMIN,
    ),
    HttpAction("put_import_raw_vdi", "Write a disk.", "PUT", "/import_raw_vdi", args=("vdi: string",), roles=VM_ADMIN),
    HttpAction("get_export", "Export a VM.", "GET", "/export", args=("uuid: string",), roles=VM_ADMIN),
    HttpAction(
        "get_export_metadata",
        "Export a VM without its disks.",
        "GET",
        "/export_metadata",
        args=("uuid: string",),
        roles=VM_ADMIN,
    ),
    HttpAction("get_export_raw_vdi", "Read a disk.", "GET", "/export_raw_vdi", args=("vdi: string",), roles=VM_ADMIN),
    HttpAction(
        "connect_console",
        "Connect to a console.",
        "CONNECT",
        "/console",
        roles=VM_OPERATOR,
        sub_actions={"host_console": POOL_ADMIN},
    ),
    HttpAction(
        "connect_console_ws",
        "Connect to a console by WebSocket.",
        "GET",
        "/console",
        roles=VM_OPERATOR,
        sub_actions={"host_console_ws": POOL_ADMIN},
    ),
    HttpAction("get_root", "Show files of the web page.", "GET", "/", roles=READ_ONLY, rbac_checked=False),
    HttpAction(
        "post_cli", "Run a command of the command line tool.", "POST", "/cli", roles=READ_ONLY, rbac_checked=False
    ),
    HttpAction("get_host_backup", "Download a backup of a host.", "GET", "/host_backup", roles=POOL_ADMIN),
    HttpAction("put_host_restore", "Upload a backup of a host.", "PUT", "/host_restore", roles=POOL_ADMIN),
    HttpAction("get_host_logs_download", "Download a host's logs.", "GET", "/host_logs_download", roles=POOL_OPERATOR),
    HttpAction("put_pool_patch_upload", "Upload a patch.", "PUT", "/pool_patch_upload", roles=POOL_OPERATOR),
    HttpAction(
        "get_pool_patch_download",
        "Download a patch.",
        "GET",
        "/pool_patch_download",
        args=("uuid: string",),
        roles=POOL_OPERATOR,
    ),
    HttpAction(
        "put_oem_patch_stream",
        "Upload a patch of an embedded edition.",
        "PUT",
        "/oem_patch_stream",
        roles=POOL_OPERATOR,
    ),
    HttpAction(
        "get_vncsnapshot",
        "Take a picture of a console.",
        "GET",
        "/vncsnapshot",
        args=("uuid: string",),
        roles=VM_OPERATOR,
        sub_actions={"host_console": POOL_ADMIN},
    ),
    HttpAction("get_pool_xml_db_sync", "Download the pool's database.", "GET", "/pool/xmldbdump", roles=POOL_ADMIN),
    HttpAction("put_pool_xml_db_sync", "Replace the pool's database.", "PUT", "/pool/xmldbdump", roles=POOL_ADMIN),
    HttpAction(
        "get_config_sync",
        "Give other hosts the configuration files they share.",
        "GET",
        "/sync_config_files",
        roles=POOL_ADMIN,
    ),
    HttpAction("get_vm_connect", "Connect to a port inside a guest.", "GET", "http", roles=POOL_ADMIN),
    HttpAction("put_vm_connect", "Connect to a port inside a guest.", "PUT", "http", roles=POOL_ADMIN),
    HttpAction(
        "get_system_status",
        "Download a status report.",
        "GET",
        "/system-status",
        args=("entries: string", "output: string"),
        roles=POOL_OPERATOR,
    ),
    HttpAction("vm_rrd", "Download a VM's statistics.", "GET", "/vm_rrd", args=("uuid: string",), roles=READ_ONLY),
    HttpAction(
        "host_rrd", "Download the host's statistics.", "GET", "/host_rrd", args=("json: bool",), roles=READ_ONLY
    ),
    HttpAction(
        "sr_rrd",
        "Download a storage repository's statistics.",
        "GET",
        "/sr_rrd",
        args=("uuid: string",),
        roles=READ_ONLY,
    ),
    HttpAction(
        "rrd_updates",
        "Download the newest statistics.",
        "GET",
        "/rrd_updates",
        args=("start: int", "cf: string", "interval: int", "host: bool", "uuid: string", "json: bool"),
        roles=READ_ONLY,
    ),
    HttpAction("rrd", "Take over statistics from another host.", "PUT", "/rrd", roles=POOL_ADMIN),
    HttpAction("get_blob", "Download a blob.", "GET", "/blob", roles=READ_ONLY, rbac_checked=False),
    HttpAction("put_blob", "Upload a blob.", "PUT", "/blob", args=("ref: string",), roles=VM_POWER_ADMIN),
    HttpAction("get_message_rss_feed", "Read messages as a feed.", "GET", "/rss", roles=POOL_ADMIN),
    HttpAction("put_messages", "Take over messages about a migrating VM.", "PUT", "/messages", roles=VM_POWER_ADMIN),
    HttpAction("connect_remotecmd", "Run a command for another host.", "CONNECT", "/remotecmd", roles=POOL_ADMIN),
    HttpAction(
        "get_wlb_report",
        "Download a report on workload balancing.",
        "GET",
        "/wlb_report",
        args=("report: string", "*"),
        roles=READ_ONLY,
    ),
    HttpAction(
        "get_wlb_diagnostics", "Download the logs of workload balancing.", "GET", "/wlb_diagnostics", roles=READ_ONLY
    ),
    HttpAction("get_audit_log", "Download the audit log.", "GET", "/audit_log", roles=READ_ONLY),
    HttpAction("post_root", "Call the API by XML-RPC.", "POST", "/", roles=READ_ONLY, rbac_checked=False),
    HttpAction(
        "post_json", "Call the API by XML-RPC, on another path.", "POST", "/json", roles=READ_ONLY, rbac_checked=False
    ),
    HttpAction(
        "post_root_options",
        "Say who may call by XML-RPC from other sites.",
        "OPTIONS",
        "/",
        roles=READ_ONLY,
        rbac_checked=False,
    ),
    HttpAction(
        "post_json_options",
        "Say who may call on the other path from other sites.",
        "OPTIONS",
        "/json",
        roles=READ_ONLY,
        rbac_checked=False,
    ),
    HttpAction("post_jsonrpc", "Call the API by JSON-RPC.", "POST", "/jsonrpc", roles=READ_ONLY, rbac_checked=False),
    HttpAction(
        "post_jsonrpc_options",
        "Say who may call by JSON-RPC from other sites.",
        "OPTIONS",
        "/jsonrpc",
        roles=READ_ONLY,
        rbac_checked=False,
    ),
    HttpAction(
        "get_pool_update_download",
        "Download the files of an update.",
        "GET",
        "/update/",
        roles=READ_ONLY,
        rbac_checked=False,
    ),
)
