"""The relations of the datamodel, compiled to what a transaction needs to keep both ends in step."""

from __future__ import annotations

from dataclasses import dataclass

from xapi_async.datamodel.classes import BY_NAME
from xapi_async.datamodel.language import ApiClass
from xapi_async.datamodel.relations import RELATIONS


@dataclass(frozen=True)
class End:
    """One end of a relation, seen from the other: the class and field to keep in step.

    many_to_many: this end is stored like any field; else it is a set computed from single references.
    """

    cls: type[ApiClass]
    field: str
    many_to_many: bool


def _compile() -> tuple[dict[type[ApiClass], dict[str, End]], dict[type[ApiClass], dict[str, End]]]:
    forward: dict[type[ApiClass], dict[str, End]] = {cls: {} for cls in BY_NAME.values()}
    computed: dict[type[ApiClass], dict[str, End]] = {cls: {} for cls in BY_NAME.values()}
    for one, many, cardinality in RELATIONS:
        if cardinality == "unknown type":
            continue
        (one_cls, one_field), (many_cls, many_field) = (_resolve(end) for end in (one, many))
        both = cardinality == "many-to-many"
        if both and one == many:
            continue  # role.subroles: the same field at both ends, static
        forward[one_cls][one_field] = End(many_cls, many_field, both)
        if both:
            forward[many_cls][many_field] = End(one_cls, one_field, both)
        else:
            computed[many_cls][many_field] = End(one_cls, one_field, both)
    return forward, computed


def _resolve(end: str) -> tuple[type[ApiClass], str]:
    name, field = end.split(".")
    return BY_NAME[name], field


FORWARD, COMPUTED = _compile()
"""FORWARD[class][field]: the end that follows when this field is written.
COMPUTED[class][field]: the single references a set is computed from; such a set is never stored."""
