from pathlib import Path

import orjson
import pytest
import typer

from bench import __main__ as command
from bench.defaults import require_created
from bench.errors import BenchFailed
from bench.figures import Figure
from bench.open_loop import Timed, run_schedule
from bench.plan import PARTS
from bench.suite import Measured


@pytest.fixture(autouse=True)
def _nothing_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "require_tools", lambda: None)
    monkeypatch.setattr(command, "_stay_off_the_servers_core", lambda _: None)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setattr(command, "_draw", lambda *_: None)


def fails(*_: object) -> Measured:
    raise BenchFailed("The clients saw errors")


def test_when_a_client_saw_an_error_the_command_fails_and_leaves_no_result(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(command, "run", fails)
    with pytest.raises(typer.Exit) as ended:
        command.main(folder=tmp_path, output=tmp_path / "result.json")
    assert ended.value.exit_code == 1
    assert list(tmp_path.iterdir()) == []


def test_a_result_is_written_with_what_was_not_measured(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    missing = Figure("k", "beside Redis", "", None, note="Redis is not installed")
    monkeypatch.setattr(command, "run", lambda *_: Measured([missing]))
    command.main(folder=tmp_path, output=tmp_path / "result.json", only="redis")
    result = orjson.loads((tmp_path / "result.json").read_bytes())
    assert result["figures"][0]["note"] == "Redis is not installed"
    assert result["plan"]["parts"] == ["redis"]


def test_parts_are_chosen_by_name() -> None:
    assert command.parts_of("redis, read") == {"redis", "read"}
    assert command.parts_of(",".join(PARTS)) == {*PARTS}
    with pytest.raises(BenchFailed, match="no part 'mysql'"):
        command.parts_of("redis,mysql")


def test_a_run_so_long_that_reservations_would_expire_is_refused(tmp_path: Path) -> None:
    with pytest.raises(typer.Exit):
        command.main(folder=tmp_path, rounds=100, seconds=60)


def test_one_answer_that_made_no_reservation_gives_no_figure() -> None:
    require_created([Timed(0, 1, 201)])
    with pytest.raises(BenchFailed, match="429"):
        require_created([Timed(0, 1, 201), Timed(0, 1, 429)])


def test_clients_that_cannot_connect_give_no_figure(unused_tcp_port: int) -> None:
    with pytest.raises(BenchFailed, match="failed"):
        run_schedule(
            unused_tcp_port,
            lambda _: b"",
            rate_per_s=10,
            seconds=1,
            connections=1,
            seed=1,
        )
