"""Processes that die, stall or are stopped: clients see no more of it than a connection that ends."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live import LiveServer, running
from tests.workers.processes import Client, Processes, process_ids, wait_for


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server whose processes may be treated badly."""
    flags = ("--workers", "3", "--set", "server.worker_stalled_seconds=2")
    with running(tmp_path_factory.mktemp("own"), *flags) as server:
        yield server


@pytest.fixture
def own(kept: LiveServer) -> LiveServer:
    """The same, running with all its processes."""
    if kept.process is None:
        kept.start()
    wait_for(lambda: len(process_ids(kept)) == 3 and _all_answer(kept))
    return kept


def test_clients_of_a_killed_reader_come_back_and_go_on(own: LiveServer) -> None:
    processes = Processes(own)
    session = processes.writer.log_in()
    vm = processes.writer.answer("VM.get_all", session)[0]
    victim = processes.pids[1]
    os.kill(victim, signal.SIGKILL)
    for n in range(50):  # nobody waits for the dead
        try:
            again = Client(own)
        except ConnectionError:  # it has reached the dead one's place just before that was cleared
            again = Client(own)
        assert again.answer("VM.set_name_label", session, vm, str(n)) == ""
        assert again.answer("VM.get_name_label", session, vm) == str(n)
        again.close()
    wait_for(lambda: len(process_ids(own)) == 3 and victim not in process_ids(own))
    wait_for(lambda: _all_answer(own))
    for client in Processes(own).clients:
        assert client.answer("VM.get_name_label", session, vm) == "49"


def test_a_reader_that_stalls_is_replaced(own: LiveServer) -> None:
    processes = Processes(own)
    session = processes.writer.log_in()
    vm = processes.writer.answer("VM.get_all", session)[0]
    os.kill(processes.pids[1], signal.SIGSTOP)
    assert processes.writer.answer("VM.set_name_label", session, vm, "late but true") == ""
    assert processes.pids[1] not in process_ids(own)
    assert processes.readers[1].answer("VM.get_name_label", session, vm) == "late but true"


def test_a_stop_ends_all_processes(own: LiveServer) -> None:
    pids = process_ids(own)
    processes = Processes(own)
    session = processes.writer.log_in()
    for client in processes.clients:
        client.answer("VM.get_all", session)
    assert own.stop() == 0
    assert not any(_is_running(pid) for pid in pids)
    assert "Traceback" not in own.log()


def test_readers_end_with_the_writer(own: LiveServer) -> None:
    pids = process_ids(own)
    own.kill()
    wait_for(lambda: not any(_is_running(pid) for pid in pids))


def _all_answer(server: LiveServer) -> bool:
    try:
        Processes(server).close()
    except AssertionError:
        return False
    return True


def _is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
