"""Settings: where each comes from, and what the server runs with in the end.

Every room declares its settings as a frozen dataclass; this module only knows the sections they make
up. A value comes from the file (TOML), then the environment (``XAPI_SECTION_NAME``), then the command
line (``--set section.name=value``), each overriding the one before it.
"""

from __future__ import annotations

import dataclasses
import os
import tomllib
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


class ConfigError(Exception):
    """A setting that cannot be used. The message is one line that says which, where and why."""


@dataclass(frozen=True)
class Setting:
    """One setting as it is in force. source: ``default``, the file's name, the variable or the flag."""

    section: str
    name: str
    value: object
    source: str
    doc: str
    secret: bool


@dataclass
class Config:
    """The sections by name, each an instance of its dataclass, and where every value came from."""

    sections: dict[str, Any]
    sources: dict[tuple[str, str], str] = field(default_factory=dict)

    def section(self, cls: type[Any]) -> Any:
        """The section made from a dataclass."""
        return next(section for section in self.sections.values() if isinstance(section, cls))

    def effective(self) -> Iterator[Setting]:
        """Every setting there is, as it is in force."""
        for name, section in self.sections.items():
            for item in dataclasses.fields(section):
                source = self.sources.get((name, item.name), "default")
                doc, secret = item.metadata.get("doc", ""), bool(item.metadata.get("secret"))
                yield Setting(name, item.name, getattr(section, item.name), source, doc, secret)


def load(
    sections: Mapping[str, type[Any]],
    file: Path | None = None,
    environment: Mapping[str, str] = os.environ,
    flags: Mapping[tuple[str, str], Any] | None = None,
) -> Config:
    """Put the settings together.

    sections: the dataclass of each section. file: a TOML file. environment: variables. flags: values
    of the command line by section and name, as text or already of their type. Raises ConfigError.
    """
    values: dict[str, dict[str, Any]] = {name: {} for name in sections}
    sources: dict[tuple[str, str], str] = {}
    for section, name, value, source in _given(sections, file, environment, flags or {}):
        hints = typing.get_type_hints(sections[section])
        values[section][name] = convert(value, hints[name], f"{section}.{name} ({source})")
        sources[section, name] = source
    built = {}
    for name, cls in sections.items():
        try:
            built[name] = cls(**values[name])
        except ValueError as error:
            raise ConfigError(f"[{name}] {error}") from None
    return Config(built, sources)


def _given(
    sections: Mapping[str, type[Any]],
    file: Path | None,
    environment: Mapping[str, str],
    flags: Mapping[tuple[str, str], Any],
) -> Iterator[tuple[str, str, Any, str]]:
    """Every value given, weakest first: section, name, value, source."""
    if file is not None:
        yield from _from_file(sections, file)
    known = {
        f"XAPI_{section}_{item.name}".upper(): (section, item.name)
        for section, cls in sections.items()
        for item in dataclasses.fields(cls)
    }
    known |= {
        item.metadata["variable"]: (section, item.name)
        for section, cls in sections.items()
        for item in dataclasses.fields(cls)
        if "variable" in item.metadata
    }
    for variable, (section, name) in known.items():
        if variable in environment:
            yield section, name, environment[variable], variable
    for variable in environment:
        if variable.startswith("XAPI_") and variable not in known:
            raise ConfigError(f"{variable}: there is no such setting; `xapi-async check-config` lists them")
    for (section, name), value in flags.items():
        _check_known(sections, section, name, "the command line")
        yield section, name, value, "the command line"


def _from_file(sections: Mapping[str, type[Any]], file: Path) -> Iterator[tuple[str, str, Any, str]]:
    try:
        content = tomllib.loads(file.read_text())
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: is not TOML: {error}") from None
    for section, items in content.items():
        if not isinstance(items, dict):
            raise ConfigError(f"{file}: {section} stands outside any section")
        for name, value in items.items():
            _check_known(sections, section, name, str(file))
            yield section, name, value, str(file)
        if section not in sections:
            raise ConfigError(f"{file}: there is no section [{section}]; there are {', '.join(sections)}")


def _check_known(sections: Mapping[str, type[Any]], section: str, name: str, source: str) -> None:
    if section not in sections:
        raise ConfigError(f"{source}: there is no section {section}; there are {', '.join(sections)}")
    names = [item.name for item in dataclasses.fields(sections[section])]
    if name not in names:
        raise ConfigError(f"{source}: there is no setting {section}.{name}; there are {', '.join(names)}")


def convert(value: Any, hint: Any, where: str) -> Any:
    """A value of a file, or the text of a variable or flag, as a value of the declared type. Raises ConfigError."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        if value is None or value == "":
            return None
        return convert(value, next(arg for arg in args if arg is not type(None)), where)
    if origin is typing.Literal:
        if value in args:
            return value
        raise ConfigError(f"{where}: must be one of {', '.join(map(str, args))}, not {value!r}")
    if origin is tuple:
        items = [item.strip() for item in value.split(",") if item.strip()] if isinstance(value, str) else value
        if not isinstance(items, list | tuple):
            raise ConfigError(f"{where}: must be a list, not {value!r}")
        return tuple(convert(item, args[0], where) for item in items)
    if origin in (dict, Mapping) or hint is dict:
        if isinstance(value, dict):
            return value
        raise ConfigError(f"{where}: must be a table, not {value!r}")
    if dataclasses.is_dataclass(hint):
        return _nested(value, hint, where)
    return _scalar(value, hint, where)


def _nested(value: Any, hint: Any, where: str) -> Any:
    if not isinstance(value, dict):
        raise ConfigError(f"{where}: must be a table, not {value!r}")
    hints = typing.get_type_hints(hint)
    for name in value:
        if name not in hints:
            raise ConfigError(f"{where}: there is no {name}; there are {', '.join(hints)}")
    try:
        return hint(**{name: convert(item, hints[name], f"{where}.{name}") for name, item in value.items()})
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{where}: {error}") from None


_TRUTH = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}


def _scalar(value: Any, hint: Any, where: str) -> Any:
    if hint is bool:
        truth = value if isinstance(value, bool) else _TRUTH.get(str(value).lower())
        if truth is None:
            raise ConfigError(f"{where}: must be true or false, not {value!r}")
        return truth
    if hint is Path or hint is str:
        if not isinstance(value, str | Path):
            raise ConfigError(f"{where}: must be a text, not {value!r}")
        return hint(value)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ConfigError(f"{where}: must be a number, not {value!r}")
    if hint not in (int, float):
        try:
            return hint(value)  # a type of its own, which reads its own text
        except ValueError as error:
            raise ConfigError(f"{where}: {error}") from None
    try:
        number = hint(value)
    except ValueError:
        raise ConfigError(f"{where}: must be a number, not {value!r}") from None
    if number != number or (hint is int and isinstance(value, float) and value != number):
        raise ConfigError(f"{where}: must be a {'whole ' if hint is int else ''}number, not {value!r}")
    return number
