"""Pages, transfers and unusual requests work at whichever process they arrive."""

from __future__ import annotations

import http.client
import re
import ssl
import urllib.request
import xmlrpc.client
from urllib.parse import urlsplit

from tests.client import until
from tests.live import LiveServer
from tests.workers.processes import Processes


def test_pages_come_from_every_process(processes: Processes) -> None:
    for client in processes.clients:
        client.http.request("GET", "/reference")
        response = client.http.getresponse()
        assert response.status == 200
        assert b"</html>" in response.read()
        client.http.request("GET", "/reference/VM")  # the same connection goes on
        assert client.http.getresponse().read()


def test_unusual_requests_are_answered_by_every_process(processes: Processes) -> None:
    session = processes.writer.log_in()
    call = (
        "<methodCall><methodName>pool.get_all</methodName><params><param>"
        f"<value>{session}</value></param></params></methodCall>"
    ).encode()
    for client in processes.clients:
        client.http.request("POST", "/", call, {"Expect": "100-continue"})
        response = client.http.getresponse()
        assert b"OpaqueRef" in response.read()
        client.http.request("OPTIONS", "/")
        assert client.http.getresponse().read() == b""
    for client in processes.clients:
        client.http.request("GET", "/nothing")
        response = client.http.getresponse()
        assert response.status == 403
        response.read()


def test_tls_reaches_every_process_too(several: LiveServer) -> None:
    address = urlsplit(several.tls_url)
    context = ssl._create_unverified_context()
    for _ in range(12):
        with urllib.request.urlopen(f"{several.tls_url}/reference", context=context) as page:
            assert page.status == 200
        connection = http.client.HTTPSConnection(address.hostname or "", address.port, context=context)
        connection.request("POST", "/", xmlrpc.client.dumps((), "system.listMethods"))
        assert b"VM.start" in connection.getresponse().read()
        connection.close()


def test_metrics_count_what_readers_answer(several: LiveServer, processes: Processes) -> None:
    session = processes.writer.log_in()

    def counted() -> float:
        with urllib.request.urlopen(f"{several.url}/metrics") as page:
            found = re.search(
                r'xapi_calls_total\{method="VM.get_is_a_template",result="success"\} (\S+)', page.read().decode()
            )
        return float(found[1]) if found else 0.0

    vm = processes.writer.answer("VM.get_all", session)[0]
    before = counted()
    for client in processes.clients:
        for _ in range(5):
            client.answer("VM.get_is_a_template", session, vm)
    until(lambda: counted() == before + 15)
