"""What the licence means for hardware devices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from xapi_async.datamodel.classes.pool import Pool
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.reader import Reader


class _Feature(NamedTuple):
    """A licensed feature. restriction: what takes it away. is_named: whether its error says which it is."""

    restriction: str
    is_named: bool


FEATURES: Mapping[str, _Feature] = {
    "GPU": _Feature("restrict_gpu", is_named=False),
    "VGPU": _Feature("restrict_vgpu", is_named=True),
    "Integrated_GPU": _Feature("restrict_integrated_gpu_passthrough", is_named=False),
    "USB_passthrough": _Feature("restrict_usb_passthrough", is_named=True),
}


def require_feature(reader: Reader, feature: str) -> None:
    """Raise LICENCE_RESTRICTION [feature] or FEATURE_RESTRICTED [] where the pool's licence lacks a feature."""
    facts = FEATURES[feature]
    pool = next(iter(reader.all(Pool)), None)
    if pool is not None and pool.restrictions.get(facts.restriction, "true") != "true":
        return
    raise ApiError("LICENCE_RESTRICTION", feature) if facts.is_named else ApiError("FEATURE_RESTRICTED")
