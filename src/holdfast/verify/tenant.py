"""One tenant's verification: the files at one side, the pure comparison at the other."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import structlog

from holdfast.domain.events import UnknownEvent
from holdfast.domain.records import TABLES, TENANT
from holdfast.journal import (
    Disk,
    FormatTooNew,
    Frame,
    History,
    JournalCorrupt,
    JournalError,
    Saved,
    saved_checkpoints,
)
from holdfast.ledger.opening import Loaded, load_tenant
from holdfast.verify.compare import checkpoint_differences, state_differences
from holdfast.verify.differences import (
    MAKE_STATE_ANEW,
    MALFORMED,
    UNAVAILABLE,
    BadEvent,
    CannotVerify,
    Difference,
    Differs,
)
from holdfast.verify.evidence import Evidence, no_start, of_manifest, torn_notice
from holdfast.verify.live import Live, Server
from holdfast.verify.replay import Replay
from holdfast.verify.result import Verified

_PROGRESS_EVENTS: Final = 1000
#: How long the journal may take to show what a server says it has committed.
_BEHIND_ATTEMPTS: Final = 50
_BEHIND_S: Final = 0.1

#: Is told how many events of how many were replayed.
Progress = Callable[[int, int], None]


def verify_tenant(
    folder: Path,
    disk: Disk,
    *,
    server: Server | None = None,
    served_by: str | None = None,
    progress: Progress | None = None,
) -> Verified:
    """Verify a tenant's folder; blocks, and writes nothing.

    Args:
        folder: the tenant's folder; its name is the tenant's id.
        disk: reads files.
        server: the server whose answers are the live state; without it, what a start would load is.
        served_by: the process that serves the folder now: then nobody starts on it.
        progress: is told how far it is.

    Raises:
        CannotVerify: nothing can be said, because of a newer release's files or a disk that fails.
    """
    try:
        return _Check(folder, disk, server, served_by, progress).run()
    except (UnknownEvent, JournalError, OSError) as error:
        sentence = f"{folder} cannot be verified: {error}"
        raise CannotVerify(f"{sentence.rstrip('.')}.", UNAVAILABLE) from error


class _Check:
    def __init__(
        self,
        folder: Path,
        disk: Disk,
        server: Server | None,
        served_by: str | None,
        progress: Progress | None,
    ) -> None:
        self._folder = folder
        self._disk = disk
        self._server = server
        self._served_by = served_by
        self._progress = progress
        self._tenant_id = folder.name
        self._history = History(folder / "journal", self._tenant_id, disk)
        self._evidence = Evidence(folder / "journal", self._tenant_id, disk)
        self._replay = Replay()
        self._result = Verified(self._tenant_id, folder)
        self._saved: list[Saved] = []
        self._pending: deque[Frame] = deque()
        self._next_checkpoint = 0

    def run(self) -> Verified:
        began = time.perf_counter()
        self._saved = saved_checkpoints(self._folder / "state", self._disk)
        whole = self._completed(self._replay_journal)
        self._note_checkpoints()
        if whole and self._server is not None:
            self._completed(self._compare_live)
        elif whole and self._served_by is None:
            self._completed(self._compare_start)
        elif whole:
            self._result.live = (
                f"not compared: process {self._served_by} serves the folder, and --url with its "
                "address compares what it shows"
            )
        found = self._result.differences
        self._result.differences = [self._evidence.with_writer(each) for each in found]
        tenants = self._replay.state.records(TENANT).values()
        self._result.registered = sorted(each.tenant_id for each in tenants if each.exists)
        cursor = self._replay.cursor
        self._result.events, self._result.chain = cursor.sequence, cursor.chain.hex()
        self._result.segments = self._history.segments
        self._result.seconds = time.perf_counter() - began
        return self._result

    def _completed(self, step: Callable[[], None]) -> bool:
        """Do a step of which a difference is the end."""
        try:
            step()
        except FormatTooNew:
            raise
        except JournalCorrupt as damage:
            found = self._evidence.damaged(damage, self._history, self._replay.batch)
            self._result.add([found])
        except BadEvent as bad:
            self._result.add([self._evidence.bad(bad)])
        except Differs as differs:
            self._result.add([differs.difference])
        else:
            return True
        return False

    # The journal, and the checkpoints on the way.

    def _replay_journal(self) -> None:
        self._compare_checkpoints()
        offline = self._server is None and self._served_by is None
        self._history.read(self._apply, to_end=offline)
        newest = max((saved.cursor.sequence for saved in self._saved), default=0)
        if not offline:
            self._read_until(newest)

    def _apply(self, frame: Frame) -> None:
        self._replay.apply(frame)
        if frame.sequence == self._next_checkpoint:
            self._compare_checkpoints()
        if self._progress is not None and frame.sequence % _PROGRESS_EVENTS == 0:
            self._progress(frame.sequence, self._history.watermark.cursor.sequence)

    def _compare_checkpoints(self) -> None:
        """Compare those that were made at the event at which the replay stands."""
        here = self._replay.cursor.sequence
        for number, saved in enumerate(self._saved):
            if saved.cursor.sequence == here and saved.problem is None:
                self._result.add(checkpoint_differences(saved, self._replay))
                self._result.checkpoints.append(here)
                self._result.records += self._count_records()
                # Its files are not needed any more.
                self._saved[number] = saved._replace(shards=())
        coming = [each.cursor.sequence for each in self._saved if each.cursor.sequence > here]
        self._next_checkpoint = min(coming, default=0)

    def _read_until(self, sequence: int) -> None:
        """Replay what a running server has added, as far as that event if it comes so far."""
        for _ in range(_BEHIND_ATTEMPTS):
            if self._history.cursor.sequence >= sequence:
                return
            time.sleep(_BEHIND_S)
            self._history.read(self._apply, to_end=False)

    def _note_checkpoints(self) -> None:
        """Say of each checkpoint that was not compared why it was not."""
        end = self._replay.cursor.sequence
        for saved in self._saved:
            at = saved.cursor.sequence
            if saved.problem is not None:
                what = f"{saved.path.name} cannot be used"
                self._result.add([of_manifest(saved, what, "a whole manifest", saved.problem)])
            elif at > end and self._result.differing:
                self._result.notices.append(
                    f"{saved.path.name}, made at event {at}, was not compared: "
                    f"the journal is sound up to event {end} only"
                )
            elif at > end:
                what = f"the checkpoint was made at event {at}, which the journal does not hold"
                found = f"its last event is {end}"
                self._result.add([of_manifest(saved, what, f"event {at} in the journal", found)])
        if not self._saved:
            self._result.notices.append("there is no checkpoint yet")

    def _count_records(self) -> int:
        return sum(len(self._replay.state.records(table)) for table in TABLES.values())

    # Live state.

    def _compare_start(self) -> None:
        """Compare what the next start would load."""
        try:
            with _without_logs():
                loaded = load_tenant(self._folder, self._tenant_id, self._disk)
        except MALFORMED as error:
            self._result.add([no_start(error)])
            return
        if loaded.recovered.cursor != self._replay.cursor:
            raise CannotVerify(
                f"Somebody wrote in {self._folder} while it was verified; verify it again, with "
                "--url if a server was started.",
                UNAVAILABLE,
            )
        if loaded.recovered.torn is not None:
            self._result.notices.append(torn_notice(loaded.recovered.torn))
        self._result.add(_start_differences(loaded, self._replay))
        self._result.records += self._count_records()
        self._result.live = "what a start would load was compared"

    def _compare_live(self) -> None:
        if self._server is None:
            return
        live = Live(self._replay, self._read_to, self._server)
        self._result.add(live.differences())
        self._result.records += live.records
        self._result.live = f"{live.records:,} records that the server shows were compared"

    def _read_to(self, sequence: int) -> None:
        """Replay up to exactly that event, which the server has committed."""
        for _ in range(_BEHIND_ATTEMPTS):
            if self._history.cursor.sequence >= sequence:
                break
            self._history.read(self._pending.append, to_end=False)
            if self._history.cursor.sequence < sequence:
                time.sleep(_BEHIND_S)
        else:
            raise Differs(self._evidence.lost(sequence, self._history.cursor.sequence))
        while self._pending and self._pending[0].sequence <= sequence:
            self._replay.apply(self._pending.popleft())


def _start_differences(loaded: Loaded, replay: Replay) -> Iterator[Difference]:
    yield from state_differences(loaded.state, replay)
    if loaded.last_ts != replay.last_ts:
        what = "a start would take another time for that of the newest event"
        expected, found = f"{replay.last_ts} ms", f"{loaded.last_ts} ms"
        yield Difference("start", what, expected, found, MAKE_STATE_ANEW)


@contextmanager
def _without_logs() -> Iterator[None]:
    """Keep to ourselves what a start would log: the summary says it."""

    def drop(*_: object) -> Any:  # noqa: ANN401 - a processor of structlog, which never returns
        raise structlog.DropEvent

    before = structlog.get_config()["processors"]
    structlog.configure(processors=[drop])
    try:
        yield
    finally:
        structlog.configure(processors=before)
