"""A result as a file, as a table on the screen, and as a table for a document."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson
from rich.console import Console
from rich.table import Table

from bench.figures import Figure
from bench.machine import Machine
from bench.plan import Plan
from bench.suite import Measured

FORMAT: Final = 2
RESULTS: Final = Path(__file__).with_name("results")

#: A result as its file holds it; tables are made of this, so that an old file prints the same.
Result = dict[str, Any]


def result_of(measured: Measured, machine: Machine, plan: Plan, at: datetime) -> Result:
    """Everything that a run found, as JSON."""
    return {
        "format": FORMAT,
        "at": at.astimezone(UTC).isoformat(timespec="seconds"),
        "machine": machine.to_json(),
        "plan": plan.to_json(),
        "doubts": [*machine.doubts, *measured.doubts],
        "figures": [_figure_json(figure) for figure in measured.figures],
        "raw": measured.raw,
    }


def _figure_json(figure: Figure) -> Result:
    target = figure.target
    return {**vars(figure), "target": None if target is None else vars(target)}


def write(result: Result, path: Path) -> None:
    """Keep a result."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # A line for each key: thousands of samples would otherwise be thousands of lines.
    lines = [orjson.dumps(key) + b": " + orjson.dumps(value) for key, value in result.items()]
    path.write_bytes(b"{\n" + b",\n".join(lines) + b"\n}\n")


def default_path(at: datetime) -> Path:
    """Where a result goes when nothing else is said."""
    return RESULTS / f"{at.astimezone(UTC):%Y-%m-%dT%H%M%SZ}.json"


def number(value: float, *, exact: bool = False) -> str:
    """A number with as many digits as it deserves; a count with all of them."""
    if exact and not isinstance(value, int):
        return f"{value:,g}"
    if isinstance(value, int):
        return f"{value:,}"
    size = abs(value)
    if size >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if size >= 10 else f"{value:.2f}"


def shown(figure: Figure) -> str:
    """A figure's value, with its range where it has one."""
    if figure.value is None:
        return f"not measured: {figure.note}"
    text = f"{number(figure.value)} {figure.unit}".rstrip()
    if figure.low is None or figure.high is None:
        return text
    return f"{text} ({number(figure.low)} … {number(figure.high)})"


def wanted(figure: Figure) -> str:
    """A figure's target in words."""
    target = figure.target
    if target is None:
        return ""
    return f"{target.sense} {number(target.bound, exact=True)} {figure.unit}".rstrip()


def verdict(figure: Figure, doubtful: bool) -> str:
    """Whether the target is reached, and whether that is to be believed."""
    if figure.is_met is None:
        return ""
    return ("met" if figure.is_met else "missed") + (" (in doubt)" if doubtful else "")


def figures_of(result: Result) -> list[Figure]:
    """The figures of a result."""
    return [Figure.from_json(fields) for fields in result["figures"]]


def rows(result: Result) -> list[tuple[str, ...]]:
    """The lines of the first table: what has a target, and what belongs to no load."""
    doubtful = bool(result["doubts"])
    return [
        (each.name, wanted(each), shown(each), verdict(each, doubtful))
        for each in figures_of(result)
        if each.target is not None or not each.group
    ]


HEADINGS: Final = ("figure", "target", "measured (range over the rounds)", "verdict")
#: The columns of the second table, by the titles of its figures.
OF_A_LOAD: Final = ("requests a second", "CPU per request", "p50", "p95", "p99", "worst")


def load_rows(result: Result) -> list[tuple[str, ...]]:
    """The lines of the second table: every load with its throughput and latencies.

    Of what was measured in rounds the median stands here, but the worst answer of all of them.
    """
    loads: dict[str, dict[str, str]] = {}
    for figure in figures_of(result):
        if figure.group and figure.typical is not None:
            text = f"{number(figure.typical)} {figure.unit}"
            loads.setdefault(figure.group, {})[figure.title] = text
    return [(name, *(of.get(title, "") for title in OF_A_LOAD)) for name, of in loads.items()]


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
    """Print the result as tables."""
    if not console.is_terminal:
        console.width = WIDTH
    table = Table(*HEADINGS, title="Holdfast, measured", title_justify="left")
    for title, target, value, said in rows(result):
        colour = {"met": "green", "missed": "red"}.get(said, "yellow" if said else "")
        table.add_row(title, target, value, f"[{colour}]{said}[/]" if colour else said)
    console.print(table)
    console.print(_table(("load", *OF_A_LOAD), load_rows(result)))
    console.print(machine_line(result), highlight=False)
    for doubt in result["doubts"]:
        console.print(f"[yellow]In doubt:[/] {doubt}", highlight=False)


def _table(headings: tuple[str, ...], lines: list[tuple[str, ...]]) -> Table:
    table = Table(*headings)
    for line in lines:
        table.add_row(*line)
    return table


def markdown(result: Result) -> str:
    """The result as Markdown tables, ready to be pasted."""
    tables = (
        _markdown_table(HEADINGS, rows(result)),
        _markdown_table(("load", *OF_A_LOAD), load_rows(result)),
    )
    doubts = "".join(f"\n\nIn doubt: {doubt}" for doubt in result["doubts"])
    return "\n\n".join((*tables, f"Measured {machine_line(result)}.{doubts}\n"))


def _markdown_table(headings: tuple[str, ...], lines: list[tuple[str, ...]]) -> str:
    whole = [headings, ("---",) * len(headings), *lines]
    return "\n".join("| " + " | ".join(line) + " |" for line in whole)
