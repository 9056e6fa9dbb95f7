"""VGPU: a virtual GPU of a VM, either a share of a graphics card or a whole one."""

from __future__ import annotations

from xapi_async.datamodel.language import RO_RUNTIME, RW, ApiClass, ClassFacts, Field, Message, Param
from xapi_async.datamodel.roles import POOL_OPERATOR, SUPERUSER
from xapi_async.datamodel.types import BOOL, NULL_REF, STRING, STRING_MAP, Ref


class VGPU(ApiClass):
    """A virtual GPU of a VM, either a share of a graphics card or a whole one."""

    FACTS = ClassFacts("VGPU", released="published boston")
    uuid = Field(STRING, RO_RUNTIME, "Unique identifier of the virtual GPU.", released="published boston")
    VM = Field(Ref("VM"), RO_RUNTIME, "VM that owns the virtual GPU.", released="published boston")
    GPU_group = Field(Ref("GPU_group"), RO_RUNTIME, "Group whose cards may provide it.", released="published boston")
    device = Field(
        STRING,
        RO_RUNTIME,
        'Position among the VM\'s virtual GPUs; always "0", as a VM has one at most.',
        default="0",
        released="published boston",
    )
    currently_attached = Field(
        BOOL,
        RO_RUNTIME,
        "True while the VM runs, or is suspended, with this virtual GPU.",
        default=False,
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
    type = Field(
        Ref("VGPU_type"),
        RO_RUNTIME,
        "Virtual GPU type, which decides the share of the card and the graphics memory.",
        default=NULL_REF,
        released="published vgpu-tech-preview",
    )
    resident_on = Field(
        Ref("PGPU"),
        RO_RUNTIME,
        "Graphics card that it runs on now, or NULL.",
        default=NULL_REF,
        released="published vgpu-tech-preview",
    )
    scheduled_to_be_resident_on = Field(
        Ref("PGPU"),
        RO_RUNTIME,
        "Graphics card reserved for it while its VM is starting, or NULL.",
        default=NULL_REF,
        released="published dundee",
    )
    compatibility_metadata = Field(
        STRING_MAP,
        RO_RUNTIME,
        "Data of the vendor's driver by which migration targets are compared; empty at first.",
        default={},
        released="published inverness",
    )

    MESSAGES = (
        Message(
            "create",
            "Give a halted VM a virtual GPU; a NULL type means passing a whole card through.",
            (
                Param("VM", Ref("VM")),
                Param("GPU_group", Ref("GPU_group")),
                Param("device", STRING, "0"),
                Param("other_config", STRING_MAP, {}),
                Param("type", Ref("VGPU_type"), NULL_REF),
            ),
            result=Ref("VGPU"),
            roles=POOL_OPERATOR,
            released="published boston",
        ),
        Message(
            "destroy",
            "Take the virtual GPU away from a VM that is not running.",
            (Param("self", Ref("VGPU")),),
            roles=POOL_OPERATOR,
            released="published boston",
        ),
        Message(
            "atomic_set_resident_on",
            "Record the card that it runs on and clear the reservation; for the server's own use.",
            (
                Param("self", Ref("VGPU")),
                Param("value", Ref("PGPU")),
            ),
            roles=SUPERUSER,
            documented=False,
            pool_internal=True,
            released="published dundee",
        ),
    )
