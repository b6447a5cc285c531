"""What a server shows is compared at the very versions that it shows, while it goes on working."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from holdfast.journal import Frame
from holdfast.verify import live
from holdfast.verify.differences import Difference, Differs
from holdfast.verify.live import Live, Page
from holdfast.verify.replay import Replay
from tests.unit.verify.fake_server import FakeServer, Lie
from tests.unit.verify.folders import busy_shop, frames_of


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> list[Frame]:
    """A few hundred events on few records, so that each of them has many versions."""
    return frames_of(busy_shop(tmp_path_factory.mktemp("busy")))


def compare(
    frames: list[Frame], server: FakeServer, *, replayed: int, on_disk: int | None = None
) -> tuple[list[Difference], int]:
    """Compare a server with a replay that stands at `replayed` of the `on_disk` events."""
    replay = Replay()

    def read_to(sequence: int) -> None:
        if sequence > (len(frames) if on_disk is None else on_disk):
            raise Differs(Difference("live", "lost", "", "", ""))
        for frame in frames[replay.cursor.sequence : sequence]:
            replay.apply(frame)

    read_to(replayed)
    comparison = Live(replay, read_to, server)
    return list(comparison.differences()), comparison.records


def lying(path: str, change: Callable[[list[Any]], object]) -> Lie:
    def lie(shown: str, items: list[Any]) -> None:
        if shown == path:
            change(items)

    return lie


def test_a_server_that_stands_still_is_equal(frames: list[Frame]) -> None:
    server = FakeServer(frames, len(frames), random.Random(1))
    differences, records = compare(frames, server, replayed=len(frames))
    assert differences == []
    assert records >= sum(map(len, (server.replay.state._tables[name] for name in _SHOWN)))


_SHOWN = ("stock", "reservations", "sources", "refusals")


def test_a_server_that_goes_on_working_is_equal_however_it_interleaves(
    frames: list[Frame], seed: int
) -> None:
    rng = random.Random(seed)
    for _ in range(60):
        committed = rng.randint(10, len(frames))
        # The server may have committed less than is durable, or much more than was replayed.
        replayed = min(len(frames), max(1, committed + rng.randint(-20, 3)))
        server = FakeServer(frames, committed, random.Random(rng.random()))
        differences, _ = compare(frames, server, replayed=replayed)
        assert differences == []


@pytest.mark.parametrize(
    ("path", "change", "said"),
    [
        ("/stock", lambda items: items[0].update(onHand=4711), "at the same version"),
        (
            "/stock",
            lambda items: items[0].update(version=float(items[0]["version"])),
            "at the same version",
        ),
        ("/stock", lambda items: items[-1].update(version=4711), "a version that no event"),
        ("/stock", lambda items: items[0].pop("updatedAt"), "at the same version"),
        ("/stock", lambda items: items.pop(1), "another record"),
        ("/stock", lambda items: items.reverse(), "does not rise"),
        ("/stock", lambda items: items.append({**items[-1], "sku": "~"}), "another record"),
        ("/reservations", lambda items: items[0].update(status="confirmed"), "at the same version"),
        ("/reservations", lambda items: items.clear(), "another record"),
        ("mark", lambda numbers: numbers.__setitem__(0, 4711), "of sources"),
        ("mark", lambda numbers: numbers.__setitem__(1, 4711), "of sources"),
        ("refusals", lambda items: items[0].update(code="gift"), "of refusals"),
        ("refusals", lambda items: items.pop(0), "of refusals"),
    ],
)
def test_a_lie_is_found(
    frames: list[Frame], path: str, change: Callable[[list[Any]], object], said: str
) -> None:
    server = FakeServer(frames, len(frames), random.Random(1), lying(path, change))
    differences, _ = compare(frames, server, replayed=len(frames))
    assert differences
    assert said in differences[0].what
    assert differences[0].where == "live"


def test_a_wrong_version_is_told_with_the_event_that_wrote_the_record(frames: list[Frame]) -> None:
    def older(items: list[Any]) -> None:
        items[0]["version"] -= 1

    server = FakeServer(frames, len(frames), random.Random(1), lying("/stock", older))
    (first, *_), _ = compare(frames, server, replayed=len(frames))
    key = ("S1", "A")
    assert (
        first.what
        == "the server shows another record S1/A of stock: a version that no event gave it"
    )
    assert first.sequence == server.replay.writer("stock", key)
    version = server.replay.state._tables["stock"][key].version
    assert f'"version":{version}' in first.expected
    assert f'"version":{version - 1}' in first.found


def test_a_page_older_than_what_the_server_has_committed_is_a_difference(
    frames: list[Frame], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = FakeServer(frames, len(frames), random.Random(1))
    stale = FakeServer(frames[:-60], len(frames) - 60, random.Random(1))
    monkeypatch.setattr(server, "page", stale.page)
    differences, _ = compare(frames, server, replayed=len(frames))
    assert any("a version that no event gave it" in each.what for each in differences)


def test_a_later_page_older_than_its_asking_is_a_difference(
    frames: list[Frame], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a record was while an earlier page was made counts for that page only."""
    still = random.Random(1)
    monkeypatch.setattr(still, "choice", lambda _: 0)
    server, stale = FakeServer(frames, 60, still), FakeServer(frames, 60, still)
    pages: list[str] = []

    def page(path: str, cursor: str | None) -> Page:
        if path == "/stock":
            pages.append(path)
            server.commit(len(frames) if len(pages) == 1 else 0)
            return stale.page(path, cursor)
        return FakeServer.page(server, path, cursor)

    monkeypatch.setattr(server, "page", page)
    differences, _ = compare(frames, server, replayed=60)
    assert len(pages) == 2
    # The first page may be from before the server went on; the second one may not.
    assert any("S2/C of stock: a version that no event" in each.what for each in differences)
    assert not any("S1/A of stock" in each.what for each in differences)


def test_a_server_of_another_log_is_named_as_such(frames: list[Frame]) -> None:
    others = [frame._replace(json=frame.json.replace(b"clerk", b"thief")) for frame in frames]
    server = FakeServer(others, len(others), random.Random(1))
    (found,), records = compare(frames, server, replayed=len(frames))
    assert found.what == "the server's events are not those of this journal"
    assert "Give --data-dir, --tenant and --url of the same service" in found.hint
    assert records == 0


def test_a_server_behind_its_journal_is_given_time_and_then_named(
    frames: list[Frame], monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("holdfast.verify.live.time.sleep", waits.append)
    server = FakeServer(frames[:30], 30, random.Random(1))
    (found,), _ = compare(frames, server, replayed=40)
    assert (found.expected, found.found) == ("event 40 or a later one", "event 30 is its newest")
    assert len(waits) == live._BEHIND_ATTEMPTS


def test_events_that_only_the_server_has_are_a_difference(frames: list[Frame]) -> None:
    server = FakeServer(frames, len(frames), random.Random(1))
    with pytest.raises(Differs, match="lost"):
        compare(frames, server, replayed=20, on_disk=30)
