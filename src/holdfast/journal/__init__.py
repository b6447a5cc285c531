"""One tenant's journal: an append-only log of events in files, and checkpoints beside it.

The journal knows nothing of the business. An event is one line of JSON, as bytes. `append`
returns a future that is done when the event is on disk; events that are appended while the
disk is busy share its next write and sync.

This docstring is the specification of the files, format version 1 of the journal and 2 of the
checkpoints. Numbers are ASCII decimal; `%020d` means padded with zeros to 20 digits. Hexadecimal
is lower case. A line ends in one byte 0x0A. A *checksummed line* is

    checksum SP body LF

where `checksum` is the CRC-32 (zlib, 8 hexadecimal digits) of the bytes of `body`, the space
and the LF not included. Wherever a line is read, its bytes must be the very ones that would be
written: other spellings of the same number are damage.


Folder
======

    journal/
      00000002-00000000000000004711.log    segments: %08d ordinal - %020d first sequence
      00000003-00000000000000009803.log
      archive/
        00000001-00000000000000000001.log  older ones, which no start needs
      durable                              the watermark
      ….log.<offset>.torn                  bytes that recovery set aside; nothing reads them
      ….tmp                                being prepared, or left by a crash; nothing reads them
    state/
      MANIFEST.json  MANIFEST.1.json       the current checkpoint, and its predecessor
      <shard>@<sequence>.json              what they name; a shard's name may contain folders

Ordinals rise by one, from 1 in the archive, or in the journal as long as nothing was archived.


Segment
=======

The first line is the header:

    checksum SP holdfast-journal SP version SP tenant SP %08d ordinal SP %020d first
    SP %020d previous-length SP chain SP %020d born-with LF

on one line. `version` is 1. `first` is the sequence of the first frame to follow.
`previous-length` is how many bytes of the segment before still count: it *cuts off* the rest,
which may be a write that failed, a batch that this segment holds a copy of, or a seal. `chain`
is the chain at `first` - 1. `born-with` is the last sequence that was in the file when it got
its name (`first` - 1 for none), all of which was synced by then. Every later format keeps the
first two fields, so that an older release can say what it met.

Each further line is a frame, one event:

    checksum SP sequence SP batch SP chain SP json LF

`sequence` counts the tenant's events: 1, 2, 3, … `batch` is the sequence of the first event of
the same group commit; it never changes, wherever the frame is copied. `chain` is the BLAKE2b
hash (16 bytes, 32 hexadecimal digits, no key) of the 16 bytes of the chain before it followed
by the bytes of `json`; before event 1 it is 16 zero bytes. So the chains
of two logs are equal at an event if, and only if, the logs are equal up to it. A batch never spans
two segments.

A clean shutdown writes one last line, the seal, and nothing after it:

    checksum SP sealed SP sequence SP chain LF


Watermark
=========

`durable` is 1024 bytes, two slots of 512, each one checksummed line filled up with LF:

    checksum SP holdfast-durable SP 1 SP %08d ordinal SP %020d offset SP %020d sequence SP chain

The log is durable up to event `sequence`, which ends at byte `offset` of segment `ordinal`.
The slot with the greater (ordinal, offset) counts, of those whose checksum holds. Each flush
moves it after the sync of the segment and before anyone is told; it is synced itself when the
journal is idle and at every change of segment. Between two syncs only one slot is written.


What is written when
====================

A batch is one `write` and one `fdatasync`, then the watermark is moved. The next batch starts
after that, so a frame of a later batch proves that all before it was durable.

A segment is written to a temporary name, synced, renamed, and its folder synced. So its
header, and every frame up to `born-with`, was durable before the name existed.

Opening starts a new segment, always; but for the turns below, nothing is ever appended to a file that
another process began. Unless the journal was sealed, the new segment holds a copy of the last batch and cuts
the old segment off in front of it: what is read after a failed sync or a kill may come from the
page cache alone and be missing on the disk, but that is never more than one batch. A segment of
which the cut would leave nothing is replaced under its own name.

A file in which a write failed or was overdue gets no more bytes, and the thread that wrote there
no more work. The next attempt replaces the watermark's file, removes temporary files, and starts
a segment by which the old one counts only as far as it was durable for certain. A thread
that wakes late then finds its watermark file without a name, its temporary file gone, and its
segment cut.


Several processes
=================

Processes that share a journal write it in turns, and hand the right to do so around, which is not
this package's to know: a `Fence` tells whether they have it. After a turn that ended in good order,
at a byte that the lease, the watermark and the segment's size agree on, the next process appends to
the same segment. After any other, it replaces the watermark's file before it reads the log, and
begins a segment as after a crash. Nobody writes a seal. Files that are being prepared are called
`….<process>.tmp`. Readers stop at the watermark; their place is a sequence and its chain, and events
that they hold already are skipped at a change of segment.

In the watermark, who goes on behind another process writes the newer of the two slots: the older one
was synced for certain.


Archive
=======

A segment is *closed* once another follows it. After a checkpoint was written, the closed segments
whose events all lie at or before the *older* one of the two that are kept move to `archive/`, so a
start from either of them reads nothing there. Only the process that opened the journal moves
them, oldest first, one at a time: rename, sync of `archive/`, sync of `journal/`. A crash between
any of these leaves a segment in one of the folders, or the same file in both; no order in which
renames are lost leaves a hole. The bytes of a segment, its name and its ordinal stay what they
are, and nothing is ever deleted. A file that is in the archive already is replaced when it is the
same; one of that ordinal that differs stops the archiving.

Archive and journal are one log. Its order is that of the ordinals. Where a segment is in both, the
one in the journal counts: of the archive, only what is older than the journal's first segment is
looked at. That segment's header cuts the newest archived one off, as everywhere. Who needs events
older than the journal's first looks for them in the archive, by name, and demands every ordinal
from the segment that holds the first such event up to the journal. Is one of them missing in the
middle, that is corruption. Are the oldest missing (an operator may take them away, oldest first),
then reading them, and a start that needs them, is refused by naming the events and the segments.

What the first segment in `journal/` says of those before it is checked by whoever relies on it: a
start that reads the segment by the chain of the checkpoint it reads on from, everyone else by the
archived segment that must end at that byte, with that sequence and that chain.


Recovery
========

Recovery changes nothing. It reads the segments that hold events later than the checkpoint's, and
of the others in `journal/` the headers; without a checkpoint, all of archive and journal. Every segment but the last must be good up to its cut: unbroken
sequences, batches, chain and checksums. In the last one, the first line that is not good ends
the log. What stands there and behind it is

- the seal, and nothing else: the shutdown was clean;
- *torn*, when the line's own checksum fails or its LF is missing, and no line behind it whose
  checksum holds is a seal or belongs to a later batch: a write that never ended. A whole
  number of events of that batch may have survived in front of it, and they count. A line is
  also looked for behind damage that took the LF in front of it: `checksum SP … {"` or a seal;
- *corrupt*, in every other case.

The log is corrupt, whatever its tail looks like, when it ends before the watermark or before
`born-with`, or has another chain at the watermark; so is a journal without a watermark or
without a segment, and one that ends before, or disagrees with, the checkpoint it is read after.
After a power cut the watermark may lag: rot in the last batch, and only there, can then pass
for a write that never ended. So a torn end comes with a notice for the operator, which says
whether it may have been acknowledged.


At rest
=======

A journal that nobody has open is *at rest* when a start has nothing to do there: it holds no event,
or it was sealed, and the manifest of the same sequence and chain says that nothing ever falls due.


Checkpoint
==========

A manifest is JSON in ASCII: `format` (2), `sequence`, `chain` (hexadecimal), `nextDeadline` (when
something in that state falls due by itself, or `never`; missing when that was not known), `files`
(shard to `path`, `bytes`, `sha256`; a line each), and, on the last line but one, `checksum`: the SHA-256 of
all bytes in front of that line. A newer format keeps that line and `format`, and is refused; an
older one is passed over like a damaged one. A file that a manifest names is never written again.
The files of a checkpoint are written first, each synced under a temporary name and renamed, then MANIFEST.json becomes MANIFEST.1.json, then the new one takes
its name; files that neither names are removed last. When MANIFEST.json is missing or anything
that it names is not whole, MANIFEST.1.json counts, and after it the journal alone.
"""

