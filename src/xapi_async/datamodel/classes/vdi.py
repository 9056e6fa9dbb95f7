"""VDI: a virtual disk image kept in a storage repository."""

from __future__ import annotations

from xapi_async.datamodel.enums import ON_BOOT, VDI_OPERATIONS, VDI_TYPE
from xapi_async.datamodel.language import RO_CONSTRUCTOR, RO_RUNTIME, RW, ApiClass, ClassFacts, Field, Message, Param
from xapi_async.datamodel.roles import POOL_OPERATOR, SUPERUSER, VM_ADMIN, VM_OPERATOR, VM_POWER_ADMIN
from xapi_async.datamodel.types import (
    BOOL,
    DATETIME,
    INT,
    NEVER,
    NULL_REF,
    STRING,
    STRING_MAP,
    STRING_SET,
    Map,
    Record,
    Ref,
    Set,
)


class VDI(ApiClass):
    """A virtual disk image kept in a storage repository."""

    FACTS = ClassFacts("VDI", constructor_destructor=True, create_roles=VM_ADMIN)
    uuid = Field(STRING, RO_RUNTIME, "Permanent identifier of this disk image.")
    name_label = Field(STRING, RO_CONSTRUCTOR, "Display name of the disk; it need not be unique.", default="")
    name_description = Field(STRING, RO_CONSTRUCTOR, "Free text saying what the disk is for.", default="")
    allowed_operations = Field(
        Set(VDI_OPERATIONS),
        RO_RUNTIME,
        "Operations that the server would accept for this disk at the moment.",
        default=(),
        persist=False,
    )
    current_operations = Field(
        Map(STRING, VDI_OPERATIONS),
        RO_RUNTIME,
        "Operations now under way on the disk, keyed by task reference.",
        default={},
        persist=False,
    )
    SR = Field(Ref("SR"), RO_CONSTRUCTOR, "Storage repository in which the disk is kept.")
    VBDs = Field(Set(Ref("VBD")), RO_RUNTIME, "Block devices that link this disk to virtual machines.")
    crash_dumps = Field(Set(Ref("crashdump")), RO_RUNTIME, "Crash dump records whose contents lie on this disk.")
    virtual_size = Field(INT, RO_CONSTRUCTOR, "Size of the disk in bytes as a guest sees it.")
    physical_utilisation = Field(INT, RO_RUNTIME, "Bytes that the disk actually takes up in its repository.")
    type = Field(VDI_TYPE, RO_CONSTRUCTOR, "Purpose of the disk, for instance system, user or suspend.")
    sharable = Field(BOOL, RO_CONSTRUCTOR, "Whether several VMs may have the disk attached for writing at once.")
    read_only = Field(BOOL, RO_CONSTRUCTOR, "Whether the disk can only be attached for reading.")
    other_config = Field(
        STRING_MAP,
        RW,
        "Key and value pairs for clients and for special server options.",
        setter_roles=VM_ADMIN,
        map_key_roles={"folder": VM_OPERATOR, "XenCenter.CustomFields.*": VM_OPERATOR},
    )
    storage_lock = Field(BOOL, RO_RUNTIME, "Whether the disk is locked at storage level; normally false.")
    location = Field(
        STRING,
        RO_RUNTIME,
        "Backend's own name for the disk, unique within its repository.",
        default="",
        released="published miami",
    )
    managed = Field(BOOL, RO_RUNTIME, "False for hidden images, such as shared parents, that clients cannot use.")
    missing = Field(BOOL, RO_RUNTIME, "True when the last scan could no longer find the disk's contents.")
    parent = Field(
        Ref("VDI"),
        RO_RUNTIME,
        "Deprecated link to a parent disk; always NULL.",
        released="published rio, deprecated ely",
    )
    xenstore_data = Field(
        STRING_MAP,
        RW,
        "Entries placed in xenstore for guests and backends when the disk is attached.",
        default={},
        setter_roles=VM_ADMIN,
        released="published miami",
    )
    sm_config = Field(
        STRING_MAP,
        RW,
        "Settings and state that the storage backend keeps for the disk.",
        default={},
        setter_roles=VM_ADMIN,
        released="published miami",
    )
    is_a_snapshot = Field(
        BOOL, RO_RUNTIME, "True when the disk is a snapshot of another.", default=False, released="published orlando"
    )
    snapshot_of = Field(
        Ref("VDI"),
        RO_RUNTIME,
        "Disk that a snapshot was taken from; NULL if not a snapshot.",
        default=NULL_REF,
        released="published orlando",
    )
    snapshots = Field(
        Set(Ref("VDI")), RO_RUNTIME, "All snapshots that have been taken of this disk.", released="published orlando"
    )
    snapshot_time = Field(
        DATETIME,
        RO_RUNTIME,
        "When the snapshot or clone was made; start of 1970 for other disks.",
        default=NEVER,
        released="published orlando",
    )
    tags = Field(
        STRING_SET,
        RW,
        "Labels set by users for grouping and searching.",
        default=(),
        setter_roles=VM_OPERATOR,
        released="published orlando",
    )
    allow_caching = Field(
        BOOL,
        RO_RUNTIME,
        "Whether reads may be cached on the host's local cache repository.",
        default=False,
        released="published cowley",
    )
    on_boot = Field(
        ON_BOOT,
        RO_RUNTIME,
        "Whether changes persist or are thrown away at each VM start.",
        default="persist",
        released="published cowley",
    )
    metadata_of_pool = Field(
        Ref("pool"),
        RO_RUNTIME,
        "Pool whose database copy the disk holds; NULL for ordinary disks.",
        default=NULL_REF,
        released="published boston",
    )
    metadata_latest = Field(
        BOOL,
        RO_RUNTIME,
        "Whether this disk holds the newest known database copy of its pool.",
        default=False,
        released="published boston",
    )
    is_tools_iso = Field(
        BOOL, RO_RUNTIME, "True for the ISO image with the guest tools.", default=False, released="published dundee"
    )
    cbt_enabled = Field(
        BOOL,
        RO_RUNTIME,
        "Whether changed blocks are being tracked on the disk.",
        default=False,
        released="published inverness",
    )
    held_by = Field(
        STRING_SET,
        RO_RUNTIME,
        "Hosts that have the disk attached outside of any VM, each with what for; not sent to clients.",
        default=(),
        internal=True,
        persist=False,
        released="",
    )

    MESSAGES = (
        Message(
            "snapshot",
            "Preserve the present contents of the disk as a snapshot in the same repository.",
            (
                Param("vdi", Ref("VDI")),
                Param("driver_params", STRING_MAP, {}),
            ),
            result=Ref("VDI"),
            roles=VM_ADMIN,
        ),
        Message(
            "clone",
            "Make a new writable disk that shares unchanged data with this one where possible.",
            (
                Param("vdi", Ref("VDI")),
                Param("driver_params", STRING_MAP, {}),
            ),
            result=Ref("VDI"),
            roles=VM_ADMIN,
        ),
        Message(
            "resize",
            "Enlarge the disk to the given size in bytes while no VM is using it.",
            (
                Param("vdi", Ref("VDI")),
                Param("size", INT),
            ),
            roles=VM_ADMIN,
        ),
        Message(
            "resize_online",
            "Removed; it used to enlarge a disk while a VM was using it.",
            (
                Param("vdi", Ref("VDI")),
                Param("size", INT),
            ),
            roles=VM_ADMIN,
            removed=True,
            released="published rio, removed inverness",
        ),
        Message(
            "introduce",
            "Register a disk that already exists on storage and run the backend's checks on it.",
            (
                Param("uuid", STRING),
                Param("name_label", STRING),
                Param("name_description", STRING),
                Param("SR", Ref("SR")),
                Param("type", VDI_TYPE),
                Param("sharable", BOOL),
                Param("read_only", BOOL),
                Param("other_config", STRING_MAP),
                Param("location", STRING),
                Param("xenstore_data", STRING_MAP, {}),
                Param("sm_config", STRING_MAP, {}),
                Param("managed", BOOL, True),
                Param("virtual_size", INT, 0),
                Param("physical_utilisation", INT, 0),
                Param("metadata_of_pool", Ref("pool"), NULL_REF),
                Param("is_a_snapshot", BOOL, False),
                Param("snapshot_time", DATETIME, NEVER),
                Param("snapshot_of", Ref("VDI"), NULL_REF),
            ),
            result=Ref("VDI"),
            roles=VM_ADMIN,
            errors=("SR_OPERATION_NOT_SUPPORTED",),
            released="published miami",
        ),
        Message(
            "pool_introduce",
            "Register an existing disk for the whole pool by database record only; internal.",
            (
                Param("uuid", STRING),
                Param("name_label", STRING),
                Param("name_description", STRING),
                Param("SR", Ref("SR")),
                Param("type", VDI_TYPE),
                Param("sharable", BOOL),
                Param("read_only", BOOL),
                Param("other_config", STRING_MAP),
                Param("location", STRING),
                Param("xenstore_data", STRING_MAP, {}),
                Param("sm_config", STRING_MAP, {}),
                Param("managed", BOOL, True),
                Param("virtual_size", INT, 0),
                Param("physical_utilisation", INT, 0),
                Param("metadata_of_pool", Ref("pool"), NULL_REF),
                Param("is_a_snapshot", BOOL, False),
                Param("snapshot_time", DATETIME, NEVER),
                Param("snapshot_of", Ref("VDI"), NULL_REF),
                Param("cbt_enabled", BOOL, False),
            ),
            result=Ref("VDI"),
            roles=VM_ADMIN,
            documented=False,
        ),
        Message(
            "db_introduce",
            "Add a disk's database record on behalf of a storage backend; internal.",
            (
                Param("uuid", STRING),
                Param("name_label", STRING),
                Param("name_description", STRING),
                Param("SR", Ref("SR")),
                Param("type", VDI_TYPE),
                Param("sharable", BOOL),
                Param("read_only", BOOL),
                Param("other_config", STRING_MAP),
                Param("location", STRING),
                Param("xenstore_data", STRING_MAP, {}),
                Param("sm_config", STRING_MAP, {}),
                Param("managed", BOOL, True),
                Param("virtual_size", INT, 0),
                Param("physical_utilisation", INT, 0),
                Param("metadata_of_pool", Ref("pool"), NULL_REF),
                Param("is_a_snapshot", BOOL, False),
                Param("snapshot_time", DATETIME, NEVER),
                Param("snapshot_of", Ref("VDI"), NULL_REF),
                Param("cbt_enabled", BOOL, False),
            ),
            result=Ref("VDI"),
            roles=VM_ADMIN,
        ),
        Message(
            "db_forget",
            "Delete a disk's database record on behalf of a storage backend; internal.",
            (Param("vdi", Ref("VDI")),),
            roles=VM_ADMIN,
            released="published miami",
        ),
        Message(
            "update",
            "Read the disk's size, names and other properties again from the backend.",
            (Param("vdi", Ref("VDI")),),
            roles=VM_ADMIN,
            errors=("SR_OPERATION_NOT_SUPPORTED",),
            released="published symc",
        ),
        Message(
            "copy",
            "Copy the disk in full, or only differences from a base, into another SR or disk.",
            (
                Param("vdi", Ref("VDI")),
                Param("sr", Ref("SR"), NULL_REF),
                Param("base_vdi", Ref("VDI"), NULL_REF),
                Param("into_vdi", Ref("VDI"), NULL_REF),
            ),
            result=Ref("VDI"),
            roles=VM_ADMIN,
            errors=(
                "VDI_READONLY",
                "VDI_TOO_SMALL",
                "VDI_NOT_SPARSE",
            ),
            released="published rio, extended cowley, extended clearwater-felton",
        ),
        Message(
            "force_unlock",
            "Break a stale storage lock on the disk; deprecated and always refused.",
            (Param("vdi", Ref("VDI")),),
            roles=VM_ADMIN,
            documented=False,
            released="published rio, deprecated miami",
        ),
        Message(
            "set_managed",
            "Record whether clients may use the disk; for storage backends only.",
            (
                Param("self", Ref("VDI")),
                Param("value", BOOL),
            ),
            roles=VM_ADMIN,
            has_async=False,
        ),
        Message(
            "forget",
            "Delete the disk's record but leave its contents on storage.",
            (Param("vdi", Ref("VDI")),),
            roles=VM_ADMIN,
        ),
        Message(
            "set_sharable",
            "Record whether several VMs may write to the disk; for storage backends only.",
            (
                Param("self", Ref("VDI")),
                Param("value", BOOL),
            ),
            roles=VM_ADMIN,
            has_async=False,
            released="published george",
        ),
        Message(
            "set_read_only",
            "Record whether the disk is read-only; for storage backends only.",
            (
                Param("self", Ref("VDI")),
                Param("value", BOOL),
            ),
            roles=VM_ADMIN,
            has_async=False,
        ),
        Message(
            "set_missing",
            "Record whether the disk's contents have disappeared; for storage backends only.",
            (
                Param("self", Ref("VDI")),
                Param("value", BOOL),
            ),
            roles=VM_ADMIN,
            has_async=False,
            released="published miami",
        ),
        Message(
            "set_virtual_size",
            "Record the size in bytes seen by guests; for storage backends only.",
            (
                Param("self", Ref("VDI")),
                Param("value", INT),
            ),
            roles=VM_ADMIN,
            has_async=False,
            released="published miami",
        ),
        Message(
            "set_physical_utilisation",
            "Record the bytes taken up on storage; for storage backends only.",
            (
                Param("self", Ref("VDI")),
                Param("value", INT),
            ),
            roles=VM_ADMIN,
            has_async=False,
            released="published miami",
        ),
        Message(
            "set_is_a_snapshot",
            "Record whether the disk is a snapshot; for storage backends only.",
            (
                Param("self", Ref("VDI")),
                Param("value", BOOL),
            ),
            roles=VM_ADMIN,
            has_async=False,
            released="published boston",
        ),
        Message(
            "set_snapshot_of",
            "Record which disk a snapshot was taken from; for storage backends only.",
            (
                Param("self", Ref("VDI")),
                Param("value", Ref("VDI")),
            ),
            roles=VM_ADMIN,
            has_async=False,
            released="published boston",
        ),
        Message(
            "set_snapshot_time",
            "Record when a snapshot was taken; for storage backends only.",
            (
                Param("self", Ref("VDI")),
                Param("value", DATETIME),
            ),
            roles=VM_ADMIN,
            has_async=False,
            released="published boston",
        ),
        Message(
            "set_metadata_of_pool",
            "Record whose pool database the disk holds; for storage backends only.",
            (
                Param("self", Ref("VDI")),
                Param("value", Ref("pool")),
            ),
            roles=VM_ADMIN,
            has_async=False,
            released="published boston",
        ),
        Message(
            "set_name_label",
            "Change the display name of the disk, in the database and on its storage.",
            (
                Param("self", Ref("VDI")),
                Param("value", STRING),
            ),
            roles=VM_ADMIN,
        ),
        Message(
            "set_name_description",
            "Change the description of the disk, in the database and on its storage.",
            (
                Param("self", Ref("VDI")),
                Param("value", STRING),
            ),
            roles=VM_ADMIN,
        ),
        Message(
            "generate_config",
            "Return opaque text with which a host can attach the disk without the database.",
            (
                Param("host", Ref("host")),
                Param("vdi", Ref("VDI")),
            ),
            result=STRING,
            roles=VM_ADMIN,
            documented=False,
            released="published orlando",
        ),
        Message(
            "set_on_boot",
            "Choose whether changes persist or are dropped at VM start; using VMs must be halted.",
            (
                Param("self", Ref("VDI")),
                Param("value", ON_BOOT),
            ),
            roles=VM_ADMIN,
            released="published cowley",
        ),
        Message(
            "set_allow_caching",
            "Choose whether the disk may use local read caching; using VMs must be halted.",
            (
                Param("self", Ref("VDI")),
                Param("value", BOOL),
            ),
            roles=VM_ADMIN,
            released="published cowley",
        ),
        Message(
            "open_database",
            "Load the pool database stored on a metadata disk and return a session on it.",
            (Param("self", Ref("VDI")),),
            result=Ref("session"),
            roles=POOL_OPERATOR,
            released="published boston",
        ),
        Message(
            "checksum",
            "Calculate the MD5 checksum of the disk's whole contents, in hexadecimal.",
            (Param("self", Ref("VDI")),),
            result=STRING,
            roles=VM_ADMIN,
            documented=False,
            released="published boston",
        ),
        Message(
            "read_database_pool_uuid",
            "Return the uuid of the pool whose database the disk holds, or empty if unknown.",
            (Param("self", Ref("VDI")),),
            result=STRING,
            released="published boston",
        ),
        Message(
            "pool_migrate",
            "Move a disk that a VM uses to another SR, even while running; returns the new disk.",
            (
                Param("vdi", Ref("VDI")),
                Param("sr", Ref("SR")),
                Param("options", STRING_MAP),
            ),
            result=Ref("VDI"),
            roles=VM_POWER_ADMIN,
            released="published tampa",
        ),
        Message(
            "enable_cbt",
            "Start tracking which blocks of the disk change.",
            (Param("self", Ref("VDI")),),
            roles=VM_ADMIN,
            errors=(
                "SR_OPERATION_NOT_SUPPORTED",
                "VDI_MISSING",
                "SR_NOT_ATTACHED",
                "SR_HAS_NO_PBDS",
                "OPERATION_NOT_ALLOWED",
                "VDI_INCOMPATIBLE_TYPE",
                "VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION",
            ),
            released="published inverness",
        ),
        Message(
            "disable_cbt",
            "Stop tracking changed blocks; does nothing if tracking is already off.",
            (Param("self", Ref("VDI")),),
            roles=VM_ADMIN,
            errors=(
                "SR_OPERATION_NOT_SUPPORTED",
                "VDI_MISSING",
                "SR_NOT_ATTACHED",
                "SR_HAS_NO_PBDS",
                "OPERATION_NOT_ALLOWED",
                "VDI_INCOMPATIBLE_TYPE",
                "VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION",
            ),
            released="published inverness",
        ),
        Message(
            "set_cbt_enabled",
            "Record whether changed blocks are tracked; for storage backends only.",
            (
                Param("self", Ref("VDI")),
                Param("value", BOOL),
            ),
            roles=SUPERUSER,
            documented=False,
            released="published inverness",
        ),
        Message(
            "data_destroy",
            "Erase a snapshot's contents but keep its record of changed blocks.",
            (Param("self", Ref("VDI")),),
            roles=VM_ADMIN,
            errors=(
                "SR_OPERATION_NOT_SUPPORTED",
                "VDI_MISSING",
                "SR_NOT_ATTACHED",
                "SR_HAS_NO_PBDS",
                "OPERATION_NOT_ALLOWED",
                "VDI_INCOMPATIBLE_TYPE",
                "VDI_NO_CBT_METADATA",
                "VDI_IN_USE",
                "VDI_IS_A_PHYSICAL_DEVICE",
            ),
            released="published inverness",
        ),
        Message(
            "list_changed_blocks",
            "Return a base64 bitmap of 64 KiB blocks changed between two disks of one chain.",
            (
                Param("vdi_from", Ref("VDI")),
                Param("vdi_to", Ref("VDI")),
            ),
            result=STRING,
            roles=VM_OPERATOR,
            errors=(
                "SR_OPERATION_NOT_SUPPORTED",
                "VDI_MISSING",
                "SR_NOT_ATTACHED",
                "SR_HAS_NO_PBDS",
                "VDI_IN_USE",
            ),
            released="published inverness",
        ),
        Message(
            "get_nbd_info",
            "List the addresses and certificates for reading the disk over a network block device link.",
            (Param("self", Ref("VDI")),),
            result=Set(Record("vdi_nbd_server_info")),
            roles=VM_ADMIN,
            errors=("VDI_INCOMPATIBLE_TYPE",),
            has_async=False,
            released="published inverness",
        ),
    )
