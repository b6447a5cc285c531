"""`python -m bench`: measure what the documents claim, in one run on this machine."""

import os
import signal
import sys
import tempfile
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from shutil import disk_usage
from typing import Annotated, Any, Final

import orjson
import typer
from rich.console import Console

from bench import report
from bench.errors import BenchFailed
from bench.machine import Cores, describe
from bench.plan import PARTS, Plan
from bench.rounds import Pace
from bench.server import ROOT
from bench.stock import TTL_S
from bench.suite import run
from bench.turns import KEYS
from bench.wrk import require_tools

_WARM_S: Final = 2
_QUICK_SIZE: Final = 20_000
#: So many loads can take turns.
_LOADS_MAX: Final = len(KEYS)
#: What a full run may write, with room to spare.
FREE_BYTES_MIN: Final = 8 << 30

_EXAMPLES: Final = f"""Measure Holdfast on this machine: ratios against peers in the same run.

Needs Linux; `sudo bench/install-peers` installs the rest on Debian and Ubuntu. Only 127.0.0.1 and
sockets in the file system are used. Takes about a quarter of an hour, in which nothing else should
run here. The result is a file of JSON, with a plot beside it.

Parts, for `--only`: {", ".join(PARTS)}.

Examples:

`python -m bench`: everything.

`python -m bench --quick`: two minutes; shows that all works, not how fast it is.

`python -m bench --only reserve,read`: three minutes; the service beside a bare route.

`python -m bench --only redis,postgres`: beside these databases only.

`python -m bench --dir /mnt/disk --rounds 15`: on another disk, with more rounds.

`python -m bench --markdown >> notes.md`: measure, and print the table as Markdown.

`python -m bench --from bench/results/reference.json`: show a result again.
"""


def main(
    *,
    only: Annotated[
        str, typer.Option(metavar="PARTS", help="Measure these parts only, separated by commas.")
    ] = ",".join(PARTS),
    quick: Annotated[
        bool, typer.Option("--quick", help="Try it; the figures mean little.")
    ] = False,
    rounds: Annotated[int, typer.Option(min=1, max=100, help="Turns of every load.")] = 7,
    seconds: Annotated[int, typer.Option(min=1, max=60, help="Length of one turn.")] = 4,
    latency_seconds: Annotated[
        int, typer.Option(min=1, max=600, help="Length of the run at default settings.")
    ] = 60,
    connections: Annotated[int, typer.Option(min=1, max=256, help="Clients at once.")] = 64,
    seed: Annotated[int, typer.Option(min=1, help="Draws users and SKUs.")] = 1,
    folder: Annotated[
        Path, typer.Option("--dir", help="All servers keep their data below this folder.")
    ] = ROOT / "data",
    output: Annotated[
        Path | None, typer.Option(help="The result's file [default: bench/results/DATE.json].")
    ] = None,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print the table as Markdown.")
    ] = False,
    shown: Annotated[
        Path | None, typer.Option("--from", help="Measure nothing; show this result.")
    ] = None,
) -> None:
    """Parse the command line and run."""
    try:
        parts = parts_of(only)
        plan = Plan(Pace(rounds, seconds, connections, seed), _WARM_S, latency_seconds, parts=parts)
        if quick:
            pace = Pace(3, 1, connections, seed)
            plan = Plan(pace, 1, 4, _QUICK_SIZE, _QUICK_SIZE, 1, parts)
        if shown is not None:
            result = _read(shown)
        else:
            at = datetime.now(UTC)
            result = _measure(folder, plan, at)
            path = output or report.default_path(at)
            report.write(result, path)
            _console.print(f"The result is in {path}.", highlight=False)
            _draw(result, path)
    except BenchFailed as failure:
        _console.print(f"bench: {failure}", style="red", highlight=False, markup=False)
        raise typer.Exit(1) from None
    if markdown:
        sys.stdout.write(report.markdown(result))
    else:
        report.show(result, Console())


#: Progress and complaints; standard output is the table's alone.
_console = Console(stderr=True)


def parts_of(text: str) -> frozenset[str]:
    """Read the names of parts.

    Raises:
        BenchFailed: a name is unknown.
    """
    asked = frozenset(name.strip() for name in text.split(","))
    unknown = asked - set(PARTS)
    if unknown:
        raise BenchFailed(f"There is no part {min(unknown)!r}; choose of {', '.join(PARTS)}.")
    return asked


def _draw(result: report.Result, path: Path) -> None:
    if find_spec("matplotlib") is None:
        _console.print("There is no plot: matplotlib is missing; run with `--group bench`.")
        return
    # Loading it takes longer than showing an old result does.
    from bench.plot import draw  # noqa: PLC0415 - see above

    draw(result, path.with_suffix(".svg"))
    _console.print(f"The plot is in {path.with_suffix('.svg')}.", highlight=False)


def _read(path: Path) -> report.Result:
    try:
        result: report.Result = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise BenchFailed(f"{path} is no result: {error}") from None
    if result.get("format") != report.FORMAT:
        raise BenchFailed(f"{path} is no result of this release.")
    return result


def _measure(folder: Path, plan: Plan, at: datetime) -> report.Result:
    require_tools()
    _require_no_expiry(plan)
    # Servers run in folders of their own choosing.
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    if disk_usage(folder).free < FREE_BYTES_MIN:
        raise BenchFailed(f"{folder} has less than {FREE_BYTES_MIN >> 30} GiB free.")
    machine = describe(folder)
    for doubt in machine.doubts:
        _console.print(f"[yellow]In doubt:[/] {doubt}", highlight=False)
    _stay_off_the_servers_core(machine.pinned)
    signal.signal(signal.SIGTERM, _end)
    with (
        tempfile.TemporaryDirectory(prefix="bench-", dir=folder) as own,
        _console.status("starting") as status,
    ):
        measured = run(Path(own), plan, machine.pinned, status.update)
    return report.result_of(measured, machine, plan, at)


def _require_no_expiry(plan: Plan) -> None:
    longest_s = 2 * _LOADS_MAX * (plan.warm_s + plan.pace.rounds * plan.pace.seconds)
    if longest_s > TTL_S:
        raise BenchFailed(
            f"That many rounds could take {longest_s} s, and the reservations expire after "
            f"{TTL_S} s; take fewer or shorter ones."
        )


def _stay_off_the_servers_core(cores: Cores | None) -> None:
    if cores is not None:
        os.sched_setaffinity(0, {cores.load})


def _end(number: int, _frame: Any) -> None:  # noqa: ANN401 - whatever was interrupted
    # Leaving by an exception ends the servers too.
    sys.exit(128 + number)


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, rich_markup_mode="markdown")
    app.command(help=_EXAMPLES, context_settings={"help_option_names": ["-h", "--help"]})(main)
    app(prog_name="python -m bench")
