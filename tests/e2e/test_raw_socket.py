"""The service as it is started has the bounded protocol in front of it."""

import re
import socket
from pathlib import Path

from tests.e2e.processes import Server


def test_what_is_no_http_is_answered_with_a_problem_behind_the_true_answer(tmp_path: Path) -> None:
    request = b"GET /health/liveness HTTP/1.1\r\nhost: localhost\r\n\r\n"
    with (
        Server(tmp_path).running() as server,
        socket.create_connection(("127.0.0.1", server.port), 30) as connection,
    ):
        connection.sendall(request + b"\0garbage")
        heard = b"".join(iter(lambda: connection.recv(65536), b"")).decode().lower()
    assert re.findall(r"http/1\.1 (\d{3}) ", heard) == ["200", "400"]
    assert heard.count("x-request-id: ") == 2
    assert "content-type: application/problem+json" in heard
