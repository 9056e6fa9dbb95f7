"""``inventory``: the whole state as a file for people, see :mod:`xapi_async.inventory.lines`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from xapi_async import __version__
from xapi_async.commands.adding import Commands, add_command
from xapi_async.commands.backups import refuse_to_replace
from xapi_async.commands.settings import add_database, database_of
from xapi_async.inventory.lines import InventoryError, read, write
from xapi_async.objects.contents import read_contents, write_contents

TEXT = """Print, save or load the whole state as lines of JSON, one object a line, with names in place of
references. Passwords and keys are left out unless --secrets is given; a backup has everything."""


def add(commands: Commands) -> None:
    """Add the commands."""
    parser = add_command(commands, "inventory", _print, "print, save or load the whole state as a file to edit", TEXT)
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    out = add_command(verbs, "print", _print, "to standard output", "Print the state. The server may be running.")
    out.add_argument("--class", dest="classes", action="append", metavar="CLASS", help="only this one; may be repeated")
    save = add_command(verbs, "save", _save, "into a file", "Save the state in a file. The server may be running.")
    save.add_argument("file", type=Path, metavar="FILE", help="where it goes; one that is there is replaced")
    load = add_command(
        verbs, "load", _load, "from a file", "Make a database of a saved or written state. The server must be stopped."
    )
    load.add_argument("file", type=Path, metavar="FILE", help="the file; - is standard input")
    load.add_argument("--replace", action="store_true", help="do so though there is a database, which is lost")
    for verb in (out, save):
        verb.add_argument("--secrets", action="store_true", help="with hashes of passwords, and keys")
    for verb in (out, save, load):
        add_database(verb)


def _print(args: argparse.Namespace) -> int:
    wanted = tuple(f'{{"class":"{name}",'.encode() for name in args.classes or ())
    for line in write(read_contents(database_of(args)), __version__, with_secrets=args.secrets):
        if not wanted or line.startswith(wanted):
            sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()
    return 0


def _save(args: argparse.Namespace) -> int:
    lines = list(write(read_contents(database_of(args)), __version__, with_secrets=args.secrets))
    draft = args.file.with_name(f"{args.file.name}.new")
    # With secrets in it, it is nobody else's business.
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.writelines(lines)
    draft.replace(args.file)
    print(f"{args.file}: {len(lines)} lines")
    return 0


def _load(args: argparse.Namespace) -> int:
    path = database_of(args)
    refuse_to_replace(path, args)
    if str(args.file) == "-":
        contents = read(sys.stdin.buffer, "standard input")
    else:
        try:
            with args.file.open("rb") as file:
                contents = read(file, str(args.file))
        except OSError as error:
            raise InventoryError(f"{args.file}: cannot be read: {error.strerror}") from None
    print(f"{path}: {write_contents(path, contents)} objects")
    return 0
