"""``serve``: run the server."""

from __future__ import annotations

import argparse
import gc

from xapi_async.commands.adding import Commands, add_command
from xapi_async.commands.settings import add_settings, load_config

TEXT = """Run the server until it is told to stop.
SIGTERM or SIGINT: answer what is under way and stop; twice: stop at once.
SIGHUP: read the settings anew (log, certificate, limits)."""


def add(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(commands, "serve", _serve, "run the server", TEXT)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add_settings(parser)


def _serve(args: argparse.Namespace) -> int:
    # Nearly all that a start makes stays, so garbage is collected only from its end on.
    gc.disable()
    from xapi_async.running import run

    return run(lambda: load_config(args))
