"""A menu of a thousand dishes: read after one stock change, and asked for by who has it already.

The first is a time. The second is a ratio: nothing has changed, so all there is to say is that,
and it stands beside a route that does nothing at all.
"""

import random
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final

import orjson

from bench.errors import BenchFailed
from bench.figures import Figure, Target, latency_figures, percentile
from bench.machine import Cores
from bench.plan import Plan, Say
from bench.rounds import Load, Slice, cpu_ratios, measure, order, throughput_ratios
from bench.server import HOST
from bench.stock import (
    SKUS,
    UNLIMITED,
    bare_route,
    fill,
    holdfast,
    record_path,
    sku,
    unchanged_bytes,
)

DISHES: Final = 1_000
INGREDIENTS: Final = 5
#: Changes in a round, each followed by one read of the whole menu.
CHANGES: Final = 200
UNCHANGED: Final = "menu, 304"
NO_OP: Final = "bare route, 304"
#: A 304 may cost half as much again as a route that does nothing.
VS_NO_OP: Final = Target("at least", 1 / 1.5)
AFTER_CHANGE_P50_MS: Final = Target("at most", 5)
_MENU: Final = "/api/v1/menu"
_TIMEOUT_S: Final = 60


@dataclass
class MenuRun:
    """What was found: milliseconds of each read after a change, and the turns of the 304."""

    changed_ms: list[float] = field(default_factory=list)
    slices: list[Slice] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """The run as a result file shows it."""
        return {"changed_ms": self.changed_ms, "slices": [each.to_json() for each in self.slices]}


def run_menu(folder: Path, plan: Plan, cores: Cores | None, say: Say) -> MenuRun:
    """Let reads after a change, 304s, and the route that does nothing take turns.

    Raises:
        BenchFailed: something was refused, or a change did not show.
    """
    core = None if cores is None else cores.server
    found = MenuRun()
    with ExitStack() as stack:
        say(f"writing a menu of {DISHES:,} dishes")
        stock = stack.enter_context(holdfast("holdfast-menu", folder / "menu", core, UNLIMITED))
        fill(stock)
        shop = stack.enter_context(closing(HTTPConnection(HOST, stock.port, timeout=_TIMEOUT_S)))
        skus = write_menu(shop, random.Random(plan.pace.seed))
        bytes_of_304 = unchanged_bytes(stock, _MENU, etag_of_menu(shop))
        bare = stack.enter_context(bare_route(folder, core, unchanged=bytes_of_304))
        stock.pause()
        bare.pause()
        for number in range(plan.pace.rounds + 1):
            say(f"menus, round {number} of {plan.pace.rounds}")
            stock.resume()
            changed_ms = list(read_after_changes(shop, random.Random(number), skus))
            etag = etag_of_menu(shop)
            stock.pause()
            loads = [
                Load(UNCHANGED, stock, SKUS, counted=False, etag=etag),
                Load(NO_OP, bare, SKUS, counted=False, etag=etag),
            ]
            # The first round only warms up.
            pace = plan.pace if number else replace(plan.pace, seconds=plan.warm_s)
            slices = [measure(each, number, pace, cores, number) for each in order(loads, number)]
            if number:
                found.changed_ms += changed_ms
                found.slices += slices
    return found


def write_menu(shop: HTTPConnection, rng: random.Random) -> list[int]:
    """Put the dishes on the menu, each of a few SKUs of the opening stock.

    Returns:
        The numbers of the SKUs that any of them needs.

    Raises:
        BenchFailed: the server refused one.
    """
    used: set[int] = set()
    for number in range(DISHES):
        skus = rng.sample(range(SKUS), INGREDIENTS)
        used.update(skus)
        dish = {
            "id": f"DISH{number:04d}",
            "name": f"Dish {number}",
            "price": 900 + number,
            "category": f"Course {number % 8}",
            "recipe": [{"sku": sku(each), "qty": rng.randint(1, 200)} for each in skus],
        }
        ask(shop, "POST", "/api/v1/manager/menu", dish)
    return sorted(used)


def etag_of_menu(shop: HTTPConnection) -> str:
    """Read the whole menu, and return the name of its content.

    Raises:
        BenchFailed: there is more or less on it.
    """
    etag, menu = ask(shop, "GET", _MENU)
    dishes = len(orjson.loads(menu)["items"])
    if dishes != DISHES:
        raise BenchFailed(f"The menu has {dishes} dishes instead of {DISHES}.")
    return etag


def read_after_changes(
    shop: HTTPConnection, rng: random.Random, skus: list[int]
) -> Iterator[float]:
    """Mark one SKU as out, or as there again, and read the menu; the milliseconds of each read.

    Raises:
        BenchFailed: a change did not show in the menu.
    """
    out: set[int] = set()
    shop.close()  # The server may have let go of it while others were measured; it opens by itself.
    before = etag_of_menu(shop)
    for _ in range(CHANGES):
        number = rng.choice(skus)
        out ^= {number}
        ask(shop, "POST", f"{record_path(number)}/out", {"isOut": number in out})
        started = time.perf_counter()
        etag, _menu = ask(shop, "GET", _MENU)
        yield (time.perf_counter() - started) * 1e3
        if etag == before:
            raise BenchFailed(f"{sku(number)} was changed, but the menu was not.")
        before = etag
    for number in out:
        ask(shop, "POST", f"{record_path(number)}/out", {"isOut": False})


def ask(shop: HTTPConnection, method: str, path: str, body: object = None) -> tuple[str, bytes]:
    """Send one request; its answer's `ETag`, if any, and body.

    Raises:
        BenchFailed: it was refused.
    """
    content = None if body is None else orjson.dumps(body)
    shop.request(method, path, content, {"Content-Type": "application/json"})
    answer = shop.getresponse()
    told = answer.read()
    if answer.status >= 400:
        raise BenchFailed(f"{method} {path} answered {answer.status}: {told[:300]!r}")
    return answer.headers.get("ETag", ""), told


def menu_figures(run: MenuRun) -> list[Figure]:
    """The figures of the menu."""
    group = f"menu of {DISHES:,} dishes, after a change"
    by_time = throughput_ratios(run.slices, UNCHANGED, NO_OP)
    by_cpu = cpu_ratios(run.slices, UNCHANGED, NO_OP)
    p50 = percentile(run.changed_ms, 50)
    return [
        Figure("menu_changed", f"{group}: p50", "ms", p50, target=AFTER_CHANGE_P50_MS),
        Figure.over_rounds("menu_304_vs_bare", "menu 304 / bare route", "", by_time, VS_NO_OP),
        Figure.over_rounds("menu_304_vs_bare_cpu", "… by CPU time per request", "", by_cpu),
        *latency_figures("menu_changed", group, run.changed_ms),
    ]
