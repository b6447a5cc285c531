"""How long it takes to read a journal: by the project's own recovery, and by `orjson.loads` alone.

A process of its own, so that it holds nothing else. Both are timed on the same files; reading
these from the page cache counts on the recovery's side only. CPU time is taken beside the time
that passes: other work on the machine blurs it less.
"""

import sys
import time
from pathlib import Path
from typing import NamedTuple

import orjson

from bench.procfs import rss_mib
from bench.serving import collect_as_the_service_does
from holdfast.journal import OsDisk
from holdfast.ledger.opening import load_tenant
from holdfast.tenancy import DEFAULT_TENANT


class Took(NamedTuple):
    """Seconds that passed, and seconds of CPU time."""

    seconds: float
    cpu_s: float


def _now() -> Took:
    return Took(time.perf_counter(), time.process_time())


def _since(started: Took) -> Took:
    now = _now()
    return Took(now.seconds - started.seconds, now.cpu_s - started.cpu_s)


def parse(journal: Path) -> tuple[Took, int]:
    """How long `orjson.loads` takes for the JSON of every frame, and how many there are."""
    seconds, cpu_s, count = 0.0, 0.0, 0
    for segment in sorted(journal.glob("*.log")):
        # A frame has five fields; the header and the seal have no JSON.
        lines = segment.read_bytes().splitlines()
        texts = [line.split(b" ", 4)[4] for line in lines if line.endswith(b"}")]
        started = _now()
        for text in texts:
            orjson.loads(text)
        took = _since(started)
        seconds, cpu_s, count = seconds + took.seconds, cpu_s + took.cpu_s, count + len(texts)
    return Took(seconds, cpu_s), count


def recover(tenant: Path) -> tuple[Took, int]:
    """How long it takes from the folder to the state, and the last sequence."""
    started = _now()
    loaded = load_tenant(tenant, DEFAULT_TENANT, OsDisk())
    return _since(started), loaded.recovered.cursor.sequence


def main(data_dir: Path) -> None:
    """Measure both, and print what was found."""
    tenant = data_dir / "tenants" / DEFAULT_TENANT
    collect_as_the_service_does()
    parsing, lines = parse(tenant / "journal")
    recovering, sequence = recover(tenant)
    found = {
        "loads_s": parsing.seconds,
        "loads_cpu_s": parsing.cpu_s,
        "lines": lines,
        "recover_s": recovering.seconds,
        "recover_cpu_s": recovering.cpu_s,
        "sequence": sequence,
        "rss_mib": rss_mib("self"),
    }
    print(orjson.dumps(found).decode())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
