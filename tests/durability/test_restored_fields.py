"""Every field of every object is after a restart what it was before, whatever its type and however it was written."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from xapi_async.datamodel.classes import CLASSES, VM
from xapi_async.datamodel.language import ApiClass
from xapi_async.datamodel.types import BOOL, DATETIME, FLOAT, INT, ApiType, Enum, Map, Ref, Set
from xapi_async.inventory.pool import populate
from xapi_async.inventory.settings import InventorySettings
from xapi_async.objects.database import Database, open_database
from xapi_async.objects.entity import STARTS
from xapi_async.objects.integrity import check_integrity
from xapi_async.objects.relations import COMPUTED
from xapi_async.objects.sqlite_journal import SqliteJournal
from xapi_async.objects.store import Store
from xapi_async.objects.transaction import Transaction

NOW = 1_519_722_312.0
LASTING = [cls for cls in CLASSES if cls.FACTS.persist]


def expected(store: Store) -> dict[str, tuple[Any, ...]]:
    """Every lasting object as it is to come back; values with their types, as 1, 1.0 and True are equal."""
    return {entity.ref: _facts(cls, entity) for cls in LASTING for entity in _entities(store, cls)}


def _facts(cls: type[ApiClass], entity: Any) -> tuple[Any, ...]:
    fields: dict[str, Any] = {}
    for name, value in entity.values().items():
        if name in COMPUTED[cls]:
            fields[name] = sorted(value)
        elif cls.FIELDS[name].persist:
            fields[name] = repr(value)
        else:
            fields[name] = repr(STARTS[cls][name])
    return cls.FACTS.name, entity.born, entity.modified, fields


def _entities(store: Store, cls: type[ApiClass]) -> list[Any]:
    return list(store.all(cls))


async def fold(db: Database) -> None:
    journal = db.store._journal
    assert isinstance(journal, SqliteJournal)
    await journal.checkpoint()


async def check_restart(path: Path, before: dict[str, tuple[Any, ...]]) -> None:
    async with open_database(path) as db:
        assert expected(db.store) == before
        assert check_integrity(db.store) == []


@pytest.mark.parametrize("folded", [False, True])
async def test_a_pool_comes_back(tmp_path: Path, folded: bool) -> None:
    path = tmp_path / "database"
    async with open_database(path) as db:
        async with db.store.transaction() as tx:
            populate(tx, InventorySettings(seed=1, hosts=3, vms=40), NOW)
        if folded:
            await fold(db)
            async with db.store.transaction() as tx:
                tx.set(next(tx.all(VM)), name_label="another", other_config={"a": "b"})
        before = expected(db.store)
    assert len(before) > 500
    await check_restart(path, before)


@pytest.mark.parametrize("seed", range(4))
async def test_values_of_every_type_come_back(tmp_path: Path, seed: int) -> None:
    """Some objects in the journal only, some folded, some of these written or deleted since."""
    path, values = tmp_path / "database", Values(random.Random(seed))
    async with open_database(path) as db:
        async with db.store.transaction() as tx:
            for cls in LASTING:
                values.create(tx, cls)
        await fold(db)
        async with db.store.transaction() as tx:
            for cls in LASTING:
                values.create(tx, cls)
                first, second, *_ = tx.all(cls)
                tx.set(first, **values.of(cls))
                tx.delete(second)
        before = expected(db.store)
    await check_restart(path, before)


class Values:
    """Random values of few kinds, so that many are equal but for their type."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def create(self, tx: Transaction, cls: type[ApiClass]) -> None:
        for _ in range(3):
            tx.create(cls, **self.of(cls))

    def of(self, cls: type[ApiClass]) -> dict[str, Any]:
        fields = {name: field for name, field in cls.FIELDS.items() if name != "uuid" and name not in COMPUTED[cls]}
        return {name: self._value(field.type) for name, field in fields.items() if self._rng.random() < 0.8}

    def _value(self, kind: ApiType[Any]) -> Any:
        rng = self._rng
        if isinstance(kind, Set):
            return tuple(dict.fromkeys(self._value(kind.item) for _ in range(rng.randrange(3))))
        if isinstance(kind, Map):
            return {self._value(kind.key): self._value(kind.value) for _ in range(rng.randrange(3))}
        if kind is BOOL:
            return rng.random() < 0.5
        if kind is INT:
            return rng.choice((0, 1, 1000, -1, 1 << 40))
        if kind is FLOAT:
            return rng.choice((0.0, 1.0, 1.5, 1e300))
        if kind is DATETIME:
            return rng.choice(("19700101T00:00:00Z", "20180221T13:05:09Z"))
        if isinstance(kind, Enum):
            return rng.choice(tuple(kind.values))
        return "OpaqueRef:nobody" if isinstance(kind, Ref) else rng.choice(("", "1", "text", "ü\n\0"))
