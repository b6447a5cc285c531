"""What the importer does with each way in which a server may answer, or not."""

import httpx2
import pytest
import stamina

from holdfast.importer.api import Api, Encoded, connect
from holdfast.importer.errors import BAD_DATA, TRY_AGAIN, UNAVAILABLE, USAGE, CommandFailed
from holdfast.importer.rows import MOVEMENTS, Row, encoder
from tests.unit.importer import fake_server
from tests.unit.importer.fake_server import FakeServer, Fault

NAME = "n.movements"


class Asked:
    """An Api over the fake server, and what it told the person who waits."""

    def __init__(self, server: FakeServer, patience_s: float = 60) -> None:
        self.told: list[str] = []
        client = connect("http://shop.test", transport=server.transport)
        self.api = Api(client, patience_s, self.told.append)


def rows(*lines: int) -> list[Encoded]:
    encode = encoder(MOVEMENTS["receive"])
    return [(line, encode(Row(line, "S1", "A", 1))) for line in lines]


def test_an_unknown_source_stands_at_zero(server: FakeServer) -> None:
    assert Asked(server).api.source(NAME) == (0, 0)


def test_a_batch_moves_the_mark(server: FakeServer) -> None:
    asked = Asked(server)
    assert asked.api.push(NAME, 0, rows(2, 3, 5)) == 5
    assert asked.api.push(NAME, 5, rows(6)) == 6
    assert asked.api.source(NAME) == (6, 0)
    assert [row["line"] for row in server.rows] == [2, 3, 5, 6]
    assert asked.told == []


@pytest.mark.parametrize("fault", fake_server.FAULTS, ids=lambda fault: fault.__name__)
def test_no_fault_makes_a_row_count_twice_or_never(server: FakeServer, fault: Fault) -> None:
    server.faults.extend([fault, fault])
    api = Asked(server).api
    wanted = [2, 3, 4, 5, 6, 7, 8, 9]
    mark = 0
    while mark < 9:
        moved = api.push(NAME, mark, rows(*(line for line in wanted if line > mark)))
        assert moved > mark
        mark = moved
    assert [row["line"] for row in server.rows] == wanted


def test_after_a_lost_answer_nothing_is_sent_before_the_mark_was_read(server: FakeServer) -> None:
    server.faults.append(fake_server.lost_after)
    assert Asked(server).api.push(NAME, 0, rows(2, 3)) == 3
    assert len(server.batches) == 1


def test_an_outage_is_told_once_with_its_cause(server: FakeServer) -> None:
    server.faults.extend([fake_server.busy] * 5)
    asked = Asked(server)
    asked.api.source(NAME)
    asked.api.push(NAME, 0, rows(2))
    assert asked.told == ["The service is busy. Trying again for 60 s."]


def test_the_server_says_how_long_to_wait(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.faults.extend([fake_server.busy, fake_server.none_decided, fake_server.limited])
    waits: list[float] = []
    stamina.instrumentation.set_on_retry_hooks([lambda details: waits.append(details.wait_for)])
    # The testing mode would not wait at all; here the waiting itself is replaced.
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda seconds: None)
    with stamina.set_testing(False):
        asked = Asked(server)
        asked.api.source(NAME)
        assert asked.api.push(NAME, 0, rows(2, 3)) == 3
    assert waits == [2.0, 1.5, 1.0]


def test_who_gives_up_says_so_and_that_it_can_be_tried_again(server: FakeServer) -> None:
    server.faults.extend([fake_server.busy] * 100)
    asked = Asked(server, patience_s=0)
    asked.api.source(NAME)
    with pytest.raises(CommandFailed, match=r"The service is busy\. What was loaded") as failure:
        asked.api.push(NAME, 0, rows(2))
    assert failure.value.exit_code == TRY_AGAIN
    assert len(server.batches) == 1
    assert asked.told == []


def test_a_server_that_was_never_there_is_another_failure() -> None:
    def nothing(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("Connection refused")

    told: list[str] = []
    api = Api(connect("http://shop.test", transport=httpx2.MockTransport(nothing)), 60, told.append)
    with pytest.raises(CommandFailed, match=r"Connection refused.*Does a server run") as failure:
        api.source(NAME)
    assert failure.value.exit_code == UNAVAILABLE
    assert told == ["The connection failed (Connection refused). Trying again for 3 s."]


def test_somebody_elses_import_of_the_same_source_is_told_once(server: FakeServer) -> None:
    server.faults.extend([fake_server.overtaken_halfway, fake_server.overtaken])
    asked = Asked(server)
    assert asked.api.push(NAME, 0, rows(2, 3, 4, 5)) == 3
    assert asked.api.push(NAME, 3, rows(4, 5)) == 5
    assert len(asked.told) == 1
    assert "another import of it runs" in asked.told[0]


def test_a_refusal_of_the_whole_request_ends_the_import(server: FakeServer) -> None:
    server.faults.append(
        lambda *_: fake_server.problem(413, "payload_too_large", "The body is larger than 16 MiB.")
    )
    with pytest.raises(CommandFailed, match=r"refused the import: The body is larger") as failure:
        Asked(server).api.push(NAME, 0, rows(2))
    assert failure.value.exit_code == BAD_DATA


def test_an_unknown_tenant_is_named(server: FakeServer) -> None:
    client = connect("http://shop.test", "nobody", server.transport)
    api = Api(client, 60, lambda _: None)
    assert api.source(NAME) == (0, 0)
    with pytest.raises(CommandFailed, match="There is no tenant nobody"):
        api.push(NAME, 0, rows(2))


@pytest.mark.parametrize("answer", ["<html>hello</html>", "[]", "{}", '{"mark": null}'])
def test_a_stranger_is_not_taken_for_a_server(answer: str) -> None:
    def stranger(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, text=answer)

    client = connect("http://shop.test", transport=httpx2.MockTransport(stranger))
    with pytest.raises(CommandFailed, match="is no Holdfast server"):
        Api(client, 60, lambda _: None).source(NAME)


@pytest.mark.parametrize(
    "url",
    ["", "localhost:3000", "ftp://shop.test", "http://", "http://x:y", "http://x:0"],
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(CommandFailed, match="--url takes an address like") as failure:
        connect(url)
    assert failure.value.exit_code == USAGE


def test_refusals_are_read_page_by_page(server: FakeServer) -> None:
    server.page_items_max = 2
    api = Asked(server).api
    encode = encoder(MOVEMENTS["receive"])
    api.push(NAME, 0, [(line, encode(Row(line, "S1", "A", 0))) for line in range(2, 9)])
    assert [refusal.line for refusal in api.refusals(NAME)] == [2, 3, 4, 5, 6, 7, 8]
    assert api.source(NAME) == (8, 7)


def test_a_tenant_that_can_be_none_is_refused() -> None:
    with pytest.raises(CommandFailed, match=r"--tenant takes .*, not .\.\./x") as failure:
        connect("http://shop.test", "../x")
    assert failure.value.exit_code == USAGE
