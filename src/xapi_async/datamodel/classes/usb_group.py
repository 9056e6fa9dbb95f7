"""USB_group: the link between a physical USB device and the VM that is to have it."""

from __future__ import annotations

from xapi_async.datamodel.language import RO_RUNTIME, RW, ApiClass, ClassFacts, Field, Message, Param
from xapi_async.datamodel.roles import POOL_ADMIN
from xapi_async.datamodel.types import STRING, STRING_MAP, Ref, Set


class USBGroup(ApiClass):
    """The link between a physical USB device and the VM that is to have it."""

    FACTS = ClassFacts("USB_group", released="published inverness")
    uuid = Field(STRING, RO_RUNTIME, "Unique identifier of the USB group.", released="published inverness")
    name_label = Field(
        STRING,
        RW,
        "Name of the group, for people to read.",
        default="",
        setter_roles=POOL_ADMIN,
        released="published inverness",
    )
    name_description = Field(
        STRING,
        RW,
        "Longer text about the group, for people to read.",
        default="",
        setter_roles=POOL_ADMIN,
        released="published inverness",
    )
    PUSBs = Field(
        Set(Ref("PUSB")), RO_RUNTIME, "Physical USB devices that belong to the group.", released="published inverness"
    )
    VUSBs = Field(
        Set(Ref("VUSB")),
        RO_RUNTIME,
        "Virtual USB devices that draw on this group; one at most.",
        released="published inverness",
    )
    other_config = Field(
        STRING_MAP,
        RW,
        "Free key-value pairs for clients.",
        default={},
        setter_roles=POOL_ADMIN,
        released="published inverness",
    )

    MESSAGES = (
        Message(
            "create",
            "Create a USB group with no devices in it and return it.",
            (
                Param("name_label", STRING, ""),
                Param("name_description", STRING, ""),
                Param("other_config", STRING_MAP, {}),
            ),
            result=Ref("USB_group"),
            roles=POOL_ADMIN,
            released="published inverness",
        ),
        Message(
            "destroy",
            "Remove a group that has no physical devices, along with any unattached virtual ones.",
            (Param("self", Ref("USB_group")),),
            roles=POOL_ADMIN,
            released="published inverness",
        ),
    )
