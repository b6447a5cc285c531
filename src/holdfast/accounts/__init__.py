"""Who asks: passwords, tokens, and what slows a guesser down.

Users are records of the system journal (`domain.users`). A token says who somebody is for a while;
whether it still counts is asked of the user's record at each request, so what ends a user's tokens
ends them at once.
"""

from holdfast.accounts.accounts import Accounts, Principal, Refused
from holdfast.accounts.tokens import Tokens
from holdfast.settings import Settings
from holdfast.tenancy import TenantRegistry

__all__ = ["Accounts", "Principal", "Refused", "Tokens", "accounts_for"]


def accounts_for(settings: Settings, registry: TenantRegistry) -> Accounts | None:
    """Return the accounts that an operator asks for; None where nobody signs in."""
    if settings.auth_mode != "jwt":
        return None
    tokens = Tokens(settings.jwt_secret, settings.jwt_secret_previous)
    return Accounts(registry, tokens, settings.jwt_ttl_s)
