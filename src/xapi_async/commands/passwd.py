"""``passwd``: another password for root, for when nobody knows the one there is."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import sys
from pathlib import Path

from xapi_async.commands.adding import Commands, add_command
from xapi_async.commands.settings import add_database, database_of, load_config
from xapi_async.config import ConfigError
from xapi_async.datamodel.errors import ApiError
from xapi_async.objects.database import open_database
from xapi_async.objects.errors import DatabaseError
from xapi_async.rpc.passwords import Passwords
from xapi_async.rpc.settings import AccessSettings


def add(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "passwd",
        _passwd,
        "give root another password",
        "Give root another password: asked for at a terminal, else the first line of standard input. "
        "The server must be stopped; of a running one, session.change_password changes it.",
    )
    add_database(parser)


def _passwd(args: argparse.Namespace) -> int:
    path = database_of(args)
    if not path.exists():
        raise DatabaseError(f"{path}: there is no such database; a first `xapi-async serve` makes one")
    settings: AccessSettings = load_config(args).section(AccessSettings)
    password = _asked() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
    asyncio.run(_change(path, settings, password))
    print(f"{path}: root has another password")
    return 0


def _asked() -> str:
    password = getpass.getpass("New password of root: ")
    if getpass.getpass("The same again: ") != password:
        raise ConfigError("the two passwords differ; nothing was changed")
    return password


async def _change(path: Path, settings: AccessSettings, password: str) -> None:
    async with open_database(path) as database:
        passwords, _ = await Passwords.open(database.documents, settings)
        try:
            await passwords.change(password)
        except ApiError as error:
            raise ConfigError(f"{error.params[0]}; nothing was changed") from None
        finally:
            passwords.close()
