"""What a client has been told of it finds everywhere, while others write."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event

from tests.client import PATIENCE, until
from tests.live import LiveServer
from tests.workers.processes import Processes

PAIRS = 100
CLIENTS = 6


def test_a_write_is_read_over_any_connection(together: LiveServer) -> None:
    setup = Processes(together)
    vms = setup.writer.answer("VM.get_all", setup.writer.log_in())  # once, as each write changes the order
    setup.close()

    def work(number: int) -> int:
        processes = Processes(together)
        session = processes.writer.log_in()
        vm = vms[number]
        clients = processes.clients
        for n in range(PAIRS):
            name = f"{number}/{n}"
            assert clients[n % len(clients)].answer("VM.set_name_label", session, vm, name) == ""
            for client in clients:
                assert client.answer("VM.get_name_label", session, vm) == name
            found = clients[(n + 1) % len(clients)].answer("VM.get_by_name_label", session, name)
            assert found == [vm]
        processes.close()
        return PAIRS

    with ThreadPoolExecutor(CLIENTS) as pool:
        assert sum(pool.map(work, range(CLIENTS))) == PAIRS * CLIENTS


def test_reads_never_go_back_in_time(together: LiveServer) -> None:
    done = Event()
    setup = Processes(together)
    session = setup.writer.log_in()
    vm = setup.writer.answer("VM.get_all", session)[0]
    setup.writer.answer("VM.set_name_description", session, vm, "0")

    def write() -> None:
        processes = Processes(together)
        for n in range(1, 400):
            processes.clients[n % len(processes.clients)].answer("VM.set_name_description", session, vm, str(n))
        done.set()
        processes.close()

    def read(_: int) -> int:
        processes = Processes(together)
        newest = count = 0
        while not done.is_set():
            for client in processes.clients:
                seen = int(client.answer("VM.get_name_description", session, vm))
                assert seen >= newest
                newest = seen
                count += 1
        processes.close()
        return count

    with ThreadPoolExecutor(4) as pool:
        writing = pool.submit(write)
        assert sum(pool.map(read, range(3))) > 100
        writing.result()
    setup.close()


def test_what_an_event_tells_is_everywhere(processes: Processes) -> None:
    session = processes.readers[0].log_in()
    vm = processes.writer.answer("VM.get_all", session)[1]
    token = processes.readers[0].answer("event.from", session, ["VM"], "", 0.0)["token"]
    for n in range(20):
        processes.readers[1].answer("VM.set_name_description", session, vm, f"event {n}")
        batch = processes.readers[0].answer("event.from", session, ["VM"], token, PATIENCE)
        assert batch["events"][-1]["snapshot"]["name_description"] == f"event {n}"
        token = batch["token"]


def test_the_end_of_a_task_comes_after_what_it_did(processes: Processes) -> None:
    session = processes.writer.log_in()
    vm = processes.writer.template(session)
    for n in range(10):
        first, second = processes.readers if n % 2 else processes.readers[::-1]
        task = first.answer("Async.VM.clone", session, vm, f"clone {n} of a task")
        while (status := first.answer("task.get_status", session, task)) == "pending":
            pass
        assert status == "success"
        assert len(second.answer("VM.get_by_name_label", session, f"clone {n} of a task")) == 1


def test_a_session_is_one_on_all_connections(processes: Processes) -> None:
    for here in processes.clients:
        session = here.log_in()
        for client in processes.clients:
            assert client.answer("session.get_this_user", session, session)
            assert client.answer("VM.get_all", session)
        here.answer("session.logout", session)
        for client in processes.clients:
            assert client.answer("VM.get_all", session) == ["SESSION_INVALID", session]


def test_reading_counts_as_use_of_a_session(processes: Processes) -> None:
    session = processes.writer.log_in()
    before = processes.writer.answer("session.get_last_active", session, session)

    def is_later() -> bool:
        processes.readers[0].answer("VM.get_all", session)
        # Asked with another session, so that the question is no use of this one.
        return bool(processes.writer.answer("session.get_last_active", other, session) > before)

    other = processes.writer.log_in()
    until(is_later)
