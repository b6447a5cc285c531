"""Holding stock: reserve, confirm, cancel, extend, expire; who may, and until when."""

from collections.abc import Callable

import pytest

from holdfast.domain.commands import (
    ANY_VERSION,
    CancelReservation,
    ConfirmReservation,
    ExpireReservation,
    ExtendReservation,
    ReceiveStock,
    RowAction,
    SetOut,
)
from holdfast.domain.records import Line
from holdfast.domain.values import instant_text
from tests.unit.domain.desk import DAY_MS, NOW, Desk, key, reserve, stocked

TTL_MS = 60_000
FOLLOW_UPS: list[Callable[[str | None], RowAction]] = [
    lambda user: ConfirmReservation("r1", user),
    lambda user: CancelReservation("r1", user),
    lambda user: ExtendReservation("r1", user, 2 * TTL_MS),
]


def held(user: str | None = None, ttl: int | None = TTL_MS) -> Desk:
    """A desk with 10 of A, 3 of them reserved as r1."""
    desk = stocked(A=10)
    desk.do(reserve(("A", 3), user=user, ttl=ttl))
    return desk


def levels(desk: Desk) -> tuple[int, int, int]:
    record = desk.stock()
    return record.on_hand, record.reserved, record.available


def test_a_reservation_holds_its_stock() -> None:
    desk = held("ann")
    assert levels(desk) == (10, 3, 7)
    hold = desk.hold()
    assert (hold.status, hold.version, hold.lines) == ("active", 1, (Line("A", 3),))
    assert (hold.created_at, hold.expires_at) == (NOW, NOW + TTL_MS)
    assert desk.last.outcome.stock[0].version == 2


def test_all_lines_are_held_in_one_event_and_lines_of_one_sku_are_one() -> None:
    desk = stocked(A=10, B=2)
    outcome = desk.do(reserve(("A", 1), ("B", 2), ("A", 4)))
    assert desk.hold().lines == (Line("A", 5), Line("B", 2))
    assert [(each.sku, each.reserved, each.version) for each in outcome.stock] == [
        ("A", 5, 2),
        ("B", 2, 2),
    ]


def test_every_short_line_is_named_and_nothing_is_held() -> None:
    desk = stocked(A=1, B=9, C=9)
    desk.do(SetOut("S", "C", True))
    desk.releases["S", "A"] = NOW + 5
    no = desk.refused(reserve(("A", 1), ("B", 2), ("C", 1), ("A", 1)))
    shorts = [(each["sku"], each["requested"], each["available"]) for each in no.data["shortages"]]
    assert shorts == [("A", 2, 1), ("C", 1, 0)]
    releases = [each["nextReleaseAt"] for each in no.data["shortages"]]
    assert releases == [instant_text(NOW + 5), None]
    assert desk.stock("B").reserved == 0


def test_every_unknown_sku_is_named() -> None:
    no = stocked(A=1).refused(reserve(("B", 1), ("A", 99), ("C", 1)))
    assert (no.code, no.data["skus"]) == ("not_found", ["B", "C"])


def test_confirming_takes_the_goods() -> None:
    desk = held()
    outcome = desk.do(ConfirmReservation("r1", None))
    assert levels(desk) == (7, 0, 7)
    (hold,) = outcome.reservations
    assert (hold.status, hold.version, hold.ended_at) == ("confirmed", 2, NOW)
    assert hold.kept_until == NOW + 30 * DAY_MS
    assert outcome.stock == (desk.stock(),)
    assert desk.last.type == "ReservationConfirmed"


def test_cancelling_releases_the_goods() -> None:
    desk = held()
    desk.do(CancelReservation("r1", None))
    assert levels(desk) == (10, 0, 10)
    assert (desk.hold().status, desk.last.type) == ("cancelled", "ReservationCancelled")


@pytest.mark.parametrize("again", FOLLOW_UPS[:2])
def test_the_same_end_again_is_the_same_answer_and_no_event(
    again: Callable[[str | None], RowAction],
) -> None:
    desk = held("ann")
    first = desk.do(again("ann"))
    written = len(desk.events)
    desk.now += DAY_MS
    assert desk.do(again("ann")) == first
    assert len(desk.events) == written
    assert desk.refused(again("bob")).code == "forbidden"


