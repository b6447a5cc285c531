"""A server that keeps the contract of `/batch` in a few dicts, and fails when it is told to."""

from collections import Counter, deque
from collections.abc import Callable
from typing import Any

import httpx2
import orjson

Place = tuple[str, str]
#: Is shown each batch and answers it, or fails; `FakeServer.decide` does what is right.
Fault = Callable[["FakeServer", httpx2.Request], httpx2.Response]


class Killed(BaseException):
    """The importer's process ends here; nothing of it may run on."""


class FakeServer:
    """One tenant's stock."""

    def __init__(self) -> None:
        self.stock: Counter[Place] = Counter()
        self.marks: dict[str, int] = {}
        self.refusals: dict[str, list[dict[str, Any]]] = {}
        #: How each of the coming batches fails; behind the last one all goes well.
        self.faults: deque[Fault] = deque()
        self.tenants: set[str] = {"default"}
        self.batches: list[httpx2.Request] = []
        self.rows: list[dict[str, Any]] = []
        self.page_items_max = 1000

    @property
    def transport(self) -> httpx2.MockTransport:
        return httpx2.MockTransport(self.handle)

    def handle(self, request: httpx2.Request) -> httpx2.Response:
        tenant = request.headers.get("X-Tenant-ID", "default")
        if tenant not in self.tenants:
            return problem(404, "not_found", f"There is no tenant {tenant}.")
        path = request.url.path
        if request.method == "GET" and path.startswith("/api/v1/batch/sources/"):
            return self.source(path.rpartition("/")[2], request.url.params)
        if request.method == "POST" and path == "/api/v1/batch":
            self.batches.append(request)
            fault = self.faults.popleft() if self.faults else FakeServer.decide
            return fault(self, request)
        return problem(404, "not_found", "There is nothing at this address.")

    def source(self, name: str, params: httpx2.QueryParams) -> httpx2.Response:
        refused = self.refusals.get(name, [])
        behind = [no for no in refused if no["line"] > int(params.get("cursor", "0"))]
        limit = min(int(params["limit"]), self.page_items_max)
        page = behind[:limit]
        more = len(behind) > len(page)
        body = {
            "name": name,
            "mark": self.marks.get(name, 0),
            "refused": len(refused),
            "items": page,
            "nextCursor": str(page[-1]["line"]) if more else None,
        }
        return httpx2.Response(200, json=body)

    def decide(self, request: httpx2.Request, rows_max: int | None = None) -> httpx2.Response:
        """Decide all rows of a batch, or only the first ones."""
        name = request.url.params["source"]
        after = int(request.url.params["after"])
        mark = self.marks.get(name, 0)
        if mark != after:
            return conflict(mark)
        assert request.headers["Content-Type"] == "application/x-ndjson"
        rows = [orjson.loads(line) for line in request.content.splitlines()]
        results = [self.decide_row(name, row) for row in rows[:rows_max]]
        undecided: list[dict[str, Any]] = [{"status": 0} for _ in rows[len(results) :]]
        if undecided:
            undecided[0] = {
                "status": 503,
                "code": "read_only",
                "detail": "The disk is full.",
                "details": {"retryAfterMs": 1500},
            }
        return ndjson(results + undecided)

    def decide_row(self, name: str, row: dict[str, Any]) -> dict[str, Any]:
        line = row["line"]
        assert line > self.marks.get(name, 0), "lines rise"
        self.marks[name] = line
        self.rows.append(row)
        refused = self.act(row)
        if refused is None:
            return {"status": 200}
        status, code, detail = refused
        no = {"line": line, "code": code, "detail": detail}
        self.refusals.setdefault(name, []).append(no)
        return {"status": status, "code": code, "detail": detail}

    def act(self, row: dict[str, Any]) -> tuple[int, str, str] | None:
        place = (row["storeId"], row["sku"])
        if not all(place):
            return 400, "validation_error", "storeId must be an id."
        if row["op"] == "count":
            self.stock[place] = row["counted"]
            return None
        sign = -1 if row["op"] == "ship" else 1
        delta: int = sign * row["delta" if row["op"] == "adjust" else "qty"]
        if row.get("qty", 1) < 1 or delta == 0:
            return 400, "validation_error", "qty must be at least 1."
        if self.stock[place] + delta < 0:
            return 409, "insufficient_stock", "Not enough stock."
        self.stock[place] += delta
        return None


def problem(
    status: int, code: str, detail: str, headers: dict[str, str] | None = None, **details: Any
) -> httpx2.Response:
    body = {"status": status, "code": code, "detail": detail, "details": details}
    return httpx2.Response(status, json=body, headers=headers)


