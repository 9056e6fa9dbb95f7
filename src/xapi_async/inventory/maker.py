"""How the inventory makes objects: into one transaction, with identities that a seed decides."""

from __future__ import annotations

import random
from typing import Any, TypeVar

from xapi_async.datamodel.language import ApiClass
from xapi_async.objects.clock import api_time
from xapi_async.objects.entity import NAMED_BY_REFERENCE, has_uuid, ref_of, uuid_in
from xapi_async.objects.transaction import Transaction

A = TypeVar("A", bound=ApiClass)


class Maker:
    """Creates objects in an open transaction.

    tx: the transaction. rng: where uuids, references and whatever else is left to chance come from;
    the same one in the same state gives the same objects. now: seconds since 1970.
    """

    def __init__(self, tx: Transaction, rng: random.Random, now: float) -> None:
        self.tx = tx
        self.rng = rng
        self.now = now
        self.time = api_time(now)

    def uuid(self) -> str:
        """A fresh uuid (version 4)."""
        return random_uuid(self.rng)

    def ref(self) -> str:
        """A fresh reference."""
        return ref_of(self.uuid())

    def create(self, cls: type[A], *, ref: str = "", uuid: str = "", **values: Any) -> A:
        """Create an object; without ``ref`` and ``uuid`` it gets fresh ones."""
        ref = ref or self.ref()
        uuid = uuid or (uuid_in(ref) if cls in NAMED_BY_REFERENCE and has_uuid(ref) else self.uuid())
        return self.tx.create(cls, ref=ref, uuid=uuid, **values)

    def update(self, target: ApiClass, **values: Any) -> None:
        """Write those fields of an object that hold something else; nothing at all counts as no change."""
        changed = {name: value for name, value in values.items() if getattr(target, name) != value}
        if changed:
            self.tx.set(target, **changed)


def random_uuid(rng: random.Random) -> str:
    """A uuid of version 4 made from the next random bits."""
    digits = f"{rng.getrandbits(128):032x}"
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"
