"""How a bug is planted in the service for as long as a test runs.

It is a change of a few words in the source of one function, which is compiled anew in the module
that it comes from and put in the function's place.
"""

import inspect
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from unittest.mock import patch


class Bug(NamedTuple):
    """In that function of that owner, `old` becomes `new`."""

    name: str
    owner: Any
    function: str
    old: str
    new: str
    #: The faults that bring it to light soonest; any when there are none.
    faults: tuple[str, ...] = ()


@contextmanager
def planted(bug: Bug) -> Iterator[None]:
    """Let the service have a bug for a while."""
    function = getattr(bug.owner, bug.function)
    source = textwrap.dedent(inspect.getsource(function))
    if source.count(bug.old) != 1:
        raise ValueError(
            f"{bug.name}: {bug.old!r} stands {source.count(bug.old)} times in {function}"
        )
    scope: dict[str, Any] = {}
    code = compile(source.replace(bug.old, bug.new), inspect.getfile(function), "exec")
    exec(code, function.__globals__, scope)
    with patch.object(bug.owner, bug.function, scope[bug.function]):
        yield
