"""Provisioning: a journal that is there, durable and empty, before anyone relies on it."""

from pathlib import Path
from typing import Final

from holdfast.journal.disk import Disk
from holdfast.journal.errors import JournalCorrupt, OpenFailed
from holdfast.journal.frame import START
from holdfast.journal.guard import DiskFault, GuardedDisk
from holdfast.journal.segment import RESTORE, create_segment, first_header, load_segments
from holdfast.journal.watermark import NAME, Watermark, read_watermark, replace_watermark

_HINT: Final = "The tenant is not there yet. Look at the disk, then provision it again"


def create(folder: Path, tenant_id: str, disk: Disk) -> None:
    """Make an empty journal, durably; one of this tenant that is there is left as it is.

    Blocks. The watermark comes first, so a folder with a segment is complete, and one without
    any is an attempt that did not end, or damage: the watermark tells which.
    Raises JournalCorrupt, OpenFailed.
    """
    try:
        if load_segments(disk, folder, tenant_id):
            read_watermark(disk, folder)
            return
        _demand_unused(disk, folder)
        _create(folder, tenant_id, GuardedDisk(disk))
    except DiskFault as fault:
        raise OpenFailed(fault.operation, fault.path, cause=fault.cause, hint=_HINT) from fault
    except OSError as error:
        raise OpenFailed("read", folder, cause=str(error), hint=_HINT) from error


def _demand_unused(disk: Disk, folder: Path) -> None:
    if NAME in disk.files_in(folder) and read_watermark(disk, folder).cursor != START:
        raise JournalCorrupt("read", folder, cause="there is no segment", hint=RESTORE)


def _create(folder: Path, tenant_id: str, disk: GuardedDisk) -> None:
    header = first_header(tenant_id)
    disk.make_folder(folder)
    disk.remove_temporaries(folder)
    mark = Watermark(header.ordinal, 0, START)
    replace_watermark(disk, folder, mark)
    _, handle = create_segment(disk, folder, header, b"")
    disk.close(handle)
