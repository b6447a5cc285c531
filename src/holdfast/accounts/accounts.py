"""Signing in, and knowing who asks: what stands between the interface and the users' records."""

import time
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, NoReturn

from holdfast.accounts.attempts import Attempts
from holdfast.accounts.passwords import Passwords
from holdfast.accounts.tokens import BadToken, Claims, Tokens
from holdfast.domain.commands import Command
from holdfast.domain.records import DOMAIN, USER, Key, Outcome
from holdfast.domain.tenants import LOCALHOST, Domain
from holdfast.domain.users import OPERATOR, User
from holdfast.resilience.rate_limit import RateLimiter
from holdfast.tenancy import TenantRegistry
from holdfast.tenancy.names import domain_of

#: A session ends so long after its password was given, however often its token was renewed.
SESSION_S: Final = 12 * 3600
#: Tokens whose signatures need no second look.
_KNOWN_MAX: Final = 16_384
_BEARER: Final = b"bearer "
#: Of one address: what it may try in a burst, and per second.
_SIGN_INS: Final = (2, 20)
_REGISTRATIONS: Final = (1, 10)


class Refused(Exception):
    """It is not known who asks; the message says why, and is not for the client."""


class Principal(NamedTuple):
    """Who asks."""

    user: User
    #: What events and reservations call it: an operator, who may come from another tenant, is
    #: named with its own, so that no user of that tenant can be taken for it.
    name: str
    roles: frozenset[str]
    claims: Claims

    @property
    def tenant_id(self) -> str:
        """The tenant whose user it is."""
        return self.user.tenant_id


class Accounts:
    """The users of all tenants, and their tokens; `open` it behind the registry."""

    def __init__(
        self,
        registry: TenantRegistry,
        tokens: Tokens,
        token_s: int = 3600,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self.tokens = tokens
        self.passwords = Passwords()
        self._registry = registry
        self._token_s = token_s
        self._now_s = now_s
        self._attempts = Attempts()
        self._sign_ins = RateLimiter(*_SIGN_INS)
        self._registrations = RateLimiter(*_REGISTRATIONS)
        self._known: dict[bytes, Principal] = {}
        #: The committed tables themselves: one look into them is what each request costs.
        self._users: Mapping[Key, User] = {}
        self._domains: Mapping[Key, Domain] = {}

    async def open(self) -> None:
        """Look at the system journal's records from now on."""
        reading = await self._registry.system.read()
        self._users, self._domains = reading.records(USER), reading.records(DOMAIN)

    # Who asks.

    def identify(self, authorization: bytes) -> Principal:
        """Return who sent this `Authorization` header.

        A record that changed is another object, so a token that was good before is looked at anew.

        Raises:
            Refused: nobody whom we know, or not any more.
        """
        known = self._known.get(authorization)
        if known is not None:
            user = known.user
            if self._users.get((user.tenant_id, user.username)) is user:
                if known.claims.expires_at <= self._now_s():
                    raise Refused("expired")
                return known
            del self._known[authorization]
        principal = self._principal(authorization)
        if len(self._known) >= _KNOWN_MAX:
            self._known.clear()
        self._known[authorization] = principal
        return principal

    def _principal(self, authorization: bytes) -> Principal:
        if authorization[: len(_BEARER)].lower() != _BEARER:
            raise Refused("no bearer token")
        try:
            claims = self.tokens.read(authorization[len(_BEARER) :].strip(), self._now_s())
        except BadToken as no:
            raise Refused(str(no)) from None
        user = self._users.get((claims.tenant_id, claims.username))
        if user is None:
            raise Refused("unknown user")
        if not user.is_enabled:
            raise Refused("disabled user")
        if user.tokens_from != claims.generation:
            raise Refused("ended token")
        roles = frozenset(user.roles)
        name = f"{user.tenant_id}/{user.username}" if OPERATOR in roles else user.username
        return Principal(user, name, roles, claims)

    def tenant_of_host(self, host: str | None) -> str | None:
        """Return the tenant whose domain a `Host` names; None for one that is nobody's own.

        Raises:
            LookupError: the domain is no tenant's.
        """
        domain = domain_of(host)
        return None if domain == LOCALHOST else self._domains[domain,].tenant_id

    # Tokens.

    def token_for(self, user: User, session: Claims | None = None) -> tuple[str, int]:
        """Return a new token, and in how many seconds it ends.

        Args:
            user: whose it is.
            session: the token that it renews; the session's end stays.

        Raises:
            Refused: the session has ended.
        """
        now_s = int(self._now_s())
        began = now_s if session is None else session.signed_in_at
        for_s = min(self._token_s, began + SESSION_S - now_s)
        if for_s <= 0:
            raise Refused("ended session")
        return self.long_token_for(user, for_s, began), for_s

    def long_token_for(self, user: User, for_s: int, began: int | None = None) -> str:
        """Return a token that ends in so many seconds, for a program perhaps."""
        now_s = int(self._now_s())
        return self.tokens.write(
            Claims(
                user.tenant_id,
                user.username,
                user.roles,
                user.tokens_from,
                now_s if began is None else began,
                now_s,
                now_s + for_s,
            )
        )

    # Users.

    async def sign_in(self, tenant_id: str, username: str, password: str, client: str) -> User:
        """Return the user whose password this is.

        Who has no password, does not exist or is disabled takes as long, and gets the same answer.

        Raises:
            Refused: it is not.
            RateLimited: too many attempts, by this client on this user, or by this client at all.
            Overloaded: too many sign in now.
        """
        self._sign_ins.take(client)
        guess = (tenant_id, username, client)
        self._attempts.begin(guess)
        # Another process that shares the folder may have made the user just now.
        await self._registry.system.read()
        user = self._users.get((tenant_id, username))
        password_hash = None if user is None else user.password_hash
        good = await self.passwords.verify(password_hash, password)
        if user is None or not good or self._users.get(user.key) is not user:
            self._refuse("wrong name or password")
        if not user.is_enabled:
            self._refuse("disabled user")
        self._attempts.succeeded(guess)
        return user

    @staticmethod
    def _refuse(reason: str) -> NoReturn:
        raise Refused(reason)

    def may_register(self, client: str) -> None:
        """Count a registration.

        Raises:
            RateLimited: too many from this address.
        """
        self._registrations.take(client)

    def users_of(self, tenant_id: str, after: str, limit: int) -> list[User]:
        """Return up to `limit` users of a tenant with names above `after`, rising."""
        own = (each for each in self._users.values() if each.tenant_id == tenant_id)
        return sorted((each for each in own if each.username > after), key=lambda u: u.username)[
            :limit
        ]

    async def execute(self, command: Command) -> Outcome:
        """Decide a command on a user and make it durable.

        Raises:
            Rejected: the business says no.
            Unavailable: nothing can be written now.
        """
        return await self._registry.system.execute(command)
