"""The server as the importer sees it: a source's mark, a batch behind it, and its refusals.

Whatever leaves a doubt (a connection that broke, an answer that is missing rows, a 503) ends in the
same question: what is the mark now? It moves in the same event as the stock, so it cannot be wrong.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import quote

import httpx2
import orjson
import stamina

import holdfast
from holdfast.bearer import bearer
from holdfast.domain.values import is_id
from holdfast.importer.errors import TRY_AGAIN, UNAVAILABLE, CommandFailed, bad_data, usage

_TIMEOUT = httpx2.Timeout(60.0, connect=5.0)
_FIRST_PATIENCE_S: Final = 3.0
_RETRY_AFTER_S_MAX: Final = 30.0
_PAGE: Final = 1000
_UNDECIDED: Final = (0, httpx2.codes.TOO_MANY_REQUESTS)

T = TypeVar("T")

#: A line number and the row as the batch takes it.
Encoded = tuple[int, bytes]


class NotNow(Exception):
    """The server could not decide; it is worth asking again."""

    def __init__(
        self, why: str, retry_after_s: float | None = None, conflict: bool = False
    ) -> None:
        super().__init__(why)
        self.retry_after_s = retry_after_s
        #: The mark was not where it was thought to be.
        self.conflict = conflict


class SourceState(NamedTuple):
    """What the server remembers of a load."""

    mark: int
    refused: int


class ServerRefusal(NamedTuple):
    """A line that the server refused."""

    line: int
    code: str
    detail: str


def connect(
    url: str, tenant: str | None = None, transport: httpx2.BaseTransport | None = None
) -> httpx2.Client:
    """Make the client for a server.

    Raises:
        CommandFailed: that is no address, or no tenant's id.
    """
    host = _host(url)
    if not host:
        raise usage(f"--url takes an address like http://127.0.0.1:3000, not {url!r}.")
    if tenant is not None and not is_id(tenant):
        raise usage(f"--tenant takes a tenant's id, not {tenant!r}.")
    headers = {"User-Agent": f"holdfast-import/{holdfast.__version__}"}
    if tenant is not None:
        headers["X-Tenant-ID"] = tenant
    # A proxy of the environment cannot see what only this machine can.
    local = host in {"localhost", "127.0.0.1", "::1"}
    headers |= bearer()
    return httpx2.Client(
        base_url=url.rstrip("/"),
        headers=headers,
        timeout=_TIMEOUT,
        transport=transport,
        trust_env=not local,
    )


def _host(url: str) -> str | None:
    try:
        parts = httpx2.URL(url)
    except (httpx2.InvalidURL, ValueError):
        return None
    return parts.host if parts.scheme in {"http", "https"} and parts.port != 0 else None


class Api:
    """Asks, and asks again for a while where that may help."""

    def __init__(
        self, client: httpx2.Client, patience_s: float, tell: Callable[[str], None]
    ) -> None:
        self._client = client
        self._patience_s = patience_s
        self._tell = tell
        self._reached = False
        self._shared: set[str] = set()

    def source(self, name: str) -> SourceState:
        """Return a load's mark, 0 before its first line, and how many lines were refused."""
        return self._patiently(lambda: self._source(name))

    def push(self, name: str, after: int, rows: Sequence[Encoded]) -> int:
        """Send rows that follow the mark `after` until the mark has moved.

        Returns:
            The mark then; it may have moved less far than the rows go, or, when somebody else
            loads the same source, farther.
        """
        in_doubt = False

        def ask() -> int:
            nonlocal in_doubt
            if in_doubt:
                mark = self._source(name).mark
                if mark != after:
                    return mark
            in_doubt = True
            return self._push(name, after, rows)

        return self._patiently(ask)

    def refusals(self, name: str) -> Iterator[ServerRefusal]:
        """Return the lines that the server refused, rising."""
        cursor: str | None = None
        while True:
            page = self._page(name, cursor)
            for item in page["items"]:
                yield ServerRefusal(item["line"], item["code"], item["detail"])
            cursor = page["nextCursor"]
            if cursor is None:
                return

    def _page(self, name: str, cursor: str | None) -> Any:  # noqa: ANN401 - JSON has any type
        params: dict[str, str | int] = {"limit": _PAGE}
        if cursor is not None:
            params["cursor"] = cursor
        return self._patiently(
            lambda: _json(self._require_ok(self._request("GET", _place(name), params)))
        )

    # One request each.

    def _source(self, name: str) -> SourceState:
        response = self._request("GET", _place(name), {"limit": 1})
        if response.status_code == httpx2.codes.NOT_FOUND:
            return SourceState(0, 0)
        state = _json(self._require_ok(response))
        try:
            return SourceState(int(state["mark"]), int(state["refused"]))
        except (KeyError, TypeError, ValueError):
            raise _stranger(response) from None

    def _push(self, name: str, after: int, rows: Sequence[Encoded]) -> int:
        response = self._request(
            "POST",
            "/api/v1/batch",
            {"source": name, "after": after},
            b"".join([json for _, json in rows]),
        )
        if response.status_code == httpx2.codes.CONFLICT:
            return self._moved(name, after, NotNow(_detail(response), conflict=True))
        self._require_ok(response)
        why = _undecided(response, len(rows))
        return rows[-1][0] if why is None else self._moved(name, after, why)

    def _moved(self, name: str, after: int, why: NotNow) -> int:
        """Return the mark if it moved, so that there is no waiting; else wait."""
        mark = self._source(name).mark
        if mark == after:
            raise why
        if why.conflict and name not in self._shared:
            self._shared.add(name)
            self._tell(
                f"{name} moved on by itself: another import of it runs, or an earlier request was "
                "still on its way. Going on behind it."
            )
        return mark

    def _request(
        self,
        method: str,
        path: str,
        params: dict[str, str | int],
        content: bytes | None = None,
    ) -> httpx2.Response:
        headers = {} if content is None else {"Content-Type": "application/x-ndjson"}
        try:
            response = self._client.request(
                method, path, params=params, content=content, headers=headers
            )
        except httpx2.RequestError as error:
            raise NotNow(_cause(error)) from error
        if response.status_code == httpx2.codes.TOO_MANY_REQUESTS or response.is_server_error:
            raise NotNow(_detail(response), _retry_after_s(response))
        self._reached = True
        return response

    def _require_ok(self, response: httpx2.Response) -> httpx2.Response:
        if response.status_code != httpx2.codes.OK:
            raise bad_data(f"{self._client.base_url} refused the import: {_detail(response)}")
        return response

    # Patience.

    def _patiently(self, ask: Callable[[], T]) -> T:
        # Who mistyped the address should hear so soon.
        patience_s = self._patience_s if self._reached else min(self._patience_s, _FIRST_PATIENCE_S)
        told = False

        def wait(error: Exception) -> bool | float:
            nonlocal told
            if not isinstance(error, NotNow):
                return False
            if not told and patience_s > 0:
                told = True
                self._tell(f"{_sentence(str(error))} Trying again for {patience_s:.0f} s.")
            return True if error.retry_after_s is None else error.retry_after_s

        retry = stamina.RetryingCaller(
            attempts=None if patience_s > 0 else 1,
            timeout=patience_s or None,
            wait_initial=0.1,
            wait_max=3.0,
            wait_jitter=0.2,
        )
        try:
            return retry(wait, ask)
        except NotNow as error:
            raise self._given_up(error) from error

    def _given_up(self, error: NotNow) -> CommandFailed:
        what = f"{self._client.base_url} does not answer as it should: {_sentence(str(error))}"
        if self._reached:
            return CommandFailed(f"{what} What was loaded stays loaded.", TRY_AGAIN)
        return CommandFailed(f"{what} Does a server run there?", UNAVAILABLE)


