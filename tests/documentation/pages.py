"""The pages of the documentation, taken apart: their blocks of code, their commands and their links."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [ROOT / "README.md", ROOT / "benchmarks" / "README.md", *(ROOT / "docs").rglob("*.md")],
    key=lambda path: path.relative_to(ROOT).as_posix(),
)

_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_PLUMBING = re.compile(r" (?:[|<>&]|&&)(?: |$)")
_VARIABLE = re.compile(r"^([A-Z][A-Z0-9_]*)=(.*)$")


@dataclass(frozen=True)
class Block:
    """A fenced block. line: where it begins, counted from 1."""

    language: str
    text: str
    line: int


@dataclass(frozen=True)
class Command:
    """A command of xapi-async: its arguments, and the variables set for it."""

    arguments: list[str]
    variables: dict[str, str]


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    text = page.read_text()
    return [Block(found[2], found[3], text.count("\n", 0, found.start()) + 1) for found in _FENCE.finditer(text)]


def links(page: Path) -> Iterator[str]:
    """What the links of a page point at, within the project."""
    text = _FENCE.sub("", page.read_text())
    return (target for target in _LINK.findall(text) if "://" not in target)


def anchors(page: Path) -> set[str]:
    """What a link into a page may name: its headings, as they are usually made into names."""
    heads = re.findall(r"^#+ (.+)$", _FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}


def commands(block: Block) -> Iterator[Command]:
    """The commands of a block of shell that run xapi-async, whichever way it is called."""
    for line in block.text.replace("\\\n", " ").splitlines():
        words = shlex.split(_PLUMBING.split(line)[0], comments=True)
        variables = {found[1]: found[2] for word in words if (found := _VARIABLE.match(word))}
        program, *arguments = [word for word in words if not _VARIABLE.match(word)] or [""]
        if program == "scripts/serve":
            yield Command(["serve", *arguments], variables)
        elif Path(program).name == "xapi-async":
            yield Command(arguments, variables)
