"""VGPU_type: the type that stands for a whole card, which is made when it is first asked for."""

from __future__ import annotations

from xapi_async.datamodel.classes.vgpu_type import VGPUType
from xapi_async.objects.transaction import Transaction

PASSTHROUGH = "0001:passthrough"
"""The identifier of the passthrough type."""


def passthrough_type(tx: Transaction) -> str:
    """The reference of the passthrough type; made where the pool has none."""
    existing = next((found for found in tx.all(VGPUType) if found.identifier == PASSTHROUGH), None)
    if existing is not None:
        return existing.ref
    return tx.create(VGPUType, model_name="passthrough", implementation="passthrough", identifier=PASSTHROUGH).ref
