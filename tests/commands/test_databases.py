"""Backups, passwords and the inventory as a file, as an administrator uses them."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import XenAPI

from tests.live import PASSWORD, LiveServer, running
from xapi_async.cli import main


def run(*args: str) -> subprocess.CompletedProcess[str]:
    """The command as a user runs it."""
    command = [sys.executable, "-m", "xapi_async", *args]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database of a server that was stopped, with a VM of our own in it."""
    folder = tmp_path_factory.mktemp("stopped")
    with running(folder) as server, server.session() as session:
        host = session.xenapi.host.get_all()[0]
        session.xenapi.host.set_name_description(host, "kept")
        assert main(["backup", str(folder / "live.backup"), "--database", str(folder / "state.db")]) == 0
    return folder / "state.db"


def test_a_backup_of_a_running_server_can_be_restored(stopped: Path, tmp_path: Path) -> None:
    target = tmp_path / "state.db"
    assert main(["restore", str(stopped.with_name("live.backup")), "--database", str(target)]) == 0
    with running(tmp_path) as server, server.session() as session:
        api = session.xenapi
        assert api.host.get_name_description(api.host.get_all()[0]) == "kept"


def test_nothing_is_replaced_by_mistake(stopped: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    backup = tmp_path / "backup"
    assert main(["backup", str(backup), "--database", str(stopped)]) == 0
    assert main(["restore", str(backup), "--database", str(stopped)]) == 1
    assert "--replace" in capsys.readouterr().err
    assert main(["restore", str(tmp_path / "no such"), "--database", str(tmp_path / "new")]) == 1
    assert "there is no such backup" in capsys.readouterr().err


def test_another_password(stopped: Path, tmp_path: Path) -> None:
    copy = tmp_path / "state.db"
    assert main(["backup", str(copy), "--database", str(stopped)]) == 0
    command = [sys.executable, "-m", "xapi_async", "passwd", "--database", str(copy)]
    ended = subprocess.run(command, input="tulip\n", text=True, capture_output=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    with running(tmp_path) as server:
        with server.session(password="tulip"):
            pass
        with pytest.raises(XenAPI.Failure), server.session(password=PASSWORD):
            pass


def test_the_database_of_a_running_server_is_left_alone(shared_server: LiveServer, tmp_path: Path) -> None:
    database = str(shared_server.folder / "state.db")
    ended = subprocess.run(
        [sys.executable, "-m", "xapi_async", "passwd", "--database", database],
        input="x\n", text=True, capture_output=True, timeout=60,
    )  # fmt: skip
    assert ended.returncode == 1
    assert "in use by another server" in ended.stderr


def test_an_inventory_that_is_saved_edited_and_loaded(stopped: Path, tmp_path: Path) -> None:
    saved, target = tmp_path / "inventory", tmp_path / "state.db"
    assert main(["inventory", "save", str(saved), "--database", str(stopped)]) == 0
    assert PASSWORD not in saved.read_text()
    assert "accounts" not in saved.read_text()
    lines = [json.loads(line) for line in saved.read_text().splitlines()]
    pbd = next(line for line in lines if line.get("class") == "PBD")
    assert pbd["fields"]["host"] == "xenserver-1"  # a name, no reference
    lines.append({"class": "network", "name": "mine", "fields": {"name_label": "by hand", "bridge": "xapi7"}})
    edited = [json.dumps(line).replace('"kept"', '"edited"') for line in lines]
    saved.write_text("\n".join(("# a remark", *edited)))
    assert main(["inventory", "load", str(saved), "--database", str(target)]) == 0
    with running(tmp_path) as server, server.session() as session:
        api = session.xenapi
        assert api.host.get_name_description(api.host.get_all()[0]) == "edited"
        assert len(api.network.get_by_name_label("by hand")) == 1


def test_saving_what_was_loaded_gives_the_same(stopped: Path, tmp_path: Path) -> None:
    first, second, copy = tmp_path / "first", tmp_path / "second", tmp_path / "copy.db"
    assert main(["inventory", "save", str(first), "--secrets", "--database", str(stopped)]) == 0
    assert main(["inventory", "load", str(first), "--database", str(copy)]) == 0
    assert main(["inventory", "save", str(second), "--secrets", "--database", str(copy)]) == 0
    assert sorted(first.read_bytes().splitlines()) == sorted(second.read_bytes().splitlines())


HOST = '{"class":"host","name":"h","fields":{}}'


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("{", "is not JSON"),
        ("[]", "is no line of an inventory"),
        ('{"inventory":99}', "is of version 99"),
        ('{"class":"vm","name":"a"}', "there is no class vm"),
        ('{"class":"VM","name":"a","fields":{"colour":"red"}}', "there is no field colour"),
        ('{"class":"VM","name":"a","fields":{"VBDs":[]}}', "there is no field VBDs to set"),
        ('{"class":"VM","name":"a","fields":{"affinity":"x"}}', "there is no host x"),
        ('{"class":"VM","name":"a","fields":{"VCPUs_max":"2"}}', "must be a whole number"),
        ('{"class":"VM","name":"a","fields":{"power_state":"Asleep"}}', "must be one of Halted"),
        (HOST, "there is another host h"),
    ],
)
def test_what_is_wrong_with_an_inventory(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str, wrong: str
) -> None:
    file = tmp_path / "inventory"
    file.write_text(f"{HOST}\n{line}\n")
    assert main(["inventory", "load", str(file), "--database", str(tmp_path / "state.db")]) == 1
    said = capsys.readouterr().err
    assert f"{file}:2: " in said
    assert wrong in said
    assert not (tmp_path / "state.db").exists()


def test_printing_one_class(stopped: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["inventory", "print", "--class", "pool", "--database", str(stopped)]) == 0
    (line,) = capfdbinary.readouterr().out.splitlines()
    assert json.loads(line)["fields"]["master"] == "xenserver-1"


def test_errors_are_one_line_and_statuses_tell_them_apart(tmp_path: Path) -> None:
    missing = run("inventory", "print", "--database", str(tmp_path / "none"))
    assert (missing.returncode, missing.stderr.count("\n")) == (1, 1)
    assert run("no-such-command").returncode == 2
    assert run("--version").returncode == 0
    with running(tmp_path, environment={**os.environ}) as server:
        taken = server.url.removeprefix("http://")
        ended = run("serve", "--database", "", "--tls-listen", "", "--listen", taken)
        assert (ended.returncode, ended.stderr.count("Traceback")) == (1, 0)
        assert "address already in use" in ended.stderr


def test_shell_completion_knows_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--print-completion", "bash"])
    assert ended.value.code == 0
    script = capsys.readouterr().out
    for word in ("serve", "check-config", "inventory", "backup", "restore", "passwd", "bench"):
        assert word in script


def test_a_password_that_is_refused(stopped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                    capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    copy = tmp_path / "state.db"
    assert main(["backup", str(copy), "--database", str(stopped)]) == 0
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n"))
    assert main(["passwd", "--database", str(copy)]) == 1
    assert "the password is empty" in capsys.readouterr().err
