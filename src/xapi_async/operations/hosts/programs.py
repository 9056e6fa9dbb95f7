"""Programs in a folder, run to answer a call: never a shell, never anything outside the folder."""

from __future__ import annotations

import asyncio
import os
import signal
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from xapi_async.operations.program_settings import ProgramSettings

OWN_VARIABLES = "XAPI_"
"""How the environment variables begin that the server's own settings come in; no program gets them."""

CHUNK = 64 * 1024

CLOSING_SECONDS = 1.0
"""How long the pipes of a program that has ended have to close."""


@dataclass(frozen=True)
class Ended:
    """How a program ended. problem: why that was not normal; empty where it was."""

    problem: str
    output: str
    errors: str


def find_program(folder: str, name: str) -> Path | None:
    """The program of that name; None where there is none, or nothing that can be run."""
    if not folder or not name or name.startswith(".") or "/" in name or "\0" in name:
        return None
    path = Path(folder) / name
    return path if path.is_file() and os.access(path, os.X_OK) else None


async def run_program(program: Path, *arguments: str, given: str = "", settings: ProgramSettings) -> Ended:
    """Run a program to its end. given: what it can read from its standard input.

    It is killed, with what it has started, when whoever waits for it is cancelled.
    """
    environment = {key: value for key, value in os.environ.items() if not key.startswith(OWN_VARIABLES)}
    try:
        process = await asyncio.create_subprocess_exec(
            program, *arguments, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=environment, start_new_session=True
        )
    except (OSError, ValueError) as error:
        return Ended(f"it could not be started: {error}", "", "")
    try:
        async with asyncio.timeout(settings.longest_seconds or None):
            output, errors = await _talk(process, given.encode(), settings.most_output_bytes)
            status = await process.wait()
    except TimeoutError:
        return Ended(f"it took longer than {settings.longest_seconds:g} seconds", "", "")
    except _TooMuchError:
        return Ended(f"it wrote more than {settings.most_output_bytes} bytes", "", "")
    finally:
        await _kill(process)
    return Ended(_problem(status), output.decode(errors="replace"), errors.decode(errors="replace"))


class _TooMuchError(Exception):
    """A program wrote more than it may."""


async def _talk(process: Process, given: bytes, most: int) -> tuple[bytes, bytes]:
    assert process.stdin is not None  # all three were asked for as pipes
    assert process.stdout is not None
    assert process.stderr is not None
    writing = asyncio.ensure_future(_write(process.stdin, given))
    reading = [asyncio.ensure_future(_read(stream, most)) for stream in (process.stdout, process.stderr)]
    try:
        await asyncio.gather(writing, *reading)
    finally:
        for one in (writing, *reading):
            one.cancel()
        await asyncio.gather(writing, *reading, return_exceptions=True)
    return reading[0].result(), reading[1].result()


async def _write(stream: asyncio.StreamWriter, given: bytes) -> None:
    with suppress(BrokenPipeError, ConnectionResetError):  # it may end without reading what it is given
        stream.write(given)
        await stream.drain()
        stream.close()
        await stream.wait_closed()


async def _read(stream: asyncio.StreamReader, most: int) -> bytes:
    parts: list[bytes] = []
    left = most
    while part := await stream.read(CHUNK):
        left -= len(part)
        if left < 0:
            raise _TooMuchError
        parts.append(part)
    return b"".join(parts)


async def _kill(process: Process) -> None:
    """See to it that neither the program nor what it started in the same group is left."""
    with suppress(ProcessLookupError, PermissionError):  # all of it may have ended
        os.killpg(process.pid, signal.SIGKILL)
    # What is still in the pipes is read, as a program has not ended for asyncio while they are open. Something outside
    # the group may hold them, which is not waited for.
    with suppress(TimeoutError):
        async with asyncio.timeout(CLOSING_SECONDS):
            await process.communicate()


def _problem(status: int) -> str:
    if status == 0:
        return ""
    if status > 0:
        return "non-zero exit"
    try:
        return f"signal: {signal.Signals(-status).name}"
    except ValueError:
        return f"signal: {-status}"
