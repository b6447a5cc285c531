"""A link in the documents that points into the checkout points at something."""

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.tidy.files import ROOT, ours, place

MARKDOWN = MarkdownIt("commonmark").enable("table")


def broken_links(document: Path) -> list[str]:
    """The links of a Markdown file to a file or heading that is not there."""
    tokens = MARKDOWN.parse(document.read_text("utf-8"))
    return [target for target in targets(tokens) if not resolves(document, target)]


def targets(tokens: list[Token]) -> Iterator[str]:
    """Every address that a link or an image names."""
    for token in tokens:
        for name in ("href", "src"):
            address = token.attrGet(name)
            if isinstance(address, str):
                yield address
        yield from targets(token.children or [])


def resolves(document: Path, target: str) -> bool:
    """Whether a target exists; one that leaves the checkout is taken on trust."""
    parts = urlsplit(target)
    if parts.scheme or parts.netloc:
        return True
    path = document.parent / unquote(parts.path) if parts.path else document
    if not path.exists():
        return False
    return not parts.fragment or path.suffix != ".md" or unquote(parts.fragment) in anchors(path)


def anchors(document: Path) -> set[str]:
    """The names under which the headings of a document can be linked to, as forges make them."""
    tokens = MARKDOWN.parse(document.read_text("utf-8"))
    headings = (
        following for token, following in itertools.pairwise(tokens) if token.type == "heading_open"
    )
    return {slug("".join(part.content for part in h.children or [])) for h in headings}


def slug(heading: str) -> str:
    """A heading as the fragment of an address: words in lower case, joined by hyphens."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


def test_planted_links_to_nothing_are_noticed(tmp_path: Path) -> None:
    (tmp_path / "there.md").write_text("# One `heading`, here\n", "utf-8")
    document = tmp_path / "document.md"
    document.write_text(
        "## Own heading\n"
        "[a](there.md) [b](there.md#one-heading-here) [c](#own-heading) [d](https://x.test/y)\n"
        "`[code](never.md)` [ref]\n\n"
        "| table |\n|---|\n| [e](gone-from-table.md) |\n\n"
        "![f](gone.png) [g](there.md#gone) [h](gone.md) [i](#gone)\n\n"
        "[ref]: gone-by-reference.md\n",
        "utf-8",
    )
    assert set(broken_links(document)) == {
        "gone-by-reference.md",
        "gone-from-table.md",
        "gone.png",
        "there.md#gone",
        "gone.md",
        "#gone",
    }


def test_every_local_link_resolves() -> None:
    documents = list(ours(ROOT, ".md"))
    assert documents, "no documents were found, so none were checked"
    assert {place(d): broken for d in documents if (broken := broken_links(d))} == {}
