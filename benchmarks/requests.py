"""Requests made beforehand, as the bytes that go over the wire."""

from __future__ import annotations

import json
import xmlrpc.client
from typing import Any

XML_SUCCESS = b"Success"
"""What an answer in XML-RPC has in it unless the call failed."""

JSON_SUCCESS = b'"result"'
"""What an answer in JSON-RPC has in it unless the call failed."""


def post(path: str, body: bytes, content_type: str = "text/xml", coding: str = "gzip") -> bytes:
    """A complete POST request, as the official client sends it. coding: what is accepted."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept-Encoding: {coding}\r\nContent-Type: {content_type}\r\n"
        f"User-Agent: Python-xmlrpc/3.11\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def xml(method: str, *params: Any, coding: str = "gzip") -> bytes:
    """A call as the official client sends it."""
    return post("/", xmlrpc.client.dumps(params, method).encode(), coding=coding)


def jsonrpc(method: str, *params: Any) -> bytes:
    """A call in JSON-RPC 2.0."""
    body = json.dumps({"jsonrpc": "2.0", "method": method, "params": params, "id": 1}).encode()
    return post("/jsonrpc", body, "application/json")
