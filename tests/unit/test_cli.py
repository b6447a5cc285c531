"""What the command line says, and how it exits."""

import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import holdfast
from holdfast import cli
from holdfast.demo import chain, screen
from holdfast.demo.run import greeter
from holdfast.importer.errors import CommandFailed

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = ("serve", "demo", "openapi", "import", "verify")


def run(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(cli.app, arguments, env=environment)


def sentence(result: Result, exit_code: int) -> str:
    """The one line on standard error of a command that failed as expected."""
    assert (result.exit_code, result.stdout) == (exit_code, ""), result.output
    assert "Traceback" not in result.stderr
    (line,) = result.stderr.splitlines()
    assert line.startswith("holdfast: ")
    return line.removeprefix("holdfast: ")


def test_the_release_is_told() -> None:
    result = run("--version")
    assert (result.exit_code, result.stdout) == (0, f"holdfast {holdfast.__version__}\n")


def test_help_names_every_command() -> None:
    for result in (run("--help"), run("-h")):
        assert result.exit_code == 0
        assert all(name in result.stdout for name in COMMANDS)
    assert run().exit_code == 64


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_shows_an_example(name: str) -> None:
    result = run(name, "--help")
    assert result.exit_code == 0
    assert f"holdfast {name}" in result.stdout.partition("Example:")[2]


def test_help_is_quick_because_nothing_heavy_is_imported() -> None:
    heavy = ("starlette", "uvicorn", "pydantic", "httpx2", "stamina", "holdfast.http", "orjson")
    code = f"import sys, holdfast.cli; print([n for n in {heavy} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_module_is_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "holdfast", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"holdfast {holdfast.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("sell",), "No such command 'sell'. Try 'holdfast --help'."),
        (("import",), "Missing argument 'FILE'. Try 'holdfast import --help'."),
        (("serve", "--prot", "1"), "No such option: --prot"),
        (("import", "f.csv", "--rows-per-request", "10001"), "Invalid value for"),
        (("import", "f.csv", "--movement", "gift"), "Invalid value for"),
        (("import", "f.csv", "--url", "nowhere"), "--url takes an address like"),
    ],
)
def test_a_wrong_call_is_one_sentence(arguments: tuple[str, ...], said: str) -> None:
    assert said in sentence(run(*arguments), 64)


def test_each_wrong_setting_is_named() -> None:
    said = sentence(run("serve", PORT="99999", LOG_LEVEL="loud", RATE_LIMIT_RPS="-1"), 64)
    for name in ("PORT is '99999': ", "LOG_LEVEL is 'loud': ", "RATE_LIMIT_RPS is '-1': "):
        assert name in said
    assert "--data-dir" not in said


def test_an_option_stands_above_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    served: list[Any] = []
    monkeypatch.setattr(cli, "run_server", served.append)
    result = run("serve", "--port", "3001", "--data-dir", str(tmp_path), PORT="99999", HOST="::1")
    assert result.exit_code == 0, result.output
    (settings,) = served
    assert (settings.host, settings.port, settings.data_dir) == ("::1", 3001, tmp_path)


def test_a_server_for_strangers_is_refused() -> None:
    said = sentence(run("serve", "--host", "0.0.0.0"), 78)
    assert "HOST=0.0.0.0 can be reached" in said
    assert "set AUTH_MODE=jwt and a JWT_SECRET of at least 32 bytes" in said


def test_a_secret_that_can_be_guessed_is_refused() -> None:
    secrets = {"JWT_SECRET": "x" * 31, "JWT_SECRET_PREVIOUS": "y" * 31}
    said = sentence(run("serve", AUTH_MODE="jwt", **secrets), 78)
    assert "JWT_SECRET must have at least 32 bytes" in said
    assert "xxx" not in said
    good = {"JWT_SECRET": "x" * 32, "JWT_SECRET_PREVIOUS": "y" * 31}
    assert "JWT_SECRET_PREVIOUS must" in sentence(run("serve", AUTH_MODE="jwt", **good), 78)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CORS_ORIGINS", "*"),
        ("CORS_ORIGINS", "https://shop.example.com/"),
        ("TRUSTED_PROXIES", "proxy.example.com"),
    ],
)
def test_a_list_that_makes_no_sense_is_named(name: str, value: str) -> None:
    assert f"{name} is " in sentence(run("serve", **{name: value}), 64)


