"""Orders of guests: placed, confirmed, cancelled, listed."""

from typing import Final

from holdfast.domain.commands import CancelOrder, ConfirmOrder, PlaceOrder, Portions
from holdfast.domain.records import ORDER, ORDER_STATUS
from holdfast.http.answer import Answer, etag, json_answer
from holdfast.http.call import Call, new_id
from holdfast.http.endpoint import Endpoint, Reply
from holdfast.http.owners import owner_of_order
from holdfast.http.query import PAGE, choice_param, id_param
from holdfast.http.render_catalogue import order_body
from holdfast.http.resources import Resource
from holdfast.http.schemas import orders as schemas

TAG: Final = "Orders"
_ORDERS: Final = Resource(ORDER, "order", "orderId", order_body)


async def place_order(call: Call, body: schemas.OrderBody) -> Answer:
    """Order dishes: all that they take is reserved together, or nothing.

    What several dishes share is added up first. A refusal says in `details.items` what is in the
    way of each dish, and in `details.shortages` what is short. The order keeps the names and
    prices of this moment, and expires like a reservation.
    """
    action = PlaceOrder(
        new_id(),
        body.store_id or await call.default_store_id(),
        tuple(Portions(each.id, each.qty) for each in body.items),
        body.customer,
        None if call.principal is None else call.principal.name,
        call.config.reservation_ttl_ms,
    )
    outcome = await call.ledger.execute(call.command(action))
    order = next(record for table, _, record in outcome.records if table is ORDER)
    told = {**order_body(order), **_for_guest(call, order.id)}
    return json_answer(told, 201, (etag(order.version),), outcome.replayed)


def _for_guest(call: Call, order_id: str) -> dict[str, str]:
    """Return what opens the order to a guest, who has nothing else to show."""
    if call.services.accounts is None or call.principal is not None:
        return {}
    return {"orderToken": call.services.accounts.tokens.of_order(call.ledger.tenant_id, order_id)}


async def confirm_order(call: Call, body: schemas.OrderEndBody) -> Answer:
    """The order is made: its ingredients leave what is on hand.

    To confirm again answers the same.
    """
    expected = call.expected(body.expected_version)
    order_id = call.params["orderId"]
    user_id = await owner_of_order(call, order_id)
    return await _ORDERS.write(call, ConfirmOrder(order_id, user_id, expected))


async def cancel_order(call: Call, body: schemas.OrderEndBody) -> Answer:
    """The order is called off: its ingredients are released.

    To cancel again answers the same.
    """
    expected = call.expected(body.expected_version)
    order_id = call.params["orderId"]
    user_id = await owner_of_order(call, order_id)
    return await _ORDERS.write(call, CancelOrder(order_id, user_id, expected))


async def read_order(call: Call) -> Answer:
    """Read an order. Ended ones stay readable for thirty days, or as the operator chose."""
    await owner_of_order(call, call.params["orderId"])
    return await _ORDERS.read(call)


async def list_orders(call: Call) -> Answer:
    """List orders, oldest first.

    A page looks at no more than 10,000 orders, so it may be short while `nextCursor` goes on.
    """
    status, store_id = call.query["status"], call.query["storeId"]
    return await _ORDERS.page(
        call,
        lambda order: status in {None, order.status} and store_id in {None, order.store_id},
    )


_ORDER: Final = {200: Reply("The order after it.", schemas.Order, etag=True)}
_END_PROBLEMS: Final = (
    "not_found",
    "forbidden",
    "version_conflict",
    "reservation_not_active",
    "reservation_expired",
)
_ONE: Final = "/store/orders/{orderId}"

ENDPOINTS: Final = (
    Endpoint(
        method="POST",
        path="/store/orders",
        handler=place_order,
        tag=TAG,
        body=schemas.OrderBody,
        replies={201: Reply("The order.", schemas.Order, etag=True)},
        problems=("not_found", "insufficient_stock"),
        writes=True,
    ),
    Endpoint(
        method="GET",
        path="/manager/orders",
        handler=list_orders,
        tag=TAG,
        query=(
            *PAGE,
            choice_param("status", tuple(ORDER_STATUS.values()), "Only in this state."),
            id_param("storeId", "Only in this store."),
        ),
        replies={200: Reply("A page of orders.", schemas.OrderPage)},
    ),
    Endpoint(
        method="GET",
        path=_ONE,
        handler=read_order,
        tag=TAG,
        replies={
            200: Reply("The order.", schemas.Order, etag=True),
            304: Reply("Not changed since the version in `If-None-Match`.", etag=True),
        },
        problems=("not_found",),
    ),
    Endpoint(
        method="POST",
        path=f"{_ONE}/confirm",
        handler=confirm_order,
        tag=TAG,
        body=schemas.OrderEndBody,
        body_optional=True,
        replies=_ORDER,
        problems=_END_PROBLEMS,
        writes=True,
        precondition=True,
    ),
    Endpoint(
        method="POST",
        path=f"{_ONE}/cancel",
        handler=cancel_order,
        tag=TAG,
        body=schemas.OrderEndBody,
        body_optional=True,
        replies=_ORDER,
        problems=_END_PROBLEMS,
        writes=True,
        precondition=True,
    ),
)
