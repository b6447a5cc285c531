"""Signing in and out, and the users of a tenant. They exist only with `AUTH_MODE=jwt`."""

from typing import Any, Final

from holdfast.accounts import Accounts, Principal, Refused
from holdfast.domain.commands import Command
from holdfast.domain.records import USER, Json, Outcome
from holdfast.domain.rejections import Rejected
from holdfast.domain.users import (
    ONLINE,
    OPERATOR,
    AddUser,
    ChangeUser,
    EndSessions,
    SetPassword,
    User,
    UserAction,
)
from holdfast.domain.values import instant_text
from holdfast.http.answer import Answer, etag, json_answer
from holdfast.http.call import Call
from holdfast.http.endpoint import Endpoint, Reply
from holdfast.http.owners import unauthorized
from holdfast.http.query import PAGE, cursor_key, cursor_text
from holdfast.http.schemas import accounts as schemas
from holdfast.http.steps import own_task

TAG: Final = "Users"
_NOT_KEPT: Final = ((b"cache-control", b"no-store"),)
_WRONG: Final = "The name or the password is wrong."


async def register(call: Call, body: schemas.RegisterBody) -> Answer:
    """Make oneself a user: an online customer, until an admin says otherwise."""
    await own_task()
    accounts = _accounts(call)
    accounts.may_register(call.client)
    password_hash = await accounts.passwords.hash(body.password)
    action = AddUser(call.ledger.tenant_id, body.username, password_hash, (ONLINE,))
    return _told(await accounts.execute(_command(call, action)), 201)


async def login(call: Call, body: schemas.LoginBody) -> Answer:
    """Get a token for a name and a password.

    Whatever is wrong, the answer is the same, and takes as long. Who guesses has to wait ever
    longer (429), which the user, who asks from another address, does not notice.
    """
    await own_task()
    return _token(_accounts(call), await _sign_in(call, body.username, body.password))


async def _sign_in(call: Call, username: str, password: str) -> User:
    accounts, tenant_id = _accounts(call), call.ledger.tenant_id
    try:
        return await accounts.sign_in(tenant_id, username, password, call.client)
    except Refused as no:
        raise unauthorized(str(no), _WRONG) from None


async def refresh(call: Call) -> Answer:
    """Get a newer token for one that still counts; twelve hours after the password, no more."""
    principal = _principal(call)
    try:
        return _token(_accounts(call), principal.user, principal)
    except Refused as no:
        raise unauthorized(str(no)) from None


async def logout(call: Call) -> Answer:
    """Sign out everywhere: all tokens of the caller end at once."""
    user = _principal(call).user
    outcome = await _accounts(call).execute(
        _command(call, EndSessions(user.tenant_id, user.username))
    )
    return Answer(204, b"", None, (), outcome.replayed)


async def change_password(call: Call, body: schemas.PasswordBody) -> Answer:
    """Change one's password. All tokens end; the answer has a new one."""
    await own_task()
    accounts = _accounts(call)
    known = await _sign_in(call, _principal(call).user.username, body.current_password)
    password_hash = await accounts.passwords.hash(body.new_password)
    # Over the password that was looked at, and no other that was set meanwhile.
    action = SetPassword(known.tenant_id, known.username, password_hash, known.version)
    outcome = await accounts.execute(_command(call, action))
    return _token(accounts, _user_of(outcome))


async def read_me(call: Call) -> Answer:
    """Read who the caller is."""
    principal = _principal(call)
    expires_at = instant_text(principal.claims.expires_at * 1000)
    body = {**user_body(principal.user), "expiresAt": expires_at}
    return json_answer(body, 200, _NOT_KEPT)


async def list_users(call: Call) -> Answer:
    """List the users of the tenant, by name."""
    limit: int = call.query["limit"]
    after = cursor_key(call.query["cursor"], 1)
    name = "" if after is None else after[0]
    found = _accounts(call).users_of(call.ledger.tenant_id, name, limit + 1)
    next_cursor = cursor_text(found[limit - 1].username) if len(found) > limit else None
    items = [user_body(each) for each in found[:limit]]
    return json_answer({"items": items, "nextCursor": next_cursor})


