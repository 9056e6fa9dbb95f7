"""PUSB: a USB device plugged into a host."""

from __future__ import annotations

from xapi_async.datamodel.language import RO_CONSTRUCTOR, RO_RUNTIME, RW, ApiClass, ClassFacts, Field, Message, Param
from xapi_async.datamodel.roles import POOL_ADMIN
from xapi_async.datamodel.types import BOOL, NULL_REF, STRING, STRING_MAP, Ref


class PUSB(ApiClass):
    """A USB device plugged into a host."""

    FACTS = ClassFacts("PUSB", released="published inverness")
    uuid = Field(STRING, RO_RUNTIME, "Unique identifier of the physical USB record.", released="published inverness")
    USB_group = Field(
        Ref("USB_group"),
        RO_CONSTRUCTOR,
        "Group made for the device; VMs get at the device through it.",
        default=NULL_REF,
        released="published inverness",
    )
    host = Field(
        Ref("host"),
        RO_CONSTRUCTOR,
        "Host into which the device is plugged.",
        default=NULL_REF,
        released="published inverness",
    )
    path = Field(
        STRING,
        RO_CONSTRUCTOR,
        "Port where it sits, as bus-port, such as 2-2.",
        default="",
        released="published inverness",
    )
    vendor_id = Field(
        STRING,
        RO_CONSTRUCTOR,
        "USB vendor number in hex, as the device reports it.",
        default="",
        released="published inverness",
    )
    vendor_desc = Field(
        STRING, RO_CONSTRUCTOR, "Name of the vendor; may be empty.", default="", released="published inverness"
    )
    product_id = Field(
        STRING,
        RO_CONSTRUCTOR,
        "USB product number in hex, as the device reports it.",
        default="",
        released="published inverness",
    )
    product_desc = Field(
        STRING, RO_CONSTRUCTOR, "Name of the product; may be empty.", default="", released="published inverness"
    )
    serial = Field(
        STRING,
        RO_CONSTRUCTOR,
        "Serial number of the device; empty if it has none.",
        default="",
        released="published inverness",
    )
    version = Field(
        STRING,
        RO_CONSTRUCTOR,
        "USB version that the device speaks, such as 1.10, 2.00 or 3.00.",
        default="",
        released="published inverness",
    )
    description = Field(
        STRING,
        RO_CONSTRUCTOR,
        "One line about the device, for people to read.",
        default="",
        released="published inverness",
    )
    passthrough_enabled = Field(
        BOOL,
        RO_RUNTIME,
        "True when a VM may be given the device; false for a new device.",
        default=False,
        released="published inverness",
    )
    other_config = Field(
        STRING_MAP,
        RW,
        "Free key-value pairs for clients, empty at first.",
        default={},
        setter_roles=POOL_ADMIN,
        released="published inverness",
    )

    MESSAGES = (
        Message(
            "scan",
            "Start looking for USB devices on a host, without waiting for the outcome.",
            (Param("host", Ref("host")),),
            roles=POOL_ADMIN,
            released="published inverness",
        ),
        Message(
            "set_passthrough_enabled",
            "Allow or forbid handing the device to VMs; allowing it stops the host using it as a disk.",
            (
                Param("self", Ref("PUSB")),
                Param("value", BOOL),
            ),
            roles=POOL_ADMIN,
            released="published inverness",
        ),
    )
