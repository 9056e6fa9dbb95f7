"""network: a virtual network that VMs connect to, linked to the outside world by PIFs or internal."""

from __future__ import annotations

from xapi_async.datamodel.enums import NETWORK_DEFAULT_LOCKING_MODE, NETWORK_OPERATIONS, NETWORK_PURPOSE
from xapi_async.datamodel.language import RO_CONSTRUCTOR, RO_RUNTIME, RW, ApiClass, ClassFacts, Field, Message, Param
from xapi_async.datamodel.roles import POOL_ADMIN, POOL_OPERATOR, VM_ADMIN, VM_OPERATOR, VM_POWER_ADMIN
from xapi_async.datamodel.types import BOOL, INT, STRING, STRING_MAP, STRING_SET, Map, Ref, Set


class Network(ApiClass):
    """A virtual network that VMs connect to, linked to the outside world by PIFs or internal."""

    FACTS = ClassFacts("network", constructor_destructor=True, create_roles=VM_ADMIN)
    uuid = Field(STRING, RO_RUNTIME, "Unique identifier of this network.")
    name_label = Field(
        STRING,
        RW,
        "Display name of the network; several networks may share one.",
        default="",
        setter_roles=POOL_OPERATOR,
    )
    name_description = Field(STRING, RW, "Longer free text about the network.", default="", setter_roles=POOL_OPERATOR)
    allowed_operations = Field(
        Set(NETWORK_OPERATIONS),
        RO_RUNTIME,
        "Operations the network would accept at present; always empty.",
        default=(),
        persist=False,
    )
    current_operations = Field(
        Map(STRING, NETWORK_OPERATIONS),
        RO_RUNTIME,
        "Operations in progress, keyed by the task performing each; always empty.",
        default={},
        persist=False,
    )
    VIFs = Field(Set(Ref("VIF")), RO_RUNTIME, "Virtual interfaces of VMs that are connected to this network.")
    PIFs = Field(
        Set(Ref("PIF")), RO_RUNTIME, "Host interfaces on this network, at most one per host; none if internal."
    )
    MTU = Field(
        INT,
        RW,
        "Largest packet size in bytes; takes effect when interfaces are next plugged.",
        default=1500,
        setter_roles=VM_ADMIN,
        released="published midnight-ride",
    )
    other_config = Field(
        STRING_MAP,
        RW,
        "Free key/value pairs for clients and extensions, some of them altering how the network is set up.",
        setter_roles=POOL_OPERATOR,
        map_key_roles={
            "folder": VM_OPERATOR,
            "XenCenter.CustomFields.*": VM_OPERATOR,
            "XenCenterCreateInProgress": VM_OPERATOR,
        },
    )
    bridge = Field(
        STRING,
        RO_CONSTRUCTOR,
        "Name of the bridge that implements the network on every host.",
        default="",
        released="published rio, changed falcon",
    )
    managed = Field(
        BOOL,
        RO_CONSTRUCTOR,
        "True if the server creates the bridge; false if it is maintained outside.",
        default=True,
        released="published falcon",
    )
    blobs = Field(
        Map(STRING, Ref("blob")),
        RO_RUNTIME,
        "Binary objects attached to the network, keyed by their name.",
        default={},
        released="published orlando",
    )
    tags = Field(
        STRING_SET,
        RW,
        "Words users attach to the network for searching and grouping.",
        default=(),
        setter_roles=VM_OPERATOR,
        released="published orlando",
    )
    default_locking_mode = Field(
        NETWORK_DEFAULT_LOCKING_MODE,
        RO_RUNTIME,
        "Whether VIFs that follow the network's default pass traffic or are blocked.",
        default="unlocked",
        released="published tampa",
    )
    assigned_ips = Field(
        Map(Ref("VIF"), STRING),
        RO_RUNTIME,
        "Addresses handed out on the host internal management network, by VIF.",
        default={},
        released="published creedence",
    )
    purpose = Field(
        Set(NETWORK_PURPOSE),
        RO_RUNTIME,
        "Special uses of the network, such as serving disks over NBD.",
        default=(),
        released="published inverness",
    )

    MESSAGES = (
        Message(
            "attach",
            "Bring the network up on a host; normally this happens by itself when a VM needs it.",
            (
                Param("network", Ref("network")),
                Param("host", Ref("host")),
            ),
            roles=POOL_OPERATOR,
            documented=False,
            released="published miami",
        ),
        Message(
            "pool_introduce",
            "Create a network record with all its values given; for use between pool members.",
            (
                Param("name_label", STRING),
                Param("name_description", STRING),
                Param("MTU", INT),
                Param("other_config", STRING_MAP),
                Param("bridge", STRING),
                Param("managed", BOOL),
                Param("purpose", Set(NETWORK_PURPOSE)),
            ),
            result=Ref("network"),
            roles=POOL_OPERATOR,
            documented=False,
        ),
        Message(
            "create_new_blob",
            "Create an empty binary object and attach it to the network under the given name.",
            (
                Param("network", Ref("network")),
                Param("name", STRING),
                Param("mime_type", STRING),
                Param("public", BOOL, False),
            ),
            result=Ref("blob"),
            roles=POOL_OPERATOR,
            released="published orlando",
        ),
        Message(
            "set_default_locking_mode",
            "Choose how VIFs without their own locking mode behave; none may be attached at the time.",
            (
                Param("network", Ref("network")),
                Param("value", NETWORK_DEFAULT_LOCKING_MODE),
            ),
            roles=POOL_OPERATOR,
            released="published tampa",
        ),
        Message(
            "attach_for_vm",
            "Bring up on a host every network that a VM needs; internal use.",
            (
                Param("host", Ref("host")),
                Param("vm", Ref("VM")),
            ),
            roles=VM_POWER_ADMIN,
            documented=False,
            released="published tampa",
        ),
        Message(
            "detach_for_vm",
            "Release on a host the networks brought up for a VM; internal use.",
            (
                Param("host", Ref("host")),
                Param("vm", Ref("VM")),
            ),
            roles=VM_POWER_ADMIN,
            documented=False,
            released="published tampa",
        ),
        Message(
            "add_purpose",
            "Mark the network for a special use; nbd and insecure_nbd cannot both occur in a pool.",
            (
                Param("self", Ref("network")),
                Param("value", NETWORK_PURPOSE),
            ),
            roles=POOL_ADMIN,
            errors=("NETWORK_INCOMPATIBLE_PURPOSES",),
            released="published inverness",
        ),
        Message(
            "remove_purpose",
            "Drop one special use from the network; nothing happens if it was not set.",
            (
                Param("self", Ref("network")),
                Param("value", NETWORK_PURPOSE),
            ),
            roles=POOL_ADMIN,
            released="published inverness",
        ),
    )
