"""Users and service tokens, made on a folder that nobody serves: how the first admin comes to be."""

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from holdfast.environment import load_settings
from holdfast.importer.errors import UNAVAILABLE, CommandFailed, bad_data

if TYPE_CHECKING:
    from holdfast.domain.users import User, UserAction
    from holdfast.settings import Settings
    from holdfast.tenancy import TenantRegistry

_PASSWORD_CHARS_MIN = 8
_S_PER_DAY = 24 * 3600

_T = TypeVar("_T")

Tenant = Annotated[str, typer.Option(help="The tenant whose user it is.")]
DataDir = Annotated[
    Path | None, typer.Option(help="The folder of all data (default: DATA_DIR, else data).")
]
Roles = Annotated[list[str], typer.Option("--role", help="What it may do; may be given again.")]

users = typer.Typer(
    name="user", help="Users, on a folder that nobody serves.", no_args_is_help=True
)


@users.command()
def add(
    username: Annotated[str, typer.Argument(help="What the user is called, for ever.")],
    role: Roles,
    tenant: Tenant = "default",
    data_dir: DataDir = None,
) -> None:
    """Make a user; the password is asked for, or read from standard input.

    Example: `holdfast user add ada --role admin`
    """
    from holdfast.accounts.passwords import Passwords  # noqa: PLC0415 - few commands need it
    from holdfast.domain.users import AddUser  # noqa: PLC0415 - the same

    settings = _settings(data_dir)
    roles = _known(username, role)
    password_hash = Passwords().hash_now(_password())
    _execute(settings, AddUser(tenant, username, password_hash, roles))
    typer.echo(f"{username} may sign in to the tenant {tenant} as {', '.join(roles)}.")


@users.command()
def disable(
    username: Annotated[str, typer.Argument(help="Whom.")],
    tenant: Tenant = "default",
    data_dir: DataDir = None,
) -> None:
    """Shut a user, or a service, out: no sign-in, and no token counts any more.

    Example: `holdfast user disable store-7`
    """
    from holdfast.domain.users import DISABLED, ChangeUser  # noqa: PLC0415 - few commands need it

    action = ChangeUser(tenant, username, {"status": DISABLED}, by_operator=True)
    _execute(_settings(data_dir), action)
    typer.echo(f"{username} is shut out of the tenant {tenant}.")


def token(
    username: Annotated[str, typer.Argument(help="What the service is called, such as store-7.")],
    role: Annotated[str, typer.Option(help="What it may do.")] = "service",
    days: Annotated[int, typer.Option(min=1, max=3650, help="How long the token counts.")] = 90,
    tenant: Tenant = "default",
    data_dir: DataDir = None,
) -> None:
    """Make a token for a program, and its user where there is none; it goes to standard output.

    It is signed with JWT_SECRET, and counts until it ends or its user is disabled.

    Example: `holdfast token store-7 --days 30`
    """
    settings = _settings(data_dir)
    if settings.auth_mode != "jwt":
        raise bad_data("Tokens need AUTH_MODE=jwt and the server's JWT_SECRET.")
    roles = _known(username, [role])

    async def make(registry: "TenantRegistry") -> str:
        from holdfast.accounts import Accounts, Tokens  # noqa: PLC0415 - few commands need it

        accounts = Accounts(registry, Tokens(settings.jwt_secret))
        return accounts.long_token_for(
            await _service(registry, tenant, username, roles), days * _S_PER_DAY
        )

    typer.echo(_offline(settings, make))


async def _service(
    registry: "TenantRegistry", tenant: str, username: str, roles: tuple[str, ...]
) -> "User":
    """Return the program's user; it is made if it is not there."""
    from holdfast.domain.records import USER  # noqa: PLC0415 - few commands need it
    from holdfast.domain.users import AddUser  # noqa: PLC0415 - the same

    known = (await registry.system.read()).get(USER, (tenant, username))
    if known is None:
        return await _do(registry, AddUser(tenant, username, None, roles))
    if known.password_hash is not None or known.roles != roles or not known.is_enabled:
        raise bad_data(f"There is a user {username} of another kind; choose another name.")
    return known


def _known(username: str, roles: list[str]) -> tuple[str, ...]:
    from holdfast.domain.users import ROLES  # noqa: PLC0415 - few commands need it
    from holdfast.domain.values import is_id  # noqa: PLC0415 - the same

    if not is_id(username):
        raise bad_data("A name has 1 to 64 letters, digits, dots, hyphens or underscores.")
    for role in roles:
        if role not in ROLES:
            raise bad_data(f"There is no role {role}; there are {', '.join(ROLES)}.")
    return tuple(dict.fromkeys(roles))


def _password() -> str:
    if sys.stdin.isatty():
        given: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        given = sys.stdin.readline().removesuffix("\n")
    if len(given) < _PASSWORD_CHARS_MIN:
        raise bad_data(f"A password has at least {_PASSWORD_CHARS_MIN} characters.")
    return given


def _settings(data_dir: Path | None) -> "Settings":
    return load_settings({} if data_dir is None else {"data_dir": data_dir})


def _execute(settings: "Settings", action: "UserAction") -> None:
    async def execute(registry: "TenantRegistry") -> "User":
        return await _do(registry, action)

    _offline(settings, execute)


async def _do(registry: "TenantRegistry", action: "UserAction") -> "User":
    from holdfast.domain.commands import Command  # noqa: PLC0415 - few commands need it
    from holdfast.domain.records import USER  # noqa: PLC0415 - the same
    from holdfast.runtime import new_id  # noqa: PLC0415 - the same

    outcome = await registry.system.execute(Command(action, new_id(), "system", "command line"))
    user = outcome.first(USER)
    if user is None:
        raise RuntimeError("a command on a user answers with it")
    return user


def _offline(settings: "Settings", work: "Callable[[TenantRegistry], Awaitable[_T]]") -> _T:
    from holdfast import runtime  # noqa: PLC0415 - brings the whole service
    from holdfast.domain.rejections import Rejected  # noqa: PLC0415 - the same
    from holdfast.folder_lock import CannotStart  # noqa: PLC0415 - the same
    from holdfast.ledger.port import Unavailable  # noqa: PLC0415 - the same

    try:
        return runtime.offline(settings, work)
    except Rejected as no:
        raise bad_data(no.detail) from None
    except (CannotStart, Unavailable) as error:
        raise CommandFailed(str(error), UNAVAILABLE) from error
