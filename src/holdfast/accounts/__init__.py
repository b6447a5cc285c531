"""Who asks: passwords, tokens, and what slows a guesser down.

Users are records of the system journal (`domain.users`). A token says who somebody is for a while;
whether it still counts is asked of the user's record at each request, so what ends a user's tokens
ends them at once.
"""

from holdfast.accounts.accounts import Accounts, Principal, Refused
from holdfast.accounts.tokens import Tokens

__all__ = ["Accounts", "Principal", "Refused", "Tokens"]
