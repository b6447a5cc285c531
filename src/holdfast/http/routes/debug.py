"""The dial that makes the disk fail, for drills. It is there only with `FAULTS=on`."""

from typing import Final

from holdfast.http.answer import Answer, json_answer
from holdfast.http.call import Call
from holdfast.http.endpoint import Endpoint, Reply
from holdfast.http.lanes import Lane
from holdfast.http.schemas.faults import Faults, FaultsBody
from holdfast.journal.faulty_disk import FaultRule, FaultyDisk

TAG: Final = "Drills"


async def read_faults(call: Call) -> Answer:
    """Read which faults are set, and what they did.

    The three routes of this address exist only on a server that was started with `FAULTS=on`.
    """
    return _told(_disk(call))


async def set_faults(call: Call, body: FaultsBody) -> Answer:
    """Set faults, in place of all that were set before.

    Calls are counted from now on, of the whole process: flushes of all tenants, checkpoints too. Of
    several faults that would strike one call the first does.
    """
    disk = _disk(call)
    disk.set_rules([each.rule() for each in body.faults])
    return _told(disk)


async def clear_faults(call: Call) -> Answer:
    """Take all faults away; the disk is what it is again."""
    disk = _disk(call)
    disk.set_rules([])
    return _told(disk)


def _disk(call: Call) -> FaultyDisk:
    disk = call.services.faults
    if disk is None:
        raise RuntimeError("these routes are served only where there is a dial")
    return disk


def _told(disk: FaultyDisk) -> Answer:
    return json_answer({"faults": [_shown(rule) for rule in disk.rules], "calls": disk.calls})


def _shown(rule: FaultRule) -> dict[str, object]:
    return {
        "op": rule.op,
        "action": rule.action,
        "afterCalls": rule.after_calls,
        "times": rule.times,
        "delayMs": rule.delay_ms or None,
        "calls": rule.calls,
        "struck": rule.struck,
    }


_REPLIES: Final = {200: Reply("The faults that are set now.", Faults)}
#: What everybody hears whose server was started without the dial.
_PROBLEMS: Final = ("not_found",)

ENDPOINTS: Final = (
    Endpoint(
        method="GET",
        path="/debug/faults",
        handler=read_faults,
        tag=TAG,
        lane=Lane.FREE,
        tenant=False,
        replies=_REPLIES,
        problems=_PROBLEMS,
    ),
    Endpoint(
        method="PUT",
        path="/debug/faults",
        handler=set_faults,
        tag=TAG,
        body=FaultsBody,
        lane=Lane.FREE,
        tenant=False,
        replies=_REPLIES,
        problems=_PROBLEMS,
    ),
    Endpoint(
        method="DELETE",
        path="/debug/faults",
        handler=clear_faults,
        tag=TAG,
        lane=Lane.FREE,
        tenant=False,
        replies=_REPLIES,
        problems=_PROBLEMS,
    ),
)
