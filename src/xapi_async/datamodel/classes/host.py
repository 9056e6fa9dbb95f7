"""host: a physical server running the hypervisor and the management agent, as a member of a pool."""

from __future__ import annotations

from xapi_async.datamodel.enums import HOST_ALLOWED_OPERATIONS, HOST_DISPLAY
from xapi_async.datamodel.language import RO_CONSTRUCTOR, RO_RUNTIME, RW, ApiClass, ClassFacts, Field, Message, Param
from xapi_async.datamodel.roles import POOL_ADMIN, POOL_OPERATOR, SUPERUSER, VM_OPERATOR, VM_POWER_ADMIN
from xapi_async.datamodel.types import (
    BOOL,
    DATETIME,
    FLOAT,
    INT,
    NULL_REF,
    STRING,
    STRING_MAP,
    STRING_SET,
    Map,
    Record,
    Ref,
    Set,
)


class Host(ApiClass):
    """A physical server running the hypervisor and the management agent, as a member of a pool."""

    FACTS = ClassFacts("host")
    uuid = Field(STRING, RO_RUNTIME, "Unique identifier of this host, kept across restarts and when it joins a pool.")
    name_label = Field(
        STRING,
        RW,
        "Display name of the host; independent of its network hostname.",
        default="",
        setter_roles=POOL_OPERATOR,
    )
    name_description = Field(
        STRING, RW, "Longer free text about the host, for people to read.", default="", setter_roles=POOL_OPERATOR
    )
    memory_overhead = Field(
        INT, RO_RUNTIME, "Memory in bytes taken by the hypervisor and so not usable by VMs.", default=0
    )
    allowed_operations = Field(
        Set(HOST_ALLOWED_OPERATIONS),
        RO_RUNTIME,
        "Operations this host would accept at present; recomputed by the server.",
        default=(),
        persist=False,
    )
    current_operations = Field(
        Map(STRING, HOST_ALLOWED_OPERATIONS),
        RO_RUNTIME,
        "Operations in progress on the host, keyed by the task performing each.",
        default={},
        persist=False,
    )
    API_version_major = Field(INT, RO_RUNTIME, "First number of the API version the host speaks, 2 for API 2.9.")
    API_version_minor = Field(INT, RO_RUNTIME, "Second number of the API version the host speaks, 9 for API 2.9.")
    API_version_vendor = Field(STRING, RO_RUNTIME, "Name of the supplier of this API implementation.")
    API_version_vendor_implementation = Field(
        STRING_MAP, RO_RUNTIME, "Extra key/value details the supplier publishes about its API implementation."
    )
    enabled = Field(BOOL, RO_RUNTIME, "True while new VMs may be placed on the host; false after it was disabled.")
    software_version = Field(
        STRING_MAP,
        RO_CONSTRUCTOR,
        "Versions of the installed product, platform, hypervisor, kernel and packs, by component name.",
    )
    other_config = Field(
        STRING_MAP,
        RW,
        "Free key/value pairs for clients and extensions, including the iSCSI initiator name and multipath switches.",
        setter_roles=POOL_OPERATOR,
        map_key_roles={"folder": VM_OPERATOR, "XenCenter.CustomFields.*": VM_OPERATOR},
    )
    capabilities = Field(
        STRING_SET, RO_CONSTRUCTOR, "Guest types the hypervisor can run, as reported by it, such as hvm-3.0-x86_64."
    )
    cpu_configuration = Field(
        STRING_MAP, RO_RUNTIME, "Details of the processor set-up as key/value pairs; normally empty."
    )
    sched_policy = Field(STRING, RO_RUNTIME, "Name of the hypervisor's CPU scheduler, for example credit.")
    supported_bootloaders = Field(
        STRING_SET, RO_RUNTIME, "Bootloader programs available for starting paravirtualised guests, such as pygrub."
    )
    resident_VMs = Field(Set(Ref("VM")), RO_RUNTIME, "VMs whose home is this host now, its control domain among them.")
    logging = Field(
        STRING_MAP,
        RW,
        "Logging settings; syslog_destination names a remote syslog server, absent or empty for none.",
        setter_roles=POOL_OPERATOR,
    )
    PIFs = Field(
        Set(Ref("PIF")), RO_RUNTIME, "Network interfaces of this host: physical ones, bonds, VLANs and tunnels."
    )
    suspend_image_sr = Field(
        Ref("SR"),
        RW,
        "SR where suspended VMs' memory images are kept; NULL if none is set.",
        setter_roles=POOL_OPERATOR,
    )
    crash_dump_sr = Field(
        Ref("SR"), RW, "SR that receives crash dumps of VMs; NULL if none is set.", setter_roles=POOL_OPERATOR
    )
    crashdumps = Field(
        Set(Ref("host_crashdump")), RO_RUNTIME, "Crash dumps left behind by earlier crashes of this host."
    )
    patches = Field(
        Set(Ref("host_patch")),
        RO_RUNTIME,
        "Old-style records of patches on this host; superseded by updates.",
        released="published rio, deprecated ely",
    )
    updates = Field(
        Set(Ref("pool_update")), RO_RUNTIME, "Updates that have been applied to this host.", released="published ely"
    )
    PBDs = Field(Set(Ref("PBD")), RO_RUNTIME, "Connections from this host to storage repositories, plugged or not.")
    host_CPUs = Field(
        Set(Ref("host_cpu")), RO_RUNTIME, "Records of this host's logical processors, recreated at every agent start."
    )
    cpu_info = Field(
        STRING_MAP,
        RO_RUNTIME,
        "Processor facts as text: counts, vendor, model, speed in MHz and feature masks.",
        default={},
        released="published midnight-ride",
    )
    hostname = Field(
        STRING, RW, "Network hostname of the machine, as set in its operating system.", setter_roles=POOL_OPERATOR
    )
    address = Field(
        STRING, RW, "IP address where the host can be managed; empty if it has none.", setter_roles=POOL_OPERATOR
    )
    metrics = Field(Ref("host_metrics"), RO_RUNTIME, "Metrics record holding this host's memory size and liveness.")
    license_params = Field(
        STRING_MAP, RO_RUNTIME, "Details of the licence in force, with one entry per feature that it controls."
    )
    boot_free_mem = Field(
        INT, RO_RUNTIME, "Bytes of memory that were free just after boot; internal use only.", internal=True
    )
    ha_statefiles = Field(
        STRING_SET,
        RO_RUNTIME,
        "HA state files this host can reach; empty when it has no access to them.",
        default=(),
        released="published orlando",
    )
    ha_network_peers = Field(
        STRING_SET,
        RO_RUNTIME,
        "Uuids of the hosts whose HA network heartbeat this host currently receives.",
        default=(),
        released="published orlando",
    )
    blobs = Field(
        Map(STRING, Ref("blob")),
        RO_RUNTIME,
        "Binary objects attached to the host, keyed by their name.",
        default={},
        released="published orlando",
    )
    tags = Field(
        STRING_SET,
        RW,
        "Words users attach to the host for searching and grouping.",
        default=(),
        setter_roles=VM_OPERATOR,
        released="published orlando",
    )
    external_auth_type = Field(
        STRING,
        RO_RUNTIME,
        "Kind of directory used to authenticate users, such as AD; empty if none.",
        default="",
        released="published george",
    )
    external_auth_service_name = Field(
        STRING,
        RO_RUNTIME,
        "Name of the directory service or domain joined; empty if none.",
        default="",
        released="published george",
    )
    external_auth_configuration = Field(
        STRING_MAP,
        RO_RUNTIME,
        "Settings of the external authentication in use, without any passwords.",
        default={},
        released="published george",
    )
    edition = Field(
        STRING,
        RO_RUNTIME,
        "Name of the product edition the host is licensed for.",
        default="",
        released="published midnight-ride",
    )
    license_server = Field(
        STRING_MAP,
        RW,
        "Where licences are obtained: keys address (host name or IP) and port.",
        default={"address": "localhost", "port": "27000"},
        setter_roles=POOL_OPERATOR,
        released="published midnight-ride",
    )
    bios_strings = Field(
        STRING_MAP,
        RO_RUNTIME,
        "Firmware identification strings of the machine, such as manufacturer and serial number.",
        default={},
        released="published midnight-ride",
    )
    power_on_mode = Field(
        STRING,
        RO_RUNTIME,
        "How to switch the host on remotely, for example wake-on-lan; empty means it cannot be.",
        default="",
        released="published midnight-ride",
    )
    power_on_config = Field(
        STRING_MAP,
        RO_RUNTIME,
        "Settings for remote power-on, such as controller address, user and password secret.",
        default={},
        released="published midnight-ride",
    )
    local_cache_sr = Field(
        Ref("SR"),
        RO_CONSTRUCTOR,
        "Local SR used for caching VM disks; NULL when caching is off.",
        default=NULL_REF,
        released="published cowley",
    )
    chipset_info = Field(
        STRING_MAP,
        RO_RUNTIME,
        "Chipset facts as text; iommu tells whether an IOMMU is usable.",
        default={},
        released="published boston",
    )
    PCIs = Field(Set(Ref("PCI")), RO_RUNTIME, "PCI devices found in this host.", released="published boston")
    PGPUs = Field(
        Set(Ref("PGPU")), RO_RUNTIME, "Physical graphics processors found in this host.", released="published boston"
    )
    PUSBs = Field(
        Set(Ref("PUSB")), RO_RUNTIME, "Physical USB devices connected to this host.", released="published inverness"
    )
    ssl_legacy = Field(
        BOOL,
        RO_CONSTRUCTOR,
        "True if older TLS versions and ciphers are still accepted on management connections.",
        default=True,
        released="published dundee",
    )
    guest_VCPUs_params = Field(
        STRING_MAP,
        RW,
        "Virtual CPU settings applied to every guest here, for example a CPU affinity mask.",
        default={},
        setter_roles=POOL_OPERATOR,
        released="published tampa",
    )
    display = Field(
        HOST_DISPLAY,
        RW,
        "Whether the host's console uses the integrated display, now or from the next reboot.",
        default="enabled",
        setter_roles=POOL_OPERATOR,
        released="published cream",
    )
    virtual_hardware_platform_versions = Field(
        Set(INT),
        RO_RUNTIME,
        "Virtual hardware levels on offer here; the level a VM needs must be among them.",
        default=(0,),
        released="published cream",
    )
    control_domain = Field(
        Ref("VM"),
        RO_RUNTIME,
        "The host's control domain (domain zero); NULL until it is known.",
        default=NULL_REF,
        released="published ely",
    )
    updates_requiring_reboot = Field(
        Set(Ref("pool_update")),
        RO_RUNTIME,
        "Applied updates that take full effect only once the host is rebooted.",
        foreign_key=False,
        released="published ely",
    )
    features = Field(
        Set(Ref("Feature")),
        RO_RUNTIME,
        "Feature records of this host, one for each experimental feature of its edition.",
        released="published falcon",
    )

    MESSAGES = (
        Message(
            "disable",
            "Stop new VMs being placed on the host; guests already there keep running.",
            (Param("host", Ref("host")),),
            roles=POOL_OPERATOR,
        ),
        Message(
            "enable", "Allow VMs to be placed on the host again.", (Param("host", Ref("host")),), roles=POOL_OPERATOR
        ),
        Message(
            "shutdown",
            "Power off a disabled host after about ten seconds, without first checking for guests still running.",
            (Param("host", Ref("host")),),
            roles=POOL_OPERATOR,
        ),
        Message(
            "reboot",
            "Restart a disabled host after about ten seconds, without first checking for guests still running.",
            (Param("host", Ref("host")),),
            roles=POOL_OPERATOR,
        ),
        Message(
            "dmesg",
            "Return the text of the host's hypervisor message buffer.",
            (Param("host", Ref("host")),),
            result=STRING,
            roles=POOL_OPERATOR,
        ),
        Message(
            "dmesg_clear",
            "Return and empty the hypervisor message buffer; not implemented, so the call always fails.",
            (Param("host", Ref("host")),),
            result=STRING,
            roles=POOL_OPERATOR,
        ),
        Message(
            "get_log",
            "Return the log of the host's agent; not implemented, so the call always fails.",
            (Param("host", Ref("host")),),
            result=STRING,
        ),
        Message(
            "send_debug_keys",
            "Pass the given debug keys to the host's hypervisor, which writes diagnostics to its log.",
            (
                Param("host", Ref("host")),
                Param("keys", STRING),
            ),
            roles=POOL_ADMIN,
        ),
        Message(
            "bugreport_upload",
            "Collect a status report on the host and send it to a URL, optionally through the proxy in http_proxy.",
            (
                Param("host", Ref("host")),
                Param("url", STRING),
                Param("options", STRING_MAP),
            ),
            roles=POOL_OPERATOR,
        ),
        Message(
            "list_methods",
            "List the names of all API calls; not implemented, so the call always fails.",
            result=STRING_SET,
            has_async=False,
        ),
        Message(
            "license_apply",
            "Removed; it used to install a licence file on the host.",
            (
                Param("host", Ref("host")),
                Param("contents", STRING),
            ),
            roles=POOL_OPERATOR,
            errors=("LICENSE_PROCESSING_ERROR",),
            removed=True,
            released="published rio, removed clearwater",
        ),
        Message(
            "license_add",
            "Install the licence file whose base64-encoded contents are given on the host.",
            (
                Param("host", Ref("host")),
                Param("contents", STRING),
            ),
            roles=POOL_OPERATOR,
            errors=("LICENSE_PROCESSING_ERROR",),
            released="published indigo",
        ),
        Message(
            "license_remove",
            "Take away the host's installed licence and return it to the free edition.",
            (Param("host", Ref("host")),),
            roles=POOL_OPERATOR,
            released="published indigo",
        ),
        Message(
            "create",
            "Add a record for a host joining the pool; for use between pool members.",
            (
                Param("uuid", STRING),
                Param("name_label", STRING),
                Param("name_description", STRING),
                Param("hostname", STRING),
                Param("address", STRING),
                Param("external_auth_type", STRING, ""),
                Param("external_auth_service_name", STRING, ""),
                Param("external_auth_configuration", STRING_MAP, {}),
                Param("license_params", STRING_MAP, {}),
                Param("edition", STRING, ""),
                Param("license_server", STRING_MAP, {"address": "localhost", "port": "27000"}),
                Param("local_cache_sr", Ref("SR"), NULL_REF),
                Param("chipset_info", STRING_MAP, {}),
                Param("ssl_legacy", BOOL, True),
            ),
            result=Ref("host"),
            roles=POOL_OPERATOR,
            documented=False,
        ),
        Message(
            "destroy",
            "Delete the record of a dead host with no resident guests from the pool.",
            (Param("self", Ref("host")),),
            roles=POOL_OPERATOR,
        ),
        Message(
            "power_on",
            "Switch on a host that is down, using its configured remote power-on mode.",
            (Param("host", Ref("host")),),
            roles=POOL_OPERATOR,
            released="published orlando",
        ),
        Message(
            "set_license_params",
            "Replace the stored licence details of a host and work out the pool's restrictions anew.",
            (
                Param("self", Ref("host")),
                Param("value", STRING_MAP),
            ),
            roles=SUPERUSER,
            documented=False,
            pool_internal=True,
            released="published orlando",
        ),
        Message(
            "emergency_ha_disable",
            "Turn HA off on the contacted host alone; soft makes this last only until its next restart.",
            (Param("soft", BOOL, False),),
            roles=POOL_OPERATOR,
            has_async=False,
            released="published orlando",
        ),
        Message(
            "ha_disarm_fencing",
            "Stop the HA daemon on the host from fencing it; used inside the pool.",
            (Param("host", Ref("host")),),
            roles=SUPERUSER,
            documented=False,
            pool_internal=True,
            released="published orlando",
        ),
        Message(
            "preconfigure_ha",
            "Prepare the host for HA by attaching its state files and metadata disk; used inside the pool.",
            (
                Param("host", Ref("host")),
                Param("statefiles", Set(Ref("VDI"))),
                Param("metadata_vdi", Ref("VDI")),
                Param("generation", STRING),
            ),
            roles=SUPERUSER,
            documented=False,
            pool_internal=True,
            released="published miami",
        ),
        Message(
            "ha_join_liveset",
            "Start HA on the host and make it a member of the live set; used inside the pool.",
            (Param("host", Ref("host")),),
            roles=SUPERUSER,
            documented=False,
            pool_internal=True,
            released="published orlando",
        ),
        Message(
            "ha_disable_failover_decisions",
            "Keep this host from taking over as master while HA is being turned off.",
            (Param("host", Ref("host")),),
            roles=SUPERUSER,
            documented=False,
            pool_internal=True,
            released="published orlando",
        ),
        Message(
            "ha_wait_for_shutdown_via_statefile",
            "Block until the host has seen through its state file that HA is shut down.",
            (Param("host", Ref("host")),),
            roles=SUPERUSER,
            documented=False,
            pool_internal=True,
            released="published orlando",
        ),
        Message(
            "ha_stop_daemon",
            "Stop the HA daemon on the host; used inside the pool.",
            (Param("host", Ref("host")),),
            roles=SUPERUSER,
            documented=False,
            pool_internal=True,
            released="published orlando",
        ),
        Message(
            "ha_release_resources",
            "Detach the state files and other resources HA held on the host.",
            (Param("host", Ref("host")),),
            roles=SUPERUSER,
            documented=False,
            pool_internal=True,
            released="published orlando",
        ),
        Message(
            "ha_xapi_healthcheck",
            "Report to the HA daemon whether the agent on the contacted host is working properly.",
            result=BOOL,
            roles=POOL_ADMIN,
            has_async=False,
            documented=False,
            released="published orlando",
        ),
        Message(
            "local_assert_healthy",
            "Succeed if the contacted host works normally, or fail with the reason for its emergency mode.",
            roles=SUPERUSER,
            errors=(
                "HOST_STILL_BOOTING",
                "HOST_HAS_NO_MANAGEMENT_IP",
                "HOST_MASTER_CANNOT_TALK_BACK",
                "HOST_UNKNOWN_TO_MASTER",
                "HOST_BROKEN",
                "LICENCE_RESTRICTION",
                "LICENSE_DOES_NOT_SUPPORT_POOLING",
                "HA_SHOULD_BE_FENCED",
            ),
            has_async=False,
            documented=False,
            pool_internal=True,
            released="published miami",
        ),
        Message(
            "request_backup",
            "Make the host fetch a database copy from the master if its own is older, or always if forced.",
            (
                Param("host", Ref("host")),
                Param("generation", INT),
                Param("force", BOOL),
            ),
            roles=SUPERUSER,
            has_async=False,
            documented=False,
            pool_internal=True,
        ),
        Message(
            "request_config_file_sync",
            "Make the host fetch shared configuration files from the master when their hash differs from its own.",
            (
                Param("host", Ref("host")),
                Param("hash", STRING),
            ),
            roles=SUPERUSER,
            has_async=False,
            documented=False,
            pool_internal=True,
        ),
        Message(
            "propose_new_master",
            "Ask the contacted host to agree to a new master address; first phase of a master change.",
            (
                Param("address", STRING),
                Param("manual", BOOL),
            ),
            roles=SUPERUSER,
            has_async=False,
            documented=False,
            pool_internal=True,
            released="published miami",
        ),
        Message(
            "commit_new_master",
            "Tell the contacted host to switch to the master it agreed to; second phase of a change.",
            (Param("address", STRING),),
            roles=SUPERUSER,
            has_async=False,
            documented=False,
            pool_internal=True,
            released="published miami",
        ),
        Message(
            "abort_new_master",
            "Tell the contacted host to drop its earlier agreement to a new master address.",
            (Param("address", STRING),),
            roles=SUPERUSER,
            has_async=False,
            documented=False,
            pool_internal=True,
            released="published miami",
        ),
        Message(
            "get_data_sources",
            "List the measurements available for the host, with their units and whether each is recorded.",
            (Param("host", Ref("host")),),
            result=Set(Record("data_source")),
            has_async=False,
            released="published orlando",
        ),
        Message(
            "record_data_source",
            "Start storing the history of one of the host's measurements.",
            (
                Param("host", Ref("host")),
                Param("data_source", STRING),
            ),
            roles=POOL_OPERATOR,
            has_async=False,
            released="published orlando",
        ),
        Message(
            "query_data_source",
            "Return the latest value of one of the host's measurements.",
            (
                Param("host", Ref("host")),
                Param("data_source", STRING),
            ),
            result=FLOAT,
            has_async=False,
            released="published orlando",
        ),
        Message(
            "forget_data_source_archives",
            "Stop recording one of the host's measurements and throw away its stored history.",
            (
                Param("host", Ref("host")),
                Param("data_source", STRING),
            ),
            roles=POOL_OPERATOR,
            has_async=False,
            released="published orlando",
        ),
        Message(
            "assert_can_evacuate",
            "Succeed if every guest on the host could be moved away, otherwise fail with the obstacles.",
            (Param("host", Ref("host")),),
            roles=POOL_OPERATOR,
            released="published miami",
        ),
        Message(
            "get_vms_which_prevent_evacuation",
            "Map each VM that cannot be moved off the host to the reason; empty if nothing stands in the way.",
            (Param("self", Ref("host")),),
            result=Map(Ref("VM"), STRING_SET),
            released="published orlando",
        ),
        Message(
            "get_uncooperative_resident_VMs",
            "Deprecated; list guests on the host that ignore memory requests, which is now always empty.",
            (Param("self", Ref("host")),),
            result=Set(Ref("VM")),
            released="published midnight-ride, deprecated tampa",
        ),
        Message(
            "get_uncooperative_domains",
            "Deprecated; list domains on the host that ignore memory requests, which is now always empty.",
            (Param("self", Ref("host")),),
            result=STRING_SET,
            roles=SUPERUSER,
            documented=False,
            pool_internal=True,
            released="published midnight-ride, deprecated tampa",
        ),
        Message(
            "evacuate",
            "Live-migrate all guests to other hosts one by one; disable the host first to keep it empty.",
            (Param("host", Ref("host")),),
            roles=POOL_OPERATOR,
            released="published miami",
        ),
        Message(
            "signal_networking_change",
            "Tell the contacted host's agent that its addresses may have changed, so it reads them again.",
            roles=SUPERUSER,
            has_async=False,
            documented=False,
            pool_internal=True,
            released="published miami",
        ),
        Message(
            "notify",
            "Deliver a notification of the given type to the contacted host's agent; for internal use.",
            (
                Param("ty", STRING),
                Param("params", STRING),
            ),
            roles=SUPERUSER,
            documented=False,
            pool_internal=True,
            released="published miami",
        ),
        Message(
            "syslog_reconfigure",
            "Put the remote logging destination stored in the host's logging settings into effect.",
            (Param("host", Ref("host")),),
            roles=POOL_OPERATOR,
            released="published miami",
        ),
        Message(
            "management_reconfigure",
            "Move the host's management traffic to the given PIF, which must have an IP configuration.",
            (Param("pif", Ref("PIF")),),
            roles=POOL_OPERATOR,
            released="published miami",
        ),
        Message(
            "local_management_reconfigure",
            "Move management of the contacted host to a named interface; only possible in emergency mode.",
            (Param("interface", STRING),),
            roles=POOL_OPERATOR,
            has_async=False,
            released="published miami",
        ),
        Message(
            "management_disable",
            "Stop the contacted host listening for management connections on its network; local access remains.",
            roles=POOL_OPERATOR,
            has_async=False,
            released="published miami",
        ),
        Message(
            "get_management_interface",
            "Return the PIF that carries the host's management traffic.",
            (Param("host", Ref("host")),),
            result=Ref("PIF"),
            roles=POOL_OPERATOR,
            released="prototyped tampa",
        ),
        Message(
            "get_system_status_capabilities",
            "Return, as XML text, the parts a status report of this host can contain.",
            (Param("host", Ref("host")),),
            result=STRING,
            has_async=False,
            released="published miami",
        ),
        Message(
            "get_diagnostic_timing_stats",
            "Return timing statistics of the host's agent as a map of name to summary text.",
            (Param("host", Ref("host")),),
            result=STRING_MAP,
            has_async=False,
            documented=False,
            released="published miami",
        ),
        Message(
            "restart_agent",
            "Restart the management agent on the host; guests are not affected.",
            (Param("host", Ref("host")),),
            roles=POOL_OPERATOR,
        ),
        Message(
            "shutdown_agent",
            "Stop the contacted host's management agent after one second, without starting it again.",
            roles=POOL_OPERATOR,
            has_async=False,
            released="published orlando",
        ),
        Message(
            "set_hostname_live",
            "Change the hostname of the running machine and store it; the display name stays as it is.",
            (
                Param("host", Ref("host")),
                Param("hostname", STRING),
            ),
            roles=POOL_OPERATOR,
            errors=("HOST_NAME_INVALID",),
            has_async=False,
            released="published miami",
        ),
        Message(
            "is_in_emergency_mode",
            "Tell whether the contacted host is in emergency mode, cut off from its master.",
            result=BOOL,
            has_async=False,
            documented=False,
            released="published miami",
        ),
        Message(
            "compute_free_memory",
            "Work out how many bytes of memory are left on the host for more VMs.",
            (Param("host", Ref("host")),),
            result=INT,
            released="published orlando",
        ),
        Message(
            "compute_memory_overhead",
            "Return the bytes of memory the hypervisor itself needs on the host.",
            (Param("host", Ref("host")),),
            result=INT,
            released="published midnight-ride",
        ),
        Message(
            "tickle_heartbeat",
            "Tell the master that a host is alive or going down; sent by pool members.",
            (
                Param("host", Ref("host")),
                Param("stuff", STRING_MAP),
            ),
            result=STRING_MAP,
            roles=SUPERUSER,
            has_async=False,
            documented=False,
            pool_internal=True,
            released="published orlando",
        ),
        Message(
            "sync_data",
            "Copy the master's blobs, messages and performance histories to the given host.",
            (Param("host", Ref("host")),),
            roles=POOL_ADMIN,
            has_async=False,
            released="published orlando",
        ),
        Message(
            "backup_rrds",
            "Send the host's performance histories to the master after a delay in seconds.",
            (
                Param("host", Ref("host")),
                Param("delay", FLOAT),
            ),
            roles=POOL_ADMIN,
            has_async=False,
            released="published orlando",
        ),
        Message(
            "create_new_blob",
            "Create an empty binary object and attach it to the host under the given name.",
            (
                Param("host", Ref("host")),
                Param("name", STRING),
                Param("mime_type", STRING),
                Param("public", BOOL, False),
            ),
            result=Ref("blob"),
            roles=POOL_OPERATOR,
            released="published orlando",
        ),
        Message(
            "call_plugin",
            "Run a function of a plug-in script installed on the host and return its output.",
            (
                Param("host", Ref("host")),
                Param("plugin", STRING),
                Param("fn", STRING),
                Param("args", STRING_MAP),
            ),
            result=STRING,
            roles=POOL_ADMIN,
            released="published orlando",
        ),
        Message(
            "has_extension",
            "Tell whether an API extension of the given name is installed on the host.",
            (
                Param("host", Ref("host")),
                Param("name", STRING),
            ),
            result=BOOL,
            roles=POOL_ADMIN,
            released="published ely",
        ),
        Message(
            "call_extension",
            "Run an API extension on the host; the call is given as JSON text.",
            (
                Param("host", Ref("host")),
                Param("call", STRING),
            ),
            result=STRING,
            roles=POOL_ADMIN,
            has_async=False,
            released="published ely",
        ),
        Message(
            "get_servertime",
            "Return the present time of the host's clock, in UTC.",
            (Param("host", Ref("host")),),
            result=DATETIME,
            has_async=False,
            released="published orlando",
        ),
        Message(
            "get_server_localtime",
            "Return the present time of the host's clock, in its own time zone.",
            (Param("host", Ref("host")),),
            result=DATETIME,
            has_async=False,
            released="published cowley",
        ),
        Message(
            "enable_binary_storage",
            "Let the host keep blobs, messages and performance histories on its local disk again.",
            (Param("host", Ref("host")),),
            roles=SUPERUSER,
            documented=False,
            pool_internal=True,
            released="published orlando",
        ),
        Message(
            "disable_binary_storage",
            "Delete the blobs, messages and performance histories on the host's local disk and store no more.",
            (Param("host", Ref("host")),),
            roles=SUPERUSER,
            documented=False,
            pool_internal=True,
            released="published orlando",
        ),
        Message(
            "enable_external_auth",
            "Join the host to a directory service, so that its users can log in.",
            (
                Param("host", Ref("host")),
                Param("config", STRING_MAP),
                Param("service_name", STRING),
                Param("auth_type", STRING),
            ),
            roles=POOL_ADMIN,
            has_async=False,
            released="published george",
        ),
        Message(
            "disable_external_auth",
            "Take the host out of its directory service and end the sessions of directory users.",
            (
                Param("host", Ref("host")),
                Param("config", STRING_MAP, {}),
            ),
            roles=POOL_ADMIN,
            has_async=False,
            released="published george",
        ),
        Message(
            "retrieve_wlb_evacuate_recommendations",
            "Ask the workload balancing service where each guest should go if the host is emptied.",
            (Param("self", Ref("host")),),
            result=Map(Ref("VM"), STRING_SET),
            released="published george",
        ),
        Message(
            "certificate_install",
            "Store a trusted TLS certificate under the given file name on this host.",
            (
                Param("host", Ref("host")),
                Param("name", STRING),
                Param("cert", STRING),
            ),
            roles=SUPERUSER,
            documented=False,
            pool_internal=True,
            released="published george",
        ),
        Message(
            "certificate_uninstall",
            "Delete the trusted TLS certificate of the given name from this host.",
            (
                Param("host", Ref("host")),
                Param("name", STRING),
            ),
            roles=SUPERUSER,
            documented=False,
            pool_internal=True,
            released="published george",
        ),
        Message(
            "certificate_list",
            "List the names of the trusted TLS certificates installed on this host.",
            (Param("host", Ref("host")),),
            result=STRING_SET,
            roles=SUPERUSER,
            documented=False,
            pool_internal=True,
            released="published george",
        ),
        Message(
            "crl_install",
            "Store a certificate revocation list under the given file name on this host.",
            (
                Param("host", Ref("host")),
                Param("name", STRING),
                Param("crl", STRING),
            ),
            roles=SUPERUSER,
            documented=False,
            pool_internal=True,
            released="published george",
        ),
        Message(
            "crl_uninstall",
            "Delete the certificate revocation list of the given name from this host.",
            (
                Param("host", Ref("host")),
                Param("name", STRING),
            ),
            roles=SUPERUSER,
            documented=False,
            pool_internal=True,
            released="published george",
        ),
        Message(
            "crl_list",
            "List the names of the certificate revocation lists installed on this host.",
            (Param("host", Ref("host")),),
            result=STRING_SET,
            roles=SUPERUSER,
            documented=False,
            pool_internal=True,
            released="published george",
        ),
        Message(
            "certificate_sync",
            "Make this host's trusted certificates and revocation lists match the master's.",
            (Param("host", Ref("host")),),
            roles=SUPERUSER,
            documented=False,
            pool_internal=True,
            released="published george",
        ),
        Message(
            "get_server_certificate",
            "Return the host's own TLS server certificate in PEM form.",
            (Param("host", Ref("host")),),
            result=STRING,
            released="published george, changed inverness",
        ),
        Message(
            "update_pool_secret",
            "Replace the secret the host uses to authenticate itself to other pool members.",
            (
                Param("host", Ref("host")),
                Param("pool_secret", STRING),
            ),
            roles=SUPERUSER,
            documented=False,
            pool_internal=True,
            released="published midnight-ride",
        ),
        Message(
            "update_master",
            "Tell the host the address of the master it should follow from now on.",
            (
                Param("host", Ref("host")),
                Param("master_address", STRING),
            ),
            roles=SUPERUSER,
            documented=False,
            pool_internal=True,
            released="published midnight-ride",
        ),
        Message(
            "attach_static_vdis",
            "Attach disks to the host now and at each boot, each for the reason stated in the map.",
            (
                Param("host", Ref("host")),
                Param("vdi_reason_map", Map(Ref("VDI"), STRING)),
            ),
            roles=SUPERUSER,
            documented=False,
            pool_internal=True,
            released="published midnight-ride",
        ),
        Message(
            "detach_static_vdis",
            "Detach the given disks from the host and stop attaching them at boot.",
            (
                Param("host", Ref("host")),
                Param("vdis", Set(Ref("VDI"))),
            ),
            roles=SUPERUSER,
            documented=False,
            pool_internal=True,
            released="published midnight-ride",
        ),
        Message(
            "set_localdb_key",
            "Set a key in the small database private to this host.",
            (
                Param("host", Ref("host")),
                Param("key", STRING),
                Param("value", STRING),
            ),
            roles=SUPERUSER,
            documented=False,
            pool_internal=True,
            released="published midnight-ride",
        ),
        Message(
            "apply_edition",
            "License the host for the named edition, using its configured licence server.",
            (
                Param("host", Ref("host")),
                Param("edition", STRING),
                Param("force", BOOL, False),
            ),
            roles=POOL_OPERATOR,
            has_async=False,
            released="published midnight-ride",
        ),
        Message(
            "refresh_pack_info",
            "Deprecated; bring the host's software versions up to date with its installed packs.",
            (Param("host", Ref("host")),),
            roles=POOL_OPERATOR,
            released="published midnight-ride, deprecated ely",
        ),
        Message(
            "set_power_on_mode",
            "Choose how the host is switched on remotely, with settings; an empty mode turns this off.",
            (
                Param("self", Ref("host")),
                Param("power_on_mode", STRING),
                Param("power_on_config", STRING_MAP),
            ),
            roles=POOL_OPERATOR,
            released="published midnight-ride",
        ),
        Message(
            "set_cpu_features",
            "Removed; it used to mask processor features so that differing hosts could share a pool.",
            (
                Param("host", Ref("host")),
                Param("features", STRING),
            ),
            roles=POOL_OPERATOR,
            has_async=False,
            removed=True,
            released="published midnight-ride, removed dundee",
        ),
        Message(
            "reset_cpu_features",
            "Removed; it used to undo masking of the host's processor features.",
            (Param("host", Ref("host")),),
            roles=POOL_OPERATOR,
            has_async=False,
            removed=True,
            released="published midnight-ride, removed dundee",
        ),
        Message(
            "reset_networking",
            "Delete all bond, VLAN, tunnel and PIF records of the host so that networking can be rebuilt.",
            (Param("host", Ref("host")),),
            roles=POOL_OPERATOR,
            documented=False,
            released="",
            unlisted_since="closed",
        ),
        Message(
            "enable_local_storage_caching",
            "Use the given local SR to cache VM disks; the host must be disabled and empty.",
            (
                Param("host", Ref("host")),
                Param("sr", Ref("SR")),
            ),
            roles=POOL_OPERATOR,
            has_async=False,
            released="published cowley",
        ),
        Message(
            "disable_local_storage_caching",
            "Stop caching VM disks on the host's local SR; the host must be disabled and empty.",
            (Param("host", Ref("host")),),
            roles=POOL_OPERATOR,
            has_async=False,
            released="published cowley",
        ),
        Message(
            "get_sm_diagnostics",
            "Return text describing the internal state of the storage layer, for fault finding.",
            (Param("host", Ref("host")),),
            result=STRING,
            roles=POOL_OPERATOR,
            has_async=False,
            documented=False,
            released="published boston",
        ),
        Message(
            "get_thread_diagnostics",
            "Return text describing the threads of the host's agent, for fault finding.",
            (Param("host", Ref("host")),),
            result=STRING,
            roles=POOL_OPERATOR,
            has_async=False,
            documented=False,
            released="published boston",
        ),
        Message(
            "sm_dp_destroy",
            "Tear down a storage data path on the host; allow_leak forgets it even if detaching fails.",
            (
                Param("host", Ref("host")),
                Param("dp", STRING),
                Param("allow_leak", BOOL),
            ),
            roles=POOL_OPERATOR,
            has_async=False,
            documented=False,
            released="published boston",
        ),
        Message(
            "sync_vlans",
            "Create on the host any VLANs that the master has and this host lacks.",
            (Param("host", Ref("host")),),
            roles=POOL_OPERATOR,
            has_async=False,
            documented=False,
            pool_internal=True,
            released="",
            unlisted_since="closed",
        ),
        Message(
            "sync_tunnels",
            "Create on the host any tunnels that the master has and this host lacks.",
            (Param("host", Ref("host")),),
            roles=POOL_OPERATOR,
            has_async=False,
            documented=False,
            pool_internal=True,
            released="",
            unlisted_since="closed",
        ),
        Message(
            "sync_pif_currently_attached",
            "Set the attached flags of the host's PIFs according to the given bridges that are up.",
            (
                Param("host", Ref("host")),
                Param("bridges", STRING_SET),
            ),
            roles=POOL_OPERATOR,
            has_async=False,
            documented=False,
            pool_internal=True,
            released="",
            unlisted_since="closed",
        ),
        Message(
            "migrate_receive",
            "Prepare the host to receive a VM from another pool, and return the data the sender needs.",
            (
                Param("host", Ref("host")),
                Param("network", Ref("network")),
                Param("options", STRING_MAP),
            ),
            result=STRING_MAP,
            roles=VM_POWER_ADMIN,
            released="published tampa",
        ),
        Message(
            "declare_dead",
            "State that an unreachable host is really off, so that its guests are marked halted.",
            (Param("host", Ref("host")),),
            roles=POOL_OPERATOR,
            released="published clearwater",
        ),
        Message(
            "enable_display",
            "Give the integrated display to the host's console, possibly from the next reboot; returns the new state.",
            (Param("host", Ref("host")),),
            result=HOST_DISPLAY,
            roles=POOL_OPERATOR,
            released="published cream",
        ),
        Message(
            "disable_display",
            "Release the integrated display from the host's console at the next reboot; returns the new state.",
            (Param("host", Ref("host")),),
            result=HOST_DISPLAY,
            roles=POOL_OPERATOR,
            released="published cream",
        ),
        Message(
            "set_ssl_legacy",
            "Accept or refuse older TLS versions on the host; open connections to it may drop.",
            (
                Param("self", Ref("host")),
                Param("value", BOOL),
            ),
            roles=POOL_OPERATOR,
            released="published dundee",
        ),
        Message(
            "apply_guest_agent_config",
            "Pass the pool's guest agent settings on to the guests of this host.",
            (Param("host", Ref("host")),),
            roles=POOL_ADMIN,
            documented=False,
            released="published dundee",
        ),
        Message(
            "mxgpu_vf_setup",
            "Set up the virtual functions of AMD MxGPU graphics cards in the host.",
            (Param("host", Ref("host")),),
            roles=VM_OPERATOR,
            documented=False,
            pool_internal=True,
            released="published falcon",
        ),
        Message(
            "allocate_resources_for_vm",
            "Reserve what a VM needs on the host ahead of starting or moving it; internal use.",
            (
                Param("self", Ref("host")),
                Param("vm", Ref("VM")),
                Param("live", BOOL),
            ),
            roles=VM_OPERATOR,
            documented=False,
            released="published inverness",
        ),
    )
