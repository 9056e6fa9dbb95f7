"""The audit log: every call that is more than a reading one, allowed or denied, by whom and on what.

Lines are noted at once and written in the background, many at a time, so no call ever waits for the
disk. They go to a file that is set aside when it is full, or stay in memory where none is named.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import logging
import re
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from xapi_async.datamodel.classes import BY_NAME
from xapi_async.datamodel.errors import ApiError
from xapi_async.datamodel.language import ApiClass, Message
from xapi_async.datamodel.types import STRING, Ref
from xapi_async.objects.clock import Clock
from xapi_async.objects.step import Step
from xapi_async.objects.store import Store
from xapi_async.operations.context import Caller, Context, Handlers
from xapi_async.rpc.settings import AuditSettings

log = logging.getLogger(__name__)

DENIED = "RBAC_PERMISSION_DENIED"
_GONE_KEPT = 1024
_PENDING_MOST = 100_000
_READ_BYTES = 256 * 1024
_UNSAFE = re.compile(r"[\x00-\x1f\x7f\\']")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_NAMING = frozenset({"uuid", "name", "label", "name_label", "uname", "subject_identifier", "subject_name", "obj_uuid"})
"""Parameters that name something; the values of others stay out of the log, as they may be secret."""

_EXCLUDED = frozenset(
    {
        "event.next",
        "event.from",
        "session.logout",
        "session.local_logout",
        "host.tickle_heartbeat",
        "host.notify",
        "pool.audit_log_append",
    }
)


class Audited(Protocol):
    """What is noted of a message: its class, its declaration and its wire name."""

    cls: type[ApiClass]
    message: Message
    name: str


_Argument = tuple[str, str, str, str]
"""An argument as it is shown: its parameter, and the name, uuid and reference of an object, or its text."""


_Shown = tuple[int, str, Mapping[str, ApiClass] | None]
"""A parameter that is shown: its place, its name, and the objects of the class it refers to."""


class _Noted(NamedTuple):
    """What is noted of a call. stamp: of the clock. error: its code, None where it succeeded."""

    stamp: float
    caller: Caller
    kind: str
    call: str
    arguments: Sequence[_Argument]
    error: str | None


class _Told(NamedTuple):
    """A line of another host. stamp: of the clock."""

    stamp: float
    text: str


class AuditLog:
    """The audit log. Call it with what the dispatcher knows of a call that has ended."""

    def __init__(self, store: Store, clock: Clock, settings: AuditSettings) -> None:
        self._store = store
        self._clock = clock
        self._stamp = clock.stamp
        self._settings = settings
        self._path = Path(settings.file) if settings.file else None
        # Notes become lines only when they are written or read: most that are kept in memory never are.
        self._memory: deque[_Noted | _Told] = deque(maxlen=settings.lines_in_memory)
        self._pending: list[_Noted | _Told] = []
        self._keep: Callable[[_Noted | _Told], None] = (
            self._memory.append if self._path is None else self._keep_for_file
        )
        self._shown: dict[str, tuple[_Shown, ...] | None] = {}
        self._wake = asyncio.Event()
        self._writing = asyncio.Lock()
        # An object that a call destroyed is gone when the call is noted; its name is still wanted.
        self._gone: OrderedDict[str, tuple[str, str, str]] = OrderedDict()
        store.listen_to_removals(self._remember_gone)

    def __call__(self, caller: Caller, entry: Audited, args: Sequence[Any], error: ApiError | None) -> None:
        """Note a call and how it ended. args: its parameters, the session left out."""
        name = entry.name
        if name not in self._shown:
            self._shown[name] = tuple(self._shown_params(entry.message)) if _is_noted(name) else None
        shown = self._shown[name]
        if shown is not None:
            arguments = self._arguments(shown, args)
            self._keep(_Noted(self._stamp(), caller, "API", name, arguments, None if error is None else error.code))

    def note_http(
        self, caller: Caller, action: str, arguments: Mapping[str, str], error: ApiError | None = None
    ) -> None:
        """Note the use of an HTTP handler. arguments: those that may be shown."""
        shown = tuple((name, "", "", value) for name, value in arguments.items())
        code = None if error is None else error.code
        self._keep(_Noted(self._stamp(), caller, "HTTP", f"http/{action}", shown, code))

    def handlers(self) -> Handlers:
        """The message by which other hosts add to it."""
        return {"pool.audit_log_append": self._append_line}

    async def _append_line(self, ctx: Context, line: str) -> None:
        """pool.audit_log_append: add a line as it is, after the time; what would end it is made harmless."""
        self._keep(_Told(self._stamp(), line))

    async def run(self) -> None:
        """Write what is noted, until cancelled; what is noted by then is still written."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                await self.flush()
        finally:
            await self.flush()

    async def flush(self) -> None:
        """Write what has been noted so far."""
        async with self._writing:
            notes, self._pending = self._pending, []
            if not notes or self._path is None:
                return
            try:
                await asyncio.to_thread(_append, self._path, [self._line(noted) for noted in notes], self._settings)
            except OSError:
                log.exception("%d lines of the audit log could not be written", len(notes))

    async def read(self, since: str = "") -> AsyncIterator[bytes]:
        """The log, oldest line first. since: an ISO 8601 date, with or without dashes; older lines are left out."""
        await self.flush()
        start = since.replace("-", "").replace("Z", "").replace(" ", "T")
        if self._path is None:
            for line in map(self._line, tuple(self._memory)):
                if _stamp(line) >= start:
                    yield f"{line}\n".encode()
            return
        for path in _files(self._path, self._settings.files_kept):
            async for lines in _blocks(path):
                wanted = [line for line in lines if _stamp(line) >= start]
                if wanted:
                    yield "".join(f"{line}\n" for line in wanted).encode()

    # What is noted

    def _keep_for_file(self, noted: _Noted | _Told) -> None:
        if len(self._pending) >= _PENDING_MOST:
            log.error("the audit log cannot be written as fast as it grows; %d lines are lost", len(self._pending))
            self._pending.clear()
        self._pending.append(noted)
        self._wake.set()

    def _arguments(self, shown: Iterable[_Shown], args: Sequence[Any]) -> tuple[_Argument, ...]:
        """What is shown of the arguments: for an object its name, uuid and reference."""
        arguments: list[_Argument] = []
        for place, name, objects in shown:
            value = args[place] if place < len(args) else ""
            if type(value) is not str:
                arguments.append((name, "", "", ""))
            elif objects is None:
                arguments.append((name, "", "", value))
            elif (found := objects.get(value)) is None:
                arguments.append((name, *self._gone.get(value, ("", "", value))))
            else:
                arguments.append((name, getattr(found, "name_label", ""), getattr(found, "uuid", ""), value))
        return tuple(arguments)

    def _shown_params(self, message: Message) -> Iterator[_Shown]:
        """The parameters that lines show: references, with the objects they may be to, and names."""
        for place, param in enumerate(message.params):
            if isinstance(param.type, Ref):
                cls = BY_NAME.get(param.type.cls)
                yield place, param.name, None if cls is None else self._store.table(cls)
            elif param.name in _NAMING and param.type == STRING:
                yield place, param.name, None

    def _line(self, noted: _Noted | _Told) -> str:
        """A note as a line of the log."""
        stamp = _stamp_of(self._clock.at(noted.stamp))
        if isinstance(noted, _Told):
            return f"[{stamp}|audit] {_CONTROL.sub(_escaped, noted.text)}"
        allowed = "DENIED" if noted.error == DENIED else "ALLOWED"
        outcome = "OK" if noted.error is None else f"ERROR:{noted.error}"
        caller = noted.caller
        user = caller.user_sid or ("LOCAL_SUPERUSER" if caller.is_superuser else "")
        words = (track_id(caller.session), user, caller.user_name, allowed, outcome, noted.kind, noted.call)
        shown = " ".join(f"({_words(argument)})" for argument in noted.arguments)
        return f"[{stamp}|audit] ({_words(words)} ({shown}))"

    def _remember_gone(self, changes: Sequence[Step]) -> None:
        for change in changes:
            gone = change.entity
            self._gone[change.ref] = getattr(gone, "name_label", ""), getattr(gone, "uuid", ""), change.ref
            if len(self._gone) > _GONE_KEPT:
                self._gone.popitem(last=False)


