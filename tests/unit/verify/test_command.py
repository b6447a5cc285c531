"""What the command says, and how it exits."""

import json
import shutil
from pathlib import Path

import portalocker
import pytest
from typer.testing import CliRunner, Result

from holdfast import cli
from holdfast.verify.command import render
from holdfast.verify.differences import CannotVerify, Difference
from holdfast.verify.folder import serving_process, tenant_folders
from holdfast.verify.result import Verified
from holdfast.verify.screen import shown_progress
from tests.unit.verify.folders import TENANT, contents, segments, write_manifest


@pytest.fixture
def data_dir(sound: Path, tmp_path: Path) -> Path:
    shutil.copytree(sound, tmp_path / "data" / "tenants" / TENANT)
    return tmp_path / "data"


def run(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(cli.app, ["verify", *arguments], env=environment)


def sentence(result: Result, exit_code: int) -> str:
    assert (result.exit_code, result.stdout) == (exit_code, ""), result.output
    (line,) = result.stderr.splitlines()
    return line.removeprefix("holdfast: ")


def test_a_sound_folder_exits_with_0_and_a_summary(data_dir: Path) -> None:
    result = run("--data-dir", str(data_dir))
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith(f"{data_dir / 'tenants' / TENANT}: all equal\n  events ")
    assert run(DATA_DIR=str(data_dir)).exit_code == 0


def test_nothing_that_a_start_would_log_is_shown(data_dir: Path) -> None:
    last = segments(data_dir / "tenants" / TENANT)[-1]
    last.write_bytes(b"\n".join(last.read_bytes().split(b"\n")[:-2]) + b"\nhalf a li")
    before = contents(data_dir)
    result = run("--data-dir", str(data_dir))
    assert result.exit_code == 0
    assert result.stderr == ""
    assert "Notice: " in result.stdout
    assert "was set aside" not in result.stdout
    assert contents(data_dir) == before


def test_a_difference_exits_with_65(data_dir: Path) -> None:
    first = segments(data_dir / "tenants" / TENANT)[0]
    first.write_bytes(first.read_bytes().replace(b'"onHand":5', b'"onHand":6'))
    result = run("--data-dir", str(data_dir))
    assert result.exit_code == 65
    assert ": 1 difference\n" in result.stdout
    assert f"  where       {first} at byte " in result.stdout
    told = json.loads(run("--data-dir", str(data_dir), "--json").stdout)
    assert told["equal"] is False
    assert told["tenants"][0]["differences"][0]["sequence"] == 2


def test_every_tenant_is_looked_at_or_the_one_that_is_named(data_dir: Path) -> None:
    shutil.copytree(data_dir / "tenants" / TENANT, data_dir / "tenants" / "other")
    result = run("--data-dir", str(data_dir))
    assert result.exit_code == 65
    assert "it belongs to 'default', not to 'other'" in result.stdout
    assert run("--data-dir", str(data_dir), "--tenant", TENANT).exit_code == 0
    assert run("--data-dir", str(data_dir), "--tenant", "other").exit_code == 65


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--data-dir", "gone"), "There is no folder gone; name the data with --data-dir."),
        (("--data-dir", "."), ". holds no tenants; name the service's DATA_DIR with --data-dir."),
        (("--tenant", "nobody"), "has no tenant nobody; it has default."),
        (("--tenant", "../default"), "--tenant takes a tenant's id, not '../default'."),
        (("--url", "nowhere"), "--url takes an address like http://127.0.0.1:3000"),
    ],
)
def test_a_wrong_call_is_one_sentence(
    data_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, str],
    said: str,
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    assert said in sentence(run(*options, DATA_DIR=str(data_dir)), 64)
    assert list(empty.iterdir()) == []


def test_files_of_a_newer_release_are_no_difference(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = data_dir / "tenants" / TENANT / "state" / "MANIFEST.json"
    body = json.loads(manifest.read_text("utf-8"))
    with monkeypatch.context() as newer:
        newer.setattr("holdfast.journal.manifest.FORMAT", 99)
        write_manifest(manifest, body)
    assert "format version 99, and" in sentence(run(DATA_DIR=str(data_dir)), 69)


def test_a_folder_that_is_served_is_compared_but_for_what_is_served(data_dir: Path) -> None:
    with (data_dir / ".lock").open("w+") as lock_file:
        portalocker.lock(lock_file, portalocker.LOCK_EX | portalocker.LOCK_NB)
        lock_file.write("4711\n")
        lock_file.flush()
        result = run("--data-dir", str(data_dir))
    assert result.exit_code == 0
    assert "not compared: process 4711 serves the folder, and --url" in result.stdout


def test_a_lock_that_is_left_of_a_killed_process_is_free(data_dir: Path) -> None:
    assert serving_process(data_dir) is None
    lock = data_dir / ".lock"
    lock.write_text("", "ascii")
    assert serving_process(data_dir) is None
    lock.write_text("4711\n", "ascii")
    assert serving_process(data_dir) is None
    assert lock.read_text("ascii") == "4711\n"


def test_looking_at_the_lock_does_not_keep_it(data_dir: Path) -> None:
    lock = data_dir / ".lock"
    lock.write_text("4711\n", "ascii")
    assert serving_process(data_dir) is None
    with lock.open("r+") as lock_file:
        portalocker.lock(lock_file, portalocker.LOCK_EX | portalocker.LOCK_NB)


def test_what_is_no_tenants_folder_is_passed_by(data_dir: Path) -> None:
    (data_dir / "tenants" / ".trash").mkdir()
    (data_dir / "tenants" / "file").touch()
    assert [path.name for path in tenant_folders(data_dir, None)] == [TENANT]
    with pytest.raises(CannotVerify):
        tenant_folders(data_dir, "file")


def test_what_is_not_shown_is_counted() -> None:
    difference = Difference("start", "what", "expected", "found", "hint")
    result = Verified("T", Path("T"))
    result.add([difference] * 25)
    assert len(result.differences) == 10
    assert render(result).endswith("15 more are not shown.")


def test_there_is_no_bar_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with shown_progress("T") as progress:
        assert progress is None
    assert capsys.readouterr().err == ""


def test_a_terminal_shows_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with shown_progress("T") as progress:
        assert progress is not None
        progress(1000, 4000)
    assert "1000/4000" in capsys.readouterr().err
