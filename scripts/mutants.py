"""Plant small bugs (mutants) in a package, one at a time, and list those that no test notices.

mutmut makes the mutants and keeps its configuration per folder, while each package needs tests of
its own. So every package gets a folder below `.mutants/`: links to the checkout, and the
configuration that is written here. What mutmut made stays there, for a look with its own commands.
"""

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
SURVIVORS_MAX: Final = 0.10

#: The tests that a package has to answer for: fast, focused, and the same at every run.
TESTS: Final = {
    "domain": ("tests/unit/domain",),
    "journal": (
        "tests/unit/journal",
        "tests/unit/verify",  # of what it reads: `history` and `saved`
        "tests/golden",
        "tests/property/test_journal_prefix.py",
    ),
}

# The same draws each time, none from earlier runs, and no complaint about a busy machine. A test
# that takes 6 s loops or hangs (on a machine that has time for it). Tests of every byte are left out: each takes seconds, and what
# only they would notice is worth a test of its own.
PYTEST: Final = shlex.split(
    "-p no:cacheprovider -p mutants_pytest --timeout=6 --hypothesis-profile=mutants --seed=1 "
    "-k 'not test_every_flipped and not test_every_truncation'"
)

# All tests of a mutant may take (what they took without it + 10 s) x 5.
CONFIGURATION: Final = """\
[mutmut]
source_paths=src
only_mutate=src/holdfast/{package}/*
pytest_add_cli_args_test_selection=
{tests}
pytest_add_cli_args=
{options}
timeout_constant=10.0
timeout_multiplier=5.0
on_dependency_change=ignore
"""


def main() -> None:
    """Do what the command line asks; exit with 1 when too many survive."""
    asked = arguments()
    folder = ROOT / ".mutants" / asked.package
    if not (asked.again or asked.keep):
        shutil.rmtree(folder, ignore_errors=True)
    prepare(folder, asked.package)
    names = asked.names or (list(outcomes(folder)) if asked.again else [])
    if names or not asked.again:
        mutmut(folder, "run", f"--max-children={asked.workers}", *names)
    sys.exit(report(folder, asked.package, show=asked.show))


def arguments() -> argparse.Namespace:
    """What the command line asks."""
    parser = argparse.ArgumentParser(
        prog="scripts/mutants",
        description="Plant small bugs in a package, one at a time, and list those that no test "
        f"notices. Fails when {SURVIVORS_MAX:.0%} of them or more survive.",
        epilog="What it leaves in .mutants/PACKAGE is mutmut's: there, `mutmut show NAME` prints a "
        "mutant and `mutmut tests-for-mutant NAME` the tests that had their chance.",
    )
    parser.add_argument("package", choices=sorted(TESTS))
    parser.add_argument("names", nargs="*", help="only these mutants; `*` stands for anything")
    parser.add_argument("--keep", action="store_true", help="only functions that changed since")
    parser.add_argument("--again", action="store_true", help="only what was not killed last time")
    parser.add_argument("--show", action="store_true", help="print the survivors as diffs")
    parser.add_argument("--workers", type=int, default=1, help="processes at once (1)")
    return parser.parse_intermixed_args()


def prepare(folder: Path, package: str) -> None:
    """Make the folder that mutmut works in."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("src", "tests", "pyproject.toml"):
        link = folder / name
        if not link.is_symlink():
            link.symlink_to(Path("..", "..", name))
    tests, options = (
        "\n".join(f"    {each}" for each in lines) for lines in (TESTS[package], PYTEST)
    )
    written = CONFIGURATION.format(package=package, tests=tests, options=options)
    (folder / "setup.cfg").write_text(written, "utf-8")


def mutmut(folder: Path, *args: str) -> None:
    """Run mutmut in its folder; its output is ours."""
    subprocess.run(["mutmut", *args], cwd=folder, check=True)


def outcomes(folder: Path) -> dict[str, str]:
    """What became of each mutant that was not killed, by its name."""
    told = subprocess.run(
        ["mutmut", "results"], cwd=folder, check=True, capture_output=True, text=True
    ).stdout
    return dict(line.strip().split(": ", 1) for line in told.splitlines() if ": " in line)


def report(folder: Path, package: str, *, show: bool) -> int:
    """Print what came of it; the exit code."""
    mutmut(folder, "export-cicd-stats")
    counted = json.loads((folder / "mutants" / "mutmut-cicd-stats.json").read_text("utf-8"))
    total, killed, timeout = counted["total"], counted["killed"], counted["timeout"]
    for name, outcome in outcomes(folder).items():
        print(f"{outcome}: {name}")
        if show:
            mutmut(folder, "show", name)
    survived = total - killed - timeout
    share = survived / total
    print(f"{package}: {total} mutants, {killed} killed, {timeout} timed out, {survived} survived")
    print(f"{share:.1%} survived; {SURVIVORS_MAX:.0%} is too much")
    return int(share >= SURVIVORS_MAX)


if __name__ == "__main__":
    # The folder of the plugin, and sets in the same order each time.
    os.environ |= {"PYTHONPATH": str(ROOT / "scripts"), "PYTHONHASHSEED": "0"}
    main()
