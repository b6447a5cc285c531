"""What every ledger must do, whatever keeps its records: the port, as a client can observe it.

A module of tests makes a subclass for its kind of ledger, and says how one is opened on a place
that survives it. Time stands still but for what a test lets pass.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Protocol

import pytest

from holdfast.domain.events import Event
from holdfast.domain.records import KEY, SOURCE, STOCK, STORE, Change, Outcome
from holdfast.domain.rejections import Rejected
from holdfast.ledger.codec import decode_event
from holdfast.ledger.port import Ledger, ReservationFilter
from tests.support.opened import begun, code_of, hold_of, stock_of, tables_of
from tests.support.steps import Step, command_of, step
from tests.support.virtual_time import VirtualClock, live, settle

RECEIVE = step("receive", store="S", sku="A", qty=10)
TTL_MS = 5_000


def reserve(name: str, qty: int = 1, user: str | None = "ann", ttl: int | None = TTL_MS) -> Step:
    fields = {"id": name, "store": "S", "lines": [("A", qty)], "user": user, "ttl": ttl}
    return Step("reserve", fields)


class Place(Protocol):
    """Where one tenant is kept, from one process to the next."""

    clock: VirtualClock

    async def open(self) -> Ledger:
        """Open the tenant as a new process does."""

    async def close(self) -> None:
        """Close it in good order."""


Scenario = Callable[[Place, Ledger], Awaitable[None]]


class LedgerContract:
    """Tests that a subclass inherits; it only makes the place."""

    def make_place(self, folder: Path) -> Place:
        raise NotImplementedError

    @pytest.fixture
    def run(self, tmp_path: Path) -> Callable[[Scenario], None]:
        """Run a scenario on a new tenant that is open, and close it afterwards."""
        place = self.make_place(tmp_path)

        async def whole(scenario: Scenario) -> None:
            await scenario(place, await place.open())
            await place.close()

        return lambda scenario: live(place.clock, lambda: whole(scenario))

    def test_a_new_tenant_is_empty_and_writable(self, run: Callable[[Scenario], None]) -> None:
        async def scenario(place: Place, ledger: Ledger) -> None:
            assert (ledger.last_sequence, ledger.writable) == (0, True)
            reading = await ledger.read()
            assert (reading.sequence, reading.exact, reading.now) == (
                0,
                True,
                place.clock.wall_ms(),
            )
            assert reading.stock_page(None, None, None, 9) == []
            assert await ledger.events(0, 9) == []

        run(scenario)

    def test_an_answer_is_visible_to_the_next_reader(self, run: Callable[[Scenario], None]) -> None:
        async def scenario(place: Place, ledger: Ledger) -> None:
            outcome = await ledger.execute(command_of(RECEIVE))
            assert ledger.last_sequence == 1
            reading = await ledger.read()
            assert outcome == Outcome((stock_of(reading),))
            assert reading.get(STOCK, ("S", "B")) is None
            assert list(reading.records(STORE)) == [("S",)]

        run(scenario)

    def test_a_refusal_changes_nothing_and_leaves_no_key(
        self, run: Callable[[Scenario], None]
    ) -> None:
        async def scenario(place: Place, ledger: Ledger) -> None:
            await ledger.execute(command_of(RECEIVE))
            with pytest.raises(Rejected) as no:
                await ledger.execute(command_of(reserve("r1", 11)._replace(key="k")))
            assert no.value.code == "insufficient_stock"
            assert ledger.last_sequence == 1
            assert not (await ledger.read()).records(KEY)

        run(scenario)

    def test_everything_is_there_again_in_the_next_process(
        self, run: Callable[[Scenario], None]
    ) -> None:
        async def scenario(place: Place, ledger: Ledger) -> None:
            await ledger.execute(command_of(RECEIVE._replace(key="k")))
            await ledger.execute(command_of(reserve("r1")))
            seen = tables_of(await ledger.read())
            events = await ledger.events(0, 9)
            await place.close()
            ledger = await place.open()
            after = await ledger.read()
            assert tables_of(after) == seen
            assert await ledger.events(0, 9) == events
            assert (after.sequence, ledger.last_sequence) == (2, 2)

        run(scenario)

    def test_a_key_gives_its_answer_again_at_once_and_in_the_next_process(
        self, run: Callable[[Scenario], None]
    ) -> None:
        async def scenario(place: Place, ledger: Ledger) -> None:
            asked = RECEIVE._replace(key="k")
            first = await ledger.execute(command_of(asked))
            await ledger.execute(command_of(RECEIVE))
            wanted = first._replace(replayed=True)
            assert await ledger.execute(command_of(asked)) == wanted
            await place.close()
            ledger = await place.open()
            assert await ledger.execute(command_of(asked)) == wanted
            with pytest.raises(Rejected, match="already used for a different request"):
                await ledger.execute(command_of(reserve("r1")._replace(key="k")))
            assert ledger.last_sequence == 2

        run(scenario)

    def test_requests_at_once_are_decided_one_after_the_other(
        self, run: Callable[[Scenario], None]
    ) -> None:
        async def scenario(place: Place, ledger: Ledger) -> None:
            await ledger.execute(command_of(RECEIVE))
            tasks = [ledger.execute(command_of(reserve(f"r{each}"))) for each in range(25)]
            results = await asyncio.gather(*tasks, return_exceptions=True)
            codes = [code_of(result) for result in results]
            assert codes == ["ok"] * 10 + ["insufficient_stock"] * 15
            assert stock_of(await ledger.read()).reserved == 10

        run(scenario)

    def test_many_commands_of_one_caller_are_answered_in_their_order(
        self, run: Callable[[Scenario], None]
    ) -> None:
        async def scenario(place: Place, ledger: Ledger) -> None:
            steps = [
                RECEIVE,
                reserve("r1", 10),
                reserve("r2"),
                step("confirm", id="r1", user="ann"),
            ]
            results = await ledger.execute_many([command_of(each) for each in steps])
            assert [code_of(result) for result in results] == [
                "ok",
                "ok",
                "insufficient_stock",
                "ok",
            ]
            assert await ledger.execute_many([]) == []

        run(scenario)

    def test_a_reservation_counts_until_exactly_its_deadline(
        self, run: Callable[[Scenario], None]
    ) -> None:
        async def scenario(place: Place, ledger: Ledger) -> None:
            await ledger.execute(command_of(RECEIVE))
            await ledger.execute(command_of(reserve("r1", 10)))
            place.clock.advance(TTL_MS - 1)
            assert stock_of(await ledger.read()).available == 0
            place.clock.advance(1)
            reading = await ledger.read()
            assert (stock_of(reading).available, stock_of(reading).version) == (10, 3)
            assert hold_of(reading, "r1").status == "expired"
            assert reading.sequence == ledger.last_sequence == 3
            with pytest.raises(Rejected) as no:
                await ledger.execute(command_of(step("confirm", id="r1", user="ann")))
            assert no.value.code == "reservation_expired"

        run(scenario)

    def test_a_deadline_that_came_between_two_processes_is_met(
        self, run: Callable[[Scenario], None]
    ) -> None:
        async def scenario(place: Place, ledger: Ledger) -> None:
            await ledger.execute(command_of(RECEIVE))
            await ledger.execute(command_of(reserve("r1", 10)))
            await place.close()
            place.clock.advance(TTL_MS)
            ledger = await place.open()
            assert stock_of(await ledger.read()).available == 10

        run(scenario)

    def test_followers_are_told_every_event_once_in_order_until_they_leave(
        self, run: Callable[[Scenario], None]
    ) -> None:
        async def scenario(place: Place, ledger: Ledger) -> None:
            await ledger.execute(command_of(RECEIVE))
            told: list[tuple[int, int]] = []

            def follower(event: Event, changes: Sequence[Change]) -> None:
                told.append((event.sequence, ledger.last_sequence))
                assert (STOCK, ("S", "A"), event.stock[0]) in changes

            end = ledger.follow(follower)
            await asyncio.gather(*(ledger.execute(command_of(RECEIVE)) for _ in range(5)))
            end()
            await ledger.execute(command_of(RECEIVE))
            assert [sequence for sequence, _ in told] == [2, 3, 4, 5, 6]
            assert all(durable >= sequence for sequence, durable in told)

        run(scenario)

    def test_the_feed_hands_out_the_journals_own_events_page_by_page(
        self, run: Callable[[Scenario], None]
    ) -> None:
        async def scenario(place: Place, ledger: Ledger) -> None:
            seen: list[Event] = []
            ledger.follow(lambda event, _: seen.append(event))
            for _ in range(7):
                await ledger.execute(command_of(RECEIVE))
            found = [*await ledger.events(0, 3), *await ledger.events(3, 3)]
            found += await ledger.events(6, 3)
            assert [logged.sequence for logged in found] == list(range(1, 8))
            assert [decode_event(logged.json) for logged in found] == seen
            assert await ledger.events(7, 3) == []

        run(scenario)

    def test_who_waits_for_events_gets_the_next_one_or_none_in_time(
        self, run: Callable[[Scenario], None]
    ) -> None:
        async def scenario(place: Place, ledger: Ledger) -> None:
            waiting = await begun(ledger.events(0, 9, wait_s=10))
            later = await begun(ledger.events(1, 9, wait_s=10))
            await ledger.execute(command_of(RECEIVE))
            assert [logged.sequence for logged in await waiting] == [1]
            place.clock.advance(10_000)
            await settle()
            assert await later == []

        run(scenario)

    def test_lists_are_sorted_filtered_and_go_on_behind_a_key(
        self, run: Callable[[Scenario], None]
    ) -> None:
        async def scenario(place: Place, ledger: Ledger) -> None:
            for store, sku in (("T", "A"), ("S", "B"), ("S", "A"), ("T", "B")):
                await ledger.execute(command_of(step("receive", store=store, sku=sku, qty=9)))
            for name, user in (("r2", "ann"), ("r1", "bob"), ("r3", "ann")):
                await ledger.execute(command_of(reserve(name, user=user)))
            await ledger.execute(command_of(step("cancel", id="r3", user="ann")))
            reading = await ledger.read()
            keys = [each.key for each in reading.stock_page(None, None, None, 3)]
            assert keys == [("S", "A"), ("S", "B"), ("T", "A")]
            rest = reading.stock_page(None, None, keys[-1], 3)
            assert [each.key for each in rest] == [("T", "B")]
            of_a = reading.stock_page(None, "A", None, 9)
            assert [each.key for each in of_a] == [("S", "A"), ("T", "A")]
            of_t = reading.stock_page("T", None, None, 9)
            assert [each.key for each in of_t] == [("T", "A"), ("T", "B")]
            wanted = ReservationFilter("active", "ann", "S")
            page, after = reading.reservation_page(wanted, None, 9)
            assert ([each.reservation_id for each in page], after) == (["r2"], None)

        run(scenario)

    def test_a_load_keeps_its_mark_and_its_refusals_in_the_next_process(
        self, run: Callable[[Scenario], None]
    ) -> None:
        from holdfast.domain.commands import SourceLine

        async def scenario(place: Place, ledger: Ledger) -> None:
            ship = step("ship", store="S", sku="A", qty=11)
            rows = [
                command_of(RECEIVE, source=SourceLine("load", 0, 1)),
                command_of(ship, source=SourceLine("load", 1, 2)),
                command_of(RECEIVE, source=SourceLine("load", 2, 5)),
            ]
            results = await ledger.execute_many(rows)
            assert [code_of(result) for result in results] == ["ok", "insufficient_stock", "ok"]
            await place.close()
            ledger = await place.open()
            reading = await ledger.read()
            source = reading.get(SOURCE, ("load",))
            assert source is not None
            assert (source.mark, source.refused) == (5, 1)
            (refusal,) = reading.refusal_page("load", 0, 9)
            assert (refusal.line, refusal.code) == (2, "insufficient_stock")
            with pytest.raises(Rejected) as no:
                await ledger.execute(rows[0])
            assert (no.value.code, no.value.data) == ("version_conflict", {"mark": 5})

        run(scenario)
