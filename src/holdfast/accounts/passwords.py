"""Passwords as Argon2id hashes (RFC 9106), made in threads, few at a time.

The parameters are the first of OWASP's recommendation (19 MiB, two passes, one lane): some tens
of milliseconds each. So a crowd of sign-ins waits in a queue of its own and is shed from there,
and cannot take the memory or the processors from those who are signed in.
"""

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

import argon2

from holdfast.resilience.admission import Bulkhead

_AT_ONCE: Final = 2
_WAITING_MAX: Final = 64
_WAIT_MAX_S: Final = 5.0

_T = TypeVar("_T")


class Passwords:
    """Hashes and compares; one is enough for a process."""

    def __init__(self) -> None:
        self._hasher = argon2.PasswordHasher(
            time_cost=2, memory_cost=19_456, parallelism=1, type=argon2.Type.ID
        )
        self._places = Bulkhead(_AT_ONCE, _WAITING_MAX, _WAIT_MAX_S)
        #: What is compared with for those who have no hash, so that they take as long.
        self._nobodys = self._hasher.hash("nobody has this password")

    async def hash(self, password: str) -> str:
        """Return the hash of a password, in the PHC string format.

        Raises:
            Overloaded: too many wait already.
        """
        return await self._in_thread(lambda: self.hash_now(password))

    def hash_now(self, password: str) -> str:
        """Return the hash of a password; blocks."""
        return self._hasher.hash(password)

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Tell whether a password is the one of this hash. No hash takes as long, and is false.

        Raises:
            Overloaded: too many wait already.
        """
        return await self._in_thread(lambda: self._is_that_of(password_hash, password))

    def _is_that_of(self, password_hash: str | None, password: str) -> bool:
        try:
            self._hasher.verify(password_hash or self._nobodys, password)
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            return False
        return password_hash is not None

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        await self._places.enter()
        try:
            # A thread cannot be stopped: the place is given back when it is done, not when
            # its client leaves.
            task = asyncio.ensure_future(asyncio.to_thread(work))
        except BaseException:
            self._places.leave()
            raise
        task.add_done_callback(lambda _: self._places.leave())
        return await asyncio.shield(task)
