"""``bench``: run the benchmarks, which come with the sources and not with an installation."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import xapi_async
from xapi_async.commands.adding import Commands, add_command
from xapi_async.config import ConfigError


def add(commands: Commands) -> None:
    """Add the command."""
    # Nothing begins an option here: all that follows, --help too, is for the benchmarks, in its order.
    parser = add_command(
        commands,
        "bench",
        _bench,
        "measure the server",
        "Run the benchmarks of a checkout; what follows goes to them.",
        prefix_chars="\0",
        add_help=False,
    )
    parser.add_argument("arguments", nargs=argparse.REMAINDER, metavar="...", help="for the benchmarks, such as --help")


def _bench(args: argparse.Namespace) -> int:
    checkout = _checkout()
    return subprocess.run([sys.executable, "-m", "benchmarks", *args.arguments], cwd=checkout, check=False).returncode  # noqa: S603


def _checkout() -> Path:
    """The folder that has the benchmarks: where the sources are, or where one stands. Raises ConfigError."""
    for folder in (Path(xapi_async.__file__).parents[2], Path.cwd()):
        if (folder / "benchmarks" / "__main__.py").exists():
            return folder
    raise ConfigError("there are no benchmarks here: they come with the sources; run it in a checkout of them")
