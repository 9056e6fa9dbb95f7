"""Everything that can be called, compiled from the datamodel: what answers, what it takes, and who may."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from xapi_async.datamodel import derive
from xapi_async.datamodel.classes import CLASSES
from xapi_async.datamodel.language import NOTHING, ApiClass, Message
from xapi_async.datamodel.types import STRING, Ref
from xapi_async.objects.store import Store
from xapi_async.operations.context import Handler, Handlers
from xapi_async.rpc import convert, implicit
from xapi_async.rpc.call import Wait
from xapi_async.rpc.roles import permission_name

_TASKLESS_CLASSES = frozenset({"task", "event"})


@dataclass(slots=True)
class Entry:
    """What answers to a name.

    read answers on the spot; write fills a transaction; wait gives a value or a wait for it; handler is a
    coroutine function. None of them: not built yet.
    mandatory: how many parameters have to be sent, the session left out.
    key_permissions: permissions of the map keys that have their own.
    """

    cls: type[ApiClass]
    message: Message
    name: str
    permission: str
    converters: tuple[convert.Converter, ...]
    mandatory: int
    read: implicit.Read | None = None
    write: implicit.Write | None = None
    wait: Wait | None = None
    handler: Handler | None = None
    key_permissions: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_missing(self) -> bool:
        """Whether the message is one that is not built yet."""
        return not (self.read or self.write or self.wait or self.handler or self.message.removed)

    @property
    def has_task(self) -> bool:
        """Whether its synchronous form shows a task while it runs."""
        return self.message.has_async and self.cls.FACTS.name not in _TASKLESS_CLASSES

    @property
    def takes_one_text(self) -> bool:
        """Whether its one parameter is a text, which no conversion changes."""
        return len(self.message.params) == 1 and self.takes_texts

    @property
    def takes_texts(self) -> bool:
        """Whether all of its parameters are texts, which no conversion changes."""
        return all(param.type == STRING or isinstance(param.type, Ref) for param in self.message.params)

    def permission_for(self, key: str) -> str:
        """The permission it takes to add or remove a key; a declared key that ends in ``*`` is a prefix."""
        for declared, permission in self.key_permissions.items():
            if declared == key or (declared.endswith("*") and key.startswith(declared[:-1])):
                return permission
        return self.permission


def entries(
    store: Store, handlers: Handlers, readers: Mapping[str, implicit.Read], waits: Mapping[str, Wait]
) -> Iterator[Entry]:
    """Every message of every class.

    handlers: the messages that are built. readers: reading ones that replace the generic ones.
    waits: those that wait without a task. All by wire name.
    """
    for cls in CLASSES:
        for message in derive.messages(cls):
            yield _entry(store, cls, message, handlers, readers, waits)


def _entry(
    store: Store,
    cls: type[ApiClass],
    message: Message,
    handlers: Handlers,
    readers: Mapping[str, implicit.Read],
    waits: Mapping[str, Wait],
) -> Entry:
    name = f"{cls.FACTS.name}.{message.name}"
    permission = permission_name(cls.FACTS.name, message.name)
    entry = Entry(
        cls=cls,
        message=message,
        name=name,
        permission=permission,
        converters=_converters(cls, message),
        mandatory=sum(param.default is NOTHING for param in message.params),
        key_permissions={key: permission_name(cls.FACTS.name, message.name, key) for key in message.map_key_roles},
    )
    if message.removed:
        return entry
    if name in readers:
        entry.read = readers[name]
    elif name in waits:
        entry.wait = waits[name]
    elif name in handlers:
        entry.handler = handlers[name]
    elif message.kind != "explicit":
        entry.read = implicit.reader(store, cls, message)
        entry.write = implicit.field_writer(cls, message)
        entry.handler = implicit.writer(cls, message)
    return entry


def _converters(cls: type[ApiClass], message: Message) -> tuple[convert.Converter, ...]:
    if message.kind == "implicit" and message.name == "create":
        return (convert.constructor(cls),)
    return tuple(convert.converter(param.type) for param in message.params)
