"""An error of the journal says what failed, where, why, and what can be done."""

from pathlib import Path

import pytest

from holdfast.journal import JournalError
from holdfast.journal.errors import FormatTooNew, JournalCorrupt

PATH = Path("/t/journal/durable")


@pytest.mark.parametrize(
    ("offset", "told"),
    [
        (None, "read /t/journal/durable: it is cold. Warm it"),
        (0, "read /t/journal/durable at byte 0: it is cold. Warm it"),
        (7, "read /t/journal/durable at byte 7: it is cold. Warm it"),
    ],
)
def test_an_error_is_one_sentence_and_its_parts(offset: int | None, told: str) -> None:
    error = JournalError("read", PATH, cause="it is cold", hint="Warm it", offset=offset)
    assert str(error) == told
    assert (error.operation, error.path, error.offset) == ("read", PATH, offset)
    assert (error.cause, error.hint) == ("it is cold", "Warm it")


def test_a_format_from_the_future_is_refused_wherever_damage_is() -> None:
    assert issubclass(FormatTooNew, JournalCorrupt)
