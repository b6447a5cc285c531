"""The demo's folder and port, and what happens once its server listens."""

import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import typer

from holdfast.demo import chain, restaurants, screen
from holdfast.importer.errors import UNAVAILABLE, CommandFailed

HOST: Final = "127.0.0.1"


@contextmanager
def folder_for(data_dir: Path | None) -> Iterator[Path]:
    """Use the given folder, or a temporary one that is gone afterwards."""
    if data_dir is not None:
        yield data_dir
        return
    with tempfile.TemporaryDirectory(prefix="holdfast-demo-") as folder:
        yield Path(folder)


def require_free(port: int) -> None:
    """Find out in time whether something listens there already.

    Raises:
        CommandFailed: it does.
    """
    try:
        socket.create_server((HOST, port)).close()
    except OSError as error:
        raise CommandFailed(
            f"Port {port} of {HOST} cannot be used ({error.strerror}); "
            f"choose another one, as in holdfast demo --port {port % 65535 + 1}.",
            UNAVAILABLE,
        ) from error


def greeter(folder: Path, kept: bool) -> Callable[[str], None]:
    """Return what loads all that there is and shows the screen, without holding up the server."""

    def greet(url: str) -> None:
        try:
            chain.load(url, folder)
            restaurants.load(url)
        except CommandFailed as failure:
            typer.echo(f"holdfast: The demo's stock was not loaded: {failure}", err=True)
        else:
            typer.echo(screen.text(url, folder, kept))

    def begin(url: str) -> None:
        threading.Thread(target=greet, args=(url,), name="demo", daemon=True).start()

    return begin
