"""The command line. Each command is a function from its arguments to an exit status.

Exit statuses: 0 done, 1 something is wrong with what was asked for, 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

import shtab

from xapi_async import __version__
from xapi_async.commands import backups, bench, inventory, model, passwd, serve, settings
from xapi_async.commands.adding import Command
from xapi_async.config import ConfigError
from xapi_async.inventory.lines import InventoryError
from xapi_async.objects.errors import DatabaseError

EPILOG = """Settings come from a TOML file (--config), then variables (XAPI_SECTION_NAME), then flags; check-config
explains them. `xapi-async COMMAND --help` says more of a command, and `--print-completion bash` (or
zsh, tcsh) prints what completes it all in a shell."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that the arguments name, and give its exit status."""
    args = parser().parse_args(argv)
    command: Command = args.command
    try:
        return command(args)
    except (ConfigError, DatabaseError, InventoryError) as error:
        return _fail(str(error))
    except BrokenPipeError:
        # Whoever read the output has seen enough; nothing is left to be written at the end either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        # An address in use, a file that cannot be written: the system says which.
        return _fail(str(error))
    except KeyboardInterrupt:
        return 130


def parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    top = argparse.ArgumentParser(
        prog="xapi-async",
        description="A server for the XenServer Management API.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"xapi-async {__version__}")
    shtab.add_argument_to(top, help="print the completion script for a shell")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    for module in (serve, settings, inventory, backups, passwd, model, bench):
        module.add(commands)
    return top


def _fail(text: str) -> int:
    print(f"xapi-async: {text}", file=sys.stderr)
    return 1
