"""A check is switched off in one place, for one rule, and with a reason beside it."""

import io
import re
import tokenize

import pytest

from tests.tidy.files import CODE_FOLDERS, modules, place

# Each form names its rules, and what is left of the comment is the reason. mypy wants the
# reason to be a comment of its own, after a second hash.
SUPPRESSION = re.compile(
    r"#\s*(?:"
    r"(?:ruff:\s*)?noqa(?::\s*(?P<noqa>[A-Z]+\d+(?:[,\s]+[A-Z]+\d+)*))?"
    r"|ruff:\s*(?:file-)?(?:ignore|disable)\s*(?P<ruff>\[[^\]]+\])?"
    r"|type:\s*ignore\s*(?P<type>\[[^\]]+\])?"
    r"|pyright:\s*ignore\s*(?P<pyright>\[[^\]]+\])?"
    r")(?P<reason>.*)",
    re.IGNORECASE,
)
WORDS = re.compile(r"[A-Za-z`]+\W+[A-Za-z`]+")


def unexplained(source: str) -> list[int]:
    """The lines that silence a tool for no rule in particular, or without saying why."""
    return [
        token.start[0]
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT and not is_explained(token.string)
    ]


def is_explained(comment: str) -> bool:
    """Whether a comment suppresses nothing, or one named rule for a reason of words."""
    found = SUPPRESSION.search(comment)
    if found is None:
        return True
    named = any(found[form] for form in ("noqa", "ruff", "type", "pyright"))
    return named and WORDS.search(found["reason"]) is not None


@pytest.mark.parametrize(
    "comment",
    [
        "# noqa",
        "# noqa: S603",
        "# noqa: S603, S607",
        "#noqa:E501",
        "# ruff: noqa",
        "# ruff: noqa: D100",
        "# ruff: ignore[F401]",
        "# type: ignore",
        "# type: ignore[arg-type]",
        "# type: ignore  # a reason, but for no rule in particular",
    ],
)
def test_a_planted_suppression_without_a_reason_is_noticed(comment: str) -> None:
    assert unexplained(f"x = 1\ny = 2  {comment}\n") == [2]


@pytest.mark.parametrize(
    "comment",
    [
        "# noqa: S603 - the arguments are fixed",
        "# noqa: S603, S607 - our own tool, found on the PATH",
        "# ruff: ignore[F401] kept for importers of the old name",
        "# type: ignore[arg-type]  # the stub is wrong: None is taken",
        "# about the word noqa-like things",
    ],
)
def test_a_reason_beside_the_rule_is_enough(comment: str) -> None:
    assert unexplained(f"x = 1  {comment}\n") == []


def test_a_suppression_inside_a_string_is_no_suppression() -> None:
    assert unexplained("x = '# noqa'\n") == []


def test_every_suppression_says_why() -> None:
    found = [
        place(path, line)
        for path in modules(*CODE_FOLDERS)
        for line in unexplained(path.read_text("utf-8"))
    ]
    assert found == []
