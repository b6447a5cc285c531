"""The disk of the operating system keeps to its port, on real files."""

import os
from pathlib import Path

import pytest

from holdfast.journal.disk import OsDisk, read_file

DISK = OsDisk()


@pytest.fixture
def handles() -> set[str]:
    """The files that are open before the test begins."""
    return open_files()


def open_files() -> set[str]:
    """What this process has open, by its name; a pipe or socket by its number."""
    links = Path("/proc/self/fd").iterdir()
    return {str(link.readlink()) for link in links if link.is_symlink()}


def written(path: Path, *parts: bytes) -> Path:
    handle = DISK.open(path, "create")
    for part in parts:
        assert DISK.write(handle, part) == len(part)
    DISK.fdatasync(handle)
    DISK.fsync(handle)
    DISK.close(handle)
    return path


def test_writes_follow_each_other_and_create_empties_what_was_there(
    tmp_path: Path, handles: set[str]
) -> None:
    path = written(tmp_path / "a", b"one ", b"two")
    assert path.read_bytes() == b"one two"
    assert written(path, b"new").read_bytes() == b"new"
    assert open_files() == handles


def test_what_is_made_can_be_read_by_the_owners_group_and_by_nobody_else(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        path = written(tmp_path / "a", b"secret")
    finally:
        os.umask(before)
    assert oct(path.stat().st_mode & 0o777) == "0o640"


def test_an_update_changes_bytes_in_the_middle_and_leaves_the_rest(tmp_path: Path) -> None:
    path = written(tmp_path / "a", b"0123456789")
    handle = DISK.open(path, "update")
    assert DISK.pwrite(handle, b"ab", 4) == 2
    DISK.close(handle)
    assert path.read_bytes() == b"0123ab6789"


@pytest.mark.parametrize("mode", ["update", "read"])
def test_only_create_makes_a_file(tmp_path: Path, mode: str) -> None:
    with pytest.raises(FileNotFoundError):
        DISK.open(tmp_path / "a", "update" if mode == "update" else "read")
    assert DISK.files(tmp_path) == []


def test_a_child_process_inherits_no_handle(tmp_path: Path) -> None:
    handle = DISK.open(written(tmp_path / "a"), "read")
    assert not os.get_inheritable(handle)
    DISK.close(handle)


def test_a_read_that_the_kernel_cuts_short_is_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "a", b"0123456789")
    pread = os.pread
    asked: list[tuple[int, int]] = []

    def three_at_most(handle: int, size_bytes: int, offset: int) -> bytes:
        asked.append((size_bytes, offset))
        return pread(handle, min(size_bytes, 3), offset)

    monkeypatch.setattr(os, "pread", three_at_most)
    handle = DISK.open(path, "read")
    assert DISK.pread(handle, 7, 1) == b"1234567"
    assert asked == [(7, 1), (4, 4), (1, 7)], "nobody asks for more than is wanted"
    assert DISK.pread(handle, 100, 8) == b"89"
    assert DISK.pread(handle, 5, 10) == b""
    assert DISK.pread(handle, 0, 0) == b""
    DISK.close(handle)


def test_a_file_is_read_as_far_as_is_asked_and_closed_again(
    tmp_path: Path, handles: set[str]
) -> None:
    path = written(tmp_path / "a", b"0123456789")
    assert DISK.size(path) == 10
    assert read_file(DISK, path) == b"0123456789"
    assert read_file(DISK, path, 4) == b"0123"
    assert read_file(DISK, path, 0) == b""
    assert open_files() == handles


def test_a_renamed_file_takes_the_place_of_another(tmp_path: Path) -> None:
    DISK.rename(written(tmp_path / "a", b"new"), written(tmp_path / "b", b"old"))
    assert DISK.files(tmp_path) == ["b"]
    assert (tmp_path / "b").read_bytes() == b"new"


def test_a_file_that_is_gone_may_be_removed_again(tmp_path: Path) -> None:
    path = written(tmp_path / "a")
    DISK.unlink(path)
    DISK.unlink(path)
    assert DISK.files(tmp_path) == []


def test_files_are_listed_sorted_from_below_their_folder_and_folders_are_not(
    tmp_path: Path,
) -> None:
    DISK.make_folder(tmp_path / "b" / "empty")
    for name in ("c", "a", "b/x"):
        written(tmp_path / name)
    assert DISK.files(tmp_path) == ["a", "b/x", "c"]
    assert DISK.files_in(tmp_path) == ["a", "c"]
    for listed in (DISK.files, DISK.files_in):
        assert listed(tmp_path / "nowhere") == []


def test_a_folder_is_made_with_those_above_it_and_every_new_name_is_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(OsDisk, "fsync_folder", lambda _, folder: synced.append(folder))
    DISK.make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()
    assert synced == [tmp_path, tmp_path / "a"]
    DISK.make_folder(tmp_path / "a" / "b")
    assert len(synced) == 2, "a folder that is there has its name already"


def test_a_folder_that_another_makes_meanwhile_is_no_error(tmp_path: Path) -> None:
    class Overtaken(OsDisk):
        """Somebody makes the folder right after those above it were found to be there."""

        def make_folder(self, folder: Path) -> None:
            super().make_folder(folder)
            (tmp_path / "a").mkdir(exist_ok=True)

    Overtaken().make_folder(tmp_path / "a")
    assert (tmp_path / "a").is_dir()


def test_syncing_a_folder_leaves_nothing_open_and_takes_nothing_but_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, handles: set[str]
) -> None:
    synced: list[str] = []
    fsync = os.fsync

    def noted(handle: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{handle}").readlink()))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", noted)
    DISK.fsync_folder(tmp_path)
    assert synced == [str(tmp_path)]
    with pytest.raises(NotADirectoryError):
        DISK.fsync_folder(written(tmp_path / "a"))
    assert open_files() == handles
