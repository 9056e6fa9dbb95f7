"""``bench`` hands everything that follows it to the benchmarks."""

from __future__ import annotations

from pathlib import Path

import pytest

from xapi_async.cli import main
from xapi_async.commands import bench

ECHO = "import sys, pathlib\npathlib.Path('said').write_text(repr(sys.argv[1:]))\nsys.exit(3)\n"


@pytest.mark.parametrize(
    "arguments",
    [[], ["--short"], ["--only", "calls,writes"], ["--short", "--only", "calls", "--output", "x"], ["--help"]],
)
def test_what_follows_goes_to_the_benchmarks(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "__main__.py").write_text(ECHO)
    monkeypatch.setattr(bench, "_checkout", lambda: tmp_path)
    assert main(["bench", *arguments]) == 3
    assert (tmp_path / "said").read_text() == repr(arguments)
