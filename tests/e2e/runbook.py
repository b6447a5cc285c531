"""Documents whose lines are run as they stand, and whose answers are compared with what they say."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from markdown_it import MarkdownIt

from tests.e2e.processes import free_port

#: In an expected answer: whatever stands there.
ANYTHING = "…"
_PORT = re.compile(r"\b(?:localhost:|PORT=)(3\d{3})\b")
_KILL = re.compile(r"^kill -(\w+) ", re.MULTILINE)
_END_CODES = {"TERM": 0, "KILL": -9}


class Block(NamedTuple):
    """A fenced block: its info string, its text, and the line on which it begins."""

    info: str
    text: str
    line: int


def blocks(document: Path) -> list[Block]:
    """All fenced blocks of a Markdown file."""
    return [
        Block(token.info.strip(), token.content, token.map[0] + 1 if token.map else 0)
        for token in MarkdownIt("commonmark").parse(document.read_text("utf-8"))
        if token.type == "fence"
    ]


def tables(document: Path) -> Iterator[list[list[str]]]:
    """All tables of a Markdown file: rows of cells, the heading left out."""
    tokens = MarkdownIt("commonmark").enable("table").parse(document.read_text("utf-8"))
    rows: list[list[str]] = []
    for token in tokens:
        if token.type == "tbody_open":
            rows = []
        elif token.type == "tr_open":
            rows.append([])
        elif token.type == "inline" and rows:
            rows[-1].append(token.content)
        elif token.type == "tbody_close":
            yield rows
            rows = []


class Terminal:
    """A folder with a shell in it, as the reader of a document has one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ports: dict[str, int] = {}
        self._servers: list[subprocess.Popen[str]] = []
        binaries = str(Path(sys.executable).parent)
        self._environment = os.environ | {"PATH": binaries + os.pathsep + os.environ["PATH"]}

    def run(self, text: str) -> str:
        """Run lines to their end, and servers too that they end; return what was printed."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", self.ported(text)],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        for signal_name in _KILL.findall(text):
            self._ended(_END_CODES[signal_name])
        return done.stdout.replace("\r", "")

    def serve(self, text: str) -> None:
        """Start a server, and wait until it says that it serves."""
        server = subprocess.Popen(
            ["bash", "-euc", "exec env " + self.ported(text)],
            cwd=self.folder,
            env=self._environment | {"PORT": str(self._port("3000"))},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._servers.append(server)
        assert server.stderr is not None
        said = server.stderr.readline()
        assert said.startswith("holdfast serves "), said + server.stderr.read()

    def _ended(self, code: int) -> None:
        """Wait for the server that was told to end: the newest is, before older ones."""
        server = self._servers.pop()
        _, said = server.communicate(timeout=60)
        assert server.returncode == code, said

    def close(self) -> None:
        """Leave no process behind."""
        for server in self._servers:
            server.kill()
            server.communicate()

    def ported(self, text: str) -> str:
        """Put a free port in the place of each that the document names."""
        return _PORT.sub(lambda found: found[0].replace(found[1], str(self._port(found[1]))), text)

    def _port(self, named: str) -> int:
        if named not in self._ports:
            self._ports[named] = free_port()
        return self._ports[named]


@contextmanager
def terminal(folder: Path) -> Iterator[Terminal]:
    """Open a shell; whatever happens, leave no process behind."""
    opened = Terminal(folder)
    try:
        yield opened
        assert opened._servers == [], "the document leaves a server running"
    finally:
        opened.close()


def values(text: str) -> list[Any]:
    """Read JSON values that stand one behind the other, on lines of their own or not."""
    decoder = json.JSONDecoder()
    found: list[Any] = []
    text = text.strip()
    while text:
        value, end = decoder.raw_decode(text)
        found.append(value)
        text = text[end:].lstrip()
    return found


def differences(expected: Any, found: Any, place: str = "") -> list[str]:
    """Where an answer is not what a document says.

    `"…"` is anything, also within a text; a member `"…": "…"` allows members that are not shown.
    """
    if expected == ANYTHING:
        return []
    if isinstance(expected, dict) and isinstance(found, dict):
        return _of_members(expected, found, place)
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        pairs = enumerate(zip(expected, found, strict=True))
        return [each for n, (a, b) in pairs for each in differences(a, b, f"{place}/{n}")]
    if isinstance(expected, str) and isinstance(found, str) and matches(expected, found):
        return []
    # In Python, but not in an answer, 1 is True.
    same = expected == found and type(expected) is type(found)
    return [] if same else [f"{place or '/'}: {found!r} instead of {expected!r}"]


def _of_members(expected: dict[str, Any], found: dict[str, Any], place: str) -> list[str]:
    shown = {name: value for name, value in expected.items() if name != ANYTHING}
    surplus = [] if len(shown) < len(expected) else sorted(found.keys() - shown.keys())
    return [
        *(f"{place}/{name}: missing" for name in shown if name not in found),
        *(f"{place}/{name}: not expected" for name in surplus),
        *(
            each
            for name, value in shown.items()
            if name in found
            for each in differences(value, found[name], f"{place}/{name}")
        ),
    ]


def matches(expected: str, found: str) -> bool:
    """Whether a text is what was expected, `…` being anything, over lines too."""
    pattern = ".*".join(re.escape(part) for part in expected.split(ANYTHING))
    return re.fullmatch(pattern, found, re.DOTALL) is not None


def demand(block: Block, found: str) -> None:
    """Compare what was printed with the block that says what should be."""
    if block.info == "json":
        wrong = differences(values(block.text), values(found))
    else:
        same = matches(block.text.strip(), found.strip())
        wrong = [] if same else [f"this does not match:\n{block.text}"]
    assert wrong == [], f"line {block.line}: {'; '.join(wrong)}\n{found}"
