"""A screen with lines of text, as pixels of whatever form a client wants."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from xapi_async.transfer.consoles.letters import HEIGHT, WIDTH, dots

SCALE = 3
CELL_WIDTH, CELL_HEIGHT = (WIDTH + 1) * SCALE, (HEIGHT + 2) * SCALE
COLUMNS, LINES = 53, 19
SCREEN_WIDTH, SCREEN_HEIGHT = 640, 400
MARGIN = 1

INK, PAPER = (224, 224, 224), (16, 32, 64)

_FORMAT = struct.Struct(">BBBBHHHBBB3x")


@dataclass(frozen=True)
class PixelFormat:
    """How a pixel is written. bits: 8, 16 or 32. is_true_colour: or else an index of two colours."""

    bits: int = 32
    depth: int = 24
    is_big_endian: bool = False
    is_true_colour: bool = True
    maxima: tuple[int, int, int] = (255, 255, 255)
    shifts: tuple[int, int, int] = (16, 8, 0)

    @classmethod
    def unpack(cls, data: bytes) -> PixelFormat:
        """From the 16 bytes of the protocol. Raises ValueError for what it does not know."""
        bits, depth, big, true, *rest = _FORMAT.unpack(data)
        if bits not in (8, 16, 32):
            raise ValueError(f"pixels cannot have {bits} bits")
        red, green, blue, *shifts = rest
        if any(shift >= bits for shift in shifts):
            raise ValueError("colours cannot be outside their pixel")
        return cls(bits, depth, bool(big), bool(true), (red, green, blue), (shifts[0], shifts[1], shifts[2]))

    def pack(self) -> bytes:
        """The 16 bytes of the protocol."""
        flags = int(self.is_big_endian), int(self.is_true_colour)
        return _FORMAT.pack(self.bits, self.depth, *flags, *self.maxima, *self.shifts)

    def pixel(self, colour: tuple[int, int, int], index: int) -> bytes:
        """A pixel of a colour, which has that index where colours have indices."""
        value = index
        if self.is_true_colour:
            parts = zip(colour, self.maxima, self.shifts, strict=True)
            value = sum((part * most // 255) << shift for part, most, shift in parts)
        mask = (1 << self.bits) - 1
        return (value & mask).to_bytes(self.bits // 8, "big" if self.is_big_endian else "little")


def painted(lines: Sequence[str], area: tuple[int, int, int, int], form: PixelFormat) -> bytes:
    """The pixels of an area (left, top, width, height) of a screen with these lines."""
    left, top, width, height = area
    paper, ink = form.pixel(PAPER, 0), form.pixel(INK, 1)
    rows = []
    for y in range(top, top + height):
        text_line, below = divmod(y - MARGIN * CELL_HEIGHT, CELL_HEIGHT)
        text = lines[text_line][:COLUMNS] if 0 <= text_line < min(len(lines), LINES) else ""
        row = _row(text, below // SCALE, paper, ink) if text else paper * SCREEN_WIDTH
        size = len(paper)
        rows.append(row[left * size : (left + width) * size])
    return b"".join(rows)


def _row(text: str, dot_row: int, paper: bytes, ink: bytes) -> bytes:
    parts = [paper * (MARGIN * CELL_WIDTH)]
    for letter in text:
        lit = dots(letter)[dot_row * WIDTH : (dot_row + 1) * WIDTH] if dot_row < HEIGHT else "0" * WIDTH
        parts += [(ink if dot == "1" else paper) * SCALE for dot in lit]
        parts.append(paper * SCALE)
    row = b"".join(parts)[: SCREEN_WIDTH * len(paper)]
    return row + paper * (SCREEN_WIDTH - len(row) // len(paper))
