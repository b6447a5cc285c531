"""Every no has a status, a title and one form, even one that nobody foresaw."""

import json

import pytest

from holdfast.domain import rejections
from holdfast.domain.rejections import Rejected
from holdfast.http.problems import KINDS, problem
from holdfast.ledger.port import Unavailable

REJECTIONS = [
    rejections.invalid("/x", "Wrong."),
    rejections.unknown_stock("S", ["A"]),
    rejections.unknown_reservation("r"),
    rejections.version_conflict("A in S", 3),
    rejections.insufficient_stock([]),
    rejections.idempotency_mismatch("k"),
    rejections.not_active("r", "confirmed"),
    rejections.reservation_expired("r", 1),
    rejections.not_yours("r"),
]


@pytest.mark.parametrize("no", REJECTIONS, ids=lambda no: str(no.code))
def test_every_rejection_of_the_business_has_its_own_status(no: Rejected) -> None:
    answer = problem(no, "r-1")
    told = json.loads(answer.body)
    assert answer.status == told["status"] == KINDS[no.code].status
    assert (told["code"], told["detail"], told["details"]) == (no.code, no.detail, no.data)
    assert told["type"] == f"urn:holdfast:problem:{no.code}"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Rejected("unheard_of", "New."), 500),
        (Unavailable("unheard_of", "New.", 5), 500),
        (ValueError("a secret"), 500),
    ],
)
def test_what_nobody_foresaw_is_an_internal_error(error: Exception, status: int) -> None:
    answer = problem(error, "r-1")
    assert answer.status == status
    assert json.loads(answer.body)["code"] == "internal_error"
    assert b"secret" not in answer.body


@pytest.mark.parametrize(
    ("retry_after_ms", "seconds"), [(1, b"1"), (999, b"1"), (1000, b"1"), (1001, b"2")]
)
def test_waiting_is_told_in_whole_seconds_and_exactly(retry_after_ms: int, seconds: bytes) -> None:
    answer = problem(Unavailable("read_only", "Later.", retry_after_ms), "r-1")
    assert dict(answer.headers)[b"retry-after"] == seconds
    assert json.loads(answer.body)["details"]["retryAfterMs"] == retry_after_ms
