"""Bugs that somebody might write: each is to be found by the simulator."""

from typing import Final

import holdfast.domain.decide as deciders
from holdfast.domain.decide.draft import Draft
from holdfast.journal import Journal, appender, recovery, segment
from holdfast.journal import guard as journal_disk
from holdfast.journal.appender import Appender
from holdfast.journal.batch import Shared
from holdfast.journal.guard import GuardedDisk
from holdfast.ledger import codec
from holdfast.ledger.deadline_timer import DeadlineTimer
from holdfast.ledger.deciding import Decided, Deciding
from holdfast.ledger.feed import Feed
from holdfast.ledger.file_ledger import FileLedger
from holdfast.ledger.journal_guard import JournalGuard
from holdfast.ledger.opening import _Replay
from holdfast.ledger.staged import StagedView
from tests.simulation.planted import Bug

BUGS_OF_RUNS: Final = (
    Bug(
        "a write is acknowledged before its flush",
        Journal,
        "_flush_next",
        "self._handoff.flush(data, end, self._flushed)",
        "self._handoff.flush(data, end, self._flushed); batch.future.succeed()",
    ),
    Bug(
        "a failed sync is tried again on the same file",
        Appender,
        "flush",
        "        self._disk.fdatasync(self._handle)\n",
        "        try:\n            self._disk.fdatasync(self._handle)\n"
        "        except DiskFault:\n            self._disk.fdatasync(self._handle)\n",
        ("sync_error", "power_cut"),
    ),
    Bug(
        "a short write counts as a whole one",
        journal_disk,
        "_demand_whole",
        "!=",
        "<= -",
        ("short_write",),
    ),
    Bug(
        "a flush that failed is told as if it had not",
        Shared,
        "fail",
        "self.set_exception(error)\n        self.exception()",
        "self.set_result(None)",
    ),
    Bug(
        "a refusal leaves while it rests on staged facts",
        Deciding,
        "decide_at",
        "return Decided(no, self._journal.tail)",
        "return Decided(no, None)",
    ),
    Bug(
        "a remembered answer leaves while it is only staged",
        Deciding,
        "decide_at",
        "return Decided(event, self._journal.tail)",
        "return Decided(event, None)",
        ("slow_disk",),
    ),
    Bug(
        "readers see what is staged",
        FileLedger,
        "read",
        "self._reading(self._state, now, exact=True)",
        "self._reading(self._staged, now, exact=True)",
    ),
    Bug("what was staged stays when its flush failed", FileLedger, "_roll_back", "drop()", "state"),
    Bug(
        "sequences are not given again when a flush failed",
        Journal,
        "_give_up",
        "self._next_sequence = self.durable.sequence + 1",
        "pass",
    ),
    Bug(
        "a write that may be kept is called not written",
        Decided,
        "may_be_kept",
        "return self.is_event and not isinstance(error, NotWritten)",
        "return False",
        ("sync_error", "kill"),
    ),
    Bug(
        "a key is forgotten after half a second",
        deciders,
        "remembered",
        "known.expires_at <= now",
        "known.expires_at - 3_599_500 <= now",
    ),
    Bug(
        "keys are not written down",
        codec,
        "event_json",
        "event.key is not None",
        "event.key is ...",
    ),
    Bug(
        "keys are forgotten at a start",
        _Replay,
        "load",
        "self.state.put(change)",
        "change[0].name == 'keys' or self.state.put(change)",
    ),
    Bug(
        "a load's line may be decided twice",
        deciders,
        "_require_mark",
        "if mark != line.after or line.line <= mark:",
        "if False:",
        ("slow_disk",),
    ),
    Bug(
        "deadlines come late to decisions",
        Deciding,
        "decide",
        "self.stage_due(now)",
        "self.stage_due(now - 3_000)",
        ("clock_forward",),
    ),
    Bug(
        "deadlines come early",
        Deciding,
        "stage_due",
        "self._staged.deadlines.due(now)",
        "self._staged.deadlines.due(now := now + 50)",
    ),
    Bug("nobody wakes for a deadline", DeadlineTimer, "arm", "delay_ms / 1000", "delay_ms / 100"),
    Bug(
        "readers do not wait for a deadline that is due",
        FileLedger,
        "read",
        "if not self._deciding.stage_due(now):",
        "if False:",
        ("clock_forward",),
    ),
    Bug(
        "the journal does not come back after a failure",
        JournalGuard,
        "failed",
        "self._schedule()",
        "pass",
        ("write_error",),
    ),
    Bug(
        "the feed leaves out events",
        Feed,
        "note",
        "recent.extend(events)",
        "recent.extend(event for event in events if event[0] % 5)",
    ),
)

BUGS_OF_CRASHES: Final = (
    Bug(
        "a batch is not synced",
        Appender,
        "flush",
        "self._disk.fdatasync(self._handle)",
        "pass",
    ),
    Bug(
        "the watermark is moved before the sync",
        Appender,
        "flush",
        "        self._disk.fdatasync(self._handle)\n",
        "        self._mark.move(Position(segment._replace("
        "stop=segment.stop + len(batch)), end).watermark)\n"
        "        self._disk.fdatasync(self._handle)\n",
    ),
    Bug(
        "a new segment's folder is not synced",
        appender,
        "create_segment",
        "disk.fsync_folder(folder)",
        "pass",
    ),
    Bug(
        "a new file is not synced before it gets its name",
        GuardedDisk,
        "write_new",
        'self._do("fsync", path, lambda: self.plain.fsync(handle))',
        "pass",
    ),
    Bug(
        "a new segment cuts the old one off a byte late",
        appender,
        "successor",
        "current.stop,",
        "current.stop + 1,",
    ),
    Bug(
        "a start trusts what may be in the page cache only",
        recovery._Recovery,
        "_beginning",
        "cut, before = walked.batch_start, walked.before_batch",
        "cut, before = walked.stop, walked.cursor",
    ),
    Bug(
        "a start does not cut off what a later segment cuts off",
        segment,
        "cut_off",
        "return segment._replace(stop=header.previous_length)",
        "return segment",
    ),
    Bug(
        "an unfinished write is called damage",
        recovery,
        "_judge_tail",
        "    next_sequence =",
        "    _refuse(path, walked.stop, problem)\n    next_sequence =",
    ),
)

BUGS_OF_HISTORIES: Final = (
    Bug(
        "versions that a caller expects are not looked at",
        Draft,
        "expect",
        "if expected is None:\n        return",
        "return",
    ),
    Bug(
        "a decision does not see what is staged, as if its lock were free too early",
        StagedView,
        "get",
        "self._overlay[table.name].get(key)",
        "None",
    ),
    Bug(
        "a reader sees what is dropped later",
        FileLedger,
        "read",
        "self._reading(self._state, now, exact=True)",
        "self._reading(self._staged, now, exact=True)",
        ("sync_error", "write_error"),
    ),
)
