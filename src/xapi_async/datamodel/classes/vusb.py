"""VUSB: a USB device given to a VM."""

from __future__ import annotations

from xapi_async.datamodel.enums import VUSB_OPERATIONS
from xapi_async.datamodel.language import RO_RUNTIME, RW, ApiClass, ClassFacts, Field, Message, Param
from xapi_async.datamodel.roles import POOL_ADMIN
from xapi_async.datamodel.types import BOOL, STRING, STRING_MAP, Map, Ref, Set


class VUSB(ApiClass):
    """A USB device given to a VM."""

    FACTS = ClassFacts("VUSB", released="published inverness")
    uuid = Field(STRING, RO_RUNTIME, "Unique identifier of the virtual USB device.", released="published inverness")
    allowed_operations = Field(
        Set(VUSB_OPERATIONS),
        RO_RUNTIME,
        "Operations that would be accepted now; empty just after creation.",
        default=(),
        persist=False,
    )
    current_operations = Field(
        Map(STRING, VUSB_OPERATIONS),
        RO_RUNTIME,
        "Operations in progress, each under the reference of its task.",
        default={},
        persist=False,
    )
    VM = Field(Ref("VM"), RO_RUNTIME, "VM that has the device.", released="published inverness")
    USB_group = Field(
        Ref("USB_group"), RO_RUNTIME, "Group whose physical device is passed on.", released="published inverness"
    )
    other_config = Field(
        STRING_MAP,
        RW,
        "Free key-value pairs for clients.",
        default={},
        setter_roles=POOL_ADMIN,
        released="published inverness",
    )
    currently_attached = Field(BOOL, RO_RUNTIME, "True while the device is plugged into the running VM.", default=False)

    MESSAGES = (
        Message(
            "create",
            "Give the device of a USB group to a VM, which sees it from its next start.",
            (
                Param("VM", Ref("VM")),
                Param("USB_group", Ref("USB_group")),
                Param("other_config", STRING_MAP, {}),
            ),
            result=Ref("VUSB"),
            roles=POOL_ADMIN,
            released="published inverness",
        ),
        Message(
            "unplug",
            "Detach the device from its running VM, keeping the record.",
            (Param("self", Ref("VUSB")),),
            roles=POOL_ADMIN,
            released="published inverness",
        ),
        Message(
            "destroy",
            "Remove the device from its VM; it must not be attached.",
            (Param("self", Ref("VUSB")),),
            roles=POOL_ADMIN,
            released="published inverness",
        ),
    )
