"""Behind a real nginx with the configuration that we give away, every domain is its own tenant."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx2
import pytest

from tests.e2e.processes import Server, free_port

CONFIG: Final = Path(__file__).resolve().parents[2] / "deploy" / "nginx.conf"
SHOPS: Final = {"pizza": "#b22222", "bar": "#1f4e79"}
_TRIES: Final = 500
_PAUSE_S: Final = 0.02


@pytest.fixture(scope="module")
def nginx() -> str:
    """The program. In CI its absence fails, because a check that stops running would be missed."""
    found = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is not None:
        return found
    message = "there is no nginx here; scripts/install-nginx brings it"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


@contextmanager
def in_front_of(port: int, nginx: str, folder: Path) -> Iterator[str]:
    """Run nginx with our configuration on a free port; it gives its address."""
    listens = free_port()
    given = CONFIG.read_text("utf-8")
    ours = given.replace("listen 80 ", f"listen 127.0.0.1:{listens} ")
    ours = ours.replace("server 127.0.0.1:3000;", f"server 127.0.0.1:{port};")
    assert ours.count(str(listens)) == ours.count(str(port)) == 1
    (folder / "holdfast.conf").write_text(ours, "utf-8")
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{kind}_temp_path {folder / kind};" for kind in kinds)
    (folder / "nginx.conf").write_text(
        f"daemon off; master_process off; pid {folder / 'pid'}; error_log stderr warn; events {{}} "
        f"http {{ access_log off; {temporary} include {folder / 'holdfast.conf'}; }}",
        "utf-8",
    )
    command = [nginx, "-p", str(folder), "-e", "stderr", "-c", str(folder / "nginx.conf")]
    with (folder / "nginx.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        wait_until_it_listens(process, listens, folder)
        yield f"http://127.0.0.1:{listens}"
    finally:
        process.terminate()
        process.wait(timeout=30)


def wait_until_it_listens(process: "subprocess.Popen[bytes]", port: int, folder: Path) -> None:
    for _ in range(_TRIES):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            try:
                process.wait(timeout=_PAUSE_S)
            except subprocess.TimeoutExpired:
                continue
            pytest.fail((folder / "nginx.log").read_text("utf-8"))
        else:
            return
    pytest.fail("nginx does not listen")


def ask(url: str, path: str, host: str, **headers: str) -> httpx2.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx2.get(url + path, headers={"host": host, **named})


def test_every_domain_is_its_own_tenant_behind_nginx(nginx: str, tmp_path: Path) -> None:
    server = Server(tmp_path, RATE_LIMIT_RPS="0")
    with server.running(), in_front_of(server.port, nginx, tmp_path) as url:
        for name, colour in SHOPS.items():
            body = {"name": name, "domain": f"{name}.localhost", "theme": {"primary": colour}}
            assert httpx2.post(f"{server.url}/sys/provision", json=body).status_code == 201
        for name, colour in SHOPS.items():
            other = next(each for each in SHOPS if each != name)
            for host in (f"{name}.localhost", f"{name.upper()}.LocalHost.", f"{name}.localhost:80"):
                for forged in ({}, {"x_forwarded_host": f"{other}.localhost"}):
                    for path in ("/store/config", "/api/v1/store/config"):
                        shown = ask(url, path, host, **forged)
                        assert shown.status_code == 200, shown.text
                        assert shown.json()["tenantId"] == name
                        assert shown.json()["theme"] == {"primary": colour}
        unknown = ask(url, "/store/config", "nobody.localhost", x_forwarded_host="bar.localhost")
        assert unknown.status_code == 404
        assert unknown.json()["code"] == "not_found"
        # Whoever is outside does not choose another tenant by its id, ...
        chosen = ask(url, "/store/config", "pizza.localhost", x_tenant_id="bar")
        assert chosen.json()["tenantId"] == "pizza"
        # ... nor reach what is for those who run the service.
        for path in (
            "/sys/tenants",
            "/api/sys/tenants",
            "/api/v1/sys/tenants/bar",
            "//sys/tenants",
            "/api//v1/sys/tenants",
            "/%73ys/tenants",
            "/x/../sys/tenants",
            "/metrics",
            "/api/metrics",
            "/debug/faults",
        ):
            answer = ask(url, path, "pizza.localhost")
            assert (answer.status_code, "bar" in answer.text) == (404, False), path
        assert ask(url, "/health/liveness", "pizza.localhost").status_code == 200
