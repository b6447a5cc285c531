"""The command line. A command that cannot do its work says so in a sentence on standard error.

Nothing heavy is imported before a command needs it, so that `--help` is quick.
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from holdfast.environment import load_settings
from holdfast.importer.command import import_file
from holdfast.importer.errors import BAD_DATA, UNAVAILABLE, USAGE, CommandFailed, bad_data
from holdfast.people import token, users

if TYPE_CHECKING:
    from holdfast.settings import Settings

#: What the parser of the command line exits with where it was called wrongly.
_PARSER_USAGE = 2


class _Commands(TyperGroup):
    """Turns what a command may fail with into a sentence and an exit code."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,  # noqa: ANN401 - handed on as it came
    ) -> Any:  # noqa: ANN401 - handed on as it came
        """Run, and exit as the outcome asks."""
        try:
            code = super().main(
                args, prog_name or "holdfast", complete_var, False, windows_expand_args, **extra
            )
        except CommandFailed as failure:
            code = _say(str(failure), failure.exit_code)
        except typer.TyperException as wrong:
            path = getattr(getattr(wrong, "ctx", None), "command_path", "holdfast")
            code = _say(
                f"{wrong.format_message().rstrip('.')}. Try '{path} --help'.",
                USAGE if wrong.exit_code == _PARSER_USAGE else wrong.exit_code,
            )
        if standalone_mode:
            sys.exit(code)
        return code


def _say(sentence: str, exit_code: int) -> int:
    typer.echo(f"holdfast: {sentence}", err=True)
    return exit_code


app = typer.Typer(
    name="holdfast",
    cls=_Commands,
    help="Stock that a retail chain can trust: one process and a folder.",
    rich_markup_mode="markdown",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Host = Annotated[str | None, typer.Option(help="Where to listen (default: HOST, else 127.0.0.1).")]
Port = Annotated[int | None, typer.Option(help="Where to listen (default: PORT, else 3000).")]
DataDir = Annotated[
    Path | None, typer.Option(help="The folder of all data (default: DATA_DIR, else data).")
]


def _show_version(asked: bool) -> None:
    if asked:
        import holdfast  # noqa: PLC0415 - most commands need no version

        typer.echo(f"holdfast {holdfast.__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def commands(
    context: typer.Context,
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Say which release."),
    ] = False,
) -> None:
    """Stock that a retail chain can trust: one process and a folder."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(USAGE)


@app.command()
def serve(
    host: Host = None,
    port: Port = None,
    data_dir: DataDir = None,
    workers: Annotated[
        int, typer.Option(min=1, max=64, help="How many processes; needs LOCKS_ENABLED=true.")
    ] = 1,
) -> None:
    """Serve a folder over HTTP until it is told to end.

    Everything is set by environment variables; the options stand above them.

    Example: `RATE_LIMIT_RPS=500 holdfast serve --port 3001 --data-dir /var/lib/holdfast`
    """
    given = {"host": host, "port": port, "data_dir": data_dir}
    settings = load_settings({name: value for name, value in given.items() if value is not None})
    if workers > 1 and not settings.locks_enabled:
        raise CommandFailed("--workers needs LOCKS_ENABLED=true for this folder.", USAGE)
    if workers > 1:
        run_workers(settings, workers)
    else:
        run_server(settings)


@app.command()
def demo(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Where to listen.")] = 3000,
    data_dir: Annotated[
        Path | None, typer.Option(help="Keep the data here (default: a temporary folder).")
    ] = None,
) -> None:
    """Serve a small chain of coffee shops to try things with, and show how.

    Example: `holdfast demo --port 3001`
    """
    from holdfast.demo import run  # noqa: PLC0415 - brings the importer

    run.require_free(port)
    with run.folder_for(data_dir) as folder:
        log_file = folder / "holdfast.log"
        given = {"host": run.HOST, "port": port, "data_dir": folder, "log_file": log_file}
        run_server(load_settings(given), run.greeter(folder, kept=data_dir is not None))


@app.command()
def openapi(
    output: Annotated[
        Path | None, typer.Option(help="Write it to this file instead of showing it.")
    ] = None,
    check: Annotated[
        Path | None,
        typer.Option(help="Write nothing; fail where this file says something else."),
    ] = None,
) -> None:
    """Show the OpenAPI description of the HTTP interface.

    Example: `holdfast openapi --output openapi.yaml`
    """
    from holdfast.http.openapi import openapi_yaml  # noqa: PLC0415 - brings all routes

    text = openapi_yaml()
    if check is not None:
        _require_same(check, text)
    elif output is not None:
        _write(output, text)
    else:
        typer.echo(text, nl=False)


app.command("import")(import_file)
app.command()(token)
app.add_typer(users)


@app.command()
def verify(
    data_dir: DataDir = None,
    tenant: Annotated[str | None, typer.Option(help="Only this one (default: all).")] = None,
    url: Annotated[
        str | None, typer.Option(help="A server that serves the folder: compare what it shows.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Answer with JSON, for programs.")] = False,
) -> None:
    """Replay every event and compare: journal, checkpoints, and what is served. Changes nothing.

    Exits with 0 where all is equal, and with 65 where something differs.

    Example: `holdfast verify --data-dir /var/lib/holdfast --url http://127.0.0.1:3000`
    """
    from holdfast.verify.command import verify_folder  # noqa: PLC0415 - brings the ledger
    from holdfast.verify.differences import CannotVerify  # noqa: PLC0415 - the same

    settings = load_settings({} if data_dir is None else {"data_dir": data_dir})
    try:
        code = verify_folder(settings.data_dir, tenant, url, as_json=json)
    except CannotVerify as no:
        raise CommandFailed(str(no), no.exit_code) from None
    raise typer.Exit(code)


def _require_same(path: Path, text: str) -> None:
    try:
        found = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise bad_data(f"{path} cannot be read: {error}.") from error
    if found != text:
        raise CommandFailed(
            f"{path} does not say what the service does; write it anew with "
            f"holdfast openapi --output {path}.",
            BAD_DATA,
        )


def _write(path: Path, text: str) -> None:
    beside = path.with_name(path.name + ".tmp")
    try:
        beside.write_text(text, "utf-8")
        beside.replace(path)
    except OSError as error:
        raise bad_data(f"{path} cannot be written: {error.strerror}.") from error


def run_server(settings: "Settings", on_ready: Callable[[str], None] | None = None) -> None:
    """Serve until told to end.

    Raises:
        CommandFailed: the server cannot start.
    """
    from holdfast import runtime  # noqa: PLC0415 - brings the whole service
    from holdfast.folder_lock import CannotStart  # noqa: PLC0415 - the same

    try:
        runtime.serve(settings, on_ready or _greeter(settings))
    except CannotStart as error:
        raise CommandFailed(str(error), UNAVAILABLE) from error


def run_workers(settings: "Settings", number: int) -> None:
    """Serve with several processes until told to end.

    Raises:
        CommandFailed: one of them cannot start.
    """
    from holdfast import workers  # noqa: PLC0415 - brings the whole service
    from holdfast.folder_lock import CannotStart  # noqa: PLC0415 - the same

    try:
        workers.serve(settings, number, _greeter(settings))
    except CannotStart as error:
        raise CommandFailed(str(error), UNAVAILABLE) from error


def _greeter(settings: "Settings") -> Callable[[str], None]:
    def ready(url: str) -> None:
        typer.echo(f"holdfast serves {settings.data_dir} at {url}; Ctrl-C ends it.", err=True)

    return ready
