"""The options of `holdfast import`, and the summary at its end."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from holdfast.importer.plan import Request
    from holdfast.importer.run import Summary


class MovementName(StrEnum):
    """What each line of the file stands for."""

    SALE = "sale"
    RECEIVE = "receive"
    ADJUST = "adjust"
    COUNT = "count"


_COLUMNS = "Columns of FILE (where not given, found by their usual names)"
_OPENING = "Opening stock"
_CHOICE = "Which lines, and how to read them"
_SERVER = "The server, and repeating"

Store = Annotated[
    str | None, typer.Option(metavar="COLUMN", help="Where.", rich_help_panel=_COLUMNS)
]
Sku = Annotated[str | None, typer.Option(metavar="COLUMN", help="What.", rich_help_panel=_COLUMNS)]
Quantity = Annotated[
    str | None,
    typer.Option(metavar="COLUMN", help="How many: whole numbers.", rich_help_panel=_COLUMNS),
]
OpeningColumn = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN", help="As in FILE, where that is there.", rich_help_panel=_OPENING
    ),
]


def import_file(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV file; .gz too.")],
    *,
    store: Store = None,
    sku: Sku = None,
    quantity: Quantity = None,
    time: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN", help="When it happened; - for none.", rich_help_panel=_COLUMNS
        ),
    ] = None,
    movement: Annotated[
        MovementName,
        typer.Option(help="What each line stands for.", rich_help_panel=_CHOICE),
    ] = MovementName.SALE,
    opening: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|derive",
            help="Stock that was there before, received first: a CSV file, or 'derive' for the "
            "least that lets every movement of FILE happen.",
            rich_help_panel=_OPENING,
        ),
    ] = None,
    opening_store: OpeningColumn = None,
    opening_sku: OpeningColumn = None,
    opening_quantity: OpeningColumn = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN=VALUE",
            help="Take only such lines. Repeat it for more values or more columns.",
            rich_help_panel=_CHOICE,
        ),
    ] = None,
    excluded: Annotated[
        list[str] | None,
        typer.Option(
            "--except",
            metavar="COLUMN=VALUE",
            help="Leave out such lines. Repeat it as needed.",
            rich_help_panel=_CHOICE,
        ),
    ] = None,
    timezone: Annotated[
        str,
        typer.Option(help="Of times that name no zone.", rich_help_panel=_CHOICE),
    ] = "UTC",
    time_format: Annotated[
        str | None,
        typer.Option(
            metavar="FORMAT",
            help="How times are written, as in %d.%m.%Y %H:%M. (default: ISO 8601)",
            rich_help_panel=_CHOICE,
        ),
    ] = None,
    encoding: Annotated[str, typer.Option(help="Of the files.", rich_help_panel=_CHOICE)] = "utf-8",
    refused: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Where refused lines are listed. (default: FILE.refused.csv)",
            rich_help_panel=_SERVER,
        ),
    ] = None,
    url: Annotated[
        str, typer.Option(help="The server.", rich_help_panel=_SERVER)
    ] = "http://127.0.0.1:3000",
    tenant: Annotated[
        str | None, typer.Option(help="Whose stock it is.", rich_help_panel=_SERVER)
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The name under which the server remembers how far the load is "
            "(default: made of the file's name, its content and these options). One name is for "
            "one file; give one to a file that grows at its end.",
            rich_help_panel=_SERVER,
        ),
    ] = None,
    rows_per_request: Annotated[
        int,
        typer.Option(
            min=1, max=10_000, metavar="N", help="From 1 to 10,000.", rich_help_panel=_SERVER
        ),
    ] = 2000,
    patience: Annotated[
        float,
        typer.Option(
            min=0,
            metavar="SECONDS",
            help="How long to try again when the server does not answer.",
            rich_help_panel=_SERVER,
        ),
    ] = 60.0,
) -> None:
    """Load a CSV file of movements, and the stock before them, into a running server.

    Run it again at any time, also after it was killed: it goes on where it ended, and nothing is
    loaded twice. Lines that the server refuses do not stop it; they are listed in a file of their
    own, with line number and reason.

    Example: `holdfast import receipts.csv --except department=FUEL --opening derive`
    """
    from holdfast.importer.columns import Wanted  # noqa: PLC0415 - quick --help
    from holdfast.importer.plan import Request  # noqa: PLC0415 - quick --help

    request = Request(
        file=file,
        url=url,
        wanted=Wanted(store, sku, quantity, time),
        movement=movement.value,
        opening=opening,
        opening_wanted=Wanted(opening_store, opening_sku, opening_quantity),
        only=tuple(only or ()),
        excluded=tuple(excluded or ()),
        timezone=timezone,
        time_format=time_format,
        encoding=encoding,
        source=source,
        rows_per_request=rows_per_request,
        refused=refused,
        tenant=tenant,
        patience_s=patience,
    )
    _run(request)


def _run(request: "Request") -> None:
    import stamina.instrumentation  # noqa: PLC0415 - quick --help

    from holdfast.importer.run import run  # noqa: PLC0415 - quick --help
    from holdfast.importer.screen import open_screen  # noqa: PLC0415 - quick --help

    # Retries are told on the screen; log lines about them would only break the bar.
    stamina.instrumentation.set_on_retry_hooks(())
    screen = open_screen()
    try:
        summary = run(request, screen)
    except KeyboardInterrupt:
        screen.tell("Stopped. What was loaded stays loaded; run the same command to go on.")
        raise
    typer.echo(render(request, summary))


def render(request: "Request", summary: "Summary") -> str:
    """Write the summary."""
    plan, loaded = summary.plan, summary.movements
    lines = [f"Imported {request.file} into {request.url}:"]
    if summary.opening is not None and plan.opening is not None:
        applied = plan.opening.rows - summary.opening.refused
        lines.append(_line("opening stock", applied, f"from {plan.opening.title}"))
    survey = plan.survey
    lines.append(_line("lines read", survey.lines))
    lines.append(_line("left out", survey.filtered, "by --only and --except"))
    earlier = f"{loaded.before:,} of the lines were decided before" if loaded.before else ""
    lines.append(_line("applied", survey.rows - loaded.refused, earlier))
    where = f"listed in {request.refused_file}" if summary.refused else ""
    lines.append(_line("refused", loaded.refused + survey.refused, where))
    if summary.opening is not None and plan.opening is not None:
        refused = summary.opening.refused + plan.opening.unreadable
        if refused:
            lines.append(_line("opening refused", refused, where))
    names = [load.source for load in (plan.opening, plan.movements) if load is not None]
    lines.append(f"  {summary.seconds:.1f} s, {summary.rows_per_s:,.0f} rows/s")
    lines.append(f"The server knows it as {' and '.join(names)}.")
    return "\n".join(lines)


def _line(what: str, count: int, more: str = "") -> str:
    return f"  {what:<16}{count:>12,}  {more}".rstrip()