def _place(name: str) -> str:
    return f"/api/v1/batch/sources/{quote(name, safe='')}"


def _undecided(response: httpx2.Response, count: int) -> NotNow | None:
    """Return why rows were left undecided, or None when all were decided."""
    try:
        results = [orjson.loads(line) for line in response.content.splitlines() if line]
        for result in results:
            status = result["status"]
            if status in _UNDECIDED or status >= httpx2.codes.INTERNAL_SERVER_ERROR:
                return _row_not_now(result)
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return NotNow("the server's answer is garbled")
    if len(results) != count:
        return NotNow(f"the server answered {len(results)} of {count} rows")
    return None


def _row_not_now(result: dict[str, Any]) -> NotNow:
    why = result.get("detail") or "the server did not decide all rows"
    wait_ms = (result.get("details") or {}).get("retryAfterMs")
    return NotNow(str(why), min(_RETRY_AFTER_S_MAX, wait_ms / 1000) if wait_ms else None)


def _retry_after_s(response: httpx2.Response) -> float | None:
    try:
        return min(_RETRY_AFTER_S_MAX, max(0.0, float(response.headers["Retry-After"])))
    except (KeyError, ValueError):
        return None


def _json(response: httpx2.Response) -> Any:  # noqa: ANN401 - JSON has any type
    try:
        return orjson.loads(response.content)
    except orjson.JSONDecodeError:
        raise _stranger(response) from None


def _stranger(response: httpx2.Response) -> CommandFailed:
    return bad_data(f"What answers at {response.url} is no Holdfast server.")


def _detail(response: httpx2.Response) -> str:
    try:
        return str(orjson.loads(response.content)["detail"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return f"it answers {response.status_code} {response.reason_phrase}"


def _cause(error: httpx2.RequestError) -> str:
    if isinstance(error, httpx2.TimeoutException):
        return "it took too long"
    return f"the connection failed ({str(error) or type(error).__name__})"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".") + "."
