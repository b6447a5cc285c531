"""What every shop of the bench must do, whatever database is behind it."""

import asyncio
from typing import Final

from uuid_utils import uuid7

from bench.peers.shop import Asked, Shop, Stock

STORE: Final = "BENCH"


async def must_never_oversell(shop: Shop, sku: str, on_hand: int) -> None:
    """Ask for three times what is there, all at once: exactly what is there is sold.

    The SKU is untouched so far. Each answer shows a stock of its own, and another SKU is not
    touched at all.
    """
    asked = [
        Asked(str(uuid7()), STORE, sku, 1, f"u{number}", 1, 2) for number in range(3 * on_hand)
    ]
    before = await shop.reservations()
    answers = await asyncio.gather(*map(shop.reserve, asked))
    sold = sorted(answer for answer in answers if answer is not None)
    assert sold == [Stock(on_hand, number, 1 + number) for number in range(1, on_hand + 1)]
    assert await shop.reservations() - before == on_hand
    assert await shop.reserve(asked[-1]._replace(sku="unknown")) is None
