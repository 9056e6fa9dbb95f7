"""The names of bridges."""

from __future__ import annotations

from collections.abc import Iterator

from xapi_async.datamodel.classes.network import Network
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.reader import Reader

RESERVED_PREFIXES = ("xen", "xapi", "vif", "tap", "eth")
LONGEST_NAME = 15


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
