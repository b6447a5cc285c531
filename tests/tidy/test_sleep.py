"""Tests wait for something that happens, never for time to pass."""

import ast

import pytest

from tests.tidy.files import modules, place


def sleeps(source: str) -> list[int]:
    """The lines that call a `sleep`, but for `await sleep(0)`, which only yields the loop."""
    return sorted(
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and called_name(node) == "sleep" and not only_yields(node)
    )


def called_name(call: ast.Call) -> str | None:
    """The last name of what is called: `sleep` for `asyncio.sleep(1)`."""
    match call.func:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return str(name)
    return None


def only_yields(call: ast.Call) -> bool:
    """Whether this is a sleep of a literal nothing in a library that then runs others."""
    match call:
        case ast.Call(func=ast.Attribute(value=ast.Name(id="time"))):
            return False
        case ast.Call(args=[ast.Constant(value=0)]):
            return True
    return False


@pytest.mark.parametrize(
    "line",
    [
        "time.sleep(1)",
        "time.sleep(0)",
        "sleep(0.1)",
        "await asyncio.sleep(delay)",
        "await asyncio.sleep(0.001)",
        "await anyio.sleep(1)",
    ],
)
def test_a_planted_sleep_is_noticed(line: str) -> None:
    assert sleeps(f"async def test_x():\n    {line}\n") == [2]


@pytest.mark.parametrize(
    "line", ["await asyncio.sleep(0)", "await event.wait()", "clock.advance(1)", "'sleep(1)'"]
)
def test_yielding_the_loop_is_no_sleep(line: str) -> None:
    assert sleeps(f"async def test_x():\n    {line}\n") == []


def test_no_test_sleeps() -> None:
    found = [
        place(path, line) for path in modules("tests") for line in sleeps(path.read_text("utf-8"))
    ]
    assert found == []
