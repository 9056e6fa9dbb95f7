"""The answers that list a whole table: put together once, and from then on kept up with what changes.

A list of a thousand machines is asked for again and again, and at most a few of them have changed since. So the
parts of the last answer are kept, in the order of the table, which is that of the last change: what has changed
is at its end. Only that is taken out and put in anew. The parts are the records that are kept with their
objects anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from xapi_async.objects.entity import Entity
from xapi_async.objects.table import Table
from xapi_async.wire.call_format import Pieces
from xapi_async.wire.kept import Forms, Kept


class XmlTables:
    """Writes tables.

    kept: where the records are kept. member: writes that of an object. opening, closing: what stands before
    and after all of them.
    """

    def __init__(self, kept: Kept, member: Callable[[Entity], bytes], opening: bytes, closing: bytes) -> None:
        self._member = member
        self._opening, self._closing = opening, closing
        self._known: dict[int, _Known] = {}  # by the identity of the table
        kept.when_full.append(self._known.clear)

    def changed(self, table: Table) -> Iterator[Entity]:
        """The objects that have changed since the table was last listed, the newest first."""
        known = self._known.get(id(table))
        return table.changed_since(-1 if known is None else known.newest)

    def answer(self, table: Table) -> Pieces:
        """The body that lists a table."""
        known = self._known.get(id(table))
        if known is None:
            known = self._known[id(table)] = _Known(table)
        elif known.newest == table.newest and len(known.members) == len(table):
            # Whoever changed or came would be newer, and where nobody did, those who went would be missing.
            return known.answer
        changed = [*table.changed_since(known.newest)][::-1]
        members = [self._member(entity) for entity in changed]
        if self._known.get(id(table)) is not known or not known.take(changed, members):
            # There is no room to keep all of them.
            self._known.pop(id(table), None)
            return self._joined(members if len(members) == len(table) else map(self._member, table.values()))
        known.newest = table.newest
        known.answer = self._joined(known.members.values(), known.size)
        return known.answer

    def _joined(self, members: Iterable[bytes], size: int | None = None) -> Pieces:
        parts = (self._opening, *members, self._closing)
        if size is None:
            return Pieces(parts, sum(map(len, parts)))
        return Pieces(parts, len(self._opening) + size + len(self._closing))


class _Known:
    """A table as it was last written: the kept records in order, and how many bytes they have."""

    __slots__ = ("_forms", "answer", "members", "newest", "size", "table")

    answer: Pieces

    def __init__(self, table: Table) -> None:
        self.table = table  # held so that no other gets its identity
        self.members: dict[str, bytes] = {}
        self._forms: dict[str, Forms] = {}  # held, as what is kept is counted for as long as they are there
        self.newest = -1
        self.size = 0

    def take(self, changed: Sequence[Entity], members: Sequence[bytes]) -> bool:
        """Put what has changed to the end; gives False where some of it was not kept."""
        for entity, member in zip(changed, members, strict=True):
            if entity.memo is None or entity.memo.xml is not member:
                return False
            self._take_out(entity.ref)
            self.members[entity.ref], self._forms[entity.ref] = member, entity.memo
            self.size += len(member)
        if len(self.members) > len(self.table):
            for ref in self.members.keys() - self.table.keys():
                self._take_out(ref)
        return True

    def _take_out(self, ref: str) -> None:
        if ref in self.members:
            self.size -= len(self.members.pop(ref))
            del self._forms[ref]
