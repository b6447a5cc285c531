"""Frames: what is written is read back, and what is no frame is not taken for one."""

from zlib import crc32

import pytest

from holdfast.journal import START, Cursor, Frame
from holdfast.journal.frame import body_of, checksummed, decode_line, encode_batch, link, seal_line

JSON = [b'{"n":1}', b"{}", b'{"text":"two words"}']


def test_each_line_of_a_batch_is_the_frame_that_it_was_made_of() -> None:
    before = Cursor(4, bytes(range(16)))
    data, end = encode_batch(before, JSON)
    lines = data.splitlines()
    chains = [before.chain]
    for json in JSON:
        chains.append(link(chains[-1], json))
    assert [decode_line(line) for line in lines] == [
        Frame(sequence, 5, chain, json)
        for sequence, chain, json in zip((5, 6, 7), chains[1:], JSON, strict=True)
    ]
    assert end == Cursor(7, chains[-1])
    assert data.endswith(b"\n")
    assert encode_batch(before, []) == (b"", before)


def test_the_chain_is_made_of_all_that_was_before() -> None:
    ends = [encode_batch(START, events)[1].chain for events in (JSON, JSON[1:], JSON[::-1])]
    assert len(set(ends)) == 3
    one_by_one = START
    for json in JSON:
        one_by_one = encode_batch(one_by_one, [json])[1]
    assert one_by_one.chain == ends[0], "batches leave no trace in the chain"


def test_a_checksum_is_of_the_body_and_stands_in_front_of_it() -> None:
    line = checksummed(b"a body of words")
    assert line == b"%08x a body of words\n" % crc32(b"a body of words")
    assert body_of(line[:-1]) == b"a body of words"


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"12345678",
        b"00000000 a body of words",
        checksummed(b"a body of words")[:-2],
        checksummed(b"a body of words")[:-1].replace(b" ", b"_", 1),
        checksummed(b"a body of words")[:-1].upper(),
    ],
)
def test_a_line_whose_checksum_denies_it_has_no_body(line: bytes) -> None:
    assert body_of(line) is None
    assert decode_line(line) is None


@pytest.mark.parametrize(
    "body",
    [
        b"5 5 00",
        b"5 5 {}",
        b"five 5 00 {}",
        b"5 five 00 {}",
        b"5 5 zz {}",
        b"5 5 \xff {}",
        seal_line(START)[9:-1],
    ],
)
def test_a_line_that_is_no_event_is_no_frame(body: bytes) -> None:
    assert decode_line(checksummed(body)[:-1]) is None
