"""A running server, asked over HTTP with patience."""

from collections.abc import Callable
from typing import Any, Final

import httpx2
import orjson
import stamina

import holdfast
from holdfast.bearer import bearer
from holdfast.verify.differences import UNAVAILABLE, USAGE, CannotVerify
from holdfast.verify.live import Page, SourcePage, Tip

_TIMEOUT: Final = httpx2.Timeout(60.0, connect=5.0)
_PATIENCE_S: Final = 30.0
_PAGE: Final = 1000


class Suspended(Exception):
    """The tenant is suspended, so that the server shows nothing of it."""


class _NotNow(Exception):
    """The server did not answer; it is worth asking again."""


def connect(
    url: str, tenant_id: str, transport: httpx2.BaseTransport | None = None
) -> httpx2.Client:
    """Make the client for one tenant of a server.

    Raises:
        CannotVerify: that is no address.
    """
    try:
        parts = httpx2.URL(url)
    except (httpx2.InvalidURL, ValueError):
        parts = httpx2.URL("")
    if parts.scheme not in {"http", "https"} or not parts.host:
        sentence = f"--url takes an address like http://127.0.0.1:3000, not {url!r}."
        raise CannotVerify(sentence, USAGE)
    headers = {"User-Agent": f"holdfast-verify/{holdfast.__version__}", "X-Tenant-ID": tenant_id}
    # A proxy of the environment cannot see what only this machine can.
    local = parts.host in {"localhost", "127.0.0.1", "::1"}
    headers |= bearer()
    return httpx2.Client(
        base_url=url.rstrip("/") + "/api/v1",
        headers=headers,
        timeout=_TIMEOUT,
        transport=transport,
        trust_env=not local,
    )


class HttpServer:
    """The server behind a client; implements `Server`."""

    def __init__(
        self,
        client: httpx2.Client,
        patience_s: float = _PATIENCE_S,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Ask through a client.

        Args:
            client: for one tenant of the server.
            patience_s: how long a question is asked again.
            tell: is called with a sentence before the first time that one is.
        """
        self._client = client
        self._patience_s = patience_s
        self._tell = tell
        self._told = False
        self._retry = stamina.RetryingCaller(
            attempts=None, timeout=patience_s, wait_initial=0.1, wait_max=2.0, wait_jitter=0.1
        )

    def require_exact(self) -> None:
        """See that the server writes what falls due, so that what it shows is in its journal.

        Raises:
            CannotVerify: it is read-only, or does not answer.
        """
        mode = self._ask("/health/readiness", {}, accept_503=True).get("mode")
        if mode == "read_only":
            raise CannotVerify(
                f"The server at {self._client.base_url} is read-only: what falls due is worked out "
                "and not written, so its answers cannot be compared. Try again when it is back.",
                UNAVAILABLE,
            )

    def tip(self, sequence: int) -> Tip:
        """Return the event of that number (None: there is none), and the last sequence."""
        answer = self._ask("/events", {"after": max(0, sequence - 1), "limit": 1})
        match answer:
            case {"items": [{"sequence": int(found)} as event, *_], "lastSequence": int(last)}:
                return Tip(event if found == sequence else None, last)
            case {"items": [], "lastSequence": int(last)}:
                return Tip(None, last)
        raise self._stranger("/events is no page of events")

    def page(self, path: str, cursor: str | None) -> Page:
        """Return a page of a list."""
        return self._page(self._ask(path, _where(cursor)), path)

    def source(self, name: str, cursor: str | None) -> SourcePage:
        """Return a load's state with a page of its refusals."""
        path = f"/batch/sources/{name}"
        answer = self._ask(path, _where(cursor))
        match answer:
            case {"mark": int(mark), "refused": int(refused)}:
                return SourcePage(mark, refused, self._page(answer, path))
        raise self._stranger(f"{path} is no state of a load")

    def _page(self, answer: Any, path: str) -> Page:  # noqa: ANN401 - JSON has any type
        match answer:
            case {"items": list(items), "nextCursor": str() | None as next_cursor}:
                return Page(items, next_cursor)
        raise self._stranger(f"{path} is no page of a list")

    def _ask(self, path: str, params: dict[str, str | int], *, accept_503: bool = False) -> Any:  # noqa: ANN401 - JSON has any type
        try:
            return self._retry(
                self._is_asked_again, self._ask_once, path, params, accept_503=accept_503
            )
        except _NotNow as error:
            raise CannotVerify(
                f"The server at {self._client.base_url} does not answer as it should: {error}. "
                "Does it run there?",
                UNAVAILABLE,
            ) from error

    def _is_asked_again(self, error: Exception) -> bool:
        if not isinstance(error, _NotNow):
            return False
        if not self._told:
            self._told = True
            url = self._client.base_url
            self._tell(f"{url} does not answer ({error}). Trying for {self._patience_s:.0f} s.")
        return True

    def _ask_once(self, path: str, params: dict[str, str | int], *, accept_503: bool) -> Any:  # noqa: ANN401 - JSON has any type
        try:
            response = self._client.get(path, params=params)
        except httpx2.RequestError as error:
            raise _NotNow(str(error) or type(error).__name__) from error
        status = response.status_code
        busy = status in {httpx2.codes.TOO_MANY_REQUESTS, httpx2.codes.SERVICE_UNAVAILABLE}
        if busy and not accept_503:
            raise _NotNow(f"it answers {status}")
        if status == httpx2.codes.FORBIDDEN and b'"tenant_suspended"' in response.content:
            raise Suspended
        if status != httpx2.codes.OK and not accept_503:
            raise self._stranger(f"{path} answers {status}: {response.text[:200]}")
        try:
            answer = orjson.loads(response.content)
        except orjson.JSONDecodeError:
            raise self._stranger(f"{path} is no JSON") from None
        if not isinstance(answer, dict):
            raise self._stranger(f"{path} is no JSON object")
        return answer

    def _stranger(self, why: str) -> CannotVerify:
        sentence = f"What answers at {self._client.base_url} cannot be compared: {why}."
        return CannotVerify(sentence, UNAVAILABLE)


def _where(cursor: str | None) -> dict[str, str | int]:
    return {"limit": _PAGE} if cursor is None else {"limit": _PAGE, "cursor": cursor}