def conflict(mark: int) -> httpx2.Response:
    return problem(409, "version_conflict", f"The load is at line {mark}.", mark=mark)


def ndjson(results: list[dict[str, Any]]) -> httpx2.Response:
    return httpx2.Response(200, content=b"".join(orjson.dumps(r) + b"\n" for r in results))


# Faults.


def lost_before(server: FakeServer, request: httpx2.Request) -> httpx2.Response:
    """The request does not arrive."""
    raise httpx2.ConnectError("Connection refused")


def lost_after(server: FakeServer, request: httpx2.Request) -> httpx2.Response:
    """The request is decided, and the answer is lost."""
    server.decide(request)
    raise httpx2.ReadError("Connection reset by peer")


def forgotten(server: FakeServer, request: httpx2.Request) -> httpx2.Response:
    """The server comes back with an older copy of its folder."""
    server.marks = dict.fromkeys(server.marks, 0)
    raise httpx2.RemoteProtocolError("Server disconnected without sending a response.")


def lost_halfway(server: FakeServer, request: httpx2.Request) -> httpx2.Response:
    """The server dies over the request."""
    server.decide(request, _half(request))
    raise httpx2.RemoteProtocolError("Server disconnected without sending a response.")


def timed_out(server: FakeServer, request: httpx2.Request) -> httpx2.Response:
    """The request is decided after the importer stopped waiting."""
    server.decide(request)
    raise httpx2.ReadTimeout("timed out")


def busy(server: FakeServer, request: httpx2.Request) -> httpx2.Response:
    return problem(503, "overloaded", "The service is busy.", {"Retry-After": "2"})


def limited(server: FakeServer, request: httpx2.Request) -> httpx2.Response:
    return problem(429, "rate_limited", "Too many requests.", {"Retry-After": "1"})


def broken(server: FakeServer, request: httpx2.Request) -> httpx2.Response:
    return httpx2.Response(502, text="<html>Bad Gateway</html>")


def half_decided(server: FakeServer, request: httpx2.Request) -> httpx2.Response:
    """The disk fills up in the middle: the rows behind it are not decided."""
    return server.decide(request, _half(request))


def none_decided(server: FakeServer, request: httpx2.Request) -> httpx2.Response:
    return server.decide(request, 0)


def garbled(server: FakeServer, request: httpx2.Request) -> httpx2.Response:
    """The rows are decided, and a proxy cuts the answer off."""
    answer = server.decide(request).content
    return httpx2.Response(200, content=answer[: len(answer) // 2])


def short(server: FakeServer, request: httpx2.Request) -> httpx2.Response:
    """The last row is not decided, and nothing is said of it."""
    rows = len(request.content.splitlines())
    answer = server.decide(request, rows - 1).content.splitlines(keepends=True)
    return httpx2.Response(200, content=b"".join(answer[: rows - 1]))


def half_limited(server: FakeServer, request: httpx2.Request) -> httpx2.Response:
    """The rows from the middle on come too fast."""
    answer = server.decide(request, _half(request))
    return httpx2.Response(200, content=answer.content.replace(b":503", b":429"))


def overtaken(server: FakeServer, request: httpx2.Request) -> httpx2.Response:
    """Somebody else's import of the same file sends these rows a moment earlier."""
    server.decide(request)
    return server.decide(request)


def overtaken_halfway(server: FakeServer, request: httpx2.Request) -> httpx2.Response:
    """Somebody else's import is faster by half of the rows."""
    server.decide(request, _half(request))
    return server.decide(request)


def outrun(server: FakeServer, request: httpx2.Request) -> httpx2.Response:
    """Half of the rows are decided, then somebody else's import gets in between."""
    half = _half(request)
    answer = [orjson.loads(line) for line in server.decide(request, half).content.splitlines()]
    not_decided = {"status": 0}
    return ndjson(answer[:half] + [not_decided] * (len(answer) - half))


def killed_before(server: FakeServer, request: httpx2.Request) -> httpx2.Response:
    raise Killed


def killed_after(server: FakeServer, request: httpx2.Request) -> httpx2.Response:
    server.decide(request)
    raise Killed


def killed_halfway(server: FakeServer, request: httpx2.Request) -> httpx2.Response:
    server.decide(request, _half(request))
    raise Killed


def _half(request: httpx2.Request) -> int:
    return len(request.content.splitlines()) // 2


FAULTS: tuple[Fault, ...] = (
    lost_before,
    lost_after,
    lost_halfway,
    timed_out,
    busy,
    limited,
    broken,
    half_decided,
    none_decided,
    half_limited,
    garbled,
    short,
    overtaken,
    overtaken_halfway,
    outrun,
)
KILLS: tuple[Fault, ...] = (killed_before, killed_after, killed_halfway)
