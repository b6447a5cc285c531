"""Why a dish can be sold, or cannot: each ingredient taken apart, all behind the same event."""

from typing import Final

from holdfast.domain.availability import Availability, Ingredient, availability, ingredient, needs
from holdfast.domain.records import ITEM, MENU_ITEM, STOCK, Json, MenuItem
from holdfast.domain.rejections import unknown
from holdfast.domain.state import State
from holdfast.domain.values import instant_text
from holdfast.http.answer import Answer, json_answer
from holdfast.http.as_of import AS_OF, AS_OF_PROBLEMS, PAST_KNOWN, past_answer
from holdfast.http.call import Call
from holdfast.http.endpoint import Endpoint, Reply
from holdfast.http.query import id_param
from holdfast.http.render_catalogue import menu_entry
from holdfast.http.routes.explain import explanation_body
from holdfast.http.routes.menu import TAG, menu_store
from holdfast.http.schemas import explained
from holdfast.ledger.past_values import AsOf, Explanation
from holdfast.ledger.port import Reading

#: Ingredients, by SKU, with what is known of their stock.
Told = dict[str, Explanation | None]


async def explain_dish(call: Call) -> Answer:
    """Tell why a dish can be sold in a store, or cannot.

    `entry` is the dish as the menu has it. Every ingredient comes with what one portion takes, for
    how many portions it lasts, and its stock taken apart; all of it belongs to the event `asOf`.
    """
    store_id = (await menu_store(call))(await call.ledger.read())
    as_of: AsOf | None = call.query["asOf"]
    dish_id = call.params["dishId"]
    if as_of is None:
        reading = await call.ledger.read()
    else:
        reading = await call.ledger.past.read_dish(as_of, dish_id)
    dish = reading.get(MENU_ITEM, (dish_id,))
    if dish is None:
        raise unknown("dish", dish_id)
    sequence = reading.sequence
    place = {"sequence": sequence, "at": instant_text(reading.now)}
    view = _catalogue(reading, dish)
    told = await _ingredients(call, store_id, dish, AsOf(sequence=sequence))
    for each in told.values():
        if each is not None:
            view.put((STOCK, each.record.key, each.record))
    body = _body(view, store_id, dish, told) | {"asOf": place}
    return json_answer(body) if as_of is None else past_answer(call, sequence, body)


def _catalogue(reading: Reading, dish: MenuItem) -> State:
    """Copy what the catalogue says of the ingredients; behind the next wait it may say other."""
    view = State()
    for sku in needs(dish.recipe):
        item = reading.get(ITEM, (sku,))
        if item is not None:
            view.put((ITEM, item.key, item))
    return view


async def _ingredients(call: Call, store_id: str | None, dish: MenuItem, as_of: AsOf) -> Told:
    told: Told = {}
    for sku in needs(dish.recipe):
        known = None if store_id is None else await call.ledger.past.explain(store_id, sku, as_of)
        told[sku] = known
    return told


def _body(view: State, store_id: str | None, dish: MenuItem, told: Told) -> dict[str, Json]:
    state = availability(view, store_id, dish)
    return {
        "storeId": store_id,
        "detail": _sentence(dish, state),
        "entry": menu_entry(dish, state),
        "isAvailable": dish.is_available,
        "ingredients": [
            _ingredient_body(ingredient(view, store_id, sku), qty, told[sku])
            for sku, qty in needs(dish.recipe).items()
        ],
    }


def _ingredient_body(each: Ingredient, qty: int, told: Explanation | None) -> dict[str, Json]:
    return {
        "sku": each.sku,
        "name": each.name,
        "qty": qty,
        "portions": each.sellable // qty,
        "stock": None if told is None else explanation_body(told),
    }


def _sentence(dish: MenuItem, state: Availability) -> str:
    if state.reasons:
        why = "; ".join(reason.message for reason in state.reasons)
        return f"{dish.name} cannot be sold: {why}."
    if state.portions is None:
        return f"{dish.name} can be sold; it takes nothing from stock."
    return f"{dish.name} can be sold: the ingredients last for {state.portions}."


ENDPOINTS: Final = (
    Endpoint(
        method="GET",
        path="/menu/{dishId}/explain",
        handler=explain_dish,
        tag=TAG,
        query=(
            id_param("storeId", "The store; else the tenant's default, or only, store."),
            AS_OF,
        ),
        replies={
            200: Reply("The dish, taken apart.", explained.DishExplanation, etag=True),
            304: PAST_KNOWN,
        },
        problems=("not_found", *AS_OF_PROBLEMS),
    ),
)
