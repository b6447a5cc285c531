"""How our own clients sign in: with the token that HOLDFAST_TOKEN holds, if it holds one."""

import os


def bearer() -> dict[str, str]:
    """Return the headers that say who asks; none where nobody is asked.

    It comes from the environment, because others can read the arguments of a command.
    """
    token = os.environ.get("HOLDFAST_TOKEN", "").strip()
    return {"Authorization": f"Bearer {token}"} if token else {}
