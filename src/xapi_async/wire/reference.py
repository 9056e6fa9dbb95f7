"""The API reference as HTML pages, made from the datamodel.

``/reference/`` lists the classes, ``/reference/VM`` describes one, ``/reference/enums`` and
``/reference/errors`` what their names say. What is declared but not built yet is marked as such.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from html import escape

from xapi_async.datamodel import derive
from xapi_async.datamodel.classes import BY_NAME, CLASSES
from xapi_async.datamodel.enums import ENUMS
from xapi_async.datamodel.errors import ERRORS
from xapi_async.datamodel.language import NOTHING, ApiClass, Lifecycle, Message
from xapi_async.datamodel.roles import ROLES
from xapi_async.datamodel.types import ApiType, Enum, Map, Record, Ref, Set

PREFIX = "/reference"

_STYLE = """
:root { color-scheme: light dark; --line: #8883; --soft: #8881; --link: #0b6bcb; --warn: #b3541e; }
@media (prefers-color-scheme: dark) { :root { --link: #6cb2ff; --warn: #f0a06a; } }
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0; display: flex; }
body > nav { flex: 0 0 14rem; height: 100vh; position: sticky; top: 0; overflow-y: auto; padding: 1.5rem 1rem;
  border-right: 1px solid var(--line); font-size: 14px; }
body > nav a { display: block; padding: .1rem .5rem; border-radius: .3rem; }
body > nav a[aria-current] { background: var(--soft); font-weight: 600; }
body > nav hr { border: 0; border-top: 1px solid var(--line); margin: .8rem 0; }
main { flex: 1; min-width: 0; max-width: 72rem; padding: 2rem 2.5rem 4rem; }
a { color: var(--link); text-decoration: none; } a:hover { text-decoration: underline; }
h1 { margin: 0 0 .3rem; } h2 { margin: 2.4rem 0 .6rem; } h3 { margin: 1.8rem 0 .3rem; font-size: 1rem; }
h3 a.here { opacity: 0; } h3:hover a.here { opacity: 1; }
:target { background: #fc03; outline: .25rem solid #fc03; }
table { border-collapse: collapse; width: 100%; } th { text-align: left; }
th, td { border-bottom: 1px solid var(--line); padding: .35rem 1.2rem .35rem 0; vertical-align: top; }
td:last-child, th:last-child { padding-right: 0; } td code { white-space: nowrap; }
code, .sig { font: 13px/1.5 ui-monospace, monospace; }
.sig { background: var(--soft); padding: .3rem .6rem; border-radius: .3rem; }
.mark { font-size: .8rem; opacity: .75; } p { margin: .3rem 0; } p a { overflow-wrap: anywhere; }
.missing { font-size: .75rem; font-weight: 600; color: var(--warn); border: 1px solid; border-radius: .3rem;
  padding: 0 .4rem; margin-left: .5rem; white-space: nowrap; }
.columns { columns: 15rem; } .columns a { display: block; }
@media (max-width: 50rem) {
  body { display: block; } main { padding: 1rem; }
  body > nav { height: auto; position: static; border: 0; padding: 1rem 1rem 0; }
  body > nav a { display: inline-block; } body > nav .classes { display: none; }
  table, tbody, tr, td { display: block; } thead { display: none; } td { border: 0; padding: .1rem 0; }
  tr { border-bottom: 1px solid var(--line); padding: .4rem 0; } td code { white-space: normal; }
}
"""


def page(path: str, missing: frozenset[str] = frozenset()) -> str | None:
    """The page at a path, or None where there is none. missing: names of the messages that are not built yet."""
    name = path.removeprefix(PREFIX).strip("/")
    if name in BY_NAME:
        return _class_page(name, missing)
    make = _PAGES.get(name)
    return make() if make is not None else None


_GENERAL = (("", "Classes"), ("enums", "Enumerations"), ("errors", "Errors"), ("roles", "Roles"))


def _layout(title: str, here: str, body: Iterable[str]) -> str:
    """A page. here: the last part of its path."""

    def link(target: str, label: str) -> str:
        current = ' aria-current="page"' if target == here else ""
        return f'<a href="{PREFIX}/{target}"{current}>{label}</a>'

    general = "".join(link(*entry) for entry in _GENERAL)
    classes = "".join(link(cls.FACTS.name, cls.FACTS.name) for cls in CLASSES)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<style>{_STYLE}</style></head><body><nav>{general}<div class="classes"><hr>{classes}</div></nav>'
        f"<main>{''.join(body)}</main></body></html>"
    )


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = "".join(f"<th>{name}</th>" for name in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


@cache
def _index() -> str:
    rows = (
        (f'<a href="{PREFIX}/{cls.FACTS.name}"><code>{cls.FACTS.name}</code></a>', escape(cls.__doc__ or ""))
        for cls in CLASSES
    )
    return _layout(
        "XenServer Management API 2.9",
        "",
        ("<h1>XenServer Management API 2.9</h1><p>The classes of the API.</p>", _table(("Class", ""), rows)),
    )


@cache
def _enums() -> str:
    parts = ["<h1>Enumerations</h1>"]
    for enum in ENUMS:
        rows = ((f"<code>{escape(value)}</code>", escape(doc)) for value, doc in enum.values.items())
        parts.append(f'<h3 id="{enum.name}"><code>{enum.name}</code></h3><p>{escape(enum.doc)}</p>')
        parts.append(_table(("Value", ""), rows))
    return _layout("Enumerations", "enums", parts)


@cache
def _errors() -> str:
    rows = (
        (f'<code id="{code}">{code}</code>', escape(", ".join(error.params)), escape(error.doc))
        for code, error in ERRORS.items()
    )
    return _layout("Errors", "errors", ("<h1>Errors</h1>", _table(("Code", "Parameters", ""), rows)))


@cache
def _roles() -> str:
    rows = ((f"<code>{name}</code>", escape(doc)) for name, doc in ROLES.items())
    intro = "<h1>Roles</h1><p>Strongest first: each may do all that the next one may.</p>"
    return _layout("Roles", "roles", (intro, _table(("Role", ""), rows)))


@cache
def _class_page(name: str, missing: frozenset[str]) -> str:
    cls = BY_NAME[name]
    messages = [message for message in derive.messages(cls) if message.documented]
    own = [message for message in messages if message.field is None]
    accessors = [message for message in messages if message.field is not None]
    parts = [f"<h1>{name}</h1><p>{escape(cls.__doc__ or '')}</p>{_history(cls.FACTS.lifecycle)}"]
    links = "".join(f'<a href="#{message.name}">{message.name}</a>' for message in own)
    parts.append(f'<h2>Messages</h2><div class="columns">{links}</div>' if own else "")
    if any(not field.internal for field in cls.FIELDS.values()):
        parts.append('<h2 id="fields">Fields</h2>')
        parts.append(_table(("Name", "Type", "Access", ""), _field_rows(cls)))
    parts.append("<h2>What each message does</h2>" if own else "")
    parts.extend(_message(cls, message, is_missing=f"{name}.{message.name}" in missing) for message in own)
    if accessors:
        parts.append('<h2 id="accessors">Accessors</h2>')
        parts.append(_table(("Message", "Roles"), (_accessor(cls, message) for message in accessors)))
    return _layout(name, name, parts)


def _accessor(cls: type[ApiClass], message: Message) -> tuple[str, str]:
    return f'<code id="{message.name}">{_signature(cls, message)}</code>', _weakest(message)


def _field_rows(cls: type[ApiClass]) -> Iterable[tuple[str, ...]]:
    for field in cls.FIELDS.values():
        if not field.internal:
            yield (
                f'<code id="{field.name}">{field.name}</code>',
                _type(field.type),
                field.qualifier,
                escape(field.doc) + _history(field.lifecycle),
            )


def _message(cls: type[ApiClass], message: Message, *, is_missing: bool) -> str:
    errors = ", ".join(f'<a href="{PREFIX}/errors#{code}">{code}</a>' for code in message.errors)
    notes = [f"Roles: {_weakest(message)}."]
    notes += ["Also asynchronous."] if message.has_async else []
    notes += [f"Errors: {errors}."] if errors else []
    mark = ' <span class="missing">not built yet</span>' if is_missing else ""
    return (
        f'<h3 id="{message.name}">{message.name}{mark} <a class="here" href="#{message.name}">#</a></h3>'
        f'<p class="sig">{_signature(cls, message)}</p><p>{escape(message.doc)}</p>'
        f'<p class="mark">{" ".join(notes)}</p>{_history(message.lifecycle)}'
    )


def _signature(cls: type[ApiClass], message: Message) -> str:
    params = [f'<a href="{PREFIX}/session">session</a> ref session'] if message.takes_session else []
    for param in message.params:
        default = "" if param.default is NOTHING else f" = {escape(repr(param.default))}"
        params.append(f"{_type(param.type)} {escape(param.name)}{default}")
    return f"{_type(message.result)} {cls.FACTS.name}.{message.name} ({', '.join(params)})"


def _weakest(message: Message) -> str:
    return f"{message.roles[-1]} and stronger" if message.roles else "superuser sessions only"


def _type(api_type: ApiType[object]) -> str:
    if isinstance(api_type, Ref | Record):
        kind = "ref" if isinstance(api_type, Ref) else "record"
        return f'<a href="{PREFIX}/{api_type.cls}">{api_type.cls}</a> {kind}'
    if isinstance(api_type, Enum):
        return f'<a href="{PREFIX}/enums#{api_type.name}">{api_type.name}</a>'
    if isinstance(api_type, Set):
        return f"{_type(api_type.item)} set"
    if isinstance(api_type, Map):
        return f"({_type(api_type.key)} → {_type(api_type.value)}) map"
    return escape(api_type.text)


def _history(steps: Lifecycle) -> str:
    """What is worth saying of a lifecycle: that something is on its way out, or gone."""
    ends = [f"{change} in {release}" for change, release in steps if change != "published"]
    return f'<p class="mark">{escape(", ".join(ends))}</p>' if ends else ""


_PAGES: dict[str, Callable[[], str]] = {"": _index, "enums": _enums, "errors": _errors, "roles": _roles}
