"""The command line. Each command is a function from its arguments to an exit status.

Exit statuses: 0 done, 1 something is wrong with what was asked for, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import orjson
import shtab

from xapi_async import __version__
from xapi_async.config import Config, ConfigError, load
from xapi_async.objects.errors import DatabaseError

FLAGS: dict[str, tuple[str, str]] = {
    "listen": ("server", "listen"),
    "tls_listen": ("server", "tls_listen"),
    "database": ("server", "database"),
    "ready_file": ("server", "ready_file"),
    "hosts": ("inventory", "hosts"),
    "vms": ("inventory", "vms"),
    "seed": ("inventory", "seed"),
}
"""Flags that are short for a setting: flag, section, name."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that the arguments name, and give its exit status."""
    args = _parser().parse_args(argv)
    command: Callable[[argparse.Namespace], int] = args.command
    try:
        return command(args)
    except (ConfigError, DatabaseError) as error:
        print(f"xapi-async: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        sys.stderr.close()  # whoever read the output has seen enough
        return 0
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="xapi-async", description="A server for the XenServer Management API.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"xapi-async {__version__}")
    shtab.add_argument_to(parser, help="print the completion script for a shell")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    serve = commands.add_parser("serve", help="run the server", description="Run the server until it is told to stop.")
    _add_settings(serve)
    serve.set_defaults(command=_serve)

    model = commands.add_parser("model", help="print the datamodel as JSON")
    model.add_argument("--missing", action="store_true", help="name the messages that are not built yet instead")
    model.set_defaults(command=_model)

    check = commands.add_parser("check-config", help="show the settings in force and where each comes from")
    _add_settings(check)
    check.set_defaults(command=_check_config)
    return parser


def _add_settings(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings, as TOML")
    parser.add_argument(
        "--set", action="append", default=[], metavar="SECTION.NAME=VALUE", help="any setting; may be repeated"
    )
    parser.add_argument("--listen", metavar="HOST:PORT", help="where to speak plain HTTP; port 0 picks one")
    parser.add_argument("--tls-listen", metavar="HOST:PORT", help="where to speak TLS; port 0 picks one")
    parser.add_argument("--database", metavar="FILE", help="where the state is kept")
    parser.add_argument("--ready-file", metavar="FILE", help="written when the server answers: url, tls_url, pid")
    parser.add_argument("--hosts", type=int, metavar="N", help="hosts of a new database")
    parser.add_argument("--vms", type=int, metavar="N", help="virtual machines of a new database")
    parser.add_argument("--seed", type=int, metavar="N", help="what the random parts of a new database follow from")


def load_config(args: argparse.Namespace) -> Config:
    """The settings that the arguments ask for."""
    from xapi_async.server import SECTIONS

    flags: dict[tuple[str, str], Any] = {}
    for flag, setting in FLAGS.items():
        value = getattr(args, flag)
        if value is not None:
            flags[setting] = value
    for text in args.set:
        path, equals, value = text.partition("=")
        section, dot, name = path.partition(".")
        if not (equals and dot):
            raise ConfigError(f"--set {text}: must be SECTION.NAME=VALUE")
        flags[section, name] = value
    return load(SECTIONS, args.config, flags=flags)


def _serve(args: argparse.Namespace) -> int:
    from xapi_async.running import run

    return run(lambda: load_config(args))


def _model(args: argparse.Namespace) -> int:
    if args.missing:
        from xapi_async.server import missing_messages

        print("\n".join(missing_messages()))
        return 0
    from xapi_async.datamodel.model import model

    sys.stdout.buffer.write(orjson.dumps(model(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    return 0


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
    return '""' if value is None else f'"{value}"'
