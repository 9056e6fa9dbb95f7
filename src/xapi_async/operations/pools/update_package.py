"""What the package of an update says of it: the file ``update.xml`` on its disk.

Beside what the API knows, a package for simulated hosts may say what real ones find out by running its control
part: ``<requires>`` and ``<conflicts>`` with uuids of updates, ``<server-version>``, and ``<live-patch>`` with
``complete`` or ``incomplete``.
"""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree.ElementTree import Element

from xapi_async.datamodel.enums import UPDATE_AFTER_APPLY_GUIDANCE
from xapi_async.datamodel.errors import ApiError
from xapi_async.operations.pools.iso9660 import NotIsoError, read_file
from xapi_async.operations.pools.small_xml import parse_xml
from xapi_async.storage.driver import Image

FILE = "update.xml"
TRUE = frozenset({"true", "yes", "1"})
LIVE_PATCHES = {"complete": "ok_livepatch_complete", "incomplete": "ok_livepatch_incomplete"}
NO_LIVE_PATCH = "ok"


@dataclass(frozen=True)
class Package:
    """An update as its package describes it. size: bytes it takes up where it is installed."""

    uuid: str
    name: str
    description: str
    version: str
    key: str = ""
    size: int = 0
    guidance: tuple[str, ...] = ()
    enforce_homogeneity: bool = False
    control: str = ""
    requires: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    server_version: str = ""
    live_patch: str = NO_LIVE_PATCH


async def read_package(image: Image) -> Package:
    """What a disk with a package says. Raises INVALID_UPDATE [text]."""
    try:
        text = await read_file(image, FILE)
    except (NotIsoError, OSError) as error:
        raise invalid(f"the disk could not be mounted: {error}") from error
    if text is None:
        raise invalid(f"there is no {FILE}")
    return parse(text)


def parse(text: bytes) -> Package:
    """What an ``update.xml`` says. Raises INVALID_UPDATE [text]."""
    try:
        root = parse_xml(text)
    except ValueError as error:
        raise invalid(f"{FILE} is not well-formed: {error}") from error
    if root.tag != "update":
        raise invalid(f"{FILE} does not describe an update")
    description = root.find("name-description")
    if description is None:
        raise invalid("name-description is missing")
    size = root.get("installation-size", "0")
    if not (size.isascii() and size.isdigit()):
        raise invalid(f"installation-size is no number: {size}")
    return Package(
        uuid=_required(root, "uuid"),
        name=_required(root, "name-label"),
        version=_required(root, "version"),
        description=(description.text or "").strip(),
        key=root.get("key", "").rpartition("/")[2],
        size=int(size),
        guidance=_guidance(root.get("after-apply-guidance", "")),
        enforce_homogeneity=root.get("enforce-homogeneity", "").lower() in TRUE,
        control=root.get("control", ""),
        requires=_texts(root, "requires"),
        conflicts=_texts(root, "conflicts"),
        server_version=next(iter(_texts(root, "server-version")), ""),
        live_patch=next((LIVE_PATCHES.get(text, NO_LIVE_PATCH) for text in _texts(root, "live-patch")), NO_LIVE_PATCH),
    )


def invalid(text: str) -> ApiError:
    """The error for a package that is not one."""
    return ApiError("INVALID_UPDATE", text)


def _required(root: Element, name: str) -> str:
    value = root.get(name)
    if not value:
        raise invalid(f"{name} is missing")
    return value


def _guidance(text: str) -> tuple[str, ...]:
    """What to restart; nothing at all where a part of it is unknown."""
    parts = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    return parts if all(part in UPDATE_AFTER_APPLY_GUIDANCE.values for part in parts) else ()


def _texts(root: Element, tag: str) -> tuple[str, ...]:
    return tuple(text for element in root.findall(tag) if (text := (element.text or "").strip()))
