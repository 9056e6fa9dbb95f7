"""Processes that die, stall or are stopped: clients see no more of it than a connection that ends."""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from tests.client import until
from tests.live import LiveServer, running
from tests.workers.processes import Client, Processes, process_ids


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server whose processes may be treated badly."""
    with running(tmp_path_factory.mktemp("own"), "--workers", "3") as server:
        yield server


@pytest.fixture
def own(kept: LiveServer) -> LiveServer:
    """The same, running with all its processes."""
    if kept.process is None:
        kept.start()
    until(lambda: len(process_ids(kept)) == 3 and _all_answer(kept))
    return kept


def test_clients_of_a_killed_reader_come_back_and_go_on(own: LiveServer) -> None:
    processes = Processes(own)
    session = processes.writer.log_in()
    vm = processes.writer.answer("VM.get_all", session)[0]
    victim = processes.pids[1]

    def come_back(name: str) -> None:
        again = Client(own)
        assert again.answer("VM.set_name_label", session, vm, name) == ""
        assert again.answer("VM.get_name_label", session, vm) == name
        again.close()

    os.kill(victim, signal.SIGKILL)
    for n in range(50):  # nobody waits for the dead
        try:
            come_back(str(n))
        except ConnectionError:  # it has reached the dead one's place just before that was cleared
            come_back(str(n))
    until(lambda: len(process_ids(own)) == 3 and victim not in process_ids(own))
    until(lambda: _all_answer(own))
    for client in Processes(own).clients:
        assert client.answer("VM.get_name_label", session, vm) == "49"


def test_a_reader_that_joins_amid_changes_has_all_of_them(own: LiveServer) -> None:
    processes = Processes(own)
    session = processes.writer.log_in()
    template = processes.writer.template(session)
    done = Event()

    def change(client: Client) -> None:
        made: list[str] = []
        for n in itertools.count():
            if n > 10 and done.is_set():
                return
            made.append(client.answer("VM.clone", session, template, f"clone {n % 7}"))
            client.answer("VM.add_tags", session, made[n // 2], str(n))
            client.answer("VM.set_name_label", session, made[n // 3], f"renamed {n % 5}")
            if n % 3 == 0:
                client.answer("VM.destroy", session, made[n // 4])

    victim = processes.pids[1]
    with ThreadPoolExecutor(3) as pool:
        changing = [pool.submit(change, Processes(own).writer) for _ in range(3)]
        try:
            os.kill(victim, signal.SIGKILL)
            until(lambda: len(process_ids(own)) == 3 and victim not in process_ids(own))
            until(lambda: _all_answer(own))
        finally:
            done.set()
        for one in changing:
            one.result()
    clients = Processes(own).clients
    for method in ("VM.get_all_records", "VBD.get_all_records", "host.get_all_records", "task.get_all"):
        assert len({client.raw(method, session) for client in clients}) == 1, method
    for name in (*(f"clone {n}" for n in range(7)), *(f"renamed {n}" for n in range(5))):
        assert len({client.raw("VM.get_by_name_label", session, name) for client in clients}) == 1, name


def test_a_reader_that_stalls_is_replaced(tmp_path: Path) -> None:
    with running(tmp_path, "--workers", "3", "--set", "server.worker_stalled_seconds=2") as server:
        processes = Processes(server)
        session = processes.writer.log_in()
        vm = processes.writer.answer("VM.get_all", session)[0]
        os.kill(processes.pids[1], signal.SIGSTOP)
        assert processes.writer.answer("VM.set_name_label", session, vm, "not delayed") == ""
        assert processes.readers[1].answer("VM.get_name_label", session, vm) == "not delayed"
        until(lambda: processes.pids[1] not in process_ids(server))


def test_a_reader_that_stood_still_tells_nobody_what_is_old(own: LiveServer) -> None:
    processes = Processes(own)
    session = processes.writer.log_in()
    vm = processes.writer.answer("VM.get_all", session)[0]
    stopped, sleeper = processes.pids[1], processes.readers[0]
    with ThreadPoolExecutor(1) as pool:
        for n in range(20):
            os.kill(stopped, signal.SIGSTOP)
            try:
                # Asked before the change; it may be answered with either name then, and without an error.
                asked = pool.submit(sleeper.answer, "VM.get_name_label", session, vm)
                for client in (processes.writer, processes.readers[1]):
                    assert client.answer("VM.set_name_label", session, vm, f"{n} {client.port}") == ""
            finally:
                os.kill(stopped, signal.SIGCONT)
            assert asked.result()
            newest = f"{n} {processes.readers[1].port}"
            assert [client.answer("VM.get_name_label", session, vm) for client in processes.clients] == [newest] * 3
    processes.close()


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
    until(lambda: not any(_is_running(pid) for pid in pids))


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
