"""The answers that list a whole table: put together once, and from then on kept up with what changes.

A list of a thousand machines is asked for again and again, and at most a few of them have changed since. So the
parts of the last answer are kept, in the order of the table, which is that of the last change: what has changed
is at its end. Only that is taken out and put in anew. The parts are the records that are kept with their
objects anyway. For clients that take gzip they are kept compressed as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain, islice

from xapi_async.objects.entity import Entity
from xapi_async.objects.table import Table
from xapi_async.wire.blocks import Blocks
from xapi_async.wire.call_format import Pieces
from xapi_async.wire.gzip_parts import WITH_SECRETS
from xapi_async.wire.kept import Form, Forms, Kept


class Tables:
    """Writes tables.

    kept, form: where the records are kept, and in which form. member: writes that of an object. lead: with how many
    bytes each begins that the first of a list goes without. gzip_bytes: from which size on lists are compressed.
    """

    def __init__(
        self, kept: Kept, form: Form, member: Callable[[Entity], bytes], *, gzip_bytes: int, lead: int = 0
    ) -> None:
        self._form: Form = form
        self._member = member
        self._gzip_bytes = gzip_bytes
        self._lead = lead
        self._known: dict[int, _Known] = {}  # by the identity of the table
        kept.when_full.append(self._known.clear)

    def changed(self, table: Table) -> Iterator[Entity]:
        """The objects that have changed since the table was last listed, the newest first."""
        known = self._known.get(id(table))
        return table.changed_since(-1 if known is None else known.newest)

    def answer(self, table: Table, opening: bytes, closing: bytes) -> Pieces:
        """The body that lists a table, between what stands before and after all records."""
        known = self._known.get(id(table))
        if known is None:
            known = self._known[id(table)] = _Known(table, self._form, self._lead)
        # Whoever changed or came would be newer, and where nobody did, those who went would be missing.
        if known.newest != table.newest or len(known.blocks) != len(table):
            changed = [*table.changed_since(known.newest)][::-1]
            members = [self._member(entity) for entity in changed]
            if self._known.get(id(table)) is not known or not known.take(changed, members):
                # There is no room to keep all of them.
                self._known.pop(id(table), None)
                return self._joined(table, opening, closing)
        return known.answer((opening, closing), self._gzip_bytes)

    def _joined(self, table: Table, opening: bytes, closing: bytes) -> Pieces:
        members = [*map(self._member, table.values())]
        if members:
            members[0] = members[0][self._lead :]
        parts = (opening, *members, closing)
        return Pieces(parts, sum(map(len, parts)))


class _Known:
    """A table as it was last written: the kept records in order."""

    __slots__ = ("_answer", "_form", "_forms", "_gzipped", "_records", "blocks", "newest", "table")

    def __init__(self, table: Table, form: Form, lead: int) -> None:
        self.table = table  # held so that no other gets its identity
        self.blocks = Blocks(lead)
        self.newest = -1
        self._form: Form = form
        self._forms: dict[str, Forms] = {}  # held, as what is kept is counted for as long as they are there
        self._records: Iterable[bytes] | None = None
        self._answer: tuple[_Ends, Pieces] | None = None
        self._gzipped: tuple[_Ends, Pieces] | None = None

    def take(self, changed: Sequence[Entity], members: Sequence[bytes]) -> bool:
        """Put what has changed to the end; gives False where some of it was not kept."""
        self._records = self._answer = self._gzipped = None
        for entity, member in zip(changed, members, strict=True):
            if entity.memo is None or getattr(entity.memo, self._form) is not member:
                return False
            self.blocks.put(entity.ref, member)
            self._forms[entity.ref] = entity.memo
        if len(self.blocks) > len(self.table):
            for ref in self._forms.keys() - self.table.keys():
                self.blocks.take_out(ref)
                del self._forms[ref]
        self.newest = self.table.newest
        return True

    def answer(self, ends: _Ends, gzip_bytes: int) -> Pieces:
        """The records between what opens and closes them."""
        if self._answer is None or self._answer[0] != ends:
            if self._records is None:
                self._records = self.blocks.records()
            opening, closing = ends
            size = len(opening) + self.blocks.size + len(closing)
            gzip = None
            if size >= gzip_bytes and not self._has_secrets():
                gzip = partial(self._gzip, self._records, ends)
            self._answer = ends, Pieces(_Parts(opening, self._records, closing), size, gzip)
        return self._answer[1]

    def _gzip(self, records: Iterable[bytes], ends: _Ends) -> Pieces | None:
        if self._records is not records:
            return None  # an answer that could not leave before something changed
        if self._gzipped is None or self._gzipped[0] != ends:
            file = self.blocks.compressed(*ends)
            if file is None:
                return None
            self._gzipped = ends, file
        return self._gzipped[1]

    def _has_secrets(self) -> bool:
        return any(entity.FACTS.name in WITH_SECRETS for entity in islice(self.table.values(), 1))


class _Parts:
    """What a list is made of, gone through only by who sends it as it is."""

    __slots__ = ("_closing", "_opening", "_records")

    def __init__(self, opening: bytes, records: Iterable[bytes], closing: bytes) -> None:
        self._opening = opening
        self._records = records
        self._closing = closing

    def __iter__(self) -> Iterator[bytes]:
        return chain((self._opening,), self._records, (self._closing,))


_Ends = tuple[bytes, bytes]
"""What opens and what closes a list."""
