"""Users: who may ask for what in which tenant, and what is asked of the system journal about them."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

ONLINE: Final = "online"
FOH: Final = "foh"
KITCHEN: Final = "kitchen"
STAFF: Final = "staff"
MANAGER: Final = "manager"
ADMIN: Final = "admin"
#: Runs the service: an admin of every tenant. Only users of the default tenant may be one.
OPERATOR: Final = "operator"
#: A program that follows what happens: a store node, a collector of metrics.
SERVICE: Final = "service"
ROLES: Final = (ONLINE, FOH, KITCHEN, STAFF, MANAGER, ADMIN, OPERATOR, SERVICE)

ENABLED: Final = "active"
DISABLED: Final = "disabled"

#: What events say of callers without a name; no user may be called so.
ANONYMOUS: Final = "anonymous"


class User(NamedTuple):
    """Somebody, or some program, who signs in to one tenant. The name is for ever."""

    tenant_id: str
    username: str
    roles: tuple[str, ...]
    status: str
    #: Tokens carry this instant, and count only while it is the user's.
    tokens_from: int
    created_at: int
    updated_at: int
    version: int
    #: Argon2id, in the PHC string format; None: nobody can sign in with a password.
    password_hash: str | None = None

    @property
    def key(self) -> tuple[str, ...]:
        """The record's key in `USER`."""
        return (self.tenant_id, self.username)

    @property
    def is_enabled(self) -> bool:
        """Whether the user may do anything at all."""
        return self.status == ENABLED


class AddUser(NamedTuple):
    """Make a user. Without a hash it can hold tokens, but not sign in."""

    tenant_id: str
    username: str
    password_hash: str | None
    roles: tuple[str, ...]


class ChangeUser(NamedTuple):
    """Change roles or status: `changes` has new values by field of `User`. Its tokens end.

    Only an operator (`by_operator`) may touch an operator, or make one.
    """

    tenant_id: str
    username: str
    changes: Mapping[str, Any]
    by_operator: bool = False
    expected_version: int | None = None


class SetPassword(NamedTuple):
    """Give a user another password. Its tokens end."""

    tenant_id: str
    username: str
    password_hash: str
    expected_version: int | None = None


class EndSessions(NamedTuple):
    """The user signs out everywhere: its tokens end."""

    tenant_id: str
    username: str


UserAction = AddUser | ChangeUser | SetPassword | EndSessions
