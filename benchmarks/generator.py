"""The process that the load generator runs in, on the generator's cores."""

from __future__ import annotations

import gc
import socket
import subprocess
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection as Control
from typing import Any

from benchmarks.loadgen import Load, Measured, run
from benchmarks.servers import GENERATOR_CORES, settled


class Generator:
    """The process, seen from outside. Use it in a ``with`` statement.

    It does one thing at a time: a function of a module of the benchmarks, which gets the end of the line to
    here as its last argument.
    """

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.generator", str(theirs.fileno())],
                pass_fds=(theirs.fileno(),),
                preexec_fn=settled(GENERATOR_CORES),
            )
        self._control = Control(ours.detach())
        self.pid = self._process.pid

    def __enter__(self) -> Generator:
        return self

    def __exit__(self, *exc: object) -> None:
        self._control.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def run(self, load: Load) -> Measured:
        """Send a load."""
        self.begin(run, load)
        return self.result()  # type: ignore[no-any-return]

    def begin(self, function: Callable[..., Any], *args: Any) -> None:
        """Begin something; what comes of it is had by result."""
        self._control.send((function, args))

    def tell(self, word: Any = None) -> None:
        """Say something to the function that runs; a load ends early."""
        self._control.send(word)

    def hear(self) -> Any:
        """What the function that runs says. Raises RuntimeError where it failed."""
        try:
            kind, found = self._control.recv()
        except EOFError:
            raise RuntimeError("the load generator has died") from None
        if kind == "failed":
            raise RuntimeError(f"the load generator failed: {found}")
        return found

    result = hear


def say(control: Control, word: Any) -> None:
    """From a function that runs to whoever began it."""
    control.send(("said", word))


def _serve(control: Control) -> None:
    while True:
        try:
            order = control.recv()
        except EOFError:
            return
        if order is None:
            continue  # said to a load that had ended by itself
        function, args = order
        try:
            say(control, function(*args, control))
        except Exception as error:
            control.send(("failed", f"{type(error).__name__}: {error}"))


if __name__ == "__main__":
    gc.disable()  # nothing here makes cycles, and a pass would make requests late
    _serve(Control(int(sys.argv[1])))
