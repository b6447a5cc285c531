"""Whom nothing is read from: those who were shed, those who do not read, those with requests waiting."""

import asyncio
from collections import deque
from typing import Any

from holdfast.http.flow import HOLD_BACK_S, Flow
from tests.support.virtual_time import VirtualClock, live, settle


class Wire(asyncio.Transport):
    """What a flow needs of a transport."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = True
        self.closing = False
        self.unread = 0

    def pause_reading(self) -> None:
        self.reads = False

    def resume_reading(self) -> None:
        assert not self.closing, "a transport that is closed refuses"
        self.reads = True

    def is_closing(self) -> bool:
        return self.closing

    def get_write_buffer_size(self) -> int:
        return self.unread


def played(closes: bool) -> Wire:
    clock, wire = VirtualClock(), Wire()

    async def scenario() -> None:
        flow = Flow(wire, deque())
        flow.hold_back()
        flow.hold_back()
        flow.resume_reading()
        assert not wire.reads, "whoever wants more of it"
        clock.advance(int(HOLD_BACK_S * 1000) - 1)
        await settle()
        assert not wire.reads
        wire.closing = closes
        clock.advance(1)
        await settle()

    live(clock, scenario)
    return wire


def test_one_who_was_shed_is_not_read_for_a_while() -> None:
    assert played(closes=False).reads


def test_one_who_left_meanwhile_is_left_alone() -> None:
    assert not played(closes=True).reads


async def test_nothing_is_read_while_requests_wait_or_answers_are_not_taken() -> None:
    wire: Any = Wire()
    pipeline: deque[Any] = deque([object()])
    flow = Flow(wire, pipeline)
    flow.pause_reading()
    flow.resume_reading()
    assert not wire.reads
    pipeline.clear()
    flow.pause_writing()
    flow.resume_reading()
    assert not wire.reads
    flow.resume_writing()
    flow.resume_reading()
    assert wire.reads


async def test_a_client_that_takes_something_has_read() -> None:
    wire = Wire()
    flow = Flow(wire, deque())
    found = []
    for wire.unread in (1000, 999, 999, 1200, 1100):
        found.append(flow.was_read())
    assert found == [True, True, False, False, True]
