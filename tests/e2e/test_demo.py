"""The demo does what it shows: every line it suggests is run as it stands."""

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

from tests.e2e.processes import HOLDFAST, free_port

LAST_LINE = "Ctrl-C ends it."


@contextmanager
def demo(*arguments: str) -> Iterator[list[str]]:
    """Run the demo until it has shown its screen; then end it as a person does."""
    process = subprocess.Popen(
        [*HOLDFAST, "demo", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    try:
        screen: list[str] = []
        for line in process.stdout:
            screen.append(line.rstrip("\n"))
            if screen[-1] == LAST_LINE:
                break
        assert screen[-1:] == [LAST_LINE], screen
        yield screen
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0
        assert process.stdout.read() == ""
    finally:
        process.kill()
        process.communicate()


def run_as_shown(lines: list[str]) -> list[Any]:
    """Run the suggestions in one shell, one after another, and read the answers."""
    script = "".join(f"{line.strip()} && echo\n" for line in lines)
    done = subprocess.run(
        ["bash", "-eu"], input=script, capture_output=True, text=True, timeout=60, check=True
    )
    return [json.loads(line) for line in done.stdout.splitlines() if line]


def test_every_suggested_line_works_as_it_stands() -> None:
    port = free_port()
    with demo("--port", str(port)) as screen:
        shown = [line for line in screen if line.startswith("  ") and "curl" in line]
        answers = run_as_shown(shown)
        (folder,) = [Path(line.split()[4]) for line in screen if line.startswith("Its data")]
        assert folder.is_dir()
    read, adjusted, confirmed, refused, everywhere, events, *pizzeria, bar, health = answers
    assert (read["storeId"], read["sku"], read["onHand"]) == ("STORE001", "SKU123", 56)
    assert adjusted["onHand"] == 66
    assert confirmed["status"] == "confirmed"
    assert refused["code"] == "insufficient_stock"
    assert [record["onHand"] for record in everywhere["items"]] == [64, 22, 63]
    assert [event["sequence"] for event in events["items"]] == [1, 2, 3, 4, 5]
    assert_the_pizzeria_sells(*pizzeria)
    assert (bar["tenantId"], bar["name"], bar["currency"]) == ("bar", "The Quiet Hour", "GBP")
    assert health["ready"] is True
    assert not folder.exists(), "the temporary folder is gone with the demo"


def assert_the_pizzeria_sells(menu: Any, paid: Any, salami: Any) -> None:
    portions = {dish["id"]: dish["portions"] for dish in menu["items"]}
    # 1,100 g of salami at 70 g, and 900 g of gorgonzola at 60 g.
    assert (len(portions), portions["diavola"], portions["quattro"]) == (12, 15, 15)
    assert (paid["status"], paid["totalAmount"]) == ("CONFIRMED", 2160)
    assert (salami["onHand"], salami["isOut"], salami["sellable"]) == (960, True, 0)


def test_a_kept_demo_is_loaded_once(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    sequences = []
    for _ in range(2):
        port = free_port()
        with demo("--port", str(port), "--data-dir", str(folder)) as screen:
            events = httpx2.get(f"http://127.0.0.1:{port}/api/events", trust_env=False).json()
            sequences.append(events["lastSequence"])
        assert any(f"{folder} (kept" in line for line in screen)
    assert sequences[0] == sequences[1] > 0


def test_a_taken_port_is_one_sentence_that_names_the_option() -> None:
    port = str(free_port())
    with demo("--port", port):
        second = subprocess.run(
            [*HOLDFAST, "demo", "--port", port], capture_output=True, text=True, check=False
        )
    assert second.returncode == 69
    assert second.stdout == ""
    (sentence,) = second.stderr.splitlines()
    assert f"Port {port} of 127.0.0.1 cannot be used" in sentence
    assert "--port" in sentence
