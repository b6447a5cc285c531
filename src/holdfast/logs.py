"""Logging: one JSON object a line, rendered once and written in bulk by a thread of its own.

A line per request costs as much as deciding the request unless nothing on its way is wasted. So
the logger is bound once, the renderer is orjson, and lines gather in a buffer. Only the flusher's
thread ever writes, so a reader that has stopped reading stops nobody who logs: when the buffer is
full, lines are dropped and counted. It writes when much has gathered, when `FLUSH_EVERY_S` has
passed, at once behind a warning or worse, and on close. What a crash may take with it is less
than that interval.
"""

import json
import logging
import sys
import threading
from pathlib import Path
from time import time_ns
from types import TracebackType
from typing import Any, Final, Protocol, Self

import orjson
import structlog
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

from holdfast.domain.values import instant_text

FLUSH_EVERY_S: Final = 0.25
#: So much wakes the flusher early.
FLUSH_BYTES: Final = 64 * 1024
#: So much may wait to be written, what is being written included.
BUFFER_BYTES_MAX: Final = 8 * 1024 * 1024
#: How long an end waits for the last lines to be taken.
CLOSE_WAIT_S: Final = 2.0
#: A stream that does not block and takes nothing now is tried again after this time.
_RETRY_S: Final = 0.02

_LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}


class Stream(Protocol):
    """Where lines go: whatever writes bytes."""

    def write(self, text: memoryview, /) -> int | None:
        """Take some of it, all at best; None is that nothing could be taken without waiting."""

    def flush(self) -> None:
        """Keep nothing back."""

    def close(self) -> None:
        """Nothing more will come."""


class BufferedSink:
    """Gathers lines for one stream; structlog calls the method named after the line's level."""

    def __init__(
        self,
        stream: Stream,
        flush_every_s: float = FLUSH_EVERY_S,
        bytes_max: int = BUFFER_BYTES_MAX,
    ) -> None:
        self._stream = stream
        self._flush_every_s = flush_every_s
        self._bytes_max = bytes_max
        self._lines: list[bytes] = []
        #: Of all lines that are not written yet.
        self._bytes = 0
        #: Lines that found no room, or that the stream did not take.
        self.lines_lost = 0
        self._taken = 0
        self._settled = 0
        self._lock = threading.Lock()
        self._progress = threading.Condition(self._lock)
        self._wake = threading.Event()
        self._closed = threading.Event()
        self._flusher = threading.Thread(target=self._flush_regularly, name="log", daemon=True)
        self._flusher.start()

    def debug(self, line: bytes) -> None:
        """Keep a line until the next flush."""
        with self._lock:
            size = self._bytes + len(line) + 1
            if size > self._bytes_max:
                self.lines_lost += 1
                return
            self._bytes = size
            self._lines.append(line)
        if size >= FLUSH_BYTES and not self._wake.is_set():
            self._wake.set()

    info = debug

    def warning(self, line: bytes) -> None:
        """Have a line, and all before it, written now."""
        self.debug(line)
        self._wake.set()

    error = warning
    critical = warning

    def flush(self, wait_s: float = CLOSE_WAIT_S) -> bool:
        """Have everything written that was logged so far; whether that came about in time."""
        self._wake.set()
        with self._progress:
            wanted = self._taken + len(self._lines)
            return self._progress.wait_for(lambda: self._settled >= wanted, wait_s)

    def close(self, wait_s: float = CLOSE_WAIT_S) -> bool:
        """Write what has gathered and stop; the stream stays open.

        Returns:
            Whether the stream took the last lines in time; if not, it is still in use.
        """
        self._closed.set()
        self._wake.set()
        self._flusher.join(wait_s)
        return not self._flusher.is_alive()

    def _flush_regularly(self) -> None:
        ends = False
        while not ends:
            self._wake.wait(self._flush_every_s)
            self._wake.clear()
            # Looked at before the lines are: what was logged before the end is written.
            ends = self._closed.is_set()
            self._write()

    def _write(self) -> None:
        with self._lock:
            lines, self._lines = self._lines, []
            self._taken += len(lines)
        if not lines:
            return
        lines.append(b"")
        text = b"\n".join(lines)
        rest = memoryview(text)
        try:
            while rest:
                rest = rest[self._write_some(rest) :]
            self._stream.flush()
        except (OSError, ValueError):
            # A log that cannot be written (disk full, pipe closed) must not stop the service.
            pass
        with self._progress:
            self.lines_lost += bytes(rest).count(b"\n")
            self._bytes -= len(text)
            self._settled += len(lines) - 1
            self._progress.notify_all()

    def _write_some(self, rest: memoryview) -> int:
        """Write what the stream takes; a plain file may take a part, or, not to block, nothing."""
        while (size := self._stream.write(rest)) is None:
            if self._closed.wait(_RETRY_S):
                raise BlockingIOError
        return size


