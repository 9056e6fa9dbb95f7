"""VBD: a virtual block device: the link by which a virtual machine uses a disk or CD drive."""

from __future__ import annotations

from xapi_async.datamodel.enums import VBD_MODE, VBD_OPERATIONS, VBD_TYPE
from xapi_async.datamodel.language import RO_CONSTRUCTOR, RO_RUNTIME, RW, ApiClass, ClassFacts, Field, Message, Param
from xapi_async.datamodel.roles import VM_ADMIN, VM_OPERATOR
from xapi_async.datamodel.types import BOOL, INT, STRING, STRING_MAP, STRING_SET, Map, Ref, Set


class VBD(ApiClass):
    """A virtual block device: the link by which a virtual machine uses a disk or CD drive."""

    FACTS = ClassFacts("VBD", constructor_destructor=True, create_roles=VM_ADMIN)
    uuid = Field(STRING, RO_RUNTIME, "Permanent identifier of this block device.")
    allowed_operations = Field(
        Set(VBD_OPERATIONS),
        RO_RUNTIME,
        "Operations that the server would accept for this device at the moment.",
        default=(),
        persist=False,
    )
    current_operations = Field(
        Map(STRING, VBD_OPERATIONS),
        RO_RUNTIME,
        "Operations now under way on the device, keyed by task reference.",
        default={},
        persist=False,
    )
    VM = Field(Ref("VM"), RO_CONSTRUCTOR, "Virtual machine that owns the device.")
    VDI = Field(Ref("VDI"), RO_CONSTRUCTOR, "Disk image in the device; NULL when a drive is empty.")
    device = Field(STRING, RO_RUNTIME, "Name inside the guest, such as xvda; empty until first attached.")
    userdevice = Field(STRING, RW, "Position asked for at creation, as a number or device name.", setter_roles=VM_ADMIN)
    bootable = Field(BOOL, RW, "Whether the VM can boot from the device.", setter_roles=VM_ADMIN)
    mode = Field(
        VBD_MODE,
        RW,
        "Whether the disk is attached read-only or for reading and writing.",
        setter_roles=VM_ADMIN,
        setter_has_effect=True,
    )
    type = Field(VBD_TYPE, RW, "Whether the guest sees a disk, a CD drive or a floppy drive.", setter_roles=VM_ADMIN)
    unpluggable = Field(
        BOOL,
        RW,
        "Whether the device may be unplugged while the VM runs.",
        default=True,
        setter_roles=VM_ADMIN,
        released="published miami",
    )
    storage_lock = Field(BOOL, RO_RUNTIME, "Whether the device is locked at storage level; normally false.")
    empty = Field(BOOL, RO_CONSTRUCTOR, "True when the drive holds no medium.")
    reserved = Field(
        BOOL,
        RO_RUNTIME,
        "Whether the device is set aside for a VM about to use it; internal.",
        default=False,
        internal=True,
    )
    other_config = Field(
        STRING_MAP, RW, "Key and value pairs for clients and for special server options.", setter_roles=VM_ADMIN
    )
    currently_attached = Field(
        BOOL, RO_RUNTIME, "Whether the device is attached to its VM; stays true during a suspend."
    )
    status_code = Field(INT, RO_RUNTIME, "Code of the last attach or detach; zero means success.")
    status_detail = Field(STRING, RO_RUNTIME, "Text explaining the last attach or detach result; usually empty.")
    runtime_properties = Field(STRING_MAP, RO_RUNTIME, "Properties of the device as found while attached.")
    qos_algorithm_type = Field(
        STRING, RW, "Name of the I/O priority method, such as ionice; empty for none.", setter_roles=VM_ADMIN
    )
    qos_algorithm_params = Field(STRING_MAP, RW, "Settings of the chosen I/O priority method.", setter_roles=VM_ADMIN)
    qos_supported_algorithms = Field(
        STRING_SET, RO_RUNTIME, "Priority methods the device supports; always empty in this release."
    )
    metrics = Field(
        Ref("VBD_metrics"),
        RO_RUNTIME,
        "Removed; referred to throughput figures of the device.",
        released="removed tampa",
    )

    MESSAGES = (
        Message(
            "eject",
            "Take the medium out of the CD drive, leaving it empty.",
            (Param("vbd", Ref("VBD")),),
            roles=VM_OPERATOR,
            errors=(
                "VBD_NOT_REMOVABLE_MEDIA",
                "VBD_IS_EMPTY",
            ),
        ),
        Message(
            "insert",
            "Put a disk image into an empty CD drive.",
            (
                Param("vbd", Ref("VBD")),
                Param("vdi", Ref("VDI")),
            ),
            roles=VM_OPERATOR,
            errors=(
                "VBD_NOT_REMOVABLE_MEDIA",
                "VBD_NOT_EMPTY",
            ),
        ),
        Message("plug", "Attach the device to its running VM.", (Param("self", Ref("VBD")),), roles=VM_ADMIN),
        Message(
            "unplug",
            "Detach the device from its running VM with the guest's consent.",
            (Param("self", Ref("VBD")),),
            roles=VM_ADMIN,
            errors=(
                "DEVICE_DETACH_REJECTED",
                "DEVICE_ALREADY_DETACHED",
            ),
        ),
        Message(
            "unplug_force",
            "Detach the device from its running VM without asking the guest.",
            (Param("self", Ref("VBD")),),
            roles=VM_ADMIN,
        ),
        Message(
            "unplug_force_no_safety_check",
            "Detach the device without asking the guest; deprecated, same as unplug_force.",
            (Param("self", Ref("VBD")),),
            roles=VM_ADMIN,
            documented=False,
            released="published symc, deprecated ely",
        ),
        Message(
            "assert_attachable",
            "Raise an error if the device could not be attached to its VM.",
            (Param("self", Ref("VBD")),),
            roles=VM_ADMIN,
        ),
        Message(
            "pause",
            "Hold back the device's disk traffic and return a token for unpause; not supported.",
            (Param("self", Ref("VBD")),),
            result=STRING,
            roles=VM_ADMIN,
            documented=False,
            released="published symc",
        ),
        Message(
            "unpause",
            "Let disk traffic held back by a pause continue; not supported.",
            (
                Param("self", Ref("VBD")),
                Param("token", STRING, ""),
            ),
            roles=VM_ADMIN,
            documented=False,
            released="published symc",
        ),
    )
