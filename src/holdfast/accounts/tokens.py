"""Tokens: signed by us, read by us (JWT, RFC 7519, with HS256 and nothing else).

The algorithm is fixed here, whatever a token's head says. The key is found by its `kid`, which is
made of the key itself, so two keys can be in force while one replaces the other. What is wrong with
a token is for the log only.
"""

import hmac
from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Any, Final, NamedTuple

from joserfc import jwt
from joserfc.jwk import GuestProtocol, OctKey

ISSUER: Final = "holdfast"
AUDIENCE: Final = "holdfast-api"
_ALGORITHM: Final = "HS256"
#: No token of ours is longer; nothing longer is looked at.
CHARS_MAX: Final = 2048
#: Clocks of two machines may differ by so much.
_LEEWAY_S: Final = 5


class BadToken(Exception):
    """The token does not count; the message says why, and is not for the client."""


class Claims(NamedTuple):
    """What a token says. Times are in seconds, but `generation`, an instant in ms."""

    tenant_id: str
    username: str
    roles: tuple[str, ...]
    #: The user's `tokens_from` when the token was made.
    generation: int
    #: When the user gave its password.
    signed_in_at: int
    issued_at: int
    expires_at: int


class Tokens:
    """Makes and reads tokens with the operator's keys."""

    def __init__(self, secret: str, previous: str = "") -> None:
        """Make it with the key in force, and the one that it replaces, if there is one."""
        secrets = [each.encode() for each in (secret, previous) if each]
        self._keys = {_kid(each): OctKey.import_key(each) for each in secrets}
        self._secrets = secrets

    def write(self, claims: Claims) -> str:
        """Sign claims with the key in force."""
        kid = _kid(self._secrets[0])
        said = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": claims.username,
            "tenant": claims.tenant_id,
            "roles": list(claims.roles),
            "gen": claims.generation,
            "auth_time": claims.signed_in_at,
            "iat": claims.issued_at,
            "exp": claims.expires_at,
        }
        header = {"alg": _ALGORITHM, "kid": kid}
        return jwt.encode(header, said, self._keys[kid], algorithms=[_ALGORITHM])

    def read(self, token: bytes, now_s: float) -> Claims:
        """Return what a token says, if it is one of ours and in force.

        Raises:
            BadToken: it is not.
        """
        if len(token) > CHARS_MAX:
            raise BadToken("too long")
        try:
            said = jwt.decode(token, self._key_of, algorithms=[_ALGORITHM]).claims
        except BadToken:
            raise
        except Exception as error:  # noqa: BLE001 - strangers write tokens: whatever it raises means no
            raise BadToken(f"not signed by us: {type(error).__name__}") from None
        claims = _checked(said)
        if claims.expires_at <= now_s:
            raise BadToken("expired")
        if max(claims.issued_at, claims.signed_in_at) > now_s + _LEEWAY_S:
            raise BadToken("from the future")
        return claims

    def _key_of(self, token: GuestProtocol) -> OctKey:
        kid = token.headers().get("kid")
        key = self._keys.get(kid) if isinstance(kid, str) else None
        if key is None:
            raise BadToken("unknown key")
        return key

    def of_order(self, tenant_id: str, order_id: str) -> str:
        """Return the token that opens one order of a guest; it needs no memory."""
        return _order_token(self._secrets[0], tenant_id, order_id)

    def opens_order(self, given: bytes, tenant_id: str, order_id: str) -> bool:
        """Tell whether a guest's token is that of the order, by any key in force."""
        good = [_order_token(each, tenant_id, order_id).encode() for each in self._secrets]
        return any(hmac.compare_digest(given, each) for each in good)


def _kid(secret: bytes) -> str:
    return sha256(b"holdfast kid\0" + secret).hexdigest()[:16]


def _order_token(secret: bytes, tenant_id: str, order_id: str) -> str:
    # No token that is signed as JWT contains a zero byte, so the two cannot be mixed up.
    said = f"order\0{tenant_id}\0{order_id}".encode()
    return urlsafe_b64encode(hmac.digest(secret, said, "sha256")).decode().rstrip("=")


def _checked(said: dict[str, Any]) -> Claims:
    if said.get("iss") != ISSUER:
        raise BadToken("wrong issuer")
    if said.get("aud") != AUDIENCE:
        raise BadToken("wrong audience")
    texts = [said.get("tenant"), said.get("sub")]
    numbers = [said.get(name) for name in ("gen", "auth_time", "iat", "exp")]
    roles = said.get("roles")
    if not isinstance(roles, list):
        raise BadToken("claims missing or malformed")
    if not all(type(each) is str for each in (*texts, *roles)):
        raise BadToken("claims missing or malformed")
    if not all(type(each) is int for each in numbers):
        raise BadToken("claims missing or malformed")
    return Claims(*texts, tuple(roles), *numbers)  # type: ignore[call-arg, arg-type]  # just looked at
