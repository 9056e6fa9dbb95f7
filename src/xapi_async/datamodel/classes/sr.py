"""SR: a storage repository, in which virtual disk images are kept."""

from __future__ import annotations

from xapi_async.datamodel.enums import STORAGE_OPERATIONS
from xapi_async.datamodel.language import RO_CONSTRUCTOR, RO_RUNTIME, RW, ApiClass, ClassFacts, Field, Message, Param
from xapi_async.datamodel.roles import POOL_OPERATOR, VM_OPERATOR, VM_POWER_ADMIN
from xapi_async.datamodel.types import BOOL, FLOAT, INT, NULL_REF, STRING, STRING_MAP, STRING_SET, Map, Record, Ref, Set


class SR(ApiClass):
    """A storage repository, in which virtual disk images are kept."""

    FACTS = ClassFacts("SR")
    uuid = Field(STRING, RO_RUNTIME, "Permanent identifier of this storage repository.")
    name_label = Field(STRING, RO_CONSTRUCTOR, "Display name of the repository; it need not be unique.", default="")
    name_description = Field(STRING, RO_CONSTRUCTOR, "Free text saying what the repository is for.", default="")
    allowed_operations = Field(
        Set(STORAGE_OPERATIONS),
        RO_RUNTIME,
        "Operations that the server would accept for this repository at the moment.",
        default=(),
        persist=False,
    )
    current_operations = Field(
        Map(STRING, STORAGE_OPERATIONS),
        RO_RUNTIME,
        "Operations now under way on the repository, keyed by task reference.",
        default={},
        persist=False,
    )
    VDIs = Field(Set(Ref("VDI")), RO_RUNTIME, "Disk images kept in this repository.")
    PBDs = Field(Set(Ref("PBD")), RO_RUNTIME, "Connections between this repository and individual hosts.")
    virtual_allocation = Field(INT, RO_RUNTIME, "Sum in bytes of the virtual sizes of all disks kept here.")
    physical_utilisation = Field(INT, RO_RUNTIME, "Bytes in use on the underlying storage; -1 if not known yet.")
    physical_size = Field(
        INT, RO_CONSTRUCTOR, "Total capacity in bytes of the underlying storage; -1 if not known yet."
    )
    type = Field(STRING, RO_CONSTRUCTOR, "Storage driver in use, for example lvm, nfs or iso.")
    content_type = Field(STRING, RO_CONSTRUCTOR, "What the repository holds, for instance user or iso.")
    shared = Field(BOOL, RO_RUNTIME, "Whether all hosts of the pool are meant to reach the repository.")
    other_config = Field(
        STRING_MAP,
        RW,
        "Key and value pairs for clients and for special server options.",
        setter_roles=POOL_OPERATOR,
        map_key_roles={"folder": VM_OPERATOR, "XenCenter.CustomFields.*": VM_OPERATOR},
    )
    tags = Field(
        STRING_SET,
        RW,
        "Labels set by users for grouping and searching.",
        default=(),
        setter_roles=VM_OPERATOR,
        released="published orlando",
    )
    default_vdi_visibility = Field(
        BOOL, RO_RUNTIME, "Whether disks found by a scan are shown to users; internal.", internal=True
    )
    sm_config = Field(
        STRING_MAP,
        RW,
        "Settings and state that the storage backend keeps for the repository.",
        default={},
        setter_roles=POOL_OPERATOR,
        released="published miami",
    )
    blobs = Field(
        Map(STRING, Ref("blob")),
        RO_RUNTIME,
        "Binary objects stored with the repository, by name.",
        default={},
        released="published orlando",
    )
    local_cache_enabled = Field(
        BOOL,
        RO_RUNTIME,
        "Whether a host uses the repository for local read caching.",
        default=False,
        released="published cowley",
    )
    introduced_by = Field(
        Ref("DR_task"),
        RO_RUNTIME,
        "Disaster recovery task that brought the repository in; NULL otherwise.",
        default=NULL_REF,
        released="published boston",
    )
    clustered = Field(
        BOOL,
        RO_RUNTIME,
        "Whether the storage uses a clustered file system.",
        default=False,
        released="published dundee",
    )
    is_tools_sr = Field(
        BOOL,
        RO_RUNTIME,
        "True for the repository with the guest tools ISO.",
        default=False,
        released="published dundee",
    )

    MESSAGES = (
        Message(
            "create",
            "Format new storage on the host, register it as a repository and connect it.",
            (
                Param("host", Ref("host")),
                Param("device_config", STRING_MAP),
                Param("physical_size", INT),
                Param("name_label", STRING),
                Param("name_description", STRING),
                Param("type", STRING),
                Param("content_type", STRING),
                Param("shared", BOOL),
                Param("sm_config", STRING_MAP, {}),
            ),
            result=Ref("SR"),
            roles=POOL_OPERATOR,
            errors=("SR_UNKNOWN_DRIVER",),
        ),
        Message(
            "introduce",
            "Register a repository that already exists on storage, without connecting any host to it.",
            (
                Param("uuid", STRING),
                Param("name_label", STRING),
                Param("name_description", STRING),
                Param("type", STRING),
                Param("content_type", STRING),
                Param("shared", BOOL),
                Param("sm_config", STRING_MAP, {}),
            ),
            result=Ref("SR"),
            roles=POOL_OPERATOR,
        ),
        Message(
            "make",
            "Create a repository and return its uuid; deprecated and always refused.",
            (
                Param("host", Ref("host")),
                Param("device_config", STRING_MAP),
                Param("physical_size", INT),
                Param("name_label", STRING),
                Param("name_description", STRING),
                Param("type", STRING),
                Param("content_type", STRING),
                Param("sm_config", STRING_MAP, {}),
            ),
            result=STRING,
            roles=POOL_OPERATOR,
            released="published rio, deprecated miami",
        ),
        Message(
            "destroy",
            "Erase an unplugged repository from storage and delete all records of it.",
            (Param("sr", Ref("SR")),),
            roles=POOL_OPERATOR,
            errors=("SR_HAS_PBD",),
        ),
        Message(
            "forget",
            "Delete the records of an unplugged repository and leave its data on storage.",
            (Param("sr", Ref("SR")),),
            roles=POOL_OPERATOR,
            errors=("SR_HAS_PBD",),
        ),
        Message(
            "update",
            "Read the repository's size and usage again from the backend.",
            (Param("sr", Ref("SR")),),
            roles=POOL_OPERATOR,
            released="published symc",
        ),
        Message(
            "get_supported_types",
            "List the names of the storage drivers that are installed.",
            result=STRING_SET,
            has_async=False,
        ),
        Message(
            "scan",
            "Compare the repository's contents with the database and correct the disk records.",
            (Param("sr", Ref("SR")),),
            roles=VM_POWER_ADMIN,
        ),
        Message(
            "probe",
            "Look for storage with the given settings and return what was found as XML.",
            (
                Param("host", Ref("host")),
                Param("device_config", STRING_MAP),
                Param("type", STRING),
                Param("sm_config", STRING_MAP, {}),
            ),
            result=STRING,
            roles=POOL_OPERATOR,
            released="published miami",
        ),
        Message(
            "set_shared",
            "Set whether the repository is meant for all hosts of the pool.",
            (
                Param("sr", Ref("SR")),
                Param("value", BOOL),
            ),
            roles=POOL_OPERATOR,
        ),
        Message(
            "set_name_label",
            "Change the display name of the repository; some host must be connected to it.",
            (
                Param("sr", Ref("SR")),
                Param("value", STRING),
            ),
            roles=POOL_OPERATOR,
        ),
        Message(
            "set_name_description",
            "Change the description of the repository; some host must be connected to it.",
            (
                Param("sr", Ref("SR")),
                Param("value", STRING),
            ),
            roles=POOL_OPERATOR,
        ),
        Message(
            "create_new_blob",
            "Create an empty binary object and attach it to the repository under a name.",
            (
                Param("sr", Ref("SR")),
                Param("name", STRING),
                Param("mime_type", STRING),
                Param("public", BOOL, False),
            ),
            result=Ref("blob"),
            roles=POOL_OPERATOR,
            released="published orlando",
        ),
        Message(
            "set_physical_size",
            "Record the total capacity in bytes; for storage backends only.",
            (
                Param("self", Ref("SR")),
                Param("value", INT),
            ),
            roles=POOL_OPERATOR,
            has_async=False,
            released="published miami",
        ),
        Message(
            "set_virtual_allocation",
            "Record the summed virtual disk sizes in bytes; for storage backends only.",
            (
                Param("self", Ref("SR")),
                Param("value", INT),
            ),
            roles=POOL_OPERATOR,
            has_async=False,
            released="published miami",
        ),
        Message(
            "set_physical_utilisation",
            "Record the bytes in use on storage; for storage backends only.",
            (
                Param("self", Ref("SR")),
                Param("value", INT),
            ),
            roles=POOL_OPERATOR,
            has_async=False,
            released="published miami",
        ),
        Message(
            "assert_can_host_ha_statefile",
            "Raise an error if the repository is unsuitable for the HA state file.",
            (Param("sr", Ref("SR")),),
            roles=POOL_OPERATOR,
            released="published orlando",
        ),
        Message(
            "assert_supports_database_replication",
            "Raise an error if the repository could not hold a copy of the pool database.",
            (Param("sr", Ref("SR")),),
            roles=POOL_OPERATOR,
            released="published boston",
        ),
        Message(
            "enable_database_replication",
            "Begin keeping a live copy of the pool database in the repository.",
            (Param("sr", Ref("SR")),),
            roles=POOL_OPERATOR,
            released="published boston",
        ),
        Message(
            "disable_database_replication",
            "Stop keeping the pool database in the repository and delete the copy.",
            (Param("sr", Ref("SR")),),
            roles=POOL_OPERATOR,
            released="published boston",
        ),
        Message(
            "get_data_sources",
            "List the statistics that can be recorded for the repository.",
            (Param("sr", Ref("SR")),),
            result=Set(Record("data_source")),
            has_async=False,
            released="published dundee",
        ),
        Message(
            "record_data_source",
            "Start keeping history for the named statistic of the repository.",
            (
                Param("sr", Ref("SR")),
                Param("data_source", STRING),
            ),
            roles=POOL_OPERATOR,
            has_async=False,
            released="published dundee",
        ),
        Message(
            "query_data_source",
            "Read the latest value of the named statistic of the repository.",
            (
                Param("sr", Ref("SR")),
                Param("data_source", STRING),
            ),
            result=FLOAT,
            has_async=False,
            released="published dundee",
        ),
        Message(
            "forget_data_source_archives",
            "Discard the recorded history of the named statistic of the repository.",
            (
                Param("sr", Ref("SR")),
                Param("data_source", STRING),
            ),
            roles=POOL_OPERATOR,
            has_async=False,
            released="published dundee",
        ),
    )
