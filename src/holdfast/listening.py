"""The socket on which clients connect."""

import os
import socket
from typing import Final

from holdfast.folder_lock import CannotStart

_BACKLOG: Final = 2048
#: So much of what a client has not read yet the kernel keeps, or twice as much.
_UNSENT_BYTES_MAX: Final = 128 * 1024


def listen(host: str, port: int) -> socket.socket:
    """Listen, so that clients may connect from now on.

    Raises:
        CannotStart: the port is taken, or the host is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
        # Every connection inherits it: what is written for clients that do not read stays small.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _UNSENT_BYTES_MAX)
        return listener
    except OSError as error:
        raise CannotStart(
            f"Cannot listen on {host} port {port}: {os.strerror(error.errno or 0)}. "
            "Set PORT to a free port, or stop what listens there."
        ) from error


def base_url(listener: socket.socket) -> str:
    """Say where a listener is reached."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
