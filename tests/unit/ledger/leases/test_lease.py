"""A lease's file: taken, given back, renewed, robbed; and whatever else may be found in its place."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from holdfast.journal import LostLease, TurnEnd
from holdfast.ledger.leases.lease import TTL_NS_MAX, GuardBusy, Lease, Taken
from holdfast.ledger.leases.peers import KernelLock, Peer
from holdfast.ledger.leases.record import (
    RECORD_BYTES,
    LeaseRecord,
    decode_record,
    decode_wish,
    encode_record,
    encode_wish,
)

TTL_NS = 1_000_000
END = TurnEnd(3, 4711)
RECORD = LeaseRecord(7, "somebody", "free", 0, END)


class Here:
    """Two processes on one machine, and its clock."""

    def __init__(self, root: Path, stack: ExitStack) -> None:
        self.now_ns = 5_000_000
        self.path = root / "default.lease"
        self.peers = [stack.enter_context(Peer(root, name)) for name in ("one", "other")]
        self.one, self.other = (Lease(self.path, peer, TTL_NS, self.now) for peer in self.peers)

    def now(self) -> int:
        return self.now_ns

    def record(self) -> LeaseRecord | None:
        return decode_record(self.path.read_bytes()[:RECORD_BYTES])


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Here]:
    with ExitStack() as stack:
        yield Here(tmp_path, stack)


def taken(lease: Lease) -> Taken:
    found = lease.try_take()
    assert found is not None
    return found


def test_one_has_it_and_the_other_does_not(here: Here) -> None:
    taken(here.one)
    assert here.one.is_mine()
    assert here.other.try_take() is None
    assert not here.other.is_mine()


def test_it_comes_with_the_place_at_which_it_was_given_back(here: Here) -> None:
    assert taken(here.one) == Taken(None, is_mine_again=False, is_stolen=False)
    here.one.give_back(END)
    assert taken(here.other) == Taken(END, is_mine_again=False, is_stolen=False)


def test_whoever_had_it_last_is_told_so(here: Here) -> None:
    taken(here.one)
    here.one.give_back(END)
    assert taken(here.one) == Taken(END, is_mine_again=True, is_stolen=False)
    here.one.give_back(END)
    taken(here.other)
    here.other.give_back(END)
    assert not taken(here.one).is_mine_again


def test_what_was_given_back_after_a_failure_says_no_place(here: Here) -> None:
    taken(here.one)
    here.one.give_back(None)
    assert taken(here.one) == Taken(None, is_mine_again=False, is_stolen=False)


def test_the_token_rises_by_one_and_outlives_the_processes(here: Here, tmp_path: Path) -> None:
    tokens = []
    for lease in (here.one, here.other, here.one):
        taken(lease)
        tokens.append(here.record().token)  # type: ignore[union-attr]  # it was just taken
        lease.give_back(END)
    with Peer(tmp_path, "later") as later:
        taken(Lease(here.path, later, TTL_NS, here.now))
    assert [*tokens, here.record().token] == [1, 2, 3, 4]  # type: ignore[union-attr]  # the same


def test_it_is_robbed_at_its_deadline_and_not_before(here: Here) -> None:
    taken(here.one)
    here.now_ns += TTL_NS - 1
    assert here.other.try_take() is None
    here.now_ns += 1
    assert taken(here.other).is_stolen
    assert not here.one.is_mine()


def test_who_renews_it_keeps_it(here: Here) -> None:
    taken(here.one)
    here.now_ns += TTL_NS - 1
    assert here.one.renew()
    here.now_ns += TTL_NS - 1
    assert here.other.try_take() is None


def test_who_was_robbed_can_do_nothing_with_it_any_more(here: Here) -> None:
    taken(here.one)
    here.now_ns += TTL_NS
    taken(here.other)
    before = here.record()
    assert not here.one.renew()
    here.one.give_back(END)
    with pytest.raises(LostLease):
        here.one.demand()
    with pytest.raises(LostLease), here.one.held_fast():
        pytest.fail("it is another process's")
    assert here.record() == before


def test_a_dead_process_is_robbed_at_once(here: Here) -> None:
    taken(here.one)
    here.peers[0].leave()
    (here.path.parent / "alive" / "one").touch()  # As a killed process leaves it.
    assert taken(here.other).is_stolen
    assert not (here.path.parent / "alive" / "one").exists()


def test_a_process_that_left_no_sign_of_life_keeps_it_until_its_deadline(here: Here) -> None:
    taken(here.one)
    (here.path.parent / "alive" / "one").unlink()
    assert here.other.try_take() is None


def test_a_deadline_of_a_clock_before_the_last_boot_keeps_nobody_out(here: Here) -> None:
    record = LeaseRecord(9, "before", "held", here.now_ns + TTL_NS_MAX + 1, TurnEnd(0, 0))
    here.path.write_bytes(encode_record(record))
    assert taken(here.one).is_stolen
    assert here.record().token == 10  # type: ignore[union-attr]  # it was just taken


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: b"",
        lambda whole: whole[: len(whole) // 2],
        lambda whole: whole[:40] + b"\0" * (RECORD_BYTES - 40),
        lambda whole: b"x" + whole[1:],
        lambda whole: os.urandom(RECORD_BYTES),
        lambda whole: whole.replace(b"held", b"free"),
    ],
    ids=["empty", "cut", "half written", "one byte", "noise", "another word"],
)
def test_what_cannot_be_read_is_nobodys_and_tells_no_place(
    here: Here, damage: Callable[[bytes], bytes]
) -> None:
    taken(here.one)
    here.path.write_bytes(damage(here.path.read_bytes()[:RECORD_BYTES]))
    assert not here.one.is_mine()
    assert taken(here.other) == Taken(None, is_mine_again=False, is_stolen=False)
    assert not here.one.is_mine()
    assert here.other.is_mine()


def test_a_file_that_was_removed_takes_the_lease_with_it(here: Here) -> None:
    taken(here.one)
    here.path.unlink()
    assert not here.one.is_mine()
    assert not here.one.renew()
    assert taken(here.other).end is None
    assert here.other.is_mine()


def test_nobody_takes_it_while_it_is_held_fast(here: Here) -> None:
    taken(here.one)
    here.now_ns += TTL_NS
    with here.one.held_fast(), pytest.raises(GuardBusy):
        here.other.try_take()
    assert taken(here.other).is_stolen


def test_who_stands_still_while_changing_it_is_not_waited_for_for_ever(here: Here) -> None:
    taken(here.one)
    with here.path.open("rb") as stopped:
        fcntl.flock(stopped, fcntl.LOCK_EX)
        began = time.monotonic()
        with pytest.raises(LostLease, match="stands still"), here.one.held_fast():
            pytest.fail("another process holds the guard")
        assert time.monotonic() - began < 5
        with pytest.raises(GuardBusy):
            here.other.try_take()
    # The turn is over, and the next one begins anew.
    assert not here.one.is_mine()
    assert taken(here.one) == Taken(None, is_mine_again=False, is_stolen=False)


def test_a_wish_is_seen_by_whoever_holds_it(here: Here) -> None:
    taken(here.one)
    assert not here.one.is_wished_since(here.now_ns)
    assert here.other.try_take() is None
    here.now_ns += 1
    here.other.wish()
    assert here.one.is_wished_since(here.now_ns)
    assert not here.one.is_wished_since(here.now_ns + 1)


def test_a_record_is_read_as_it_was_written_and_every_other_byte_is_seen() -> None:
    whole = encode_record(RECORD)
    assert len(whole) == RECORD_BYTES
    assert decode_record(whole) == RECORD
    for position in range(RECORD_BYTES):
        changed = bytearray(whole)
        changed[position] ^= 1
        assert decode_record(bytes(changed)) is None, position


@pytest.mark.parametrize("content", [b"", b"\0" * 64, b"12x4".ljust(64, b"\n")])
def test_a_wish_that_cannot_be_read_is_none(content: bytes) -> None:
    assert decode_wish(content) == 0
    assert decode_wish(encode_wish(4711)) == 4711


def test_a_kernel_lock_is_free_once_it_was_let_go(tmp_path: Path) -> None:
    mine, theirs = (KernelLock(tmp_path / "maintenance") for _ in range(2))
    assert mine.take()
    assert mine.take()
    assert not theirs.take()
    mine.let_go()
    assert theirs.take()
    theirs.let_go()


def test_two_processes_of_one_name_are_refused(tmp_path: Path) -> None:
    with Peer(tmp_path, "one"), pytest.raises(OSError, match="another process's"):
        Peer(tmp_path, "one")


@pytest.mark.parametrize("name", ["../alive/one", "nobody", "/etc/passwd"])
def test_of_a_peer_that_cannot_be_looked_up_nothing_is_known(here: Here, name: str) -> None:
    assert not here.peers[1].is_dead(name)
    here.peers[1].forget(name)
