"""What the documentation shows is true: its programs run, its commands, settings and links exist."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.access import slapd
from tests.documentation.pages import PAGES, ROOT, Block, anchors, blocks, commands, links
from tests.live import PASSWORD, LiveServer
from xapi_async.cli import parser
from xapi_async.commands.settings import load_config
from xapi_async.config import load
from xapi_async.server import SECTIONS

URL, TLS_URL = "http://127.0.0.1:8080", "https://127.0.0.1:8443"
ELSEWHERE = {"--listen", "--tls-listen", "--database", "--ready-file"}
"""Flags of places, which are others in a test."""

CHEAP_PASSWORDS = {"XAPI_ACCESS_HASH_MEMORY_KIB": "1024", "XAPI_ACCESS_HASH_PASSES": "1"}

by_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
with_programs = pytest.mark.parametrize(
    "page",
    [page for page in PAGES if any(block.language == "python" for block in blocks(page))],
    ids=lambda page: page.relative_to(ROOT).as_posix(),
)


@with_programs
def test_programs_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From top to bottom, against the server that the page starts, killed and started again where it says so."""
    names: dict[str, Any] = {"__name__": page.stem}
    monkeypatch.chdir(tmp_path)
    with _surroundings(page, tmp_path) as variables, _server(tmp_path, variables) as server:
        for block in blocks(page):
            if block.language == "toml":
                Path("settings.toml").write_text(block.text)
            elif block.language == "sh":
                _obey(block, server)
            elif block.language == "python":
                if server.process is None:
                    server.start()
                text = "\n" * block.line + _here(block.text, server)
                exec(compile(text, str(page), "exec"), names)


@contextmanager
def _surroundings(page: Path, folder: Path) -> Iterator[dict[str, str]]:
    """What a page needs beside the server; gives the variables that lead there."""
    if page.stem != "authenticate-with-ldap":
        yield {}
        return
    if slapd.missing():
        pytest.skip(slapd.missing())
    (folder / "slapd").mkdir()
    with slapd.running(folder / "slapd") as config:
        yield {"XAPI_LDAP_URI": config["ldap_uri"], "XAPI_LDAP_CA_FILE": config["ldap_ca_file"]}


@contextmanager
def _server(folder: Path, variables: dict[str, str]) -> Iterator[LiveServer]:
    server = LiveServer(folder, environment={**CHEAP_PASSWORDS, **variables})
    try:
        yield server
    finally:
        server.kill()


def _obey(block: Block, server: LiveServer) -> None:
    """Kill the server as a block of shell does, and note how it starts one; the next program that needs it has it."""
    for command in commands(block):
        if command.arguments[:1] == ["serve"]:
            flags = tuple(_of_a_test(command.arguments[1:]))
            if server.process is not None and flags != server.flags:
                server.kill()
                (server.folder / "state.db").unlink()  # another server, not the same one again
            server.flags = flags
    if "kill -9" in block.text:
        server.kill()


def _of_a_test(flags: list[str]) -> Iterator[str]:
    """The flags of a command, without those of places."""
    rest = iter(flags)
    for flag in rest:
        if flag in ELSEWHERE:
            next(rest)
        elif flag == "--config":
            named = next(rest)
            yield from (flag, str(ROOT / named) if (ROOT / named).exists() else named)
        elif flag == "--set" and not (value := next(rest)).startswith("files.folder"):
            yield from (flag, "nbd.port=0" if value.startswith("nbd.port") else value)
        elif flag not in ("--set",):
            yield flag


def _here(text: str, server: LiveServer) -> str:
    """A program with the address and the password of the server under test."""
    host = server.url.removeprefix("http://")
    text = text.replace(URL, server.url).replace(TLS_URL, server.tls_url).replace("127.0.0.1:8080", host)
    return text.replace('"secret"', repr(PASSWORD))


@by_page
def test_commands_exist(page: Path) -> None:
    for block in blocks(page):
        if block.language != "sh":
            continue
        for command in commands(block):
            if {"--help", "--version", "--print-completion"} & set(command.arguments):
                continue
            args = parser().parse_args(command.arguments)
            if hasattr(args, "set") and not (args.config and not (ROOT / args.config).exists()):
                if args.config:
                    args.config = ROOT / args.config
                load_config(args)
            load(SECTIONS, environment=command.variables)


@by_page
def test_settings_exist(page: Path, tmp_path: Path) -> None:
    for block in blocks(page):
        if block.language == "toml":
            file = tmp_path / "settings.toml"
            file.write_text(block.text)
            load(SECTIONS, file, environment={})


@by_page
def test_links_lead_somewhere(page: Path) -> None:
    for link in links(page):
        target, _, anchor = link.partition("#")
        file = (page.parent / target).resolve() if target else page
        assert file.exists(), link
        if anchor:
            assert anchor in anchors(file), link


def test_every_page_can_be_found() -> None:
    reached, todo = set[Path](), [ROOT / "README.md"]
    while todo:
        page = todo.pop()
        if page not in reached and page.suffix == ".md":
            reached.add(page)
            todo += [(page.parent / link.partition("#")[0]).resolve() for link in links(page) if link[0] != "#"]
    assert set(PAGES) <= reached
