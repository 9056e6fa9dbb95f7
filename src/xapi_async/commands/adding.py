"""How a command is put into the parser."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any, TypeAlias

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
Command = Callable[[argparse.Namespace], int]
"""From its arguments to an exit status."""


def add_command(
    commands: Commands, name: str, command: Command, short: str, text: str, **options: Any
) -> argparse.ArgumentParser:
    """Add a command. short: for the list of commands. text: for its own help. options: of its parser. Gives that."""
    parser = commands.add_parser(name, help=short, description=text, allow_abbrev=False, **options)
    parser.set_defaults(command=command)
    return parser
