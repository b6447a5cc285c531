from dataclasses import replace

import orjson

from bench.figures import Figure
from bench.peers.contest import PEERS, best
from bench.peers.shop import Asked, Stock, reserved
from bench.procfs import family
from bench.turn_figures import COMPARISONS, ratio_figures
from bench.turns import Turns
from holdfast.domain.records import Line, Outcome, Reservation, StockRecord
from holdfast.http.render import reserved_body

CREATED, EXPIRES = 1_700_000_000_123, 1_700_003_600_123


def test_a_peer_answers_with_the_very_bytes_of_holdfast() -> None:
    asked = Asked("r1", "BENCH", "SKU0001", 2, "user-1", CREATED, EXPIRES)
    held = Reservation(
        "r1",
        "BENCH",
        "user-1",
        "active",
        (Line("SKU0001", 2),),
        CREATED,
        EXPIRES,
        None,
        None,
        1,
    )
    record = StockRecord("BENCH", "SKU0001", 100, 7, False, None, None, 4, CREATED)
    expected = orjson.dumps(reserved_body(Outcome((record,), (held,))))
    assert reserved(asked, Stock(100, 7, 4)) == expected


def test_the_fastest_form_of_a_peer_takes_part() -> None:
    assert best({"pool-16": 900.0, "pool-64": 1200.0, "pipeline-1": 1100.0}) == "pool-64"


def test_a_peer_that_is_not_installed_names_the_command_that_installs_it() -> None:
    absent = replace(PEERS[1], is_installed=lambda: False)
    assert absent.why_not() == "Redis is not installed: sudo bench/install-peers"
    without_client = replace(PEERS[1], is_installed=lambda: True, package="no_such_package")
    assert "--group bench" in str(without_client.why_not())


def test_figures_of_a_missing_peer_are_there_without_a_value() -> None:
    turns = Turns(not_measured={"redis": "Redis is not installed: do something"})
    found = list(ratio_figures(turns, frozenset({"redis"})))
    wanted = [each.key for each in COMPARISONS if each.part == "redis"]
    assert [figure.key for figure in found] == wanted
    assert all(figure.value is None and "not installed" in figure.note for figure in found)


def test_figures_that_nobody_asked_for_are_not_there() -> None:
    figures: list[Figure] = list(ratio_figures(Turns(), frozenset({"reserve"})))
    assert figures == []


def test_a_database_is_all_that_descends_from_its_first_process() -> None:
    parents = {10: 1, 11: 10, 12: 10, 13: 12, 20: 1}
    assert family(10, parents) == [10, 11, 12, 13]
