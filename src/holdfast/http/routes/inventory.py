"""Goods that come, go and move, named in the body instead of the address."""

from typing import Final

from holdfast.http import actions
from holdfast.http.answer import Answer, json_answer
from holdfast.http.call import Call
from holdfast.http.endpoint import Endpoint, Reply
from holdfast.http.render import transfer_body
from holdfast.http.routes.stock import TAG, write_stock
from holdfast.http.schemas import inputs, outputs


async def receive_goods(call: Call, body: inputs.ReceiveBody) -> Answer:
    """Take goods in. Makes the record, and the store, when they do not exist yet."""
    expected = call.expected(body.expected_version)
    return await write_stock(call, actions.receive((body.store_id, body.sku), body, expected))


async def ship_goods(call: Call, body: inputs.ShipBody) -> Answer:
    """Give goods out, as far as they are not reserved."""
    expected = call.expected(body.expected_version)
    return await write_stock(call, actions.ship((body.store_id, body.sku), body, expected))


async def adjust_goods(call: Call, body: inputs.AdjustAtBody) -> Answer:
    """Correct what is on hand by a difference, with the place in the body."""
    expected = call.expected(body.expected_version)
    return await write_stock(call, actions.adjust((body.store_id, body.sku), body, expected))


async def transfer_goods(call: Call, body: inputs.TransferBody) -> Answer:
    """Move goods from one store to another: both sides or neither.

    Lines of the same SKU are added up; the answer shows the records after the whole transfer.
    """
    action = actions.transfer(body)
    outcome = await call.ledger.execute(call.command(action))
    return json_answer(transfer_body(action, outcome), 200, (), outcome.replayed)


_PROBLEMS: Final = ("not_found", "version_conflict", "insufficient_stock")
_RECORD: Final = {200: Reply("The record after it.", outputs.StockRecord, etag=True)}

ENDPOINTS: Final = (
    Endpoint(
        method="POST",
        path="/inventory/receive",
        handler=receive_goods,
        tag=TAG,
        body=inputs.ReceiveBody,
        replies=_RECORD,
        problems=("version_conflict",),
        writes=True,
        precondition=True,
    ),
    Endpoint(
        method="POST",
        path="/inventory/ship",
        handler=ship_goods,
        tag=TAG,
        body=inputs.ShipBody,
        replies=_RECORD,
        problems=_PROBLEMS,
        writes=True,
        precondition=True,
    ),
    Endpoint(
        method="POST",
        path="/inventory/adjust",
        handler=adjust_goods,
        tag=TAG,
        body=inputs.AdjustAtBody,
        replies=_RECORD,
        problems=_PROBLEMS,
        writes=True,
        precondition=True,
    ),
    Endpoint(
        method="POST",
        path="/inventory/transfer",
        handler=transfer_goods,
        tag=TAG,
        body=inputs.TransferBody,
        replies={200: Reply("Both records after it.", outputs.Transferred)},
        problems=_PROBLEMS,
        writes=True,
    ),
)
