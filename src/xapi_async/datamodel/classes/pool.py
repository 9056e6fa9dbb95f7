"""pool: a group of hosts managed together under one master; even a single host forms one."""

from __future__ import annotations

from xapi_async.datamodel.enums import HELLO_RETURN, POOL_ALLOWED_OPERATIONS
from xapi_async.datamodel.language import RO_RUNTIME, RW, ApiClass, ClassFacts, Field, Message, Param
from xapi_async.datamodel.roles import POOL_ADMIN, POOL_OPERATOR, SUPERUSER, VM_OPERATOR
from xapi_async.datamodel.types import BOOL, INT, NULL_REF, STRING, STRING_MAP, STRING_SET, Map, Ref, Set


class Pool(ApiClass):
    """A group of hosts managed together under one master; even a single host forms one."""

    FACTS = ClassFacts("pool")
    uuid = Field(STRING, RO_RUNTIME, "Unique identifier of this pool.")
    name_label = Field(
        STRING, RW, "Display name of the pool; empty for a lone host that was never named.", setter_roles=POOL_OPERATOR
    )
    name_description = Field(STRING, RW, "Longer free text about the pool.", setter_roles=POOL_OPERATOR)
    master = Field(Ref("host"), RO_RUNTIME, "Host that holds the database and answers API calls for all members.")
    default_SR = Field(
        Ref("SR"), RW, "SR used for new disks when none is chosen; NULL if none is set.", setter_roles=POOL_OPERATOR
    )
    suspend_image_SR = Field(
        Ref("SR"),
        RW,
        "SR for memory images of suspended VMs; NULL falls back to the host's own choice.",
        setter_roles=POOL_OPERATOR,
    )
    crash_dump_SR = Field(
        Ref("SR"),
        RW,
        "SR that receives crash dumps of VMs; NULL falls back to the host's own choice.",
        setter_roles=POOL_OPERATOR,
    )
    other_config = Field(
        STRING_MAP,
        RW,
        "Free key/value pairs for clients and extensions, some of them altering server behaviour.",
        setter_roles=POOL_OPERATOR,
        map_key_roles={"folder": VM_OPERATOR, "XenCenter.CustomFields.*": VM_OPERATOR, "EMPTY_FOLDERS": VM_OPERATOR},
    )
    ha_enabled = Field(
        BOOL,
        RO_RUNTIME,
        "True while high availability is switched on in this pool.",
        default=False,
        released="published orlando",
    )
    ha_configuration = Field(
        STRING_MAP,
        RO_RUNTIME,
        "Options given when HA was last enabled, such as timeout in seconds.",
        default={},
        released="published orlando",
    )
    ha_statefiles = Field(
        STRING_SET,
        RO_RUNTIME,
        "References, as text, of the disks that hold the HA state.",
        default=(),
        released="published orlando",
    )
    ha_host_failures_to_tolerate = Field(
        INT,
        RO_RUNTIME,
        "How many host failures HA should be able to cope with.",
        default=0,
        released="published orlando",
    )
    ha_plan_exists_for = Field(
        INT,
        RO_RUNTIME,
        "How many host failures all protected VMs would survive as things stand.",
        default=0,
        released="published orlando",
    )
    ha_allow_overcommit = Field(
        BOOL,
        RW,
        "True to allow actions even if protected VMs might then not all be restartable.",
        default=False,
        setter_roles=POOL_OPERATOR,
        released="published orlando",
    )
    ha_overcommitted = Field(
        BOOL,
        RO_RUNTIME,
        "True if the pool can no longer cope with the wanted number of failures.",
        default=False,
        released="published orlando",
    )
    blobs = Field(
        Map(STRING, Ref("blob")),
        RO_RUNTIME,
        "Binary objects attached to the pool, keyed by their name.",
        default={},
        released="published orlando",
    )
    tags = Field(
        STRING_SET,
        RW,
        "Words users attach to the pool for searching and grouping.",
        default=(),
        setter_roles=VM_OPERATOR,
        released="published orlando",
    )
    gui_config = Field(
        STRING_MAP,
        RW,
        "Settings that management consoles keep for their own use.",
        default={},
        setter_roles=VM_OPERATOR,
        released="published orlando",
    )
    health_check_config = Field(
        STRING_MAP,
        RW,
        "Settings of the health check service that uploads status reports.",
        default={},
        setter_roles=POOL_OPERATOR,
        released="published dundee",
    )
    wlb_url = Field(
        STRING,
        RO_RUNTIME,
        "Address and port of the workload balancing service; empty if none is set up.",
        default="",
        released="published george",
    )
    wlb_username = Field(
        STRING,
        RO_RUNTIME,
        "User name for logging in to the workload balancing service.",
        default="",
        released="published george",
    )
    wlb_password = Field(
        Ref("secret"),
        RO_RUNTIME,
        "Secret holding the password for the workload balancing service (internal).",
        internal=True,
        released="published george",
    )
    wlb_enabled = Field(
        BOOL,
        RW,
        "True to take advice from the workload balancing service once it is set up.",
        default=False,
        setter_roles=POOL_OPERATOR,
        released="published george",
    )
    wlb_verify_cert = Field(
        BOOL,
        RW,
        "True to verify the workload balancing service's TLS certificate when connecting.",
        default=False,
        setter_roles=POOL_OPERATOR,
        released="published george",
    )
    redo_log_enabled = Field(
        BOOL,
        RO_RUNTIME,
        "True while database changes are also written to a redo log disk.",
        default=False,
        released="published midnight-ride",
    )
    redo_log_vdi = Field(
        Ref("VDI"),
        RO_RUNTIME,
        "Disk last used for the redo log, kept after disabling; NULL if never used.",
        default=NULL_REF,
        released="published midnight-ride",
    )
    vswitch_controller = Field(
        STRING,
        RO_RUNTIME,
        "IPv4 address of the virtual switch controller, empty if none; superseded by SDN_controller.",
        default="",
        released="published midnight-ride, deprecated falcon",
    )
    restrictions = Field(
        STRING_MAP,
        RO_RUNTIME,
        "Features withheld by the licences of the hosts, as true/false texts.",
        default={},
        released="published midnight-ride",
    )
    metadata_VDIs = Field(
        Set(Ref("VDI")),
        RO_RUNTIME,
        "Disks holding copies of this pool's database for disaster recovery.",
        released="published boston",
    )
    ha_cluster_stack = Field(
        STRING,
        RO_RUNTIME,
        "Name of the clustering software HA runs on, such as xhad.",
        default="",
        released="published dundee",
    )
    allowed_operations = Field(
        Set(POOL_ALLOWED_OPERATIONS),
        RO_RUNTIME,
        "Operations the pool would accept at present, either enabling or disabling HA.",
        default=(),
        persist=False,
    )
    current_operations = Field(
        Map(STRING, POOL_ALLOWED_OPERATIONS),
        RO_RUNTIME,
        "Operations in progress on the pool, keyed by the task performing each.",
        default={},
        persist=False,
    )
    guest_agent_config = Field(
        STRING_MAP,
        RO_RUNTIME,
        "Settings handed to guest agents in all VMs, such as automatic update options.",
        default={},
        released="published dundee",
    )
    cpu_info = Field(
        STRING_MAP,
        RO_RUNTIME,
        "Processor totals and the features common to all hosts, as text.",
        default={},
        released="published dundee",
    )
    policy_no_vendor_device = Field(
        BOOL,
        RW,
        "True if new VMs by default lack the device for updating drivers automatically.",
        default=False,
        setter_roles=POOL_OPERATOR,
        released="published dundee",
    )
    live_patching_disabled = Field(
        BOOL,
        RW,
        "True to apply updates without live patching running hypervisors and kernels.",
        default=False,
        setter_roles=POOL_OPERATOR,
        released="published ely",
    )
    igmp_snooping_enabled = Field(
        BOOL,
        RO_RUNTIME,
        "True if bridges forward multicast only to ports that asked for it.",
        default=False,
        released="published inverness",
    )

    MESSAGES = (
        Message(
            "join",
            "Make this host leave its own pool of one and become a member of the master's pool.",
            (
                Param("master_address", STRING),
                Param("master_username", STRING),
                Param("master_password", STRING),
            ),
            roles=POOL_OPERATOR,
            errors=("JOINING_HOST_CANNOT_CONTAIN_SHARED_SRS",),
        ),
        Message(
            "join_force",
            "Join this host to another pool even if some of their hardware and software differs.",
            (
                Param("master_address", STRING),
                Param("master_username", STRING),
                Param("master_password", STRING),
            ),
            roles=POOL_OPERATOR,
        ),
        Message(
            "eject",
            "Remove a host from the pool; it reboots as a fresh pool of one, its local disks erased.",
            (Param("host", Ref("host")),),
            roles=POOL_OPERATOR,
        ),
        Message(
            "initial_auth",
            "Return the pool's shared secret to a host that is joining; internal use.",
            result=STRING,
            roles=POOL_OPERATOR,
            documented=False,
        ),
        Message(
            "emergency_transition_to_master",
            "Turn the contacted member into the master, when the old master is lost for good.",
            roles=POOL_OPERATOR,
            has_async=False,
        ),
        Message(
            "emergency_reset_master",
            "Point the contacted member, which has lost its master, at another master's address.",
            (Param("master_address", STRING),),
            roles=POOL_OPERATOR,
            has_async=False,
        ),
        Message(
            "recover_slaves",
            "Point all other members at this master and return the hosts that accepted.",
            result=Set(Ref("host")),
            roles=POOL_OPERATOR,
        ),
        Message(
            "hello",
            "Announce a member to the master after it has started; sent by pool members.",
            (
                Param("host_uuid", STRING),
                Param("host_address", STRING),
            ),
            result=HELLO_RETURN,
            roles=POOL_OPERATOR,
            documented=False,
        ),
        Message(
            "is_slave",
            "Tell whether the given host is an ordinary member rather than the master.",
            (Param("host", Ref("host")),),
            result=BOOL,
            roles=POOL_ADMIN,
            has_async=False,
            documented=False,
        ),
        Message(
            "create_VLAN",
            "Create a VLAN on the named device of every host, joined to one network; returns the new PIFs.",
            (
                Param("device", STRING),
                Param("network", Ref("network")),
                Param("VLAN", INT),
            ),
            result=Set(Ref("PIF")),
            roles=POOL_OPERATOR,
            errors=("VLAN_TAG_INVALID",),
        ),
        Message(
            "management_reconfigure",
            "Move every host's management traffic to its PIF on the given network, the master last.",
            (Param("network", Ref("network")),),
            roles=POOL_OPERATOR,
            errors=(
                "HA_IS_ENABLED",
                "PIF_NOT_PRESENT",
                "CANNOT_PLUG_BOND_SLAVE",
                "PIF_INCOMPATIBLE_PRIMARY_ADDRESS_TYPE",
                "PIF_HAS_NO_NETWORK_CONFIGURATION",
                "PIF_HAS_NO_V6_NETWORK_CONFIGURATION",
            ),
            released="published inverness",
        ),
        Message(
            "create_VLAN_from_PIF",
            "Create a VLAN on each live host's PIF that shares the given PIF's network; returns the new PIFs.",
            (
                Param("pif", Ref("PIF")),
                Param("network", Ref("network")),
                Param("VLAN", INT),
            ),
            result=Set(Ref("PIF")),
            roles=POOL_OPERATOR,
            errors=("VLAN_TAG_INVALID",),
        ),
        Message(
            "slave_network_report",
            "Accept a member's list of network devices; obsolete, always returning an empty set.",
            (
                Param("phydevs", STRING_MAP),
                Param("dev_to_mac", STRING_MAP),
                Param("dev_to_mtu", Map(STRING, INT)),
                Param("slave_host", Ref("host")),
            ),
            result=Set(Ref("PIF")),
            roles=POOL_ADMIN,
            documented=False,
        ),
        Message(
            "enable_ha",
            "Turn on high availability, keeping its state on the first given SR or a suitable one if none.",
            (
                Param("heartbeat_srs", Set(Ref("SR"))),
                Param("configuration", STRING_MAP),
            ),
            roles=POOL_OPERATOR,
            released="published miami",
        ),
        Message(
            "disable_ha",
            "Turn off high availability, keeping its settings and the VMs' restart priorities.",
            roles=POOL_OPERATOR,
            released="published miami",
        ),
        Message(
            "sync_database",
            "Have the latest database copied to all hosts, or flushed to disk under HA, before returning.",
            roles=POOL_OPERATOR,
        ),
        Message(
            "designate_new_master",
            "Hand the master role to another host in an orderly way; the agents restart.",
            (Param("host", Ref("host")),),
            roles=POOL_OPERATOR,
            released="published miami",
        ),
        Message(
            "ha_prevent_restarts_for",
            "Hold back automatic VM restarts by HA for some seconds; 0 ends the delay at once.",
            (Param("seconds", INT),),
            roles=POOL_OPERATOR,
            has_async=False,
            released="published orlando-update-1",
        ),
        Message(
            "ha_failover_plan_exists",
            "Tell whether all protected VMs would survive the failure of any n hosts.",
            (Param("n", INT),),
            result=BOOL,
            roles=POOL_OPERATOR,
            has_async=False,
            released="published orlando",
        ),
        Message(
            "ha_compute_max_host_failures_to_tolerate",
            "Work out the largest number of host failures that the protected VMs would survive now.",
            result=INT,
            roles=POOL_OPERATOR,
            has_async=False,
            released="published orlando",
        ),
        Message(
            "ha_compute_hypothetical_max_host_failures_to_tolerate",
            "Work out how many host failures could be survived if VMs had the given restart priorities.",
            (Param("configuration", Map(Ref("VM"), STRING)),),
            result=INT,
            has_async=False,
            released="published orlando",
        ),
        Message(
            "ha_compute_vm_failover_plan",
            "Show where each given VM would restart if the given hosts failed, or why it could not.",
            (
                Param("failed_hosts", Set(Ref("host"))),
                Param("failed_vms", Set(Ref("VM"))),
            ),
            result=Map(Ref("VM"), STRING_MAP),
            roles=POOL_OPERATOR,
            has_async=False,
            released="published orlando",
        ),
        Message(
            "set_ha_host_failures_to_tolerate",
            "Set how many host failures HA must prepare for; 0 or more.",
            (
                Param("self", Ref("pool")),
                Param("value", INT),
            ),
            roles=POOL_OPERATOR,
            released="published orlando",
        ),
        Message(
            "create_new_blob",
            "Create an empty binary object and attach it to the pool under the given name.",
            (
                Param("pool", Ref("pool")),
                Param("name", STRING),
                Param("mime_type", STRING),
                Param("public", BOOL, False),
            ),
            result=Ref("blob"),
            roles=POOL_OPERATOR,
            released="published orlando",
        ),
        Message(
            "ha_schedule_plan_recomputation",
            "Have the HA restart plan worked out again shortly; for internal use.",
            roles=SUPERUSER,
            documented=False,
            pool_internal=True,
            released="published orlando",
        ),
        Message(
            "enable_binary_storage",
            "Let all hosts keep blobs, messages and performance histories on their local disks again.",
            roles=POOL_OPERATOR,
            documented=False,
            released="published orlando",
        ),
        Message(
            "disable_binary_storage",
            "Delete blobs, messages and performance histories from all hosts' local disks and store no more.",
            roles=POOL_OPERATOR,
            documented=False,
            released="published orlando",
        ),
        Message(
            "enable_external_auth",
            "Join every host to a directory service, master first, and undo it all should one fail.",
            (
                Param("pool", Ref("pool")),
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
            "Take every host out of its directory service and end the sessions of directory users.",
            (
                Param("pool", Ref("pool")),
                Param("config", STRING_MAP, {}),
            ),
            roles=POOL_ADMIN,
            has_async=False,
            released="published george",
        ),
        Message(
            "detect_nonhomogeneous_external_auth",
            "Look for hosts whose directory settings differ from the master's, and raise a message for each.",
            (Param("pool", Ref("pool")),),
            roles=POOL_OPERATOR,
            has_async=False,
            released="published george",
        ),
        Message(
            "initialize_wlb",
            "Connect the pool to a workload balancing service, giving each side's login details.",
            (
                Param("wlb_url", STRING),
                Param("wlb_username", STRING),
                Param("wlb_password", STRING),
                Param("xenserver_username", STRING),
                Param("xenserver_password", STRING),
            ),
            roles=POOL_OPERATOR,
            released="published george",
        ),
        Message(
            "deconfigure_wlb",
            "Disconnect the pool from its workload balancing service and forget the stored settings.",
            roles=POOL_OPERATOR,
            released="published george",
        ),
        Message(
            "send_wlb_configuration",
            "Send changed settings to the workload balancing service.",
            (Param("config", STRING_MAP),),
            roles=POOL_OPERATOR,
            released="published george",
        ),
        Message(
            "retrieve_wlb_configuration",
            "Return the settings held by the workload balancing service.",
            result=STRING_MAP,
            released="published george",
        ),
        Message(
            "retrieve_wlb_recommendations",
            "Return the moves of VMs between hosts the workload balancing service advises to even out load.",
            result=Map(Ref("VM"), STRING_SET),
            released="published george",
        ),
        Message(
            "send_test_post",
            "Send an HTTPS POST with the given body to a server and return the reply.",
            (
                Param("host", STRING),
                Param("port", INT),
                Param("body", STRING),
            ),
            result=STRING,
            roles=POOL_ADMIN,
            released="published george",
        ),
        Message(
            "certificate_install",
            "Store a trusted TLS certificate under the given file name on all hosts.",
            (
                Param("name", STRING),
                Param("cert", STRING),
            ),
            roles=POOL_OPERATOR,
            released="published george",
        ),
        Message(
            "certificate_uninstall",
            "Delete the trusted TLS certificate of the given name from all hosts.",
            (Param("name", STRING),),
            roles=POOL_OPERATOR,
            released="published george",
        ),
        Message(
            "certificate_list",
            "List the names of the trusted TLS certificates, as installed on the master.",
            result=STRING_SET,
            roles=POOL_OPERATOR,
            released="published george",
        ),
        Message(
            "crl_install",
            "Store a certificate revocation list under the given file name on all hosts.",
            (
                Param("name", STRING),
                Param("cert", STRING),
            ),
            roles=POOL_OPERATOR,
            released="published george",
        ),
        Message(
            "crl_uninstall",
            "Delete the certificate revocation list of the given name from all hosts.",
            (Param("name", STRING),),
            roles=POOL_OPERATOR,
            released="published george",
        ),
        Message(
            "crl_list",
            "List the names of the certificate revocation lists, as installed on the master.",
            result=STRING_SET,
            roles=POOL_OPERATOR,
            released="published george",
        ),
        Message(
            "certificate_sync",
            "Make trusted certificates and revocation lists of all other hosts match the master's.",
            roles=POOL_OPERATOR,
            released="published george",
        ),
        Message(
            "enable_redo_log",
            "Start writing database changes to a redo log disk in the given SR.",
            (Param("sr", Ref("SR")),),
            roles=POOL_OPERATOR,
            released="published midnight-ride",
        ),
        Message(
            "disable_redo_log",
            "Stop writing database changes to the redo log, without deleting its disk.",
            roles=POOL_OPERATOR,
            released="published midnight-ride",
        ),
        Message(
            "audit_log_append",
            "Add a line to the pool's audit log; for internal use.",
            (Param("line", STRING),),
            roles=POOL_ADMIN,
            documented=False,
            pool_internal=True,
            released="published midnight-ride",
        ),
        Message(
            "set_vswitch_controller",
            "Deprecated; set the IPv4 address of the virtual switch controller, or remove it if empty.",
            (Param("address", STRING),),
            roles=POOL_OPERATOR,
            released="published midnight-ride, extended cowley, deprecated falcon",
        ),
        Message(
            "test_archive_target",
            "Removed; it used to check that a VM backup archive location could be written to.",
            (
                Param("self", Ref("pool")),
                Param("config", STRING_MAP),
            ),
            result=STRING,
            roles=POOL_OPERATOR,
            has_async=False,
            released="published cowley",
        ),
        Message(
            "enable_local_storage_caching",
            "Turn on caching of VM disks on a suitable local SR of every host.",
            (Param("self", Ref("pool")),),
            roles=POOL_OPERATOR,
            released="published cowley",
        ),
        Message(
            "disable_local_storage_caching",
            "Turn off caching of VM disks on local storage on every host.",
            (Param("self", Ref("pool")),),
            roles=POOL_OPERATOR,
            released="published cowley",
        ),
        Message(
            "get_license_state",
            "Return the lowest edition among the hosts and its earliest expiry, never if it does not expire.",
            (Param("self", Ref("pool")),),
            result=STRING_MAP,
            released="published clearwater",
        ),
        Message(
            "apply_edition",
            "License all hosts for the named edition, returning them to their former ones if any fails.",
            (
                Param("self", Ref("pool")),
                Param("edition", STRING),
            ),
            roles=POOL_OPERATOR,
            released="published clearwater",
        ),
        Message(
            "enable_ssl_legacy",
            "Accept older TLS versions on every host; connections drop as each one changes over.",
            (Param("self", Ref("pool")),),
            roles=POOL_OPERATOR,
            released="published dundee",
        ),
        Message(
            "disable_ssl_legacy",
            "Refuse older TLS versions on every host; connections drop as each one changes over.",
            (Param("self", Ref("pool")),),
            roles=POOL_OPERATOR,
            released="published dundee",
        ),
        Message(
            "set_igmp_snooping_enabled",
            "Turn IGMP snooping on or off for the networks of every host; needs Open vSwitch.",
            (
                Param("self", Ref("pool")),
                Param("value", BOOL),
            ),
            roles=POOL_OPERATOR,
            released="published inverness",
        ),
        Message(
            "has_extension",
            "Tell whether an API extension of the given name is installed on all hosts.",
            (
                Param("self", Ref("pool")),
                Param("name", STRING),
            ),
            result=BOOL,
            roles=POOL_ADMIN,
            released="published dundee",
        ),
        Message(
            "add_to_guest_agent_config",
            "Set one guest agent option, auto_update_enabled or auto_update_url, for all guests.",
            (
                Param("self", Ref("pool")),
                Param("key", STRING),
                Param("value", STRING),
            ),
            roles=POOL_ADMIN,
            released="published dundee",
        ),
        Message(
            "remove_from_guest_agent_config",
            "Drop one guest agent option, so that guests fall back to their own default.",
            (
                Param("self", Ref("pool")),
                Param("key", STRING),
            ),
            roles=POOL_ADMIN,
            released="published dundee",
        ),
    )
