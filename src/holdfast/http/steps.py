"""Runs the coroutine of a request without a task, as long as it waits for nothing but the journal.

A task costs a turn of the loop before its first step, one more when what it waits for is done, and
the objects for both. Nearly every request either waits for nothing or for its batch, and a batch
cannot be cancelled, so all that a task offers it would be of no use: it is stepped through here, and
goes on together with all others of its batch. Whatever else it waits for, it does in a task.

Before its first wait such a coroutine therefore has no current task. What needs one, because it
sets a time limit or is to be cancelled, asks for `own_task` first.
"""

import asyncio
from collections.abc import Callable, Coroutine, Generator
from functools import partial
from typing import Any

import structlog

from holdfast.journal import Shared

_log = structlog.get_logger("holdfast.http")

Steps = Coroutine[Any, None, None]
#: Starts a task and keeps it from being forgotten.
StartTask = Callable[[Steps], object]


def run(steps: Steps, start_task: StartTask) -> None:
    """Run a coroutine until it ends, waits for a batch, or has become a task.

    Args:
        steps: answers for its own errors; one that gets out is logged.
        start_task: takes over what is left when it waits for something else.
    """
    try:
        awaited = steps.send(None)
    except StopIteration:
        return
    except Exception:  # noqa: BLE001 - nobody else would hear of it
        _log.exception("a request was given up")
        return
    if type(awaited) is Shared:
        # As a task does it: the sign that this came out of an `await`.
        awaited._asyncio_future_blocking = False  # noqa: SLF001 - asyncio's protocol for tasks
        awaited.then(partial(run, steps, start_task))
    else:
        start_task(_Rest(steps, awaited))


async def own_task() -> None:
    """Go on in a task: what comes has a time limit, or may be cancelled."""
    if asyncio.current_task() is None:
        await asyncio.sleep(0)


class _Rest(Coroutine[Any, None, None]):
    """What is left of a coroutine that waits for something already; a task can run it.

    That it is an object, and not a coroutine around the other, matters to a task that is cancelled
    before its first step: what is thrown arrives where the coroutine waits.
    """

    def __init__(self, steps: Steps, awaited: object) -> None:
        self._steps = steps
        self._awaited: object = awaited
        self._begun = False

    def send(self, value: None) -> object:
        """Say what it waits for, first of all what it waits for already."""
        if self._begun:
            return self._steps.send(value)
        self._begun = True
        return self._awaited

    def throw(self, *error: Any) -> object:  # noqa: ANN401 - in all forms that Python allows
        """Raise an error where it waits."""
        self._begun = True
        return self._steps.throw(*error)

    def close(self) -> None:
        """End it where it waits."""
        self._steps.close()

    def __await__(self) -> Generator[Any, None, None]:
        """Refuse: it is there for a task."""
        raise TypeError("what is left of a request is run by a task")
