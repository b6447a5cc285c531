"""Tokens that nobody should accept: each is 401, all alike, and nothing of them is read."""

import base64
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from holdfast.accounts import Tokens
from tests.support.signed_in import OTHER, OWN, SECRET, SignedIn
from tests.unit.http.world import problem_of

OLD: Final = "the secret before that one, long enough"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[SignedIn]:
    async with SignedIn(tmp_path, tokens=Tokens(SECRET, OLD)) as world:
        await world.fill()
        yield world


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def opened(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The head and the claims of a token."""
    head, claims, _ = (
        base64.urlsafe_b64decode(each + "=" * (-len(each) % 4)) for each in token.split(".")
    )
    return json.loads(head), json.loads(claims)


def signed(head: dict[str, Any], claims: object, secret: bytes = SECRET.encode()) -> str:
    said = f"{part(head)}.{part(claims)}"
    mac = hmac.digest(secret, said.encode(), "sha256")
    return f"{said}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def claiming(**changes: object) -> Callable[[str], str]:
    """A token that we would have signed, but for these claims; None leaves one out."""

    def forge(token: str) -> str:
        head, claims = opened(token)
        claims = {name: each for name, each in (claims | changes).items() if each is not None}
        return signed(head, claims)

    return forge


def heading(secret: bytes = SECRET.encode(), **changes: object) -> Callable[[str], str]:
    def forge(token: str) -> str:
        head, claims = opened(token)
        head = {name: each for name, each in (head | changes).items() if each is not None}
        return signed(head, claims, secret)

    return forge


def unsigned(algorithm: str) -> Callable[[str], str]:
    def forge(token: str) -> str:
        head, claims = opened(token)
        return f"{part(head | {'alg': algorithm})}.{part(claims)}."

    return forge


def with_rsa(token: str) -> str:
    head, claims = opened(token)
    key = RSAKey.import_key(generate_private_key(65537, 2048))
    return jwt.encode(head | {"alg": "RS256"}, claims, key, algorithms=["RS256"])


def with_longer_hash(token: str) -> str:
    """The right key, but another algorithm than ours."""
    head, claims = opened(token)
    key = OctKey.import_key(SECRET)
    return jwt.encode(head | {"alg": "HS512"}, claims, key, algorithms=["HS512"])


def others_signature(token: str) -> str:
    """Claims of an admin, with the signature of a customer's token."""
    head, claims = opened(token)
    return f"{part(head)}.{part(claims | {'roles': ['admin']})}.{token.rpartition('.')[2]}"


NOW: Final = int(time.time())
ATTACKS: Final[dict[str, Callable[[str], str]]] = {
    "algorithm none": unsigned("none"),
    "algorithm None": unsigned("None"),
    "no signature": unsigned("HS256"),
    "another algorithm": with_longer_hash,
    "a public key": with_rsa,
    "our algorithm, no key": heading(b""),
    "another key": heading(b"x" * 40),
    "the kid as key": lambda token: signed(*opened(token), opened(token)[0]["kid"].encode()),
    "unknown kid": heading(kid="0000000000000000"),
    "no kid": heading(kid=None),
    "kid of another kind": heading(kid=["a"]),
    "a path for a kid": heading(kid="../../dev/null"),
    "a key of its own": heading(b"x" * 40, jwk={"kty": "oct", "k": part("x")}),
    "critical extension": heading(crit=["exp"]),
    "changed claims": others_signature,
    **{f"no {name}": claiming(**{name: None}) for name in ("iss", "aud", "sub", "tenant", "roles")},
    **{f"no {name}": claiming(**{name: None}) for name in ("gen", "auth_time", "iat", "exp")},
    "wrong issuer": claiming(iss="someone"),
    "wrong audience": claiming(aud="someone"),
    "many audiences": claiming(aud=["holdfast-api", "someone"]),
    "expired": claiming(exp=NOW - 1),
    "expires never": claiming(exp="never"),
    "expires at true": claiming(exp=True),
    "expires at infinity": claiming(exp=float("inf")),
    "from the future": claiming(iat=NOW + 3600),
    "signed in in the future": claiming(auth_time=NOW + 3600),
    "unknown user": claiming(sub="nobody"),
    "a user of another kind": claiming(sub=["ada"]),
    "another tenant's user": claiming(tenant=OTHER),
    "unknown tenant": claiming(tenant="nowhere"),
    "an ended generation": claiming(gen=1),
    "roles of another kind": claiming(roles="admin"),
    "claims of another kind": lambda token: signed(opened(token)[0], ["a"]),
    "truncated": lambda token: token[:-1],
    "cut in half": lambda token: token[: len(token) // 2],
    "two parts": lambda token: token.rpartition(".")[0],
    "four parts": lambda token: token + ".x",
    "encrypted": lambda token: token + ".x.y",
    "nothing": lambda _: "",
    "dots": lambda _: "..",
    "a megabyte": lambda token: token + "A" * (1 << 20),
    "a megabyte of head": lambda token: "A" * (1 << 20) + token,
    "a zero byte": lambda token: token + "\0",
    "two tokens": lambda token: f"{token},{token}",
}


async def test_a_bad_token_is_401_and_says_no_more(world: SignedIn) -> None:
    good = await world.token("ada")
    before = await world.sequences()
    told = {}
    for name, attack in ATTACKS.items():
        for token in (good, attack(good)):
            headers = {"authorization": f"Bearer {token}"}
            told[name] = await world.client.get("/auth/me", headers=headers)
            assert token != good or told[name].status_code == 200
    assert {name: each.status_code for name, each in told.items()} == dict.fromkeys(ATTACKS, 401)
    for answer in told.values():
        problem = problem_of(answer, 401, "unauthorized")
        assert (problem["detail"], problem["details"]) == ("Sign in to do this.", {})
        assert answer.headers["www-authenticate"] == "Bearer"
    assert await world.sequences() == before
    reasons = [each["reason"] for each in world.log_lines() if each["event"] == "refused"]
    assert len(reasons) == len(ATTACKS)
    assert max(map(len, reasons)) < 80


@pytest.mark.parametrize("scheme", ["", "Basic ", "Token ", "bearer:"])
async def test_another_scheme_is_no_token(world: SignedIn, scheme: str) -> None:
    headers = {"authorization": scheme + await world.token("ada")}
    problem_of(await world.client.get("/auth/me", headers=headers), 401, "unauthorized")


async def test_a_bad_token_is_worse_than_none_where_guests_may_come(world: SignedIn) -> None:
    headers = {"x-tenant-id": OWN, "authorization": "Bearer x"}
    problem_of(await world.client.get("/menu", headers=headers), 401, "unauthorized")


async def test_a_token_given_twice_is_refused(world: SignedIn) -> None:
    token = f"Bearer {await world.token('ada')}"
    headers = [("authorization", token), ("authorization", token)]
    answer = await world.client.get("/auth/me", headers=headers)
    problem_of(answer, 400, "validation_error")


async def test_tokens_of_the_key_before_count_until_it_is_taken_away(world: SignedIn) -> None:
    assert world.accounts is not None
    world.accounts.tokens, both = Tokens(OLD), world.accounts.tokens
    token = await world.token("ada")
    world.accounts.tokens = both
    headers = {"authorization": f"Bearer {token}"}
    assert (await world.client.get("/auth/me", headers=headers)).status_code == 200
    world.accounts.tokens = Tokens(SECRET)
    world.accounts._known.clear()
    problem_of(await world.client.get("/auth/me", headers=headers), 401, "unauthorized")


async def test_a_token_that_was_good_ends_on_time(world: SignedIn) -> None:
    assert world.accounts is not None
    headers = {"authorization": f"Bearer {await world.token('ada')}"}
    assert (await world.client.get("/auth/me", headers=headers)).status_code == 200
    world.accounts._now_s = lambda: time.time() + 3601
    problem_of(await world.client.get("/auth/me", headers=headers), 401, "unauthorized")


async def test_a_session_is_renewed_up_to_its_end_only(world: SignedIn) -> None:
    assert world.accounts is not None
    user = await world.user("ada")
    forge = claiming(auth_time=NOW - 12 * 3600 + 60)
    headers = {"authorization": f"Bearer {forge(await world.token('ada'))}"}
    renewed = await world.client.post("/auth/refresh", headers=headers)
    assert 0 < renewed.json()["expiresIn"] <= 60
    forge = claiming(auth_time=NOW - 12 * 3600)
    headers = {"authorization": f"Bearer {forge(await world.token('ada'))}"}
    problem_of(await world.client.post("/auth/refresh", headers=headers), 401, "unauthorized")
    assert user == await world.user("ada")


async def test_a_refused_request_is_refused_before_its_body(world: SignedIn) -> None:
    """Whoever may not ask can send what it likes: nobody reads it."""
    told: list[Any] = []

    async def receive() -> dict[str, Any]:
        raise AssertionError("somebody read the body")

    async def send(message: Any) -> None:
        told.append(message)

    for name, status in ((None, 401), ("online", 403)):
        headers = [(b"host", b"pizza.example"), (b"content-type", b"application/json")]
        if name is not None:
            headers.append((b"authorization", f"Bearer {await world.token(name)}".encode()))
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/batch",
            "query_string": b"",
            "headers": headers,
            "client": ("127.0.0.1", 1),
        }
        told.clear()
        await world.app(scope, receive, send)
        assert told[0]["status"] == status