class Logs:
    """The process's log: where its lines go, and the logger that writes them."""

    def __init__(self, level: str, stream: Stream, owns_stream: bool) -> None:
        self._stream = stream
        self._owns_stream = owns_stream
        self.sink = BufferedSink(stream)
        least = _LEVELS[level.lower()]
        first = _Informing if least <= _LEVELS["info"] else _OneStep
        self._wrapper = type("Logger", (first, structlog.make_filtering_bound_logger(least)), {})
        self.logger: FilteringBoundLogger = structlog.wrap_logger(
            self.sink, processors=[_render], wrapper_class=self._wrapper
        ).bind()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def configure(self) -> None:
        """Send the lines of every `structlog.get_logger()` of the process here, until the end."""
        structlog.configure(
            processors=[_render],
            wrapper_class=self._wrapper,
            logger_factory=lambda *_: self.sink,
            cache_logger_on_first_use=False,
        )

    def capture(self, *names: str) -> None:
        """Send the lines of the standard library's loggers of these names into this log."""
        for name in names:
            logger = logging.getLogger(name)
            logger.handlers = [_Forward(self.logger)]
            logger.propagate = False

    def close(self) -> None:
        """Write what has gathered and let the file go."""
        if structlog.get_config()["wrapper_class"] is self._wrapper:
            structlog.reset_defaults()
        done = self.sink.close()
        if self._owns_stream and done:
            self._stream.close()


def open_logs(level: str = "info", path: Path | None = None) -> Logs:
    """Log all that the process says to a file, which is appended to, or to standard output."""
    if path is None:
        # What Python buffers it writes again at its end, and would wait for a reader there.
        sys.stdout.flush()
        stream: Stream = getattr(sys.stdout.buffer, "raw", sys.stdout.buffer)
        logs = Logs(level, stream, owns_stream=False)
    else:
        logs = Logs(level, path.open("ab", buffering=0), owns_stream=True)
    logs.configure()
    return logs


def _render(logger: WrappedLogger, level: str, event: EventDict) -> bytes:
    """Do all that a line needs in one step; a chain of small ones costs twice as much."""
    event["level"] = level
    event["ts"] = instant_text(time_ns() // 1_000_000)
    if "exc_info" in event:
        event = structlog.processors.format_exc_info(logger, level, event)
    try:
        return orjson.dumps(event, default=repr, option=orjson.OPT_NON_STR_KEYS)
    except TypeError:
        # Text that is not valid Unicode, as file names may be; escaped, it can be written.
        return json.dumps(event, default=repr).encode("ascii")


class _OneStep(structlog.BoundLoggerBase):
    """Renders a line and hands it on: what structlog's chain of processors does, for a chain of one."""

    def _proxy_to_logger(
        self,
        method_name: str,
        event: str | None = None,
        **fields: Any,  # noqa: ANN401 - whatever the caller says
    ) -> None:
        if self._context:
            fields = {**self._context, **fields}
        fields["event"] = event
        getattr(self._logger, method_name)(_render(self._logger, method_name, fields))


class _Informing(_OneStep):
    """Goes straight to that step for what is logged at every request."""

    def info(
        self,
        event: str,
        **fields: Any,  # noqa: ANN401 - whatever the caller says
    ) -> None:
        if self._context:
            fields = {**self._context, **fields}
        fields["event"] = event
        self._logger.info(_render(self._logger, "info", fields))


class _Forward(logging.Handler):
    """Hands the standard library's records on."""

    def __init__(self, logger: FilteringBoundLogger) -> None:
        super().__init__()
        self._logger = logger

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record at its level."""
        fields: dict[str, Any] = {"logger": record.name}
        if record.exc_info is not None and record.exc_info[0] is not None:
            fields["exc_info"] = record.exc_info
        self._logger.log(record.levelno, record.getMessage(), **fields)
