"""The settings on the command line: the flags that name them, and ``check-config``, which explains them."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import Any

import shtab

from xapi_async.commands.adding import Commands, add_command
from xapi_async.config import Config, ConfigError, load

FLAGS: dict[str, tuple[str, str]] = {
    "listen": ("server", "listen"),
    "tls_listen": ("server", "tls_listen"),
    "database": ("server", "database"),
    "ready_file": ("server", "ready_file"),
    "workers": ("server", "workers"),
    "hosts": ("inventory", "hosts"),
    "vms": ("inventory", "vms"),
    "seed": ("inventory", "seed"),
}
"""Flags that are short for a setting: flag, section, name."""


def add(commands: Commands) -> None:
    """Add ``check-config``."""
    check = add_command(
        commands,
        "check-config",
        _check_config,
        "show the settings in force",
        "Show every setting as it would be in force, as TOML: its value, where that comes from, what it means. "
        "The exit status is 1 where something is wrong.",
    )
    add_settings(check)


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Add the flags for settings: those of a running server."""
    add_database(parser)
    parser.add_argument("--listen", metavar="HOST:PORT", help="where to speak plain HTTP; port 0 picks one")
    parser.add_argument("--tls-listen", metavar="HOST:PORT", help="where to speak TLS; empty: nowhere")
    file = parser.add_argument(
        "--ready-file", metavar="FILE", help="written when the server answers: JSON with url, tls_url and pid"
    )
    _complete(file, shtab.FILE)
    parser.add_argument("--workers", type=int, metavar="N", help="processes that answer clients; one for each core")
    parser.add_argument("--hosts", type=int, metavar="N", help="hosts of a new database")
    parser.add_argument("--vms", type=int, metavar="N", help="virtual machines of a new database")
    parser.add_argument("--seed", type=int, metavar="N", help="what the random parts of a new database follow from")


def add_database(parser: argparse.ArgumentParser) -> None:
    """Add the flags for settings that every command about a database has."""
    config = parser.add_argument("--config", type=Path, metavar="FILE", help="settings, as TOML")
    _complete(config, shtab.FILE)
    parser.add_argument(
        "--set", action="append", default=[], metavar="SECTION.NAME=VALUE", help="any setting; may be repeated"
    )
    database = parser.add_argument("--database", metavar="FILE", help="where the state is kept")
    _complete(database, shtab.FILE)


def _complete(action: argparse.Action, how: object) -> None:
    action.complete = how  # type: ignore[attr-defined]  # shtab looks for it there


def load_config(args: argparse.Namespace) -> Config:
    """The settings that the arguments ask for. Raises ConfigError."""
    from xapi_async.server import SECTIONS

    flags: dict[tuple[str, str], Any] = {}
    for flag, setting in FLAGS.items():
        value = getattr(args, flag, None)
        if value is not None:
            flags[setting] = value
    for text in args.set:
        path, equals, value = text.partition("=")
        section, dot, name = path.partition(".")
        if not (equals and dot):
            raise ConfigError(f"--set {text}: must be SECTION.NAME=VALUE")
        flags[section, name] = value
    return load(SECTIONS, args.config, flags=flags)


def database_of(args: argparse.Namespace) -> Path:
    """The file of the database that the settings name. Raises ConfigError where it is in memory."""
    from xapi_async.settings import ServerSettings

    settings: ServerSettings = load_config(args).section(ServerSettings)
    if not settings.database:
        raise ConfigError("server.database is empty: a database in memory is gone with its server; name a file")
    return Path(settings.database)


def _check_config(args: argparse.Namespace) -> int:
    section = ""
    for setting in load_config(args).effective():
        if setting.section != section:
            section = setting.section
            print(f"\n[{section}]")
        value = "(hidden)" if setting.secret and setting.value else _toml(setting.value)
        print(f"{setting.name} = {value}  # {setting.source}. {setting.doc}")
    return 0


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, tuple):
        return f"[{', '.join(_toml(item) for item in value)}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {_toml(item)}" for name, item in value.items()) + "}"
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _toml({item.name: getattr(value, item.name) for item in dataclasses.fields(value)})
    return '""' if value is None else f'"{value}"'
