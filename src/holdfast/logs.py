"""Logging: one JSON object a line, rendered once and written in bulk.

A line per request costs as much as deciding the request unless nothing on its way is wasted. So
the logger is bound once, the renderer is orjson, and lines gather in a buffer that is written
when it is full, when `FLUSH_EVERY_S` has passed, at once behind a warning or worse, and on close.
What a crash may take with it is less than that interval of lines that say nothing is wrong.
"""

import json
import logging
import sys
import threading
from pathlib import Path
from time import time_ns
from types import TracebackType
from typing import Any, BinaryIO, Final, Self

import orjson
import structlog
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

from holdfast.domain.values import instant_text

FLUSH_EVERY_S: Final = 0.25
BUFFER_BYTES_MAX: Final = 64 * 1024

_LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}


class BufferedSink:
    """Gathers lines for one stream; structlog calls the method named after the line's level."""

    def __init__(self, stream: BinaryIO, flush_every_s: float = FLUSH_EVERY_S) -> None:
        self._stream = stream
        self._lines: list[bytes] = []
        self._bytes = 0
        #: Lines that the stream did not take.
        self.lines_lost = 0
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._flush_every_s = flush_every_s
        self._flusher = threading.Thread(target=self._flush_regularly, name="log", daemon=True)
        self._flusher.start()

    def debug(self, line: bytes) -> None:
        """Keep a line until the next flush."""
        with self._lock:
            self._lines.append(line)
            self._bytes += len(line)
            if self._bytes >= BUFFER_BYTES_MAX:
                self._write()

    info = debug

    def warning(self, line: bytes) -> None:
        """Write a line, and all before it, now."""
        with self._lock:
            self._lines.append(line)
            self._write()

    error = warning
    critical = warning

    def flush(self) -> None:
        """Write what has gathered."""
        with self._lock:
            self._write()

    def close(self) -> None:
        """Write what has gathered and stop flushing regularly; the stream stays open."""
        self._closed.set()
        self._flusher.join()
        self.flush()

    def _write(self) -> None:
        if not self._lines:
            return
        lines, self._lines, self._bytes = self._lines, [], 0
        lines.append(b"")
        try:
            self._stream.write(b"\n".join(lines))
            self._stream.flush()
        except (OSError, ValueError):
            # A log that cannot be written (disk full, pipe closed) must not stop the service.
            self.lines_lost += len(lines) - 1

    def _flush_regularly(self) -> None:
        while not self._closed.wait(self._flush_every_s):
            if self._lines:
                self.flush()


class Logs:
    """The process's log: where its lines go, and the logger that writes them."""

    def __init__(self, level: str, stream: BinaryIO, owns_stream: bool) -> None:
        self._stream = stream
        self._owns_stream = owns_stream
        self.sink = BufferedSink(stream)
        self._wrapper = structlog.make_filtering_bound_logger(_LEVELS[level.lower()])
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
        self.sink.close()
        if self._owns_stream:
            self._stream.close()


def open_logs(level: str = "info", path: Path | None = None) -> Logs:
    """Log all that the process says to a file, which is appended to, or to standard output."""
    if path is None:
        logs = Logs(level, sys.stdout.buffer, owns_stream=False)
    else:
        logs = Logs(level, path.open("ab"), owns_stream=True)
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
