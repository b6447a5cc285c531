"""One folder, one server: every other one is turned away in a sentence, and does no harm."""

import os
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx2
import portalocker
import pytest

from tests.e2e.processes import HOLDFAST, Server

REFUSED = 69
AT_ONCE = 3


@contextmanager
def started(folder: Path, number: int) -> Iterator[list[subprocess.Popen[str]]]:
    """Start servers on one folder, all at the same instant; leave none of them behind."""
    settings = {"PORT": "0", "DATA_DIR": str(folder), "LOG_FILE": str(folder.parent / "log")}
    processes = [
        subprocess.Popen(
            [*HOLDFAST, "serve"],
            env=os.environ | settings,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(number)
    ]
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def first_lines(processes: list[subprocess.Popen[str]]) -> list[str]:
    """What each of them says first: that it listens, or why it does not."""

    def first_line(process: subprocess.Popen[str]) -> str:
        assert process.stderr is not None
        return process.stderr.readline()

    with ThreadPoolExecutor(len(processes)) as threads:
        return list(threads.map(first_line, processes))


def demand_refusal(process: subprocess.Popen[str], said: str, folder: Path, owner: str) -> None:
    out, more = process.communicate(timeout=60)
    assert (process.returncode, out, more) == (REFUSED, "", ""), said + more
    assert said == (
        f"holdfast: Another process (id {owner}) serves the folder {folder}; stop it first, "
        "or set DATA_DIR to a folder of its own.\n"
    )


def owner_of(folder: Path) -> str:
    return (folder / ".lock").read_text("utf-8").strip()


def receive(server: Server) -> int:
    """Put one unit on the shelf; how many there are now."""
    body = {"storeId": "S", "sku": "A", "qty": 1}
    response = httpx2.post(f"{server.url}/api/v1/inventory/receive", json=body, timeout=30)
    assert response.status_code == 200, response.text
    on_hand: int = response.json()["onHand"]
    return on_hand


def test_a_second_server_is_turned_away_and_the_first_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with Server(tmp_path).running() as first:
        assert receive(first) == 1
        before = owner_of(folder)
        with started(folder, 1) as (second,):
            (said,) = first_lines([second])
            demand_refusal(second, said, folder, before)
        assert owner_of(folder) == before
        assert receive(first) == 2


def test_once_the_first_was_killed_the_second_starts_and_has_what_was_answered(
    tmp_path: Path,
) -> None:
    first, second = Server(tmp_path), Server(tmp_path)
    with first.running():
        assert receive(first) == 1
        os.kill(int(owner_of(tmp_path / "data")), signal.SIGSTOP)
        # Not even one that stands still may lose its folder.
        with started(tmp_path / "data", 1) as (other,):
            (said,) = first_lines([other])
            demand_refusal(other, said, tmp_path / "data", owner_of(tmp_path / "data"))
        first.kill()
        with second.running():
            assert receive(second) == 2
        first.start()
        assert receive(first) == 3


@pytest.mark.timeout(300)
def test_of_servers_that_start_at_one_instant_one_serves_and_the_others_name_it(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "data"
    for _ in range(2):
        # The one that serves is killed at the end of each round, so its number stays in `.lock`.
        with started(folder, AT_ONCE) as processes:
            said = dict(zip(processes, first_lines(processes), strict=True))
            serving = [process for process in processes if "http://" in said[process]]
            assert len(serving) == 1, said
            for process in set(processes) - set(serving):
                demand_refusal(process, said[process], folder, str(serving[0].pid))
            assert serving[0].poll() is None


def test_the_number_of_a_dead_process_is_not_given_for_that_of_the_owner(tmp_path: Path) -> None:
    """As in the instant between the lock and the name that its new owner writes there."""
    folder = tmp_path / "data"
    folder.mkdir()
    dead = subprocess.Popen(["true"])
    dead.wait()
    with (folder / ".lock").open("a+") as lock_file:
        lock_file.write(f"{dead.pid}\n")
        lock_file.flush()
        portalocker.lock(lock_file, portalocker.LOCK_EX)
        with started(folder, 1) as (other,):
            (said,) = first_lines([other])
            demand_refusal(other, said, folder, "unknown")
