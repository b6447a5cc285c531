"""What becomes of an order: it follows the reservation that holds its ingredients."""

from holdfast.domain.records import ORDER_STATUS, Order, Reservation


def follow(order: Order, held: Reservation) -> Order:
    """Return the order as its reservation makes it: the order itself when that is nothing new."""
    moved = order._replace(
        status=ORDER_STATUS[held.status],
        expires_at=held.expires_at,
        ended_at=held.ended_at,
        kept_until=held.kept_until,
    )
    return order if moved == order else moved._replace(version=order.version + 1)
