"""How many connections the operating system lets this process have.

A process that has no descriptor left cannot accept, and cannot open its own files either.
"""

import resource
from typing import Final

#: For files, threads' pipes and whatever else is not a client.
_OWN_MAX: Final = 256


def connections_allowed(wanted: int) -> int:
    """Raise the limit of open files as far as `wanted` needs; how many connections that allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + _OWN_MAX
    if hard != resource.RLIM_INFINITY:
        needed = min(needed, hard)
    if soft != resource.RLIM_INFINITY and soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
        soft = needed
    if soft == resource.RLIM_INFINITY:
        return wanted
    return max(1, min(wanted, soft - _OWN_MAX))