def test_a_dial_for_faults_that_strangers_can_reach_is_refused() -> None:
    said = sentence(run("serve", "--host", "0.0.0.0", FAULTS="on"), 78)
    assert "FAULTS=on lets every caller break" in said
    assert "HOST=0.0.0.0 can be reached" in said


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    said = sentence(run("serve", "--port", "0", "--data-dir", str(file)), 69)
    assert f"The folder {file} cannot be used" in said


def test_the_demo_names_the_option_when_its_port_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = sentence(run("demo", "--port", str(port)), 69)
    assert f"Port {port} of 127.0.0.1" in said
    assert f"holdfast demo --port {port + 1}" in said


def test_an_import_needs_a_server(tmp_path: Path) -> None:
    file = tmp_path / "sales.csv"
    file.write_text("store,sku,qty\nS1,A,1\n", "utf-8")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    result = run("import", str(file), "--url", f"http://127.0.0.1:{port}", "--patience", "0")
    assert (result.exit_code, result.stdout) == (69, "")
    *_, last = result.stderr.splitlines()
    assert last.startswith(f"holdfast: http://127.0.0.1:{port} does not answer as it should: ")
    assert last.endswith("Does a server run there?")


def test_an_import_of_nothing_says_so(tmp_path: Path) -> None:
    assert "gone.csv cannot be read" in sentence(run("import", str(tmp_path / "gone.csv")), 65)


def test_an_import_that_is_stopped_says_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("holdfast.importer.run.run", stopped)
    result = run("import", str(tmp_path / "sales.csv"))
    assert result.exit_code == 130
    assert result.stderr == (
        "Stopped. What was loaded stays loaded; run the same command to go on.\n"
    )


def test_the_interface_is_described(tmp_path: Path) -> None:
    shown = run("openapi")
    assert shown.exit_code == 0
    assert shown.stdout.startswith("openapi: ")
    file = tmp_path / "openapi.yaml"
    assert run("openapi", "--output", str(file)).exit_code == 0
    assert file.read_text("utf-8") == shown.stdout
    assert list(tmp_path.iterdir()) == [file]
    assert run("openapi", "--check", str(file)).exit_code == 0
    file.write_text(shown.stdout + "# changed\n", "utf-8")
    assert "does not say what the service does" in sentence(
        run("openapi", "--check", str(file)), 65
    )
    assert "cannot be read" in sentence(run("openapi", "--check", str(tmp_path / "gone")), 65)


def test_a_failure_of_ours_is_no_sentence_but_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def bug(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(cli, "run_server", bug)
    assert isinstance(run("serve").exception, RuntimeError)


def test_the_demo_has_what_the_runbook_names() -> None:
    stores = {row["store_id"] for row in chain.rows("stores")}
    items = {row["sku"] for row in chain.rows("items")}
    opening = {(row["store_id"], row["sku"]): int(row["quantity"]) for row in chain.rows("opening")}
    assert ("STORE001", "SKU123") in opening
    assert len(stores) == 3
    assert {place[0] for place in opening} == stores
    assert {place[1] for place in opening} == items
    for row in chain.rows("sales"):
        opening[row["store_id"], row["sku"]] -= int(row["quantity"])
    assert min(opening.values()) > 0


def test_the_demo_reads_the_files_that_the_checkout_shows() -> None:
    package = ROOT / "src" / "holdfast" / "demo"
    shown = {path.name: path for path in (ROOT / "data" / "demo").glob("*.csv")}
    packed = {path.name: path for path in package.glob("*.csv")}
    assert set(shown) == {"stores.csv", "items.csv", "opening.csv", "sales.csv"}
    assert {name: path.resolve() for name, path in packed.items()} == shown


def test_the_demo_tells_where_it_is(tmp_path: Path) -> None:
    text = screen.text("http://127.0.0.1:3456", tmp_path, kept=True)
    assert f"{tmp_path} (kept when the demo ends)" in text
    runbook = (
        "curl -X POST http://localhost:3456/api/inventory/stores/STORE001/inventory/SKU123/adjust "
        """-H "Content-Type: application/json" -d '{"delta": 10}'"""
    )
    assert f"  {runbook}\n" in text
    assert "$api" not in text


def test_a_failed_load_of_the_demo_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise CommandFailed("the disk is full.", 75)

    monkeypatch.setattr(chain, "load", fail)
    greeter(tmp_path, kept=False)("http://127.0.0.1:1")
    for thread in threading.enumerate():
        if thread.name == "demo":
            thread.join()
    assert capsys.readouterr().err == (
        "holdfast: The demo's stock was not loaded: the disk is full.\n"
    )
