"""Decisions about users, made on the system journal."""

from holdfast.domain.decide.draft import Draft, require_version
from holdfast.domain.decide.stock import Fact
from holdfast.domain.decide.tenants import unknown_tenant
from holdfast.domain.records import TENANT, USER
from holdfast.domain.rejections import Rejected, invalid, unknown
from holdfast.domain.tenants import DEFAULT_TENANT, SYSTEM_TENANT
from holdfast.domain.users import (
    ANONYMOUS,
    ENABLED,
    OPERATOR,
    AddUser,
    ChangeUser,
    EndSessions,
    SetPassword,
    User,
)

#: What events say of those who are no users.
_NOT_FOR_USERS = frozenset({ANONYMOUS, SYSTEM_TENANT})


def add(draft: Draft, action: AddUser) -> Fact:
    """Make a user of a tenant."""
    tenant_id, username = action.tenant_id, action.username
    tenant = draft.record(TENANT, (tenant_id,))
    if tenant is None or not tenant.exists:
        raise unknown_tenant(tenant_id)
    if username in _NOT_FOR_USERS:
        raise invalid("/username", f"Nobody may be called {username}; choose another name.")
    _demand_place(tenant_id, action.roles)
    if draft.record(USER, (tenant_id, username)) is not None:
        sentence = f"The name {username} is taken; choose another one."
        raise Rejected("already_exists", sentence, {"username": username})
    now = draft.now
    made = User(tenant_id, username, action.roles, ENABLED, now, now, now, 1, action.password_hash)
    draft.put(USER, made.key, made)
    return "UserAdded", {}


def change(draft: Draft, action: ChangeUser) -> Fact | None:
    """Change roles or status; None when they are so already."""
    known = _existing(draft, action.tenant_id, action.username, action.expected_version)
    changed = known._replace(**action.changes)
    if OPERATOR in (*known.roles, *changed.roles) and not action.by_operator:
        raise Rejected("forbidden", "Only an operator may make or change an operator.")
    _demand_place(known.tenant_id, changed.roles)
    if changed == known:
        draft.show(USER, known.key, known)
        return None
    _put(draft, known, changed)
    return "UserChanged", {}


def set_password(draft: Draft, action: SetPassword) -> Fact:
    """Give a user another password."""
    known = _existing(draft, action.tenant_id, action.username, action.expected_version)
    _put(draft, known, known._replace(password_hash=action.password_hash))
    return "UserPasswordSet", {}


def end_sessions(draft: Draft, action: EndSessions) -> Fact:
    """End all tokens of a user."""
    known = _existing(draft, action.tenant_id, action.username, None)
    _put(draft, known, known)
    return "UserSessionsEnded", {}


def _existing(draft: Draft, tenant_id: str, username: str, expected: int | None) -> User:
    known = draft.record(USER, (tenant_id, username))
    if known is None:
        raise unknown("user", username)
    require_version(f"The user {username}", known.version, expected)
    return known


def _put(draft: Draft, known: User, changed: User) -> None:
    """Put a changed user; two changes within one millisecond end two sets of tokens all the same."""
    changed = changed._replace(
        tokens_from=max(draft.now, known.tokens_from + 1),
        updated_at=draft.now,
        version=known.version + 1,
    )
    draft.put(USER, changed.key, changed)


def _demand_place(tenant_id: str, roles: tuple[str, ...]) -> None:
    """Refuse an operator in a tenant whose own admins would be above it."""
    if OPERATOR in roles and tenant_id != DEFAULT_TENANT:
        raise invalid("/roles", f"Only users of the tenant {DEFAULT_TENANT} may be operators.")
