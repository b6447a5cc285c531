"""The menu: dishes as managers write them, and what guests can have of them now."""

from collections.abc import Callable
from functools import partial
from typing import Final

import orjson

from holdfast.domain.commands import DeleteMenuItem, PutMenuItem, SetRecipe
from holdfast.domain.records import MENU_ITEM, STORE
from holdfast.domain.rejections import unknown
from holdfast.http.actions import as_lines
from holdfast.http.answer import Answer
from holdfast.http.call import Call, new_id
from holdfast.http.endpoint import Endpoint, Reply
from holdfast.http.headers import none_match
from holdfast.http.query import (
    CURSOR,
    LIMIT_MAX,
    PAGE,
    cursor_key,
    cursor_text,
    id_param,
    int_param,
)
from holdfast.http.render_catalogue import dish_body
from holdfast.http.resources import Resource, require_same
from holdfast.http.schemas import menu as schemas
from holdfast.http.schemas.inputs import Expecting
from holdfast.ledger.port import Reading

TAG: Final = "Menu"
_DISHES: Final = Resource(MENU_ITEM, "dish", "dishId", dish_body)


async def create_dish(call: Call, body: schemas.DishBody) -> Answer:
    """Put a dish on the menu.

    Its recipe says what one portion takes; the SKUs need no stock and no items yet.
    """
    action = _put_dish(call, body.id or new_id(), body, new=True)
    return await _DISHES.write(call, action, 201)


async def replace_dish(call: Call, body: schemas.ReplaceDishBody) -> Answer:
    """Write a dish anew. What is left out is cleared; `isAvailable` is then true."""
    dish_id = require_same("id", body.id, call.params["dishId"])
    return await _DISHES.write(call, _put_dish(call, dish_id, body))


def _put_dish(
    call: Call, dish_id: str, body: schemas.DishFacts, *, new: bool = False
) -> PutMenuItem:
    return PutMenuItem(
        dish_id,
        body.name,
        body.price,
        body.category,
        body.is_available,
        as_lines(body.recipe),
        body.description,
        body.image_url,
        new,
        call.expected(body.expected_version),
    )


async def replace_recipe(call: Call, body: schemas.RecipeBody) -> Answer:
    """Change what a portion of a dish takes, and nothing else of it."""
    expected = call.expected(body.expected_version)
    return await _DISHES.write(
        call, SetRecipe(call.params["dishId"], as_lines(body.recipe), expected)
    )


async def delete_dish(call: Call, body: Expecting) -> Answer:
    """Take a dish off the menu. Orders keep its name and price."""
    action = DeleteMenuItem(call.params["dishId"], call.expected(body.expected_version))
    return await _DISHES.delete(call, action)


async def read_dish(call: Call) -> Answer:
    """Read a dish with its recipe."""
    return await _DISHES.read(call)


async def list_dishes(call: Call) -> Answer:
    """List the dishes with their recipes, by id."""
    return await _DISHES.page(call)


async def read_menu(call: Call) -> Answer:
    """Read what a store can sell of every dish now, and why not.

    The whole menu, unless a `limit` is given. The `ETag` stands for all of it, whichever page is
    asked: it changes with any dish, and with the stock or the item of any ingredient.
    """
    menus = call.services.menus
    reading, menu = await menus.current(call.ledger, await menu_store(call))
    headers = ((b"etag", menu.etag),) if reading.exact else ()
    if reading.exact and none_match(call.headers, menu.etag):
        return Answer(304, b"", None, headers)
    after = cursor_key(call.query["cursor"], 1)
    dishes, last = menu.page(None if after is None else after[0], call.query["limit"])
    end = {"nextCursor": None if last is None else cursor_text(last), "storeId": menu.store_id}
    return Answer(200, b'{"items":' + dishes + b"," + orjson.dumps(end)[1:], headers=headers)


async def read_store_menu(call: Call) -> Answer:
    """Read what a store can sell of every dish now, and why not: the same as `/menu`."""
    return await read_menu(call)


async def menu_store(call: Call) -> Callable[[Reading], str | None]:
    """Return what says of a reading which store's menu is asked for; see `_store_id`."""
    chosen = None if call.query["storeId"] else await call.chosen_store_id()
    return partial(_store_id, call, chosen)


def _store_id(call: Call, chosen: str | None, reading: Reading) -> str | None:
    """Return the store whose menu is asked for; None where there is nothing in stock yet.

    `chosen` is the tenant's default store, if it has one.

    Raises:
        Rejected: there is no such store, or it is not clear which one is meant.
    """
    store_id: str | None = call.query["storeId"]
    if store_id is None and chosen is not None:
        return chosen if reading.get(STORE, (chosen,)) else None
    if store_id is None:
        return call.only_store_id(reading) if reading.records(STORE) else None
    if reading.get(STORE, (store_id,)) is None:
        raise unknown("store", store_id)
    return store_id


_DISH: Final = {200: Reply("The dish after it.", schemas.Dish, etag=True)}
_MENU: Final = {
    200: Reply("The menu.", schemas.Menu, etag=True),
    304: Reply("Not changed since the copy that `If-None-Match` names.", etag=True),
}
_MENU_QUERY: Final = (
    id_param("storeId", "The store; else the tenant's default, or only, store."),
    int_param("limit", 1, LIMIT_MAX, None, "How many dishes, at most; without it, all."),
    CURSOR,
)
_ONE: Final = "/manager/menu/{dishId}"
_WRITE_PROBLEMS: Final = ("not_found", "version_conflict")

ENDPOINTS: Final = (
    Endpoint(
        method="GET",
        path="/menu",
        handler=read_menu,
        tag=TAG,
        query=_MENU_QUERY,
        replies=_MENU,
        problems=("not_found",),
    ),
    Endpoint(
        method="GET",
        path="/store/menu",
        handler=read_store_menu,
        tag=TAG,
        query=_MENU_QUERY,
        replies=_MENU,
        problems=("not_found",),
    ),
    Endpoint(
        method="POST",
        path="/manager/menu",
        handler=create_dish,
        tag=TAG,
        body=schemas.DishBody,
        replies={201: Reply("The dish.", schemas.Dish, etag=True)},
        problems=("already_exists", "version_conflict"),
        writes=True,
        precondition=True,
    ),
    Endpoint(
        method="GET",
        path="/manager/menu",
        handler=list_dishes,
        tag=TAG,
        query=PAGE,
        replies={200: Reply("A page of dishes.", schemas.DishPage)},
    ),
    Endpoint(
        method="GET",
        path=_ONE,
        handler=read_dish,
        tag=TAG,
        replies={
            200: Reply("The dish.", schemas.Dish, etag=True),
            304: Reply("Not changed since the version in `If-None-Match`.", etag=True),
        },
        problems=("not_found",),
    ),
    Endpoint(
        method="PUT",
        path=_ONE,
        handler=replace_dish,
        tag=TAG,
        body=schemas.ReplaceDishBody,
        replies=_DISH,
        problems=_WRITE_PROBLEMS,
        writes=True,
        precondition=True,
    ),
    Endpoint(
        method="DELETE",
        path=_ONE,
        handler=delete_dish,
        tag=TAG,
        body=Expecting,
        body_optional=True,
        replies={204: Reply("It is off the menu.")},
        problems=_WRITE_PROBLEMS,
        writes=True,
        precondition=True,
    ),
    Endpoint(
        method="PUT",
        path=f"{_ONE}/recipe",
        handler=replace_recipe,
        tag=TAG,
        body=schemas.RecipeBody,
        replies=_DISH,
        problems=_WRITE_PROBLEMS,
        writes=True,
        precondition=True,
    ),
)
