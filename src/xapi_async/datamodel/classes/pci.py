"""PCI: a PCI device, or one function of it, found in a host."""

from __future__ import annotations

from xapi_async.datamodel.language import RO_CONSTRUCTOR, RO_RUNTIME, RW, ApiClass, ClassFacts, Field
from xapi_async.datamodel.roles import POOL_OPERATOR
from xapi_async.datamodel.types import INT, NULL_REF, STRING, STRING_MAP, Ref, Set


class PCI(ApiClass):
    """A PCI device, or one function of it, found in a host."""

    FACTS = ClassFacts("PCI", released="published boston")
    uuid = Field(STRING, RO_RUNTIME, "Unique identifier of the PCI device record.", released="published boston")
    class_id = Field(
        STRING,
        RO_CONSTRUCTOR,
        "PCI class code as four hex digits; not sent to clients.",
        default="",
        internal=True,
        released="",
        unlisted_since="closed",
    )
    class_name = Field(
        STRING,
        RO_CONSTRUCTOR,
        "Kind of device in words, taken from the PCI id list.",
        default="",
        released="published boston",
    )
    vendor_id = Field(
        STRING,
        RO_CONSTRUCTOR,
        "Vendor number as four hex digits; not sent to clients.",
        default="",
        internal=True,
        released="",
        unlisted_since="closed",
    )
    vendor_name = Field(
        STRING,
        RO_CONSTRUCTOR,
        "Maker of the device, taken from the PCI id list.",
        default="",
        released="published boston",
    )
    device_id = Field(
        STRING,
        RO_CONSTRUCTOR,
        "Device number as four hex digits; not sent to clients.",
        default="",
        internal=True,
        released="",
        unlisted_since="closed",
    )
    device_name = Field(
        STRING,
        RO_CONSTRUCTOR,
        "Model of the device, taken from the PCI id list.",
        default="",
        released="published boston",
    )
    host = Field(
        Ref("host"), RO_CONSTRUCTOR, "Host in which the device sits.", default=NULL_REF, released="published boston"
    )
    pci_id = Field(
        STRING,
        RO_CONSTRUCTOR,
        "Bus address as domain:bus:device.function in lower-case hex, such as 0000:04:00.0.",
        default="",
        released="published boston",
    )
    functions = Field(
        INT,
        RO_RUNTIME,
        "Number of functions, 1 in every record; not sent to clients.",
        default=1,
        internal=True,
        released="",
        unlisted_since="closed",
    )
    virtual_functions = Field(
        Set(Ref("PCI")),
        RO_RUNTIME,
        "SR-IOV virtual functions that this physical function offers; not sent to clients.",
        internal=True,
        released="published falcon",
    )
    physical_function = Field(
        Ref("PCI"),
        RO_CONSTRUCTOR,
        "Physical function behind an SR-IOV virtual function, otherwise NULL; not sent to clients.",
        default=NULL_REF,
        internal=True,
        released="published falcon",
    )
    attached_VMs = Field(
        Set(Ref("VM")),
        RO_RUNTIME,
        "Running VMs into which the device is plugged; not sent to clients.",
        internal=True,
        released="",
        unlisted_since="closed",
    )
    dependencies = Field(
        Set(Ref("PCI")),
        RO_RUNTIME,
        "Other functions in the same slot, which move together with this one.",
        foreign_key=False,
        released="published boston",
    )
    other_config = Field(
        STRING_MAP,
        RW,
        "Free key-value pairs for clients, empty at first.",
        default={},
        setter_roles=POOL_OPERATOR,
        released="published boston",
    )
    subsystem_vendor_id = Field(
        STRING,
        RO_CONSTRUCTOR,
        "Subsystem vendor number as four hex digits; not sent to clients.",
        default="",
        internal=True,
        released="",
        unlisted_since="closed",
    )
    subsystem_vendor_name = Field(
        STRING,
        RO_CONSTRUCTOR,
        "Maker of the card around the chip; empty when the device names none.",
        default="",
        released="published clearwater-whetstone",
    )
    subsystem_device_id = Field(
        STRING,
        RO_CONSTRUCTOR,
        "Subsystem device number as four hex digits; not sent to clients.",
        default="",
        internal=True,
        released="",
        unlisted_since="closed",
    )
    subsystem_device_name = Field(
        STRING,
        RO_CONSTRUCTOR,
        "Model of the card around the chip; empty when the device names none.",
        default="",
        released="published clearwater-whetstone",
    )
    scheduled_to_be_attached_to = Field(
        Ref("VM"),
        RO_RUNTIME,
        "Starting VM for which the device is reserved, or NULL; not sent to clients.",
        default=NULL_REF,
        internal=True,
        released="published falcon",
    )
