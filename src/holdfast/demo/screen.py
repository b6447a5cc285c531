"""What the demo shows: where it is, and what to type next."""

from pathlib import Path
from string import Template
from typing import Final

from holdfast.demo import chain
from holdfast.demo.restaurants import NAMES

STORE: Final = "STORE001"
SKU: Final = "SKU123"

_STOCK: Final = "$api/inventory/stores/$store/inventory/$sku"
_JSON: Final = '-H "Content-Type: application/json"'
_RESERVATION_ID: Final = """sed 's/.*"reservationId":"\\([^"]*\\)".*/\\1/'"""
_ORDER_ID: Final = """sed 's/^{"id":"\\([^"]*\\)".*/\\1/'"""

#: What to try, in this order, and the lines that do it.
_TRY: Final = (
    ("what $name has of $item", f"curl {_STOCK}"),
    ("ten more come in", f"curl -X POST {_STOCK}/adjust {_JSON} -d '{{\"delta\": 10}}'"),
    (
        "hold two for a customer",
        f"ID=$$(curl -s -X POST {_STOCK}/reserve {_JSON} -d '{{\"qty\": 2}}' | {_RESERVATION_ID})",
    ),
    (
        "the customer took them",
        f"curl -X POST $api/reservations/$$ID/confirm {_JSON} -d '{{}}'",
    ),
    (
        "more than there is: a refusal that says why",
        f"curl -X POST {_STOCK}/reserve {_JSON} -d '{{\"qty\": 5000}}'",
    ),
    ("all of it, in every store", "curl '$api/stock?sku=$sku'"),
    ("what happened so far", "curl '$api/events?limit=5'"),
    ("a pizzeria is a tenant of its own: what it can sell now", "curl $pizza/menu"),
    (
        "two pizzas are ordered, and their ingredients held",
        (
            f"ORDER=$$(curl -s -X POST $pizza/store/orders {_JSON} "
            f'-d \'{{"items": [{{"id": "diavola", "qty": 2}}], "customer": "Ada"}}\' | {_ORDER_ID})'
        ),
    ),
    ("they are paid for", f"curl -X POST $pizza/store/orders/$$ORDER/confirm {_JSON} -d '{{}}'"),
    (
        "no more salami: every dish says why it cannot be had",
        f"curl -X POST $pizza/stores/KITCHEN/inventory/salami/out {_JSON} -d '{{\"isOut\": true}}'",
    ),
    ("another tenant, another look", "curl $bar/store/config"),
    ("how the service is", "curl $api/health/readiness"),
)


def text(url: str, folder: Path, kept: bool) -> str:
    """Write the screen."""
    base = url.replace("127.0.0.1", "localhost")
    stores = {row["store_id"]: row["name"] for row in chain.rows("stores")}
    items = {row["sku"]: row["name"] for row in chain.rows("items")}
    values = {
        "api": f"{base}/api",
        **{name: f"{base.replace('localhost', f'{name}.localhost')}/api" for name in NAMES},
        "store": STORE,
        "sku": SKU,
        "name": stores[STORE],
        "item": items[SKU],
    }
    fate = "kept when the demo ends" if kept else "thrown away when the demo ends"
    lines = [
        "",
        f"Holdfast runs at {base} with {len(stores)} coffee shops and {len(items)} products,",
        "and, as tenants of their own, a pizzeria and a cocktail bar.",
        f"Its data are in {folder} ({fate}).",
        f"The description of the whole interface is at {base}/docs.",
        "",
        "  " + ", ".join(f"{store_id} {name}" for store_id, name in stores.items()),
        "",
        "In another terminal, try:",
    ]
    for what, command in _TRY:
        lines += ["", f"  # {what}", f"  {command}"]
    lines += ["", "Ctrl-C ends it."]
    return Template("\n".join(lines)).substitute(values)
