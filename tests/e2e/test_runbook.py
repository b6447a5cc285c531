"""What the documents tell people to type works as it stands, and answers what they say."""

import signal
from pathlib import Path

import pytest

from holdfast.importer import errors
from holdfast.settings import Settings
from tests.e2e.processes import free_port
from tests.e2e.runbook import blocks, demand, differences, matches, tables, terminal, values
from tests.e2e.test_demo import demo

ROOT = Path(__file__).resolve().parents[2]
RUNBOOK = ROOT / "run.md"
ADJUST = """\
curl -X POST http://localhost:3000/api/inventory/stores/STORE001/inventory/SKU123/adjust \
-H "Content-Type: application/json" -d '{"delta": 10}'\
"""
EXPECTED = {"json", "text"}
NOT_RUN = {"console", "text"}


@pytest.mark.timeout(300)
def test_every_line_of_the_runbook_works_in_order_and_answers_what_it_says(tmp_path: Path) -> None:
    found: str | None = None
    with terminal(tmp_path) as shell:
        for block in blocks(RUNBOOK):
            if found is not None and block.info in EXPECTED:
                demand(block, found)
                found = None
            elif block.info == "sh":
                found = shell.run(block.text)
            elif block.info == "sh serve":
                shell.serve(block.text)
                found = None
            else:
                assert block.info in NOT_RUN, f"line {block.line}: what is {block.info!r}?"


def test_the_drills_that_kill_lose_nothing_and_do_nothing_twice(tmp_path: Path) -> None:
    shown = blocks(RUNBOOK)
    (serve,) = [each.text for each in shown if each.info == "sh serve" and "FAULTS=on" in each.text]
    drills = [each.text for each in shown if each.info == "console" and "kill_" in each.text]
    assert [("kill_before" in each, "kill_after" in each) for each in drills] == [
        (True, False),
        (False, True),
    ]
    with terminal(tmp_path) as shell:
        for drill in drills:
            shell.serve(serve)
            assert shell.run(drill).strip() == "no answer"
            shell._ended(-signal.SIGKILL)
            shell.serve(serve)
            repeated = drill.splitlines()[1].partition(" || ")[0]
            first, second = (values(shell.run(repeated)) for _ in range(2))
            assert first == second
            assert (first[0]["onHand"], first[0]["version"]) == (1, 1)
            shell.run('kill -TERM "$(cat drill/.lock)"')


def test_the_runbook_runs_nearly_all_that_it_shows() -> None:
    infos = [block.info for block in blocks(RUNBOOK)]
    assert infos.count("sh") > 40
    assert infos.count("console") <= 5
    assert any(ADJUST in block.text for block in blocks(RUNBOOK))


def test_the_table_of_settings_is_the_settings() -> None:
    shown = {
        name.strip("`"): default.strip("`")
        for rows in tables(RUNBOOK)
        for name, default, *more in rows
        if len(more) == 2
    }
    defaults = {name: field.default for name, field in Settings.model_fields.items()}
    assert shown == {name.upper(): as_shown(default) for name, default in defaults.items()}


def as_shown(default: object) -> str:
    if isinstance(default, bool):
        return str(default).lower()
    return "none" if default in {None, ""} else str(default)


def test_the_table_of_exit_codes_has_every_code() -> None:
    shown = {int(row[0]) for rows in tables(RUNBOOK) for row in rows if row[0].isdigit()}
    codes = {errors.USAGE, errors.BAD_DATA, errors.UNAVAILABLE, errors.TRY_AGAIN, errors.CONFIG}
    interrupted = 128 + signal.SIGINT
    assert shown == {0, *codes, interrupted}


def test_the_first_five_minutes_of_the_readme_work_as_they_stand(tmp_path: Path) -> None:
    (script,) = [b.text for b in blocks(ROOT / "README.md") if "localhost:3000" in b.text]
    port = free_port()
    with demo("--port", str(port)), terminal(tmp_path) as shell:
        lines = script.replace("localhost:3000", f"localhost:{port}")
        came, held, left, refused, menu, events = values(shell.run(lines))
        (again,) = values(shell.run(lines[lines.index("# Hold") : lines.index("# What")]))
    assert came["onHand"] == 66
    assert (held["status"], held["userId"], held["lines"]) == (
        "active",
        "ada",
        [{"sku": "SKU123", "qty": 2}],
    )
    assert again == held
    assert (left["onHand"], left["reserved"], left["version"]) == (66, 2, held["stock"]["version"])
    assert (refused["code"], refused["details"]["shortages"][0]["available"]) == (
        "insufficient_stock",
        64,
    )
    assert all(dish["available"] and dish["portions"] for dish in menu["items"])
    assert len(menu["items"]) == 12
    assert [event["sequence"] for event in events["items"]] == [1, 2, 3, 4, 5]


def test_the_oldest_line_works_under_every_prefix(tmp_path: Path) -> None:
    prefixes = [
        f"{root}{inventory}/stores/"
        for root in ("/api/v1", "/api", "")
        for inventory in ("/inventory", "")
    ]
    lines = [ADJUST.replace("/api/inventory/stores/", prefix) for prefix in prefixes]
    assert ADJUST in lines
    with terminal(tmp_path) as shell:
        shell.serve("holdfast serve")
        records = values(shell.run("\n".join(lines)))
        shell.run('kill -TERM "$(cat data/.lock)"')
    assert [record["onHand"] for record in records] == [10, 20, 30, 40, 50, 60]


@pytest.mark.parametrize(
    ("expected", "found", "wrong"),
    [
        ('{"a": 1}', '{"a": 1}', 0),
        ('{"a": 1}', '{"a": 2}', 1),
        ('{"a": 1}', '{"a": true}', 1),
        ('{"a": 1}', '{"a": 1, "b": 2}', 1),
        ('{"a": 1, "…": "…"}', '{"a": 1, "b": 2}', 0),
        ('{"a": 1, "…": "…"}', '{"b": 2}', 1),
        ('{"a": "…"}', '{"a": [1]}', 0),
        ('{"a": "…Z"}', '{"a": "2026Z"}', 0),
        ('{"a": "…Z"}', '{"a": "2026"}', 1),
        ("[1]", "[1, 2]", 1),
        ('{"a": 1}\n{"a": 2}', '{"a": 1}{"a": 2}', 0),
        ('{"a": 1}', '{"a": 1}{"a": 2}', 1),
    ],
)
def test_a_changed_answer_is_noticed(expected: str, found: str, wrong: int) -> None:
    assert len(differences(values(expected), values(found))) == wrong


def test_a_changed_text_is_noticed() -> None:
    assert matches("exit code 69\n… done", "exit code 69\na\nb done")
    assert not matches("exit code 69", "exit code 6")
    assert not matches("a.c", "abc")
