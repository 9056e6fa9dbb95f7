"""Making the built-in templates' records from their data."""

from __future__ import annotations

from typing import Any

from xapi_async.datamodel.classes.vm import VM
from xapi_async.datamodel.classes.vm_metrics import VMMetrics
from xapi_async.datamodel.types import NULL_REF
from xapi_async.inventory.maker import Maker
from xapi_async.inventory.memory import GIB, MIB, domain_overhead
from xapi_async.inventory.templates import BASES, PLATFORM, TEMPLATES, Base, Template

IDLE: dict[int, float] = {0: 0.0}
"""What a domain without any use of its first CPU shows as VCPUs_utilisation."""


def create_templates(maker: Maker) -> dict[str, VM]:
    """Create the built-in templates; gives them by reference label."""
    import_task = maker.ref()  # of the import that brought them in, long gone
    return {template.label: _create(maker, template, import_task) for template in TEMPLATES}


def recommendations(template: Template) -> str:
    """The limits that clients should keep to, as XML."""
    base = BASES[template.base]
    rows = [
        _restriction(field="memory-static-max", max=template.memory_max * GIB),
        _restriction(field="vcpus-max", max=template.vcpus_max),
        _restriction(field="has-vendor-device", value="true" if base.vendor_device else "false"),
    ]
    if base.gpu:
        rows += [_restriction(field="allow-gpu-passthrough", value=1), _restriction(field="allow-vgpu", value=1)]
    rows += [_restriction(property="number-of-vbds", max=255), _restriction(property="number-of-vifs", max=7)]
    return f"<restrictions>{''.join(rows)}</restrictions>"


def disks_xml(template: Template) -> str:
    """The disks that provisioning makes, as XML; empty where there are none."""
    if not template.disk:
        return ""
    bootable = "true" if BASES[template.base].disk_boots else "false"
    size = template.disk * GIB
    return f'<provision><disk bootable="{bootable}" device="0" size="{size}" sr="" type="system"/></provision>'


def description(template: Template) -> str:
    """What the template is for, in words."""
    if template.label == "other-install-media":
        return "For installing any other operating system from its own media, without settings made for it"
    if BASES[template.base].hvm:
        return f"For VMs that run {template.name}, installed by booting from its media"
    return f"For VMs that run {template.name}, installed by loading the installer's kernel from a repository"


def common_fields(template: Template) -> dict[str, Any]:
    """Every field that a template and the VMs made from it have the same values in."""
    base = BASES[template.base]
    memory = 2 * template.memory_min * MIB
    return {
        **_EVERY_TEMPLATE,
        "reference_label": template.label,
        "memory_static_min": template.memory_min * MIB,
        "memory_static_max": memory,
        "memory_dynamic_min": memory,
        "memory_dynamic_max": memory,
        "memory_overhead": domain_overhead(memory, base.vcpus, base.shadow_multiplier, hvm=base.hvm),
        "VCPUs_max": base.vcpus,
        "VCPUs_at_startup": base.vcpus,
        "HVM_shadow_multiplier": base.shadow_multiplier,
        "recommendations": recommendations(template),
        "platform": {**PLATFORM, **base.platform},
        **(_hvm(base) if base.hvm else _pv(base, template)),
    }


def _create(maker: Maker, template: Template, import_task: str) -> VM:
    base = BASES[template.base]
    disks = disks_xml(template)
    return maker.create(
        VM,
        uuid=template.uuid,
        name_label=template.name,
        name_description=description(template),
        is_a_template=True,
        is_default_template=True,
        version=1,
        generation_id=base.generation_id,
        metrics=maker.create(VMMetrics, VCPUs_utilisation=IDLE).ref,
        other_config={
            **base.other_config,
            **template.other_config,
            **({"disks": disks} if disks else {}),
            "mac_seed": maker.uuid(),
            "default_template": "true",
            "import_task": import_task,
        },
        **common_fields(template),
    )


def _restriction(**attributes: object) -> str:
    written = " ".join(f'{name}="{value}"' for name, value in attributes.items())
    return f"<restriction {written}/>"


def _hvm(base: Base) -> dict[str, Any]:
    return {"HVM_boot_policy": "BIOS order", "HVM_boot_params": {"order": base.boot_order}}


def _pv(base: Base, template: Template) -> dict[str, Any]:
    return {"PV_bootloader": "eliloader", "PV_args": base.PV_args if template.PV_args is None else template.PV_args}


_EVERY_TEMPLATE: dict[str, Any] = {
    "power_state": "Halted",
    "user_version": 1,
    "domid": -1,
    "actions_after_shutdown": "destroy",
    "actions_after_reboot": "restart",
    "actions_after_crash": "restart",
    "suspend_VDI": NULL_REF,
    "guest_metrics": NULL_REF,
}
