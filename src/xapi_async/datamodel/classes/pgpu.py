"""PGPU: a graphics card in a host, usable whole or in shares by VMs."""

from __future__ import annotations

from xapi_async.datamodel.enums import PGPU_DOM0_ACCESS
from xapi_async.datamodel.language import RO_CONSTRUCTOR, RO_RUNTIME, RW, ApiClass, ClassFacts, Field, Message, Param
from xapi_async.datamodel.roles import POOL_OPERATOR
from xapi_async.datamodel.types import BOOL, INT, NULL_REF, STRING, STRING_MAP, Map, Ref, Set


class PGPU(ApiClass):
    """A graphics card in a host, usable whole or in shares by VMs."""

    FACTS = ClassFacts("PGPU", released="published boston")
    uuid = Field(STRING, RO_RUNTIME, "Unique identifier of the physical GPU record.", released="published boston")
    PCI = Field(
        Ref("PCI"), RO_CONSTRUCTOR, "PCI device that this card is.", default=NULL_REF, released="published boston"
    )
    GPU_group = Field(
        Ref("GPU_group"),
        RO_CONSTRUCTOR,
        "Group through which VMs get at this card.",
        default=NULL_REF,
        released="published boston",
    )
    host = Field(Ref("host"), RO_RUNTIME, "Host that holds the card.", default=NULL_REF, released="published boston")
    other_config = Field(
        STRING_MAP,
        RW,
        "Free key-value pairs for clients, empty at first.",
        default={},
        setter_roles=POOL_OPERATOR,
        released="published boston",
    )
    supported_VGPU_types = Field(
        Set(Ref("VGPU_type")),
        RO_RUNTIME,
        "Virtual GPU types that the card is able to run.",
        released="published vgpu-tech-preview",
    )
    enabled_VGPU_types = Field(
        Set(Ref("VGPU_type")),
        RO_RUNTIME,
        "Supported types that the administrator currently lets VMs use on this card.",
        released="published vgpu-tech-preview",
    )
    resident_VGPUs = Field(
        Set(Ref("VGPU")),
        RO_RUNTIME,
        "Virtual GPUs running on the card at the moment.",
        released="published vgpu-tech-preview",
    )
    size = Field(
        INT,
        RO_CONSTRUCTOR,
        "Capacity of the card in abstract units, 1048576; not sent to clients.",
        default=1048576,
        internal=True,
        released="published vgpu-tech-preview",
    )
    supported_VGPU_max_capacities = Field(
        Map(Ref("VGPU_type"), INT),
        RO_RUNTIME,
        "For each supported type, how many would fit on the empty card.",
        default={},
        released="published vgpu-productisation",
    )
    dom0_access = Field(
        PGPU_DOM0_ACCESS,
        RO_RUNTIME,
        "Whether the control domain may use the card, now and after a reboot.",
        default="enabled",
        released="published cream",
    )
    is_system_display_device = Field(
        BOOL,
        RO_RUNTIME,
        "True when the card drives the host's own text screen.",
        default=False,
        released="published cream",
    )
    compatibility_metadata = Field(
        STRING_MAP,
        RO_RUNTIME,
        "Data of the vendor's driver by which migration targets are compared; often empty.",
        default={},
        released="published inverness",
    )

    MESSAGES = (
        Message(
            "add_enabled_VGPU_types",
            "Allow VMs to use one more of the card's supported virtual GPU types.",
            (
                Param("self", Ref("PGPU")),
                Param("value", Ref("VGPU_type")),
            ),
            roles=POOL_OPERATOR,
            released="published vgpu-tech-preview",
        ),
        Message(
            "remove_enabled_VGPU_types",
            "Withdraw a virtual GPU type from use on the card; none of it may be running there.",
            (
                Param("self", Ref("PGPU")),
                Param("value", Ref("VGPU_type")),
            ),
            roles=POOL_OPERATOR,
            released="published vgpu-tech-preview",
        ),
        Message(
            "set_enabled_VGPU_types",
            "Replace the whole set of virtual GPU types that VMs may use on the card.",
            (
                Param("self", Ref("PGPU")),
                Param("value", Set(Ref("VGPU_type"))),
            ),
            roles=POOL_OPERATOR,
            released="published vgpu-tech-preview",
        ),
        Message(
            "set_GPU_group",
            "Move the card to another GPU group; nothing may be running on it.",
            (
                Param("self", Ref("PGPU")),
                Param("value", Ref("GPU_group")),
            ),
            roles=POOL_OPERATOR,
            released="published vgpu-tech-preview",
        ),
        Message(
            "get_remaining_capacity",
            "Return how many more virtual GPUs of the given type fit on the card now, 0 if none.",
            (
                Param("self", Ref("PGPU")),
                Param("vgpu_type", Ref("VGPU_type")),
            ),
            result=INT,
            released="published vgpu-tech-preview",
        ),
        Message(
            "enable_dom0_access",
            "Give the card back to the control domain, if need be at the next reboot; return the new state.",
            (Param("self", Ref("PGPU")),),
            result=PGPU_DOM0_ACCESS,
            roles=POOL_OPERATOR,
            released="published cream",
        ),
        Message(
            "disable_dom0_access",
            "Hide the card from the control domain, from the next reboot on; return the new state.",
            (Param("self", Ref("PGPU")),),
            result=PGPU_DOM0_ACCESS,
            roles=POOL_OPERATOR,
            released="published cream",
        ),
    )