async def change_user(call: Call, body: schemas.ChangeUserBody) -> Answer:
    """Change a user's roles, password or status; whoever is disabled is out at once.

    All tokens of the user end with every change. Operators are for operators to change.
    """
    await own_task()
    accounts, changes = _accounts(call), _changes(body)
    if body.password is not None:
        changes["password_hash"] = await accounts.passwords.hash(body.password)
    action = ChangeUser(
        call.ledger.tenant_id,
        call.params["username"],
        changes,
        OPERATOR in _principal(call).roles,
        call.expected(body.expected_version),
    )
    return _told(await accounts.execute(_command(call, action)), 200)


def _changes(body: schemas.ChangeUserBody) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if body.roles is not None:
        changes["roles"] = tuple(dict.fromkeys(body.roles))
    if body.status is not None:
        changes["status"] = body.status
    return changes


def _accounts(call: Call) -> Accounts:
    accounts = call.services.accounts
    if accounts is None:
        raise Rejected("not_found", "Nobody signs in here: this server runs with AUTH_MODE=off.")
    return accounts


def _principal(call: Call) -> Principal:
    if call.principal is None:
        raise Rejected("not_found", "Nobody signs in here: this server runs with AUTH_MODE=off.")
    return call.principal


def _command(call: Call, action: UserAction) -> Command:
    """Return the command; users of two tenants may have one name, and their keys are not shared."""
    actor = call.actor if "/" in call.actor else f"{call.ledger.tenant_id}/{call.actor}"
    return call.command(action)._replace(actor=actor)


def _token(accounts: Accounts, user: User, session: Principal | None = None) -> Answer:
    token, for_s = accounts.token_for(user, None if session is None else session.claims)
    body = {
        "accessToken": token,
        "tokenType": "Bearer",
        "expiresIn": for_s,
        "roles": list(user.roles),
    }
    return json_answer(body, 200, _NOT_KEPT)


def _user_of(outcome: Outcome) -> User:
    found = outcome.first(USER)
    if found is None:
        raise RuntimeError("a command on a user answers with it")
    return found


def _told(outcome: Outcome, status: int) -> Answer:
    user = _user_of(outcome)
    return json_answer(user_body(user), status, (etag(user.version),), outcome.replayed)


def user_body(user: User) -> dict[str, Json]:
    """Write a user, without what opens anything."""
    return {
        "username": user.username,
        "tenantId": user.tenant_id,
        "roles": list(user.roles),
        "status": user.status,
        "createdAt": instant_text(user.created_at),
        "updatedAt": instant_text(user.updated_at),
        "version": user.version,
    }


_TOKEN: Final = {200: Reply("The token.", schemas.Token)}

ENDPOINTS: Final = (
    Endpoint(
        method="POST",
        path="/auth/register",
        handler=register,
        tag=TAG,
        body=schemas.RegisterBody,
        replies={201: Reply("The user.", schemas.User, etag=True)},
        problems=("not_found", "already_exists"),
        writes=True,
    ),
    Endpoint(
        method="POST",
        path="/auth/login",
        handler=login,
        tag=TAG,
        body=schemas.LoginBody,
        replies=_TOKEN,
        problems=("not_found", "unauthorized"),
    ),
    Endpoint(
        method="POST",
        path="/auth/refresh",
        handler=refresh,
        tag=TAG,
        replies=_TOKEN,
        problems=("not_found",),
    ),
    Endpoint(
        method="POST",
        path="/auth/logout",
        handler=logout,
        tag=TAG,
        replies={204: Reply("Signed out.")},
        problems=("not_found",),
        writes=True,
    ),
    Endpoint(
        method="POST",
        path="/auth/password",
        handler=change_password,
        tag=TAG,
        body=schemas.PasswordBody,
        replies=_TOKEN,
        problems=("not_found", "version_conflict"),
        writes=True,
    ),
    Endpoint(
        method="GET",
        path="/auth/me",
        handler=read_me,
        tag=TAG,
        replies={200: Reply("The caller.", schemas.Me)},
        problems=("not_found",),
    ),
    Endpoint(
        method="GET",
        path="/users",
        handler=list_users,
        tag=TAG,
        query=PAGE,
        replies={200: Reply("A page of users.", schemas.UserPage)},
        problems=("not_found",),
    ),
    Endpoint(
        method="PATCH",
        path="/users/{username}",
        handler=change_user,
        tag=TAG,
        body=schemas.ChangeUserBody,
        replies={200: Reply("The user after it.", schemas.User, etag=True)},
        problems=("not_found", "version_conflict"),
        writes=True,
        precondition=True,
    ),
)