def _is_noted(name: str) -> bool:
    return ".get" not in name and name not in _EXCLUDED


def track_id(session: str) -> str:
    """How logs name a session: its reference is a credential, so only a digest of it."""
    return f"trackid={hashlib.md5(session.encode(), usedforsecurity=False).hexdigest()}"


def _words(words: Iterable[str]) -> str:
    """Words in quotes, with what could end a quote or a line made harmless."""
    return " ".join("'" + _UNSAFE.sub(_escaped, word) + "'" for word in words)


def _escaped(match: re.Match[str]) -> str:
    return f"\\x{ord(match[0]):02x}"


def _stamp_of(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y%m%dT%H:%M:%S.") + f"{int(seconds * 1000) % 1000:03d}Z"


def _stamp(line: str) -> str:
    return line[1:].partition("|")[0]


def _files(path: Path, kept: int) -> list[Path]:
    """The files there can be, the oldest first."""
    return [*(path.with_name(f"{path.name}.{number}") for number in range(kept, 0, -1)), path]


def _append(path: Path, lines: Sequence[str], settings: AuditSettings) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size >= settings.file_bytes:
        files = _files(path, settings.files_kept)
        for older, newer in itertools.pairwise(files):
            if newer.exists():
                newer.replace(older)
        path.unlink(missing_ok=True)  # only where none is kept
    with path.open("a", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)


async def _blocks(path: Path) -> AsyncIterator[list[str]]:
    """The lines of a file, some at a time; none where there is no such file."""
    try:
        file = await asyncio.to_thread(path.open, encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return
    with file:
        read: Callable[[], list[str]] = lambda: file.readlines(_READ_BYTES)  # noqa: E731
        while lines := await asyncio.to_thread(read):
            yield [line.rstrip("\n") for line in lines]
