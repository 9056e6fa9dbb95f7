"""Results as a table, a file and a plot; and the command that makes them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from benchmarks import __main__ as command
from benchmarks import plot, results
from benchmarks.results import Goal, Row, at_least, at_most

ROWS = [
    Row("getter", 76_000.0, "calls/s", 2.4, "framework", at_least(2.4, 2.0), "13 µs", part="calls"),
    Row("getter", 76_000.0, "calls/s", 0.5, "limit", at_least(0.5, 0.55), part="calls"),
    Row("limit", 118_000.0, "calls/s", part="calls", is_peer=True),
    Row("memory", 15.0, "KiB", goal=at_most(15.0, 14.0, "KiB"), part="memory"),
    Row("start", 1.5, "s", goal=at_most(1.5, 2.0, "s"), part="memory"),
    Row("broken", 1.0, "ms", part="memory", errors=7),
]


@pytest.mark.parametrize(
    ("goal", "met"),
    [
        (at_least(2.0, 2.0), True),
        (at_least(1.99, 2.0), False),
        (at_most(14.0, 14.0), True),
        (at_most(14.1, 14.0), False),
        (at_most(0.0, 1.0), True),
        (Goal(), None),
    ],
)
def test_goals(goal: Goal, met: bool | None):
    assert goal.met is met


def test_the_table_shows_goals_errors_and_peers():
    lines = results.table(ROWS).splitlines()
    assert [line for line in lines if line.startswith("--")] == ["-- calls", "-- memory"]
    by_name = {line.split("  ")[0]: line for line in lines if not line.startswith("--")}
    assert "76,000" in by_name["getter"]
    assert "MISSED" in by_name["getter"]
    assert "reached" in by_name["start"]
    assert "7 ERRORS" in by_name["broken"]
    assert "(limit)" in by_name


def test_the_file_says_on_what_machine(tmp_path: Path):
    results.save(ROWS, results.machine(), tmp_path)
    found = json.loads((tmp_path / "results.json").read_text())
    assert found["machine"]["cores"] >= 1
    assert found["machine"]["python"]
    assert [row["met"] for row in found["rows"]] == [True, False, None, False, True, None]
    assert found["rows"][-1]["errors"] == 7


@pytest.mark.parametrize("rows", [ROWS, ROWS[:1], ROWS[3:4]], ids=["all", "rates", "goals"])
def test_the_plot(tmp_path: Path, rows: list[Row]):
    pytest.importorskip("matplotlib")
    assert plot.save(rows, results.machine(), tmp_path)
    assert (tmp_path / "results.png").read_bytes().startswith(b"\x89PNG")


def test_a_part_is_run_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert command.main(["--short", "--only", "sessions", "--output", str(tmp_path)]) == 0
    rows = json.loads((tmp_path / "results.json").read_text())["rows"]
    rows = [row for row in rows if row["name"] != "OTHER PROGRAMS"]  # where the machine is busy
    assert [row["name"] for row in rows] == ["session.login_with_password", "session.logout"]
    assert all(row["value"] > 0 and row["errors"] == 0 and row["part"] == "sessions" for row in rows)
    assert "session.logout" in capsys.readouterr().out


def test_there_are_only_the_parts_there_are(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended:
        command.main(["--only", "nonsense"])
    assert ended.value.code == 2
    assert "there is no part 'nonsense'" in capsys.readouterr().err


def _stops(*args: Any) -> Iterator[Row]:
    yield Row("before", 1.0, "ms")
    raise RuntimeError("no more of this")


def _fails(*args: Any) -> Iterator[Row]:
    yield Row("wrong", 1.0, "ms", errors=3)


@pytest.mark.parametrize(("part", "said"), [(_stops, "no more of this"), (_fails, "3 ERRORS")])
def test_what_goes_wrong_is_said_and_the_rest_is_measured(
    part: Any, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    fine = command.Part(lambda: iter([Row("after", 2.0, "ms")]), [()], [()])
    monkeypatch.setattr(command, "PARTS", {"bad": command.Part(part, [()], [()]), "good": fine})
    assert command.main(["--output", str(tmp_path)]) == 1
    out = capsys.readouterr()
    assert said in out.out
    assert "after" in out.out
    assert "bad" in out.err


def test_the_readme_tells_of_every_part():
    text = Path(command.__file__).with_name("README.md").read_text()
    assert [line.split("`")[1] for line in text.splitlines() if line.startswith("| `")] == list(command.PARTS)