def test_confirm_after_cancel_and_cancel_after_confirm_are_refused() -> None:
    for first, then, status in (
        (CancelReservation("r1", None), ConfirmReservation("r1", None), "cancelled"),
        (ConfirmReservation("r1", None), CancelReservation("r1", None), "confirmed"),
    ):
        desk = held()
        desk.do(first)
        no = desk.refused(then)
        assert no.code == "reservation_not_active"
        assert no.data == {"reservationId": "r1", "status": status}
        assert no.detail == f"Reservation r1 is already {status}."
        assert desk.refused(ExtendReservation("r1", None, 1)).code == "reservation_not_active"


@pytest.mark.parametrize("follow_up", FOLLOW_UPS)
def test_one_ms_before_the_deadline_is_in_time(
    follow_up: Callable[[str | None], RowAction],
) -> None:
    desk = held()
    desk.now = NOW + TTL_MS - 1
    assert desk.do(follow_up(None)).reservations[0].version == 2


@pytest.mark.parametrize("written", [False, True], ids=["not yet written", "written"])
@pytest.mark.parametrize("follow_up", FOLLOW_UPS)
def test_at_exactly_the_deadline_it_is_too_late(
    follow_up: Callable[[str | None], RowAction], written: bool
) -> None:
    desk = held()
    desk.now = NOW + TTL_MS
    if written:
        desk.do(ExpireReservation("r1"))
        assert levels(desk) == (10, 0, 10)
        assert (desk.hold().status, desk.last.type) == ("expired", "ReservationExpired")
    no = desk.refused(follow_up(None))
    assert no.code == "reservation_expired"
    assert no.data == {"reservationId": "r1", "expiresAt": instant_text(NOW + TTL_MS)}
    assert "its stock was released" in no.detail


def test_a_reservation_does_not_expire_early_twice_or_after_its_end() -> None:
    desk = held()
    desk.now = NOW + TTL_MS - 1
    desk.do(ExpireReservation("r1"))
    assert desk.hold().status == "active"
    desk.now = NOW + TTL_MS
    desk.do(ExpireReservation("r1"))
    written = len(desk.events)
    desk.do(ExpireReservation("r1"))
    desk.do(ExpireReservation("nobody made it"))
    assert (len(desk.events), desk.stock().version) == (written, 3)


def test_a_reservation_without_a_deadline_never_expires() -> None:
    desk = held(ttl=None)
    assert desk.hold().expires_at is None
    desk.now += 10**12
    desk.do(ExpireReservation("r1"))
    assert desk.do(ConfirmReservation("r1", None)).reservations[0].status == "confirmed"


# Extending.


def test_extending_moves_the_deadline_away() -> None:
    desk = held()
    desk.now += 10
    (hold,) = desk.do(ExtendReservation("r1", None, TTL_MS)).reservations
    assert (hold.expires_at, hold.version) == (NOW + 10 + TTL_MS, 2)
    assert (desk.last.type, desk.stock().version) == ("ReservationExtended", 2)
    assert desk.do(ExtendReservation("r1", None, None)).reservations[0].expires_at is None


@pytest.mark.parametrize("ttl", [TTL_MS, TTL_MS - 1, 1])
def test_extending_never_brings_a_deadline_nearer(ttl: int) -> None:
    desk = held()
    written = len(desk.events)
    assert desk.do(ExtendReservation("r1", None, ttl)).reservations == (desk.hold(),)
    assert (desk.hold().expires_at, len(desk.events)) == (NOW + TTL_MS, written)


def test_what_never_expires_is_not_given_a_deadline_by_extending_it() -> None:
    desk = held(ttl=None)
    assert desk.do(ExtendReservation("r1", None, 5)).reservations[0].expires_at is None


# Who may.


