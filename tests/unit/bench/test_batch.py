import random

import orjson
import pytest

from bench.bare_decisions import commands_of, decide_all, opening
from bench.batch import Round, batch_figures, body_of, require_done
from bench.errors import BenchFailed
from bench.stock import ON_HAND, SKUS, sku
from holdfast.domain.records import STOCK
from holdfast.journal import START
from holdfast.journal.frame import decode_line

LINE = b'{"status":201}\n'


def test_a_batch_reserves_every_sku_once_under_a_key_of_its_own(seed: int) -> None:
    rows = [orjson.loads(line) for line in body_of(random.Random(seed), "b7").splitlines()]
    assert [row["sku"] for row in rows] == [sku(number) for number in range(SKUS)]
    assert len({row["idempotencyKey"] for row in rows}) == SKUS


def test_a_batch_of_which_every_line_was_done_counts() -> None:
    require_done(200, LINE * SKUS)


@pytest.mark.parametrize(
    ("status", "answer"),
    [(200, LINE * (SKUS - 1) + b'{"status":409}\n'), (503, b""), (429, LINE * SKUS)],
)
def test_a_batch_with_a_line_that_was_not_done_gives_no_figure(status: int, answer: bytes) -> None:
    with pytest.raises(BenchFailed, match=f"answered {status}"):
        require_done(status, answer)


def test_bare_decisions_do_what_a_batch_does_but_for_the_disk(seed: int) -> None:
    state = opening()
    commands = commands_of(random.Random(seed), 1)
    lines, end = decide_all(state, commands, START)
    frames = [decode_line(line) for line in lines.splitlines()]
    assert end.sequence == len(frames) == SKUS
    assert all(frame is not None and b'"type":"StockReserved"' in frame.json for frame in frames)
    record = state.get(STOCK, ("BENCH", sku(0)))
    assert record is not None
    assert (record.on_hand, record.reserved) == (ON_HAND, 1)


def test_batches_are_compared_with_bare_decisions_round_by_round() -> None:
    rounds = [
        Round(10_000, 80.0, 40_000, 20.0, [3.0, 1.0]),
        Round(20_000, 40.0, 40_000, 20.0, [2.0]),
    ]
    value = {figure.key: figure.value for figure in batch_figures(rounds)}
    assert value["batch_vs_bare_decisions"] == (0.25 + 0.5) / 2
    assert value["batch_vs_bare_decisions_cpu"] == (0.25 + 0.5) / 2
    assert (value["batch_p50_ms"], value["batch_worst_ms"]) == (2.0, 3.0)
