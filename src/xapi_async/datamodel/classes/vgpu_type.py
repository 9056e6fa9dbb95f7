"""VGPU_type: a kind of virtual GPU that some graphics card in the pool can offer."""

from __future__ import annotations

from xapi_async.datamodel.enums import VGPU_TYPE_IMPLEMENTATION
from xapi_async.datamodel.language import RO_CONSTRUCTOR, RO_RUNTIME, ApiClass, ClassFacts, Field
from xapi_async.datamodel.types import BOOL, INT, STRING, STRING_MAP, Ref, Set


class VGPUType(ApiClass):
    """A kind of virtual GPU that some graphics card in the pool can offer."""

    FACTS = ClassFacts("VGPU_type", released="published vgpu-tech-preview")
    uuid = Field(
        STRING, RO_RUNTIME, "Unique identifier of the virtual GPU type.", released="published vgpu-tech-preview"
    )
    vendor_name = Field(
        STRING,
        RO_CONSTRUCTOR,
        "Maker of the card; empty for the passthrough type.",
        default="",
        released="published vgpu-tech-preview",
    )
    model_name = Field(
        STRING,
        RO_CONSTRUCTOR,
        "Vendor's name for the type, or passthrough.",
        default="",
        released="published vgpu-tech-preview",
    )
    framebuffer_size = Field(
        INT,
        RO_CONSTRUCTOR,
        "Graphics memory that each one gets, in bytes; 0 for passthrough.",
        default=0,
        released="published vgpu-tech-preview",
    )
    max_heads = Field(
        INT,
        RO_CONSTRUCTOR,
        "Greatest number of screens; 0 if not known.",
        default=0,
        released="published vgpu-tech-preview",
    )
    max_resolution_x = Field(
        INT,
        RO_CONSTRUCTOR,
        "Greatest width of a screen in pixels; 0 if not known.",
        default=0,
        released="published vgpu-productisation",
    )
    max_resolution_y = Field(
        INT,
        RO_CONSTRUCTOR,
        "Greatest height of a screen in pixels; 0 if not known.",
        default=0,
        released="published vgpu-productisation",
    )
    size = Field(
        INT,
        RO_CONSTRUCTOR,
        "Share of a card's 1048576 units that one takes; not sent to clients.",
        default=0,
        internal=True,
        released="published vgpu-tech-preview",
    )
    supported_on_PGPUs = Field(
        Set(Ref("PGPU")), RO_RUNTIME, "Cards that are able to run this type.", released="published vgpu-tech-preview"
    )
    enabled_on_PGPUs = Field(
        Set(Ref("PGPU")), RO_RUNTIME, "Cards on which VMs may use this type.", released="published vgpu-tech-preview"
    )
    VGPUs = Field(
        Set(Ref("VGPU")), RO_RUNTIME, "Virtual GPUs that are of this type.", released="published vgpu-tech-preview"
    )
    internal_config = Field(
        STRING_MAP,
        RO_CONSTRUCTOR,
        "Settings handed to the device model; not sent to clients.",
        default={},
        internal=True,
        released="published vgpu-tech-preview",
    )
    supported_on_GPU_groups = Field(
        Set(Ref("GPU_group")),
        RO_RUNTIME,
        "Groups with at least one card able to run this type.",
        released="published vgpu-productisation",
    )
    enabled_on_GPU_groups = Field(
        Set(Ref("GPU_group")),
        RO_RUNTIME,
        "Groups with at least one card on which this type is enabled.",
        released="published vgpu-productisation",
    )
    implementation = Field(
        VGPU_TYPE_IMPLEMENTATION,
        RO_CONSTRUCTOR,
        "Technique behind the type, such as passthrough of the card or a vendor's sharing scheme.",
        default="passthrough",
        released="published dundee",
    )
    identifier = Field(
        STRING,
        RO_CONSTRUCTOR,
        "Key telling one type from every other, the same on all hosts.",
        default="",
        released="published dundee",
    )
    experimental = Field(
        BOOL,
        RO_CONSTRUCTOR,
        "True when the vendor does not yet declare the type fit for production.",
        default=False,
        released="published dundee",
    )
