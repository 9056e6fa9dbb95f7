"""Clients that show what the official one hides: envelopes, raw answers, and failures as plain lists."""

from __future__ import annotations

import http.client
import json
import time
import xmlrpc.client
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import XenAPI

from tests.live import PASSWORD

PATIENCE = 60.0
"""Seconds until what must come is given up: far more than it takes, as machines that run tests are busy."""


@dataclass(frozen=True)
class Answer:
    """What came back over HTTP."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def post(url: str, path: str, body: bytes, headers: Mapping[str, str] | None = None, method: str = "POST") -> Answer:
    """Send a request, and read the whole answer."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=PATIENCE)
    try:
        connection.request(method, path, body, dict(headers or {}))
        response = connection.getresponse()
        fields = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, fields, response.read())
    finally:
        connection.close()


def call_xml(url: str, method: str, *params: Any, headers: Mapping[str, str] | None = None) -> Any:
    """What a method answers over XML-RPC, envelope and all."""
    body = xmlrpc.client.dumps(params, method, allow_none=True).encode()
    (value,), _ = xmlrpc.client.loads(post(url, "/RPC2", body, headers).body)
    return value


def call_json(url: str, method: str, *params: Any, version: str | None = "2.0", ident: Any = 1) -> Any:
    """What a method answers over JSON-RPC, envelope and all."""
    request: dict[str, Any] = {"method": method, "params": list(params), "id": ident}
    if version is not None:
        request["jsonrpc"] = version
    return json.loads(post(url, "/jsonrpc", json.dumps(request).encode()).body)


def failure(url: str, method: str, *params: Any) -> list[str]:
    """The ErrorDescription of a call that must fail."""
    answer = call_xml(url, method, *params)
    assert answer["Status"] == "Failure", answer
    return list(answer["ErrorDescription"])


def refused(call: Callable[..., Any], *args: Any) -> list[str]:
    """How the official client is refused."""
    try:
        call(*args)
    except XenAPI.Failure as refusal:
        return list(refusal.details)
    raise AssertionError("the call was not refused")


def log_in(url: str, user: str = "root", password: str = PASSWORD) -> str:
    """The reference of a new session."""
    answer = call_xml(url, "session.login_with_password", user, password, "2.9", "tests")
    assert answer["Status"] == "Success", answer
    return str(answer["Value"])


def until(condition: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """Wait for something that comes by itself, and give it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError("it did not happen")


def ended(api: Any, task: str) -> Any:
    """The record of a task that has ended."""
    return until(lambda: (record := api.task.get_record(task))["status"] != "pending" and record)
