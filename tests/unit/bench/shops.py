"""What every shop of the bench must do, whatever database is behind it."""

import asyncio
from typing import Final

from uuid_utils import uuid7

from bench.peers.shop import Asked, Shop, Stock

STORE: Final = "BENCH"


async def must_never_oversell(shop: Shop, sku: str, other: str, on_hand: int) -> None:
    """Ask for three times what is there, all at once: exactly what is there is sold.

    Nobody has asked for `sku` and `other` before. Each answer shows a stock of its own, and what
    happens to one SKU does not touch the other, nor make one that is not there.
    """
    asked = [
        Asked(str(uuid7()), STORE, sku, 1, f"u{number}", 1, 2) for number in range(3 * on_hand)
    ]
    before = await shop.reservations()
    assert await shop.reserve(asked[0]._replace(sku="unknown")) is None
    answers = await asyncio.gather(*map(shop.reserve, asked))
    sold = sorted(answer for answer in answers if answer is not None)
    assert sold == [Stock(on_hand, number, 1 + number) for number in range(1, on_hand + 1)]
    assert await shop.reservations() - before == on_hand
    untouched = asked[0]._replace(sku=other, reservation_id=str(uuid7()))
    assert await shop.reserve(untouched) == Stock(on_hand, 1, 2)
