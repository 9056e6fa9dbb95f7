"""``model``: the datamodel for programs."""

from __future__ import annotations

import argparse
import sys

import orjson

from xapi_async.commands.adding import Commands, add_command


def add(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "model",
        _model,
        "print the datamodel as JSON",
        "Print the whole datamodel as JSON.",
    )
    parser.add_argument("--missing", action="store_true", help="name the messages that are not built yet instead")


def _model(args: argparse.Namespace) -> int:
    if args.missing:
        from xapi_async.server import missing_messages

        print("\n".join(missing_messages()))
        return 0
    from xapi_async.datamodel.model import model

    sys.stdout.buffer.write(orjson.dumps(model(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    return 0
