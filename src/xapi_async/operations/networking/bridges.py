"""The names of bridges."""

from __future__ import annotations

import re
from collections.abc import Iterator

from xapi_async.datamodel.classes.network import Network
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.reader import Reader

RESERVED_PREFIXES = ("xen", "xapi", "vif", "tap", "eth")
LONGEST_NAME = 15
INTERNAL_MANAGEMENT_BRIDGE = "xenapi"

_ETH = re.compile(r"eth(\d+)")


def bridge_for_card(device: str) -> str:
    """The bridge of the network that belongs to a card: ``eth0`` has ``xenbr0``."""
    match = _ETH.fullmatch(device)
    return f"xenbr{match[1]}" if match else f"br{device}"


def require_acceptable_bridge(name: str) -> None:
    """Raise INVALID_VALUE ["bridge", name] for names that are too long or that the server uses itself."""
    if len(name) > LONGEST_NAME or name.startswith(RESERVED_PREFIXES):
        raise ApiError("INVALID_VALUE", "bridge", name)


def is_bridge_used(reader: Reader, name: str) -> bool:
    """Whether some network has the bridge."""
    return any(network.bridge == name for network in reader.all(Network))


def fresh_bridge(reader: Reader, numbers: Iterator[int]) -> str:
    """The next name no network has. ``numbers`` only ever goes up, so no name comes back before a restart."""
    used = {network.bridge for network in reader.all(Network)}
    return next(name for number in numbers if (name := f"xapi{number}") not in used)
