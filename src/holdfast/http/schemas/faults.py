"""What is said to, and by, the dial that makes the disk fail."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from holdfast.http.schemas.base import Count, Input, Output
from holdfast.journal.faulty_disk import FaultAction, FaultRule, Operation

FAULTS_MAX = 100
_CALLS_MAX = 1_000_000_000
_DELAY_MS_MAX = 600_000

AfterCalls = Annotated[int, Field(ge=0, le=_CALLS_MAX, description="So many calls pass before.")]
Times = Annotated[int, Field(ge=1, le=_CALLS_MAX)]
DelayMs = Annotated[int, Field(ge=1, le=_DELAY_MS_MAX)]


class FaultIn(Input):
    """What is to happen to calls of one operation on the disk."""

    op: Operation = Field(description="`write` is appending and writing in place.")
    action: FaultAction = Field(
        description="`short` writes half of what it should; the kills end the process at once."
    )
    after_calls: AfterCalls = 0
    times: Times | None = Field(1, description="How often it strikes; null: until taken away.")
    delay_ms: DelayMs | None = Field(None, description="Belongs to `delay`, which needs it.")

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if (self.action == "delay") != (self.delay_ms is not None):
            raise ValueError("delayMs belongs to the action delay, and delay needs it.")
        if self.action == "short" and self.op != "write":
            raise ValueError("Only a write can be short.")
        return self

    def rule(self) -> FaultRule:
        """Return it as the disk takes it."""
        return FaultRule(self.op, self.action, self.after_calls, self.times, self.delay_ms or 0)


class FaultsBody(Input):
    """All faults that there are to be, in place of those before."""

    faults: list[FaultIn] = Field(max_length=FAULTS_MAX)


class FaultOut(Output):
    op: Operation
    action: FaultAction
    after_calls: Count
    times: Count | None
    delay_ms: Count | None
    calls: Count = Field(description="Calls of the operation since the fault was set.")
    struck: Count = Field(description="How many of them it struck.")


class Faults(Output):
    faults: list[FaultOut]
    calls: dict[Operation, Count] = Field(description="Calls since the start of the process.")
