"""Asks who calls, before a body is read: `AUTH_MODE=jwt`, foreign origins, proxies in front.

It is the edge with these questions added. A service that asks none of them runs the plain edge, and
pays nothing.
"""

from typing import Final

from starlette.types import ASGIApp, Scope

from holdfast.accounts import Accounts, Principal, Refused
from holdfast.domain.rejections import Rejected
from holdfast.domain.users import OPERATOR
from holdfast.http.access import rules_of
from holdfast.http.answer import Answer
from holdfast.http.call import Call
from holdfast.http.cors import Cors
from holdfast.http.edge import Edge
from holdfast.http.endpoint import Endpoint
from holdfast.http.headers import Headers
from holdfast.http.owners import forbidden, unauthorized
from holdfast.http.paths import RouteTable
from holdfast.http.proxies import Proxies
from holdfast.http.services import Services

#: Refusals that leave a line of their own in the log.
_TOLD: Final = frozenset({"unauthorized", "forbidden"})


class GuardedEdge(Edge):
    """The edge as strangers meet it."""

    def __init__(
        self, services: Services, endpoints: tuple[Endpoint, ...], beside: ASGIApp
    ) -> None:
        super().__init__(services, RouteTable(endpoints), beside)
        self._accounts = services.accounts
        self._rules = rules_of(endpoints)
        self._cors = Cors(services.config.cors_origins)
        self._proxies = Proxies(services.config.trusted_proxies)

    async def _answer(self, scope: Scope, call: Call) -> Answer:
        call.client = self._client(scope)
        if not self._cors.is_open:
            return await super()._answer(scope, call)
        preflight = self._cors.preflight(call.method, call.headers)
        if preflight is not None:
            self._limit(scope)
            return preflight
        return self._cors.opened(await super()._answer(scope, call), call.headers)

    def _limit(self, scope: Scope) -> None:
        self.limiter.take(self._client(scope))

    def _client(self, scope: Scope) -> str:
        peer = scope.get("client")
        return self._proxies.client("" if peer is None else peer[0], scope["headers"])

    def _find(self, scope: Scope, call: Call) -> Endpoint:
        endpoint = super()._find(scope, call)
        if self._accounts is not None:
            self._admit(self._accounts, call, endpoint)
        return endpoint

    def _admit(self, accounts: Accounts, call: Call, endpoint: Endpoint) -> None:
        rule = self._rules[endpoint.method, endpoint.path]
        if not rule.looks:
            return
        given = call.headers.get(b"authorization")
        if given is None:
            if not rule.guests:
                raise unauthorized("no token")
            return
        try:
            principal = accounts.identify(given)
        except Refused as no:
            raise unauthorized(str(no)) from None
        call.principal = principal
        call.actor = principal.name
        if rule.roles.isdisjoint(principal.roles):
            raise forbidden("Your role does not allow this.", "role")
        if endpoint.tenant and OPERATOR not in principal.roles:
            self._to_own_tenant(accounts, call.headers, principal)

    @staticmethod
    def _to_own_tenant(accounts: Accounts, headers: Headers, principal: Principal) -> None:
        """Let the token say which tenant is meant; what else names one has to agree."""
        own = principal.user.tenant_id
        asked = headers.get(b"x-tenant-id")
        if asked is not None and asked != own.encode():
            raise forbidden("You belong to another tenant.", "tenant")
        host = headers.get(b"host")
        text = None if host is None else host.decode("latin-1")
        try:
            named = accounts.tenant_of_host(text)
        except LookupError:
            if asked is None:
                raise Rejected("not_found", f"There is no tenant here for {text!r}.") from None
            named = None
        if named not in {None, own}:
            raise forbidden("You belong to another tenant.", "host")
        headers[b"x-tenant-id"] = own.encode()

    def _failed(self, error: Exception, call: Call) -> Answer | None:
        if isinstance(error, Rejected) and error.code in _TOLD:
            self._log.warning(
                "refused",
                request_id=call.request_id,
                reason=getattr(error, "reason", error.code),
                method=call.method,
                route=call.route,
                tenant=call.tenant,
                user=None if call.principal is None else call.principal.name,
                client=call.client,
            )
        answer = super()._failed(error, call)
        if answer is None or not self._cors.is_open:
            return answer
        return self._cors.opened(answer, call.headers)
