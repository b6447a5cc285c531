"""One import, from the file's first look to the summary."""

import time
from dataclasses import dataclass

import httpx2

from holdfast.importer import refusals
from holdfast.importer.api import Api, connect
from holdfast.importer.load import Load, Loaded, refused_lines, send
from holdfast.importer.plan import Plan, Request, make_plan
from holdfast.importer.screen import Screen


@dataclass(frozen=True, slots=True)
class Summary:
    """How an import went."""

    plan: Plan
    movements: Loaded
    opening: Loaded | None
    #: All refused lines, of this run and of earlier ones.
    refused: int
    seconds: float

    @property
    def rows_per_s(self) -> float:
        """How fast rows were decided in this run."""
        rows = self.movements.now + (self.opening.now if self.opening else 0)
        return rows / self.seconds if self.seconds else 0.0


def run(request: Request, screen: Screen, transport: httpx2.BaseTransport | None = None) -> Summary:
    """Import a file.

    Raises:
        CommandFailed: it could not be finished; repeating it goes on where it ended.
    """
    began = time.perf_counter()
    with connect(request.url, request.tenant, transport) as client:
        refusals.require_writable(request.refused_file, request.inputs)
        plan = make_plan(request, screen)
        api = Api(client, request.patience_s, screen.tell)

        def load(what: Load) -> Loaded:
            return send(api, what, request.rows_per_request, screen)

        opening = None if plan.opening is None else load(plan.opening)
        movements = load(plan.movements)
        refused = _write_refusals(api, request, plan, [opening, movements])
    return Summary(plan, movements, opening, refused, time.perf_counter() - began)


def _write_refusals(api: Api, request: Request, plan: Plan, done: list[Loaded | None]) -> int:
    parts = [
        (load.title, refused_lines(api, load))
        for load, loaded in zip([plan.opening, plan.movements], done, strict=True)
        if load is not None and loaded is not None and (loaded.refused or load.unreadable)
    ]
    return refusals.write(request.refused_file, parts)