@pytest.mark.parametrize("follow_up", FOLLOW_UPS)
def test_an_owned_reservation_is_touched_by_its_owner_only(
    follow_up: Callable[[str | None], RowAction],
) -> None:
    desk = held("ann")
    unsaid = desk.refused(follow_up(None))
    assert (unsaid.code, unsaid.data["errors"][0]["pointer"]) == ("validation_error", "/userId")
    others = desk.refused(follow_up("bob"))
    assert (others.code, others.detail) == (
        "forbidden",
        "Reservation r1 belongs to another user.",
    )
    assert desk.do(follow_up("ann")).reservations[0].version == 2


@pytest.mark.parametrize("follow_up", FOLLOW_UPS)
def test_a_reservation_of_nobody_is_open_to_everybody(
    follow_up: Callable[[str | None], RowAction],
) -> None:
    assert held(None).do(follow_up("ann")).reservations[0].version == 2


@pytest.mark.parametrize("follow_up", FOLLOW_UPS)
def test_a_reservation_that_is_not_there_is_not_found(
    follow_up: Callable[[str | None], RowAction],
) -> None:
    no = stocked(A=1).refused(follow_up("ann"))
    assert (no.code, no.detail) == ("not_found", "There is no reservation r1.")


# Versions.


@pytest.mark.parametrize(
    "make",
    [
        lambda expected: ConfirmReservation("r1", None, expected),
        lambda expected: CancelReservation("r1", None, expected),
        lambda expected: ExtendReservation("r1", None, 2 * TTL_MS, expected),
    ],
)
def test_a_follow_up_keeps_to_the_version_that_its_caller_read(
    make: Callable[[int], RowAction],
) -> None:
    for expected in (0, 2):
        no = held().refused(make(expected))
        assert (no.code, no.data) == ("version_conflict", {"currentVersion": 1})
        assert no.detail.startswith("Reservation r1 has changed since you read it")
    for expected in (1, ANY_VERSION):
        assert held().do(make(expected)).reservations[0].version == 2


# The checkout's question: is there one already?


def test_a_users_reservation_is_found_again_whatever_quantity_is_asked() -> None:
    desk = held("ann")
    written = len(desk.events)
    outcome = desk.do(reserve(("A", 9), name="r2", user="ann", reuse=True))
    assert outcome.existing
    assert outcome.reservations == (desk.hold("r1"),)
    assert outcome.stock == (desk.stock(),)
    assert len(desk.events) == written


def test_reuse_remembers_a_key_and_replays_that_it_was_there() -> None:
    desk = held("ann")
    again = reserve(("A", 9), name="r2", user="ann", reuse=True)
    assert desk.do(again, **key()).existing
    assert desk.last.type == "KeyRemembered"
    replay = desk.do(again, **key())
    assert replay.existing
    assert replay.replayed


@pytest.mark.parametrize(
    "asked",
    [
        reserve(("A", 1), name="r2", user="bob", reuse=True),
        reserve(("A", 1), name="r2", reuse=True),
        reserve(("B", 1), name="r2", user="ann", reuse=True),
        reserve(("A", 1), ("B", 1), name="r2", user="ann", reuse=True),
        reserve(("A", 1), name="r2", user="ann"),
    ],
    ids=["another user", "no user", "another sku", "two lines", "not asked to reuse"],
)
def test_another_reservation_is_made_when_there_is_none_of_the_kind(asked: RowAction) -> None:
    desk = held("ann")
    desk.do(ReceiveStock("S", "B", 5))
    outcome = desk.do(asked)
    assert not outcome.existing
    assert outcome.reservations == (desk.hold("r2"),)


def test_a_reservation_that_ended_is_not_found_again() -> None:
    desk = held("ann")
    desk.do(CancelReservation("r1", "ann"))
    assert not desk.do(reserve(("A", 1), name="r2", user="ann", reuse=True)).existing


def test_of_several_the_oldest_is_found_even_after_it_was_extended() -> None:
    desk = held("ann")
    desk.now += 1
    desk.do(reserve(("A", 1), name="r2", user="ann"))
    desk.do(ExtendReservation("r1", "ann", 10 * TTL_MS))
    outcome = desk.do(reserve(("A", 1), name="r3", user="ann", reuse=True))
    assert [each.reservation_id for each in outcome.reservations] == ["r1"]
