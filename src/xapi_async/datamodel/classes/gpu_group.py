"""GPU_group: a set of like graphics cards in the pool, from which virtual GPUs are taken."""

from __future__ import annotations

from xapi_async.datamodel.enums import ALLOCATION_ALGORITHM
from xapi_async.datamodel.language import RO_RUNTIME, RW, ApiClass, ClassFacts, Field, Message, Param
from xapi_async.datamodel.roles import POOL_OPERATOR
from xapi_async.datamodel.types import INT, STRING, STRING_MAP, STRING_SET, Ref, Set


class GPUGroup(ApiClass):
    """A set of like graphics cards in the pool, from which virtual GPUs are taken."""

    FACTS = ClassFacts("GPU_group", released="published boston")
    uuid = Field(STRING, RO_RUNTIME, "Unique identifier of the GPU group.", released="published boston")
    name_label = Field(
        STRING,
        RW,
        "Name of the group, for people to read.",
        default="",
        setter_roles=POOL_OPERATOR,
        released="published boston",
    )
    name_description = Field(
        STRING,
        RW,
        "Longer text about the group, for people to read.",
        default="",
        setter_roles=POOL_OPERATOR,
        released="published boston",
    )
    PGPUs = Field(Set(Ref("PGPU")), RO_RUNTIME, "Graphics cards that belong to the group.", released="published boston")
    VGPUs = Field(Set(Ref("VGPU")), RO_RUNTIME, "Virtual GPUs that draw on this group.", released="published boston")
    GPU_types = Field(
        STRING_SET,
        RO_RUNTIME,
        "Kinds of card accepted, each as VENDORID/DEVICEID; empty until a first card is added.",
        default=(),
        released="published boston",
    )
    other_config = Field(
        STRING_MAP,
        RW,
        "Free key-value pairs for clients.",
        default={},
        setter_roles=POOL_OPERATOR,
        released="published boston",
    )
    allocation_algorithm = Field(
        ALLOCATION_ALGORITHM,
        RW,
        "Order in which cards are filled: one after the other, or spread out.",
        default="depth_first",
        setter_roles=POOL_OPERATOR,
        released="published vgpu-tech-preview",
    )
    supported_VGPU_types = Field(
        Set(Ref("VGPU_type")),
        RO_RUNTIME,
        "Types that at least one card of the group is able to run.",
        released="published vgpu-productisation",
    )
    enabled_VGPU_types = Field(
        Set(Ref("VGPU_type")),
        RO_RUNTIME,
        "Types that are enabled on at least one card of the group.",
        released="published vgpu-productisation",
    )

    MESSAGES = (
        Message(
            "create",
            "Create an empty GPU group, which fills cards one after the other, and return it.",
            (
                Param("name_label", STRING, ""),
                Param("name_description", STRING, ""),
                Param("other_config", STRING_MAP, {}),
            ),
            result=Ref("GPU_group"),
            roles=POOL_OPERATOR,
            released="published boston",
        ),
        Message(
            "destroy",
            "Remove a group that has no cards, along with any unattached virtual GPUs left in it.",
            (Param("self", Ref("GPU_group")),),
            roles=POOL_OPERATOR,
            released="published boston",
        ),
        Message(
            "update_enabled_VGPU_types",
            "Recompute the group's enabled types from its cards; for the server's own use.",
            (Param("self", Ref("GPU_group")),),
            roles=POOL_OPERATOR,
            documented=False,
            released="published vgpu-productisation",
        ),
        Message(
            "update_supported_VGPU_types",
            "Recompute the group's supported types from its cards; for the server's own use.",
            (Param("self", Ref("GPU_group")),),
            roles=POOL_OPERATOR,
            documented=False,
            released="published vgpu-productisation",
        ),
        Message(
            "get_remaining_capacity",
            "Return how many more virtual GPUs of the given type fit on all the group's cards together.",
            (
                Param("self", Ref("GPU_group")),
                Param("vgpu_type", Ref("VGPU_type")),
            ),
            result=INT,
            released="published vgpu-tech-preview",
        ),
    )
