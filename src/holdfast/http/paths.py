"""Which endpoint an address means: one rewrite of the prefix, then a look into a small table.

`/api/v1/…` is canonical. Frontends and runbooks older than that leave out the version, or `/api`
as a whole, or reach `/stores/…` through `/inventory/…`; they find the same routes. Past `rewrite`
only the address without any prefix exists: routes, fingerprints, logs and metrics know no other.

Endpoints are found by the first segment and the number of segments, which leaves one to three
patterns to try, so the order of the route table does not matter for speed.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final
from urllib.parse import unquote

from starlette.routing import compile_path

from holdfast.domain.rejections import Rejected, invalid
from holdfast.domain.values import is_id
from holdfast.http.endpoint import Endpoint
from holdfast.http.headers import ID_RULE
from holdfast.http.problems import RejectedWith

_PREFIXES: Final = ("/api/v1", "/api")

_REMEMBERED_MAX: Final = 16_384

Methods = dict[str, Endpoint]
#: The canonical address, its endpoint, and the ids in it.
Found = tuple[str, Endpoint, Mapping[str, str]]


def rewrite(path: str, raw_path: bytes | None) -> str:
    """Return the canonical address.

    A slash that was sent as `%2F` is part of a segment, not a separator, so it stays encoded:
    an id with a slash in it is then refused as an id.
    """
    if raw_path is not None and b"%2" in raw_path:
        segments = raw_path.decode("ascii", "replace").split("/")
        path = "/".join(unquote(segment).replace("/", "%2F") for segment in segments)
    for prefix in _PREFIXES:
        if path.startswith(prefix) and path[len(prefix) : len(prefix) + 1] in {"/", ""}:
            path = path[len(prefix) :] or "/"
            break
    if path.startswith("/inventory/stores/"):
        path = path[len("/inventory") :]
    return path


class RouteTable:
    """All endpoints, ready to be found."""

    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        #: What an address means never changes, so the latest ones are remembered.
        self._remembered = lru_cache(maxsize=_REMEMBERED_MAX)(self._find)
        self._by_shape: dict[tuple[str, int], list[tuple[re.Pattern[str], Methods]]] = {}
        patterns: dict[str, Methods] = {}
        for endpoint in endpoints:
            if endpoint.path not in patterns:
                methods = patterns[endpoint.path] = {}
                pattern = compile_path(endpoint.path)[0]
                self._by_shape.setdefault(_shape(endpoint.path), []).append((pattern, methods))
            patterns[endpoint.path][endpoint.method] = endpoint
            if endpoint.method == "GET":
                patterns[endpoint.path]["HEAD"] = endpoint

    def find(self, path: str, raw_path: bytes | None, method: str) -> Found:
        """Return what an address means, whatever prefix it was sent with.

        Args:
            path: the address with its escapes resolved.
            raw_path: the address as it was sent, if the server tells.
            method: the request's method.

        Raises:
            Rejected: there is no such address, it takes another method, or an id is malformed.
        """
        escaped = raw_path if raw_path is not None and b"%2" in raw_path else None
        return self._remembered(path, escaped, method)

    def _find(self, given: str, raw_path: bytes | None, method: str) -> Found:
        path = rewrite(given, raw_path)
        allowed: set[str] = set()
        for pattern, methods in self._by_shape.get(_shape(path), ()):
            found = pattern.fullmatch(path)
            if found is None:
                continue
            endpoint = methods.get(method)
            if endpoint is not None:
                params = found.groupdict()
                for name, value in params.items():
                    if not is_id(value):
                        raise malformed_id(name)
                return path, endpoint, params
            allowed.update(methods)
        raise self._unknown(path, allowed)

    @staticmethod
    def _unknown(path: str, allowed: set[str]) -> Rejected:
        if allowed:
            allow = ", ".join(sorted(allowed))
            return RejectedWith(
                "method_not_allowed",
                f"This address takes {allow}.",
                {"allow": sorted(allowed)},
                headers=((b"allow", allow.encode("ascii")),),
            )
        if any(segment in {".", ".."} for segment in path.split("/")):
            return malformed_id("path")
        return Rejected("not_found", "There is nothing at this address.")


def malformed_id(name: str) -> Rejected:
    """Refuse a path segment that is no id."""
    return invalid(
        f"#/path/{name}",
        f"{name} {ID_RULE}",
    )


def _shape(path: str) -> tuple[str, int]:
    segments = path.split("/", 2)
    return segments[1] if len(segments) > 1 else "", path.count("/")
