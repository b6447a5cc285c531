"""The log writes in bulk, and at once when something is wrong."""

import io
import json
import logging
import threading
from pathlib import Path

import pytest
import structlog
from typing_extensions import Buffer

from holdfast.http.metrics import Metrics
from holdfast.logs import FLUSH_BYTES, BufferedSink, Logs, open_logs


class Stream(io.BytesIO):
    """Tells when it was written to."""

    def __init__(self) -> None:
        super().__init__()
        self.written = threading.Event()

    def flush(self) -> None:
        self.written.set()


def test_lines_wait_for_company_but_not_for_ever() -> None:
    stream = Stream()
    sink = BufferedSink(stream, flush_every_s=0.001)
    sink.info(b"one")
    assert stream.written.wait(10)
    assert stream.getvalue() == b"one\n"
    sink.close()


@pytest.fixture
def patient() -> tuple[BufferedSink, Stream]:
    """A sink that would not flush by itself before the test ends."""
    stream = Stream()
    return BufferedSink(stream, flush_every_s=3600), stream


def test_a_full_buffer_is_written(patient: tuple[BufferedSink, Stream]) -> None:
    sink, stream = patient
    sink.info(b"x" * (FLUSH_BYTES - 2))
    assert stream.getvalue() == b""
    sink.info(b"y")
    assert stream.written.wait(10)
    assert stream.getvalue().endswith(b"x\ny\n")
    sink.close()


def test_a_warning_is_written_at_once_with_all_before_it(
    patient: tuple[BufferedSink, Stream],
) -> None:
    sink, stream = patient
    sink.info(b"one")
    sink.warning(b"two")
    assert stream.written.wait(10)
    assert stream.getvalue() == b"one\ntwo\n"
    sink.close()


def test_what_waits_is_written_on_close(patient: tuple[BufferedSink, Stream]) -> None:
    sink, stream = patient
    sink.info(b"one")
    sink.close()
    assert stream.getvalue() == b"one\n"


def test_a_log_file_is_appended_to_and_closed(tmp_path: Path) -> None:
    path = tmp_path / "holdfast.log"
    for number in range(2):
        with open_logs("info", path) as logs:
            logs.logger.debug("left out")
            logs.logger.info("kept", number=number, odd=Path("x"))
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    assert [line["number"] for line in lines] == [0, 1]
    assert lines[0]["event"] == "kept"
    assert lines[0]["level"] == "info"
    assert lines[0]["ts"].endswith("Z")


def test_the_standard_librarys_loggers_can_join() -> None:
    stream = io.BytesIO()
    logs = Logs("info", stream, owns_stream=False)
    logs.capture("holdfast.test")
    logger = logging.getLogger("holdfast.test")
    try:
        int("an odd number")
    except ValueError:
        logger.exception("it went %s", "wrong")
    logs.close()
    line = json.loads(stream.getvalue())
    assert (line["event"], line["level"], line["logger"]) == (
        "it went wrong",
        "error",
        "holdfast.test",
    )
    assert "ValueError: invalid literal" in line["exception"]
    logger.handlers.clear()


def test_every_logger_of_the_process_writes_to_the_opened_log(tmp_path: Path) -> None:
    path = tmp_path / "holdfast.log"
    with open_logs("warning", path):
        structlog.get_logger("somewhere").info("left out")
        structlog.get_logger("somewhere").warning("torn end", file=b"raw")
    line = json.loads(path.read_bytes())
    assert (line["event"], line["level"], line["file"]) == ("torn end", "warning", "b'raw'")
    assert not structlog.is_configured()


def test_text_that_is_no_unicode_is_written_all_the_same() -> None:
    stream = io.BytesIO()
    logs = Logs("info", stream, owns_stream=False)
    logs.logger.error("odd file", name="a\udcffb")
    logs.close()
    assert json.loads(stream.getvalue())["name"] == "a\udcffb"


class FullDisk(io.BytesIO):
    """Takes nothing."""

    def write(self, *_: object) -> int:
        raise OSError("no space left")


def test_a_log_that_cannot_be_written_stops_nobody() -> None:
    sink = BufferedSink(FullDisk(), flush_every_s=3600)
    sink.info(b"one")
    sink.error(b"two")
    sink.close()
    assert sink.lines_lost == 2


class Unread(Stream):
    """A pipe that is full and that nobody reads, until `let_go` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.entered = threading.Event()
        self.let_go = threading.Event()

    def write(self, text: Buffer) -> int:
        self.entered.set()
        self.let_go.wait(10)
        return super().write(text)


def test_a_log_that_nobody_reads_stops_nobody_and_says_what_it_lost() -> None:
    stream = Unread()
    sink = BufferedSink(stream, flush_every_s=3600, bytes_max=40)
    metrics = Metrics()
    metrics.watch("logLinesLost", lambda: sink.lines_lost)
    sink.error(b"0" * 9)
    assert stream.entered.wait(10)
    for number in range(1, 6):
        sink.error(b"%d" % number * 9)
    assert metrics.counters()["logLinesLost"] == 2, "what is being written takes room as well"
    assert "holdfast_log_lines_lost_total 2.0" in metrics.text("text/plain")[0].decode()
    assert not sink.flush(0)
    assert not sink.close(0), "an end waits only so long"
    stream.let_go.set()
    assert sink.flush()
    assert sink.close()
    assert stream.getvalue().split() == [b"%d" % number * 9 for number in range(4)]


class Trickle(Stream):
    """Takes three bytes at a time, and now and then none."""

    def __init__(self) -> None:
        super().__init__()
        self._calls = 0

    def write(self, text: Buffer) -> int | None:  # type: ignore[override] # as raw files do
        self._calls += 1
        return None if self._calls == 2 else super().write(memoryview(text)[:3])


def test_a_line_that_is_taken_in_parts_is_written_whole() -> None:
    stream = Trickle()
    sink = BufferedSink(stream, flush_every_s=3600)
    sink.info(b"0123456789")
    assert sink.flush()
    assert sink.close()
    assert (stream.getvalue(), sink.lines_lost) == (b"0123456789\n", 0)
