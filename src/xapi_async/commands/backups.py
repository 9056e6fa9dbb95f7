"""``backup`` and ``restore``: the whole database as one file."""

from __future__ import annotations

import argparse
from pathlib import Path

from xapi_async.commands.adding import Commands, add_command
from xapi_async.commands.settings import add_database, database_of
from xapi_async.objects.database import check_backup, copy_database, restore_backup
from xapi_async.objects.errors import DatabaseError


def add(commands: Commands) -> None:
    """Add the commands."""
    backup = add_command(
        commands,
        "backup",
        _backup,
        "copy the database into a file",
        "Copy the database, as of this moment, into a file that appears whole or not at all, and check it. "
        "The server may be running. An older file of that name is replaced.",
    )
    backup.add_argument("file", type=Path, metavar="FILE", help="where the backup goes")
    add_database(backup)
    restore = add_command(
        commands,
        "restore",
        _restore,
        "put a backup in the place of the database",
        "Check a backup and put it in the place of the database, whose server must be stopped.",
    )
    restore.add_argument("file", type=Path, metavar="FILE", help="the backup")
    restore.add_argument("--replace", action="store_true", help="do so though there is a database, which is lost")
    add_database(restore)


def refuse_to_replace(path: Path, args: argparse.Namespace) -> None:
    """Keep a database that is there from being lost by mistake. Raises DatabaseError."""
    if path.exists() and not args.replace:
        raise DatabaseError(f"{path}: is there already; give --replace to lose it, or --database to name another")


def _backup(args: argparse.Namespace) -> int:
    path = database_of(args)
    copy_database(path, args.file)
    print(f"{args.file}: {check_backup(args.file)} objects of {path}")
    return 0


def _restore(args: argparse.Namespace) -> int:
    path = database_of(args)
    refuse_to_replace(path, args)
    if not args.file.exists():
        raise DatabaseError(f"{args.file}: there is no such backup")
    print(f"{path}: {restore_backup(args.file, path)} objects of {args.file}")
    return 0
