"""A result as a file, as a table on the screen, and as a table for a document."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson
from rich.console import Console
from rich.table import Table

from bench.figures import Figure
from bench.machine import Machine
from bench.suite import Measured, Plan

FORMAT: Final = 1
RESULTS: Final = Path(__file__).with_name("results")

#: A result as its file holds it; tables are made of this, so that an old file prints the same.
Result = dict[str, Any]


def result_of(measured: Measured, machine: Machine, plan: Plan, at: datetime) -> Result:
    """Everything that a run found, as JSON."""
    return {
        "format": FORMAT,
        "at": at.astimezone(UTC).isoformat(timespec="seconds"),
        "machine": machine.to_json(),
        "plan": {**vars(plan), "pace": vars(plan.pace)},
        "doubts": [*machine.doubts, *measured.doubts],
        "figures": [_figure_json(figure) for figure in measured.figures],
        "slices": [each.to_json() for each in measured.slices],
        "latencies": [each._asdict() for each in measured.latencies],
    }


def _figure_json(figure: Figure) -> Result:
    target = figure.target
    return {**vars(figure), "target": None if target is None else vars(target)}


def write(result: Result, path: Path) -> None:
    """Keep a result."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(orjson.dumps(result, option=orjson.OPT_INDENT_2) + b"\n")


def default_path(at: datetime) -> Path:
    """Where a result goes when nothing else is said."""
    return RESULTS / f"{at.astimezone(UTC):%Y-%m-%dT%H%M%SZ}.json"


def number(value: float) -> str:
    """A number with as many digits as it deserves; a count with all of them."""
    if isinstance(value, int):
        return f"{value:,}"
    if value >= 1000:
        return f"{value:,.0f}"
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def shown(figure: Figure) -> str:
    """A figure's value, with its range where it has one."""
    text = f"{number(figure.value)} {figure.unit}".rstrip()
    if figure.low is None or figure.high is None:
        return text
    return f"{text} ({number(figure.low)} … {number(figure.high)})"


def wanted(figure: Figure) -> str:
    """A figure's target in words."""
    target = figure.target
    return "" if target is None else f"{target.sense} {target.bound:g} {figure.unit}".rstrip()


def verdict(figure: Figure, doubtful: bool) -> str:
    """Whether the target is reached, and whether that is to be believed."""
    if figure.is_met is None:
        return ""
    return ("met" if figure.is_met else "missed") + (" (in doubt)" if doubtful else "")


def rows(result: Result) -> list[tuple[str, str, str, str]]:
    """The lines of the table: figure, target, measured, verdict."""
    figures = [Figure.from_json(fields) for fields in result["figures"]]
    doubtful = bool(result["doubts"])
    return [(each.title, wanted(each), shown(each), verdict(each, doubtful)) for each in figures]


HEADINGS: Final = ("figure", "target", "measured, as median (range over the rounds)", "verdict")
#: Where the output is no terminal, a table has room.
WIDTH: Final = 120


def machine_line(result: Result) -> str:
    """What it was measured on, in a line."""
    machine, pace = result["machine"], result["plan"]["pace"]
    pinned = "a core each" if machine["pinned"] else "one core for all"
    return (
        f"{result['at']}, {machine['cpu']}, {machine['cores']} cores, {machine['kernel']}, "
        f"{machine['python']}, {machine['filesystem']}; server and load generator: {pinned}; "
        f"{pace['connections']} connections, {pace['rounds']} rounds of {pace['seconds']} s a load"
    )


def show(result: Result, console: Console) -> None:
    """Print the result as a table."""
    table = Table(*HEADINGS, title="Holdfast, measured", title_justify="left")
    for title, target, value, said in rows(result):
        colour = {"met": "green", "missed": "red"}.get(said, "yellow" if said else "")
        table.add_row(title, target, value, f"[{colour}]{said}[/]" if colour else said)
    if not console.is_terminal:
        console.width = WIDTH
    console.print(table)
    console.print(machine_line(result), highlight=False)
    for doubt in result["doubts"]:
        console.print(f"[yellow]In doubt:[/] {doubt}", highlight=False)


def markdown(result: Result) -> str:
    """The result as a Markdown table, ready to be pasted."""
    lines = [HEADINGS, ("---",) * len(HEADINGS), *rows(result)]
    table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    doubts = "".join(f"\n\nIn doubt: {doubt}" for doubt in result["doubts"])
    return f"{table}\n\nMeasured {machine_line(result)}.{doubts}\n"
