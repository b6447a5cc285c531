"""A module that outgrows one sitting is split. Prose is free: only code counts."""

import ast
import io
import tokenize
from typing import TypeGuard

import pytest

from tests.tidy.files import CODE_FOLDERS, modules, place

LINES_MAX = 250
NOT_CODE = {
    tokenize.COMMENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
    tokenize.INDENT,
    tokenize.NEWLINE,
    tokenize.NL,
}


def code_lines(source: str) -> int:
    """How many lines bear code: not blank, not only a comment, not part of a docstring.

    Any string that stands as a statement of its own is a docstring here; those below an
    attribute or a type alias document too.
    """
    bearing: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in NOT_CODE:
            bearing.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        if is_docstring(node):
            bearing.difference_update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return len(bearing)


def is_docstring(node: ast.AST) -> TypeGuard[ast.Expr]:
    """Whether this statement is nothing but a string."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("", 0),
        ("\n\n   \n# a comment\n", 0),
        ('"""A header\nof three\nlines."""\n', 0),
        ("x = 1  # code with a comment\n", 1),
        ('x = 1\n"""What x is."""\n', 1),
        ('def f():\n    """Says.\n\n    More.\n    """\n    return 1\n', 2),
        ("x = [\n    1,\n\n    # two is left out\n    3,\n]\n", 4),
        ('x = """a string\n\nthat is data"""\n', 3),
        ("class A:\n    '''Doc.'''\n\n    async def f(self):\n        r'Doc.'\n", 2),
        ("x = (1 +\n     2)\n", 2),
    ],
)
def test_blank_lines_comments_and_docstrings_are_not_code(source: str, count: int) -> None:
    assert code_lines(source) == count


def test_a_planted_module_one_line_too_long_is_noticed() -> None:
    prose = '"""A header."""\n\n# why\n'
    fits = prose + "x = 1\n" * LINES_MAX
    assert code_lines(fits) == LINES_MAX
    assert code_lines(fits + "y = 2\n") > LINES_MAX


def test_no_module_is_longer_than_the_limit() -> None:
    sizes = {place(path): code_lines(path.read_text("utf-8")) for path in modules(*CODE_FOLDERS)}
    assert sizes, "no modules were found, so none were measured"
    assert {name: size for name, size in sizes.items() if size > LINES_MAX} == {}
