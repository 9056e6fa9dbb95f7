"""A server with a session, and ways to ask it for more than calls."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.client import Answer, post
from tests.live import PASSWORD, LiveServer, running


class Site:
    """A server, the official client's session with it, and plain HTTP."""

    def __init__(self, server: LiveServer, session: Any) -> None:
        self.server = server
        self.api = session.xenapi
        self.session = session.handle

    def ask(self, method: str, path: str, body: bytes = b"", /, *, session: str | None = None, **query: str) -> Answer:
        """A request with a session: the site's own unless another is given, none if that is empty."""
        known = self.session if session is None else session
        return self.plain(method, path, body, **({"session_id": known} if known else {}), **query)

    def plain(
        self, method: str, path: str, body: bytes = b"", /, headers: Mapping[str, str] | None = None, **query: str
    ) -> Answer:
        """A request without a session."""
        return post(self.server.url, f"{path}?{urlencode(query)}", body, headers, method)


BASIC = {"Authorization": "Basic " + base64.b64encode(f"root:{PASSWORD}".encode()).decode()}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running(tmp_path_factory.mktemp("transfers")) as server, server.session() as session:
        yield Site(server, session)
