"""The reference is complete and up to date: settings, commands, pages that are served."""

from __future__ import annotations

import argparse
import importlib.util
import re
import urllib.request

from tests.documentation.pages import ROOT
from tests.live import LiveServer
from xapi_async.cli import parser
from xapi_async.config import load
from xapi_async.datamodel.classes import CLASSES
from xapi_async.server import SECTIONS, assembled, missing_messages
from xapi_async.wire.reference import page
from xapi_async.wire.routing import RPC_PATHS


def test_the_pages_made_from_the_sources_are_up_to_date() -> None:
    spec = importlib.util.spec_from_file_location("document_reference", ROOT / "scripts" / "document_reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name, text in module.pages().items():
        assert (module.FOLDER / name).read_text() == text, "run scripts/document-reference"


def test_every_command_is_described() -> None:
    text = (ROOT / "docs" / "reference" / "command-line.md").read_text()
    for name, command in _subcommands(parser()).items():
        assert f"`{name}`" in text or f"## {name}" in text, name
        for flag in re.findall(r"--[a-z-]+", command.format_help()):
            assert flag in text, f"{name} {flag}"


def _subcommands(top: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    return next(action.choices for action in top._actions if isinstance(action, argparse._SubParsersAction))


def test_the_served_reference_has_a_page_for_everything(shared_server: LiveServer) -> None:
    def fetch(path: str) -> str:
        with urllib.request.urlopen(f"{shared_server.url}/reference{path}", timeout=10) as answer:
            return str(answer.read().decode())

    pages = {path: fetch(path) for path in ("", "/enums", "/errors", "/roles", *(f"/{c.FACTS.name}" for c in CLASSES))}
    for path, text in pages.items():
        for target, anchor in re.findall(r'href="/reference/?([^"#]*)(?:#([^"]+))?"', text):
            assert (f"/{target}" if target else "") in pages, (path, target)
            if anchor:
                assert f'id="{anchor}"' in pages[f"/{target}"], (path, target, anchor)


def test_what_is_not_built_is_marked(shared_server: LiveServer) -> None:
    def marked(text: str | None) -> set[str]:
        return set(re.findall(r'<h3 id="(\w+)">\w+ <span class="missing">', text or ""))

    assert marked(page("/reference/host", frozenset({"host.reboot", "host.disable"}))) == {"reboot", "disable"}
    with urllib.request.urlopen(f"{shared_server.url}/reference/host", timeout=10) as answer:
        assert {f"host.{name}" for name in marked(answer.read().decode())} == set(missing_messages())


async def test_every_page_and_handler_is_described() -> None:
    text = "".join((ROOT / "docs" / "reference" / name).read_text() for name in ("http.md", "http-handlers.md"))
    described = set(re.findall(r"`((?:GET|PUT|POST|CONNECT) /[\w/]*)`", text))
    async with assembled(load(SECTIONS, environment={}, flags={("server", "database"): ""})) as core:
        pages = [("GET", path) for path in ("/healthz", "/readyz", "/metrics")]
        there = {f"{method} {path}" for method, path in (*core.routes, *pages, *(("POST", path) for path in RPC_PATHS))}
    assert there <= described
    assert described - there <= {"POST /RPC2", "POST /xmlrpc"}
