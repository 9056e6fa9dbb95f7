"""Blobs and the audit log over HTTP."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

from tests.client import until
from tests.transfers.conftest import BASIC, Site


def test_a_blob_goes_there_and_back(site: Site) -> None:
    blob = site.api.blob.create("image/png", False)
    uuid = site.api.blob.get_uuid(blob)
    assert site.ask("GET", "/blob", ref=blob).status == 404
    content = bytes(range(256)) * 4000
    sent = site.ask("PUT", "/blob", content, ref=blob)
    assert (sent.status, sent.headers["access-control-allow-origin"], sent.body) == (200, "*", b"")
    assert site.api.blob.get_size(blob) == str(len(content))
    got = site.plain("GET", "/blob", headers=BASIC, uuid=uuid)
    assert (got.status, got.body, got.headers["content-type"]) == (200, content, "image/png")
    assert got.headers["content-length"] == str(len(content))
    site.api.blob.destroy(blob)
    assert site.ask("GET", "/blob", uuid=uuid).status == 404


def test_only_public_blobs_are_for_everybody(site: Site) -> None:
    for public, status in ((False, 401), (True, 200)):
        blob = site.api.blob.create("", public)
        assert site.ask("PUT", "/blob", b"content", ref=blob).status == 200
        got = site.plain("GET", "/blob", ref=blob)
        assert got.status == status
        assert ("www-authenticate" in got.headers) is (status == 401)
        assert site.plain("PUT", "/blob", b"other", ref=blob).status == 401
        assert site.ask("GET", "/blob", session="OpaqueRef:nobody", ref=blob).status == status


def test_requests_for_blobs_that_make_no_sense(site: Site) -> None:
    assert site.ask("GET", "/blob").status == 400
    assert site.ask("PUT", "/blob", b"x").status == 400
    assert site.ask("PUT", "/blob", b"x", ref="OpaqueRef:nothing").status == 404
    blob = site.api.blob.create("", True)
    assert site.plain("PUT", "/blob", headers={"Cookie": "session_id=wrong"}, ref=blob).status == 401
    with socket.create_connection((urlsplit(site.server.url).hostname or "", urlsplit(site.server.url).port or 0)) as s:
        s.sendall(f"PUT /blob?session_id={site.session}&ref={blob} HTTP/1.0\r\n\r\nbytes".encode())
        assert b" 500 " in s.recv(100)


def test_half_a_blob_changes_nothing(site: Site) -> None:
    blob = site.api.blob.create("", True)
    site.ask("PUT", "/blob", b"whole", ref=blob)
    with socket.create_connection((urlsplit(site.server.url).hostname or "", urlsplit(site.server.url).port or 0)) as s:
        head = f"PUT /blob?session_id={site.session}&ref={blob} HTTP/1.1\r\nHost: here\r\nContent-Length: 100\r\n\r\n"
        s.sendall(head.encode() + b"half")
        assert s.recv(100).startswith(b"HTTP/1.1 200")
    assert until(lambda: site.plain("GET", "/blob", ref=blob).body) == b"whole"


def test_the_audit_log_says_who_did_what(site: Site) -> None:
    network = site.api.network.create({"name_label": "audited", "other_config": {}})
    answer = site.ask("GET", "/audit_log")
    assert (answer.status, answer.headers["content-type"]) == (200, "text/plain")
    assert "content-length" not in answer.headers
    lines = answer.body.decode().splitlines()
    made = next(line for line in lines if "'network.create'" in line)
    assert "ALLOWED" in made
    assert "root" in made
    stamp = made[1:].partition("|")[0]
    assert stamp[8] == "T"
    later = site.ask("GET", "/audit_log", since=f"{stamp[:4]}-{stamp[4:6]}-{stamp[6:]}").body.decode().splitlines()
    assert made in later
    assert len(later) <= len(lines) + 1
    assert site.ask("GET", "/audit_log", since="2999").body == b""
    assert any("http/get_audit_log" in line for line in later)
    site.api.network.destroy(network)


def test_the_audit_log_is_for_those_who_are_logged_in_and_ends_their_task(site: Site) -> None:
    assert site.plain("GET", "/audit_log").status == 401
    task = site.api.task.create("log", "")
    assert site.plain("GET", "/audit_log", task_id=task, session_id="wrong").status == 401
    task = site.api.task.create("log", "")
    assert site.ask("GET", "/audit_log", task_id=task).status == 200
    assert until(lambda: site.api.task.get_status(task) != "pending" and site.api.task.get_status(task)) == "success"


def test_credentials_of_another_kind_are_not_understood(site: Site) -> None:
    assert site.plain("GET", "/audit_log", headers={"Authorization": "Bearer token"}).status == 500
    assert site.plain("GET", "/audit_log", headers={"Authorization": "Basic cm9vdDp3cm9uZw=="}).status == 401
