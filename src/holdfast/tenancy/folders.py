"""Where the tenants' files are. Everything here blocks.

DATA_DIR/
  system/               which tenants there are: a journal like any other
  tenants/<tenantId>/   a tenant
  trash/<when>-<tenantId>-<version>/   what a deleted one left; nothing here removes it
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Final

import structlog

from holdfast.domain.tenants import SYSTEM_TENANT
from holdfast.journal import (
    Disk,
    JournalCorrupt,
    OpenFailed,
    ReadFailed,
    create,
    is_at_rest,
    is_unused,
)
from holdfast.ledger.opening import Loaded, load_tenant

_log = structlog.get_logger("holdfast.tenancy")

#: Keeps the other processes that serve a folder from writing in it meanwhile.
Alone = Callable[[Path], AbstractContextManager[None]]

_HINT_MOVE: Final = "The tenant is deleted already. Look at the disk, then delete it again"
_HINT_LIST: Final = "Look at the disk and the kernel's log, then try again"
_HINT_LOST: Final = (
    "Its saved state shows that it had one. Nothing was changed. "
    "Restore the tenant's folder from a backup or a copy"
)


def no_others(_: Path) -> AbstractContextManager[None]:
    """Keep nobody out: there is one process."""
    return nullcontext()


def never() -> bool:
    """Say that no other process serves the folder."""
    return False


class Folders:
    """The folders of one DATA_DIR."""

    def __init__(self, data_dir: Path, disk: Disk, alone: Alone = no_others) -> None:
        self.system = data_dir / SYSTEM_TENANT
        self._tenants = data_dir / "tenants"
        self._trash = data_dir / "trash"
        self._disk = disk
        self._alone = alone

    def of(self, tenant_id: str) -> Path:
        """Return a tenant's folder."""
        return self._tenants / tenant_id

    def make_system(self) -> Loaded:
        """Load the system journal; make it if it never was there.

        Raises:
            JournalError: it contradicts itself, or the disk said no.
        """
        with self._alone(self.system):
            self._make(self.system, SYSTEM_TENANT)
            return load_tenant(self.system, SYSTEM_TENANT, self._disk)

    def ensure(self, tenant_id: str) -> None:
        """Make a tenant's journal, durably; one that is there stays, whatever is in it.

        Raises:
            JournalError: it contradicts itself, or the disk said no.
        """
        with self._alone(self.of(tenant_id)):
            self._make(self.of(tenant_id), tenant_id)

    def make(self, tenant_id: str) -> None:
        """Make a tenant's journal, durably; one that is there is adopted if it can be opened.

        Raises:
            JournalError: what is there contradicts itself, or the disk said no.
            UnknownEvent: a newer release wrote it.
        """
        folder = self.of(tenant_id)
        with self._alone(folder):
            if self.is_free(tenant_id):
                self._make(folder, tenant_id)
                return
            self._demand_no_loss(folder)
            loaded = load_tenant(folder, tenant_id, self._disk)
        sequence = loaded.recovered.cursor.sequence
        _log.warning("a journal that was there is adopted", tenant=tenant_id, sequence=sequence)

    def is_free(self, tenant_id: str) -> bool:
        """Whether nobody's events are in a tenant's folder.

        Raises:
            JournalError: a journal is there, and not sound.
        """
        folder = self.of(tenant_id)
        if self._files_in(folder / "state"):
            return False
        if not self._files_in(folder / "journal"):
            return True
        # An attempt to make it may have ended before there was a segment: `create` goes on with it.
        create(folder / "journal", tenant_id, self._disk)
        return is_unused(folder / "journal", tenant_id, self._disk)

    def _make(self, folder: Path, tenant_id: str) -> None:
        # A folder that has saved state had a journal once: a new one must not cover its loss.
        self._demand_no_loss(folder)
        create(folder / "journal", tenant_id, self._disk)

    def _demand_no_loss(self, folder: Path) -> None:
        journal = folder / "journal"
        if self._files_in(folder / "state") and not self._files_in(journal):
            raise JournalCorrupt("read", journal, cause="it is missing", hint=_HINT_LOST)

    def _files_in(self, folder: Path) -> list[str]:
        try:
            return self._disk.files_in(folder)
        except OSError as error:
            raise ReadFailed("list", folder, cause=str(error), hint=_HINT_LIST) from error

    def load(self, tenant_id: str) -> Loaded:
        """Read a tenant's folder, and write nothing.

        Raises:
            JournalError: it contradicts itself (to have no journal is that too), or the disk said no.
            UnknownEvent: a newer release wrote it.
        """
        with self._alone(self.of(tenant_id)):
            return load_tenant(self.of(tenant_id), tenant_id, self._disk)

    def is_at_rest(self, tenant_id: str) -> bool:
        """Whether nothing has to be done for a tenant before somebody asks for it."""
        return is_at_rest(self.of(tenant_id), tenant_id, self._disk)

    def move_to_trash(self, tenant_id: str, name: str) -> None:
        """Move a tenant's folder to the trash, durably; one that was moved already stays there.

        Raises:
            OpenFailed: the disk said no.
        """
        folder, target = self.of(tenant_id), self._trash / name
        try:
            self._disk.make_folder(self._trash)
            try:
                self._disk.rename(folder, target)
            except FileNotFoundError:
                _log.warning("a deleted tenant's folder is not there any more", tenant=tenant_id)
            self._disk.fsync_folder(self._trash)
            self._disk.fsync_folder(self._tenants)
        except OSError as error:
            raise OpenFailed("rename", folder, cause=str(error), hint=_HINT_MOVE) from error

    def unknown(self, known: set[str]) -> list[str]:
        """Return the names of folders beside those of known tenants."""
        return sorted({name.partition("/")[0] for name in self._names()} - known)

    def _names(self) -> list[str]:
        if not self._tenants.is_dir():
            return []
        return [path.name for path in self._tenants.iterdir() if path.is_dir()]
