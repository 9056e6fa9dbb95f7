"""Lists in compressed blocks: what comes out is what was put in, whatever happened to the records in between."""

from __future__ import annotations

import gzip
import random

import pytest

from xapi_async.wire.blocks import BLOCK_BYTES, Blocks

OPENING, CLOSING = b'{"result":{' + b"<" * 70_000, b'},"id":1}'


def unpacked(blocks: Blocks, tries: int = 100) -> bytes:
    """The list, from its compressed form."""
    for _ in range(tries):
        file = blocks.compressed(OPENING, CLOSING)
        if file is not None:
            assert file.size == sum(map(len, file.parts))
            return gzip.decompress(b"".join(file.parts))
    raise AssertionError("the list is never compressed")


@pytest.mark.parametrize("lead", [0, 1])
def test_a_list_that_changes_stays_what_it_is(lead: int) -> None:
    choose = random.Random(7)
    blocks, expected = Blocks(lead), dict[str, bytes]()
    for step in range(300):
        for _ in range(choose.choice((1, 1, 20))):
            ref = f"ref {choose.randrange(120)}"
            if choose.random() < 0.3:
                expected.pop(ref, None)
                blocks.take_out(ref)
            else:
                record = b",%d %b" % (step, choose.randbytes(choose.choice((1, 900, 40_000))))
                expected.pop(ref, None)
                expected[ref] = record
                blocks.put(ref, record)
        records = b"".join(expected.values())[lead if expected else 0 :]
        assert b"".join(blocks.records()) == records
        assert (len(blocks), blocks.size) == (len(expected), len(records))
        assert unpacked(blocks) == OPENING + records + CLOSING


def test_records_that_were_taken_out_of_it_stay_what_they_were() -> None:
    blocks = Blocks(1)
    for number in range(300):
        blocks.put(f"{number}", b",%d" % number * 500)
    before = blocks.records()
    expected = b"".join(b",%d" % number * 500 for number in range(300))[1:]
    for number in range(0, 300, 7):
        blocks.put(f"{number}", b",new")
        blocks.take_out(f"{number + 1}")
    assert b"".join(before) == expected
    assert b"".join(before) == expected  # however often it is looked at


def test_an_empty_list() -> None:
    blocks = Blocks(1)
    assert unpacked(blocks) == OPENING + CLOSING
    blocks.put("a", b",a")
    blocks.take_out("a")
    blocks.take_out("b")
    assert (len(blocks), blocks.size, list(blocks.records())) == (0, 0, [])
    assert unpacked(blocks) == OPENING + CLOSING


def test_much_that_is_new_is_compressed_a_part_at_a_time() -> None:
    blocks = Blocks(0)
    for number in range(200):
        blocks.put(f"{number}", b"%d" % (number % 10) * (BLOCK_BYTES - 1))
    assert blocks.compressed(b"", b"") is None
    assert len(unpacked(blocks)) == len(OPENING) + 200 * (BLOCK_BYTES - 1) + len(CLOSING)
    blocks.put("7", b"changed")
    assert blocks.compressed(b"", b"") is not None


def test_what_is_left_of_large_lists_does_not_stay_in_many_blocks() -> None:
    blocks = Blocks(0)
    for number in range(4_000):
        blocks.put(f"{number}", b"x" * 1000)
    unpacked(blocks)
    for number in range(4_000):
        if number % 100:
            blocks.take_out(f"{number}")
    blocks.put("new", b"x")
    file = blocks.compressed(b"", b"")
    assert file is not None
    assert len(file.parts) < 10
    assert gzip.decompress(b"".join(file.parts)) == b"x" * 40_001


def test_a_list_of_which_little_changes_often_stays_in_few_blocks() -> None:
    blocks = Blocks(0)
    for number in range(40):
        blocks.put(f"{number}", b"x" * 10_000)
    for number in range(3000):
        blocks.put(f"{number % 20}", b"%05d" % number + b"y" * (10_000 + number % 7))
        assert blocks.size == sum(map(len, blocks.records()))
    file = blocks.compressed(b"", b"")
    assert file is not None
    assert len(file.parts) < 30
    assert len(gzip.decompress(b"".join(file.parts))) == blocks.size
