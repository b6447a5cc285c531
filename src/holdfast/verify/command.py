"""`holdfast verify`: which folders, in what words, with which exit code."""

import gc
import json
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Final

import stamina.instrumentation
import typer

from holdfast.journal import OsDisk
from holdfast.verify.differences import DIFFERENT, Difference
from holdfast.verify.folder import serving_process, system_folder, tenant_folders
from holdfast.verify.result import Verified
from holdfast.verify.screen import shown_progress
from holdfast.verify.server import HttpServer, Suspended, connect
from holdfast.verify.tenant import verify_tenant

_GC_THRESHOLDS: Final = (50_000, 1_000_000, 1_000_000)


def verify_folder(data_dir: Path, tenant: str | None, url: str | None, *, as_json: bool) -> int:
    """Verify, say what was found, and return the exit code.

    Raises:
        CannotVerify: it was called wrongly, or nothing can be said.
    """
    # Records live long and hold no cycles: searching them for garbage would find none.
    gc.set_threshold(*_GC_THRESHOLDS)
    # Retries are told in a sentence; log lines about them would stand between those of the answer.
    stamina.instrumentation.set_on_retry_hooks(())
    folders = tenant_folders(data_dir, tenant)
    served_by = serving_process(data_dir)
    results: list[Verified] = []

    def look_at(folder: Path, url: str | None) -> Verified:
        results.append(_verify(folder, url, served_by))
        if not as_json:
            typer.echo(render(results[-1]))
        return results[-1]

    tenants = [look_at(folder, url) for folder in folders]
    system = None
    system_at = None if tenant is not None else system_folder(data_dir)
    if system_at is not None:
        # No route shows its records; every one of them is in what a start would load.
        system = look_at(system_at, None)
        missing = set(system.registered) - {folder.name for folder in folders}
        tenants += [look_at(data_dir / "tenants" / name, None) for name in sorted(missing)]
    equal = not any(result.differing for result in results)
    if as_json:
        written = {
            "equal": equal,
            "tenants": [result.as_json() for result in tenants],
            "system": None if system is None else system.as_json(),
        }
        typer.echo(json.dumps(written, indent=2))
    return 0 if equal else DIFFERENT


def _verify(folder: Path, url: str | None, served_by: str | None) -> Verified:
    try:
        return _verify_beside(folder, url, served_by)
    except Suspended:
        result = _verify_beside(folder, None, served_by)
        result.live = "not compared: the tenant is suspended, so the server shows nothing of it"
        return result


def _verify_beside(folder: Path, url: str | None, served_by: str | None) -> Verified:
    with ExitStack() as stack:
        server = None
        if url is not None:
            client = stack.enter_context(connect(url, folder.name))
            server = HttpServer(client, tell=partial(typer.echo, err=True))
            server.require_exact()
        progress = stack.enter_context(shown_progress(folder.name))
        result = verify_tenant(
            folder, OsDisk(), server=server, served_by=served_by, progress=progress
        )
        if server is not None and result.differing:
            # What falls due at a server that cannot write would look like a difference.
            server.require_exact()
    return result


def render(result: Verified) -> str:
    """Write one tenant's result as a person reads it."""
    plural = "" if result.differing == 1 else "s"
    verdict = f"{result.differing:,} difference{plural}" if result.differing else "all equal"
    made_at = ", ".join(f"{sequence:,}" for sequence in result.checkpoints)
    rate = result.events / result.seconds if result.seconds else 0.0
    lines = [
        f"{result.folder}: {verdict}",
        _line("events", f"{result.events:,}", f"chain {result.chain}"),
        _line("segments", f"{result.segments:,}"),
        _line("checkpoints", str(len(result.checkpoints)), made_at and f"at event {made_at}"),
        _line("records compared", f"{result.records:,}"),
        _line("live state", "", result.live),
        _line("duration", f"{result.seconds:.1f} s", f"{rate:,.0f} events/s"),
    ]
    lines += [f"Notice: {notice}." for notice in result.notices]
    for number, difference in enumerate(result.differences, start=1):
        lines += ["", *_described(number, difference)]
    hidden = result.differing - len(result.differences)
    if hidden:
        lines += ["", f"{hidden:,} more are not shown."]
    return "\n".join(lines)


def _line(what: str, value: str, more: str = "") -> str:
    return f"  {what:<18}{value:>14}  {more}".rstrip()


def _described(number: int, difference: Difference) -> list[str]:
    where = str(difference.path or "")
    if where and difference.offset is not None:
        where += f" at byte {difference.offset}"
    rows = {
        "where": where,
        "expected": difference.expected,
        "found": difference.found,
        "written by": difference.written_by or "",
        "what to do": difference.hint,
    }
    told = [f"  {name:<12}{text}" for name, text in rows.items() if text]
    return [f"Difference {number}, {difference.where}: {difference.what}", *told]
