"""The API reference as HTML pages, made from the datamodel.

``/reference/`` lists the classes, ``/reference/VM`` describes one, ``/reference/enums`` and
``/reference/errors`` what their names say.
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
:root { color-scheme: light dark; --line: #8883; --soft: #8881; --link: #0b6bcb; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
a { color: var(--link); text-decoration: none; } a:hover { text-decoration: underline; }
nav { margin-bottom: 1.5rem; } nav a { margin-right: 1.2rem; }
h1 { margin: 0 0 .3rem; } h2 { margin-top: 2.2rem; } h3 { margin: 1.6rem 0 .2rem; font-size: 1rem; }
table { border-collapse: collapse; width: 100%; } th { text-align: left; }
th, td { border-bottom: 1px solid var(--line); padding: .35rem .6rem .35rem 0; vertical-align: top; }
code, .sig { font: 13px/1.5 ui-monospace, monospace; } .sig { background: var(--soft); padding: .2rem .5rem; }
.mark { font-size: .8rem; opacity: .75; } p { margin: .3rem 0; }
"""


def page(path: str) -> str | None:
    """The page at a path, or None where there is none."""
    name = path.removeprefix(PREFIX).strip("/")
    if name in BY_NAME:
        return _class_page(name)
    make = _PAGES.get(name)
    return make() if make is not None else None


def _layout(title: str, body: Iterable[str]) -> str:
    nav = "".join(
        f'<a href="{PREFIX}/{target}">{label}</a>'
        for target, label in (("", "Classes"), ("enums", "Enumerations"), ("errors", "Errors"), ("roles", "Roles"))
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head><body><nav>{nav}</nav>{''.join(body)}</body></html>"
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
        ("<h1>XenServer Management API 2.9</h1><p>The classes of the API.</p>", _table(("Class", ""), rows)),
    )


@cache
def _enums() -> str:
    parts = ["<h1>Enumerations</h1>"]
    for enum in ENUMS:
        rows = ((f"<code>{escape(value)}</code>", escape(doc)) for value, doc in enum.values.items())
        parts.append(f'<h3 id="{enum.name}"><code>{enum.name}</code></h3><p>{escape(enum.doc)}</p>')
        parts.append(_table(("Value", ""), rows))
    return _layout("Enumerations", parts)


@cache
def _errors() -> str:
    rows = (
        (f'<code id="{code}">{code}</code>', escape(", ".join(error.params)), escape(error.doc))
        for code, error in ERRORS.items()
    )
    return _layout("Errors", ("<h1>Errors</h1>", _table(("Code", "Parameters", ""), rows)))


@cache
def _roles() -> str:
    rows = ((f"<code>{name}</code>", escape(doc)) for name, doc in ROLES.items())
    intro = "<h1>Roles</h1><p>Strongest first: each may do all that the next one may.</p>"
    return _layout("Roles", (intro, _table(("Role", ""), rows)))


@cache
def _class_page(name: str) -> str:
    cls = BY_NAME[name]
    parts = [f"<h1>{name}</h1><p>{escape(cls.__doc__ or '')}</p>{_history(cls.FACTS.lifecycle)}"]
    if any(not field.internal for field in cls.FIELDS.values()):
        parts.append("<h2>Fields</h2>")
        parts.append(_table(("Name", "Type", "Access", ""), _field_rows(cls)))
    parts.append("<h2>Messages</h2>")
    parts.extend(_message(cls, message) for message in derive.messages(cls) if message.documented)
    return _layout(name, parts)


def _field_rows(cls: type[ApiClass]) -> Iterable[tuple[str, ...]]:
    for field in cls.FIELDS.values():
        if not field.internal:
            yield (
                f'<code id="{field.name}">{field.name}</code>',
                _type(field.type),
                field.qualifier,
                escape(field.doc) + _history(field.lifecycle),
            )


def _message(cls: type[ApiClass], message: Message) -> str:
    params = ["session ref session"] if message.takes_session else []
    for param in message.params:
        default = "" if param.default is NOTHING else f" = {escape(repr(param.default))}"
        params.append(f"{_type(param.type)} {escape(param.name)}{default}")
    weakest = f"Roles: {message.roles[-1]} and stronger. " if message.roles else "For superuser sessions only. "
    errors = ", ".join(f'<a href="{PREFIX}/errors#{code}">{code}</a>' for code in message.errors)
    notes = weakest + ("Also asynchronous. " if message.has_async else "") + (f"Errors: {errors}." if errors else "")
    signature = f"{_type(message.result)} {cls.FACTS.name}.{message.name} ({', '.join(params)})"
    return (
        f'<h3 id="{message.name}">{message.name}</h3><p class="sig">{signature}</p><p>{escape(message.doc)}</p>'
        f'<p class="mark">{notes}</p>{_history(message.lifecycle)}'
    )


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
