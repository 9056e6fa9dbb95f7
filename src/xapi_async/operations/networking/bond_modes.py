"""The modes of bonds: which properties each has, and what they may be."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from xapi_async.operations.networking.checks import bad_property


@dataclass(frozen=True)
class BondProperty:
    """A property of a mode. values: a pattern the whole text has to fit. default: what it is unless given."""

    values: str
    default: str | None = None


PROPERTIES: Mapping[str, Mapping[str, BondProperty]] = {
    "balance-slb": {},
    "active-backup": {},
    "lacp": {
        "hashing_algorithm": BondProperty("src_mac|tcpudp_ports", "tcpudp_ports"),
        "lacp-time": BondProperty("fast|slow", "slow"),
        "lacp-aggregation-key": BondProperty(r"-?[0-9]+"),
        "lacp-fallback-ab": BondProperty("true|false", "true"),
    },
}


def require_valid(mode: str, key: str, value: str) -> None:
    """Raise INVALID_VALUE ["properties", "KEY = VALUE"] where the mode has no such property or value."""
    if not is_valid(mode, key, value):
        raise bad_property(key, value)


def is_valid(mode: str, key: str, value: str) -> bool:
    """Whether a mode may have this property with this value."""
    known = PROPERTIES[mode].get(key)
    return known is not None and re.fullmatch(known.values, value) is not None


def completed(mode: str, properties: Mapping[str, str]) -> dict[str, str]:
    """Those of the properties that are valid in the mode, and the defaults of those missing."""
    kept = {key: value for key, value in properties.items() if is_valid(mode, key, value)}
    defaults = {key: known.default for key, known in PROPERTIES[mode].items() if known.default is not None}
    return {**kept, **{key: value for key, value in defaults.items() if key not in kept}}
