"""A server for strangers: the first admin, a service's token, private files, and an end to both."""

import subprocess
import time
from pathlib import Path
from typing import Final

import httpx2

from tests.e2e.processes import HOLDFAST, Server

PASSWORD: Final = "correct horse battery"
SETTINGS: Final = {"AUTH_MODE": "jwt", "JWT_SECRET": "for this test and for nothing else"}


def holdfast(server: Server, *arguments: str, said: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*HOLDFAST, *arguments],
        env=server._environment,
        input=said,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def status(server: Server, path: str, token: str) -> int:
    headers = {"authorization": f"Bearer {token}"}
    return httpx2.get(f"{server.url}{path}", headers=headers).status_code


def test_the_first_admin_is_made_at_the_folder_and_signs_in(tmp_path: Path) -> None:
    server = Server(tmp_path, **SETTINGS)
    made = holdfast(server, "user", "add", "ada", "--role", "admin", said=f"{PASSWORD}\n")
    assert made.returncode == 0, made.stderr
    again = holdfast(server, "user", "add", "ada", "--role", "admin", said=f"{PASSWORD}\n")
    assert (again.returncode, again.stdout) == (65, "")
    assert "ada is taken" in again.stderr
    node = holdfast(server, "token", "node-1", "--days", "1").stdout.strip()
    server.start()
    try:
        body = {"username": "ada", "password": PASSWORD}
        token = httpx2.post(f"{server.url}/auth/login", json=body).json()["accessToken"]
        assert status(server, "/users", token) == 200
        assert status(server, "/events", node) == 200
        assert status(server, "/stock", node) == 403
        assert httpx2.get(f"{server.url}/stock").status_code == 401
        assert httpx2.get(f"{server.url}/health/readiness").status_code == 200
        busy = holdfast(server, "user", "add", "eve", "--role", "admin", said=f"{PASSWORD}\n")
        assert busy.returncode == 69
        assert "Another process" in busy.stderr
    finally:
        server.stop()
    assert holdfast(server, "user", "disable", "node-1").returncode == 0
    server.start()
    try:
        assert status(server, "/events", node) == 401
        assert status(server, "/users", token) == 200
    finally:
        server.stop()


def test_what_ends_a_token_at_one_process_ends_it_at_the_others(tmp_path: Path) -> None:
    servers = [Server(tmp_path, **SETTINGS, LOCKS_ENABLED="true") for _ in range(2)]
    first, second = servers
    for server in servers:
        server.start()
    try:
        body = {"username": "ada", "password": PASSWORD}
        assert httpx2.post(f"{first.url}/auth/register", json=body).status_code == 201
        signed_in = httpx2.post(f"{second.url}/auth/login", json=body)
        token = signed_in.json()["accessToken"]
        assert [status(each, "/auth/me", token) for each in servers] == [200, 200]
        headers = {"authorization": f"Bearer {token}"}
        assert httpx2.post(f"{first.url}/auth/logout", headers=headers).status_code == 204
        assert status(first, "/auth/me", token) == 401
        deadline = time.monotonic() + 5
        while status(second, "/auth/me", token) != 401:
            assert time.monotonic() < deadline, "the token still counts elsewhere"
    finally:
        for server in servers:
            server.stop()


def test_what_is_written_is_for_its_owner_alone(tmp_path: Path) -> None:
    server = Server(tmp_path)
    server.start()
    server.stop()
    paths = [tmp_path / "holdfast.log", tmp_path / "data", *(tmp_path / "data").rglob("*")]
    assert len(paths) > 10
    open_to_others = [path for path in paths if path.stat().st_mode & 0o077]
    assert open_to_others == []
