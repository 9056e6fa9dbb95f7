"""One step of a commit: what a transaction asks for, what lands, and what is told of it."""

from __future__ import annotations

from typing import Any, Final, Literal

from xapi_async.datamodel.language import ApiClass
from xapi_async.objects.entity import Entity, Links, Values

Operation = Literal["add", "mod", "del"]


class Step:
    """An object created, written or deleted.

    operation is ``add``, ``mod`` or ``del``. values, links: what was written and what joined or left
    which set, for ``mod``. entity: the new object of an ``add``, which has all of it; of another step only from
    when it lands: the live object, or the last state of one that is gone.
    """

    __slots__ = ("cls", "entity", "links", "operation", "ref", "values")

    entity: Entity

    def __init__(self, operation: Operation, cls: type[ApiClass], ref: str, values: Values, links: Links) -> None:
        self.operation = operation
        self.cls = cls
        self.ref = ref
        self.values = values
        self.links = links


NONE: Final[dict[str, Any]] = {}
"""No values, or no links, of a step; not to be changed."""