from holdfast.journal.backward import Backward, gone_before, newest_until
from holdfast.journal.batch import Shared
from holdfast.journal.checkpoint import Checkpoint, Checkpoints
from holdfast.journal.disk import Disk, OsDisk
from holdfast.journal.errors import (
    ArchiveFailed,
    CheckpointFailed,
    FlushFailed,
    FormatTooNew,
    HistoryGone,
    JournalCorrupt,
    JournalError,
    NotWritten,
    OpenFailed,
    ReadFailed,
    ReopenFailed,
)
from holdfast.journal.fence import Fence, LostLease
from holdfast.journal.frame import START, Cursor, Frame
from holdfast.journal.history import Claim, History, Place, explain, line_at, locate, sound_part
from holdfast.journal.journal import Journal, Stats
from holdfast.journal.manifest import NEVER, Unusable
from holdfast.journal.news import News
from holdfast.journal.provision import create
from holdfast.journal.reader import read_frames
from holdfast.journal.recovery import Recovered, Torn, recover
from holdfast.journal.rest import is_at_rest, is_unused
from holdfast.journal.retained import Retained, retained_at
from holdfast.journal.saved import Saved, SavedShard, saved_checkpoints
from holdfast.journal.segment import Segment
from holdfast.journal.shared import SharedJournal, TurnEnd
from holdfast.journal.threads import OS_THREADS, OsThreads, Threads

__all__ = [
    "NEVER",
    "OS_THREADS",
    "START",
    "ArchiveFailed",
    "Backward",
    "Checkpoint",
    "CheckpointFailed",
    "Checkpoints",
    "Claim",
    "Cursor",
    "Disk",
    "Fence",
    "FlushFailed",
    "FormatTooNew",
    "Frame",
    "History",
    "HistoryGone",
    "Journal",
    "JournalCorrupt",
    "JournalError",
    "LostLease",
    "News",
    "NotWritten",
    "OpenFailed",
    "OsDisk",
    "OsThreads",
    "Place",
    "ReadFailed",
    "Recovered",
    "ReopenFailed",
    "Retained",
    "Saved",
    "SavedShard",
    "Segment",
    "Shared",
    "SharedJournal",
    "Stats",
    "Threads",
    "Torn",
    "TurnEnd",
    "Unusable",
    "create",
    "explain",
    "gone_before",
    "is_at_rest",
    "is_unused",
    "line_at",
    "locate",
    "newest_until",
    "read_frames",
    "recover",
    "retained_at",
    "saved_checkpoints",
    "sound_part",
]
