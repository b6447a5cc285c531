from pathlib import Path

from bench.stock import batches, events_per_flush


def test_batches_are_read_from_frames_and_not_from_headers_seals_or_copies(
    tmp_path: Path,
) -> None:
    journal = tmp_path / "tenants/default/journal"
    journal.mkdir(parents=True)
    header = "00000000 holdfast-journal 1 default 00000001 1 0 00 0\n"
    first = "00000000 1 1 aa {}\n00000000 2 1 aa {}\n00000000 3 3 aa {}\n"
    (journal / "00000001-1.log").write_text(header + first, "utf-8")
    again = '00000000 3 3 aa {"text":"with 7 8 spaces"}\n00000000 4 4 aa {}\n'
    seal = "00000000 sealed 4 aa\n"
    (journal / "00000002-3.log").write_text(header + again + seal, "utf-8")
    assert batches(tmp_path) == {1: 1, 2: 1, 3: 3, 4: 4}


def test_events_per_flush_count_only_what_lies_between() -> None:
    batch_of = {1: 1, 2: 2, 3: 2, 4: 2, 5: 5, 6: 6}
    assert events_per_flush(batch_of, 1, 5) == 4 / 2


def test_events_that_are_gone_give_no_figure() -> None:
    assert events_per_flush({2: 2}, 0, 2) is None
    assert events_per_flush({2: 2}, 2, 2) is None
