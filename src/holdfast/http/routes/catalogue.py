"""The catalogue: what SKUs and stores are, for people."""

from typing import Final

from holdfast.domain.commands import DeleteItem, DeleteLocation, PutItem, PutLocation
from holdfast.domain.records import ITEM, STORE
from holdfast.http.answer import Answer
from holdfast.http.call import Call
from holdfast.http.endpoint import Endpoint, Reply
from holdfast.http.query import PAGE
from holdfast.http.render_catalogue import item_body, location_body
from holdfast.http.resources import Resource, require_same
from holdfast.http.schemas import catalogue as schemas
from holdfast.http.schemas.inputs import Expecting

TAG: Final = "Catalogue"
_ITEMS: Final = Resource(ITEM, "item", "sku", item_body)
_LOCATIONS: Final = Resource(STORE, "location", "storeId", location_body)


async def create_item(call: Call, body: schemas.ItemBody) -> Answer:
    """Say what a SKU is. There may be stock of it already.

    With a `lowStockThreshold` its alerts open and resolve from now on, in every store.
    """
    return await _ITEMS.write(call, _put_item(call, body.sku, body, new=True), 201)


async def replace_item(call: Call, body: schemas.ReplaceItemBody) -> Answer:
    """Say anew what a SKU is. What is left out is cleared."""
    sku = require_same("sku", body.sku, call.params["sku"])
    return await _ITEMS.write(call, _put_item(call, sku, body))


def _put_item(call: Call, sku: str, body: schemas.ItemFacts, *, new: bool = False) -> PutItem:
    return PutItem(
        sku,
        body.name,
        body.category,
        body.unit,
        body.price,
        body.low_stock_threshold,
        body.image_url,
        body.description,
        new,
        call.expected(body.expected_version),
    )


async def delete_item(call: Call, body: Expecting) -> Answer:
    """Delete an item, once there is no stock of it and no recipe takes it.

    A new item of that name goes on counting versions where this one ended.
    """
    action = DeleteItem(call.params["sku"], call.expected(body.expected_version))
    return await _ITEMS.delete(call, action)


async def read_item(call: Call) -> Answer:
    """Read an item."""
    return await _ITEMS.read(call)


async def list_items(call: Call) -> Answer:
    """List the items, by SKU."""
    return await _ITEMS.page(call)


async def create_location(call: Call, body: schemas.LocationBody) -> Answer:
    """Describe a store, before its first stock or behind it."""
    return await _LOCATIONS.write(call, _put_location(call, body.store_id, body, new=True), 201)


async def replace_location(call: Call, body: schemas.ReplaceLocationBody) -> Answer:
    """Describe a store anew. What is left out is cleared."""
    store_id = require_same("storeId", body.store_id, call.params["storeId"])
    return await _LOCATIONS.write(call, _put_location(call, store_id, body))


def _put_location(
    call: Call, store_id: str, body: schemas.LocationFacts, *, new: bool = False
) -> PutLocation:
    expected = call.expected(body.expected_version)
    return PutLocation(store_id, body.name, body.address, body.timezone, new, expected)


async def delete_location(call: Call, body: Expecting) -> Answer:
    """Delete a store that has no stock and no pending order."""
    action = DeleteLocation(call.params["storeId"], call.expected(body.expected_version))
    return await _LOCATIONS.delete(call, action)


async def read_location(call: Call) -> Answer:
    """Read what is known of a store."""
    return await _LOCATIONS.read(call)


async def list_locations(call: Call) -> Answer:
    """List the stores, by id, those too that exist by their stock only."""
    return await _LOCATIONS.page(call)


async def list_stores(call: Call) -> Answer:
    """List the stores: the same as `/locations`."""
    return await _LOCATIONS.page(call)


_ITEM: Final = {200: Reply("The item after it.", schemas.Item, etag=True)}
_LOCATION: Final = {200: Reply("The location after it.", schemas.Location, etag=True)}
_UNCHANGED: Final = {304: Reply("Not changed since the version in `If-None-Match`.", etag=True)}
_GONE: Final = {204: Reply("It is deleted.")}
_LOCATION_PAGE: Final = {200: Reply("A page of locations.", schemas.LocationPage)}

ENDPOINTS: Final = (
    Endpoint(
        method="POST",
        path="/items",
        handler=create_item,
        tag=TAG,
        body=schemas.ItemBody,
        replies={201: Reply("The item.", schemas.Item, etag=True)},
        problems=("already_exists", "version_conflict"),
        writes=True,
        precondition=True,
    ),
    Endpoint(
        method="GET",
        path="/items",
        handler=list_items,
        tag=TAG,
        query=PAGE,
        replies={200: Reply("A page of items.", schemas.ItemPage)},
    ),
    Endpoint(
        method="GET",
        path="/items/{sku}",
        handler=read_item,
        tag=TAG,
        replies={200: Reply("The item.", schemas.Item, etag=True), **_UNCHANGED},
        problems=("not_found",),
    ),
    Endpoint(
        method="PUT",
        path="/items/{sku}",
        handler=replace_item,
        tag=TAG,
        body=schemas.ReplaceItemBody,
        replies=_ITEM,
        problems=("not_found", "version_conflict"),
        writes=True,
        precondition=True,
    ),
    Endpoint(
        method="DELETE",
        path="/items/{sku}",
        handler=delete_item,
        tag=TAG,
        body=Expecting,
        body_optional=True,
        replies=_GONE,
        problems=("not_found", "version_conflict", "in_use"),
        writes=True,
        precondition=True,
    ),
    Endpoint(
        method="POST",
        path="/locations",
        handler=create_location,
        tag=TAG,
        body=schemas.LocationBody,
        replies={201: Reply("The location.", schemas.Location, etag=True)},
        problems=("already_exists", "version_conflict"),
        writes=True,
        precondition=True,
    ),
    Endpoint(
        method="GET",
        path="/locations",
        handler=list_locations,
        tag=TAG,
        query=PAGE,
        replies=_LOCATION_PAGE,
    ),
    Endpoint(
        method="GET",
        path="/stores",
        handler=list_stores,
        tag=TAG,
        query=PAGE,
        replies=_LOCATION_PAGE,
    ),
    Endpoint(
        method="GET",
        path="/locations/{storeId}",
        handler=read_location,
        tag=TAG,
        replies={200: Reply("The location.", schemas.Location, etag=True), **_UNCHANGED},
        problems=("not_found",),
    ),
    Endpoint(
        method="PUT",
        path="/locations/{storeId}",
        handler=replace_location,
        tag=TAG,
        body=schemas.ReplaceLocationBody,
        replies=_LOCATION,
        problems=("not_found", "version_conflict"),
        writes=True,
        precondition=True,
    ),
    Endpoint(
        method="DELETE",
        path="/locations/{storeId}",
        handler=delete_location,
        tag=TAG,
        body=Expecting,
        body_optional=True,
        replies=_GONE,
        problems=("not_found", "version_conflict", "in_use"),
        writes=True,
        precondition=True,
    ),
)
