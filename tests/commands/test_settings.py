"""Settings by file, variable and flag; the examples that come with the project."""

from __future__ import annotations

from pathlib import Path

import pytest

from xapi_async.cli import main
from xapi_async.config import ConfigError, load
from xapi_async.server import SECTIONS
from xapi_async.settings import ServerSettings

CONFIG = Path(__file__).parents[2] / "config"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XAPI_ROOT_PASSWORD", raising=False)


@pytest.mark.parametrize("file", sorted(CONFIG.glob("*.toml")), ids=lambda path: path.stem)
def test_every_example_loads(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = load(SECTIONS, file, environment={})
    assert all(setting.doc for setting in config.effective())
    assert any(setting.source == str(file) for setting in config.effective())
    assert main(["check-config", "--config", str(file)]) == 0
    assert f"# {file}." in capsys.readouterr().out


def test_the_examples_say_what_they_are_for() -> None:
    assert {path.stem for path in CONFIG.glob("*.toml")} == {"laptop", "ci", "large-pool", "production"}
    large = load(SECTIONS, CONFIG / "large-pool.toml", environment={}).sections["inventory"]
    assert (large.hosts, large.vms) == (64, 10_000)


def test_each_source_overrides_the_one_before_it(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('[server]\nlisten = ["1.1.1.1:1"]\ndatabase = "file.db"\nlog_level = "error"\n')
    environment = {"XAPI_SERVER_DATABASE": "variable.db", "XAPI_SERVER_LOG_LEVEL": "warning"}
    config = load(SECTIONS, file, environment, {("server", "log_level"): "debug"})
    settings: ServerSettings = config.section(ServerSettings)
    assert (settings.listen, settings.database, settings.log_level) == (("1.1.1.1:1",), "variable.db", "debug")
    sources = {setting.name: setting.source for setting in config.effective() if setting.section == "server"}
    assert sources["listen"] == str(file)
    assert sources["database"] == "XAPI_SERVER_DATABASE"
    assert sources["log_level"] == "the command line"
    assert sources["speed"] == "default"


def test_every_setting_has_a_variable_and_a_flag() -> None:
    for setting in load(SECTIONS, environment={}).effective():
        if isinstance(setting.value, str):
            variable = f"XAPI_{setting.section}_{setting.name}".upper()
            found = load(SECTIONS, environment={variable: str(setting.value)})
            assert found.sources[setting.section, setting.name] == variable
            load(SECTIONS, environment={}, flags={(setting.section, setting.name): setting.value})


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        ("[server]\nlisen = []", "server.lisen"),
        ("[sever]\nlisten = []", "sever"),
        ("speed = 1", "speed stands outside"),
        ("[server]\nspeed = 0", "speed must be more than 0"),
        ("[server]\nspeed = 'fast'", "must be a number"),
        ("[server]\nlog_level = 'loud'", "must be one of debug, info"),
        ("[server", "is not TOML"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, wrong: str
) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(content)
    assert main(["check-config", "--config", str(file)]) == 1
    said = capsys.readouterr().err
    assert wrong in said
    assert said.count("\n") == 1


def test_unknown_variables_are_errors() -> None:
    with pytest.raises(ConfigError, match="XAPI_SERVER_LISEN: there is no such setting"):
        load(SECTIONS, environment={"XAPI_SERVER_LISEN": "x"})


def test_secrets_are_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-config", "--set", "access.password=tulip"]) == 0
    said = capsys.readouterr().out
    assert "tulip" not in said
    assert "password = (hidden)" in said
