"""A pizza place's year of orders, and the grams that they use: plain Python, nothing of Holdfast.

The orders are the public data set `pizzaplace`: 49,574 pizzas in 21,350 orders. They are synthetic,
says its source. Which toppings a pizza has is the data set's too; how many grams of each is ours.
"""

import csv
import gzip
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Final, NamedTuple

from bench.errors import BenchFailed

#: Grams of dough, of tomato sauce, and of each topping, by size.
_DOUGH: Final = {"S": 180, "M": 250, "L": 330, "XL": 430, "XXL": 540}
_SAUCE: Final = {"S": 50, "M": 70, "L": 95, "XL": 125, "XXL": 160}
_TOPPING: Final = {"S": 28, "M": 39, "L": 52, "XL": 67, "XXL": 84}


class Pizza(NamedTuple):
    """A dish: a type of pizza in one size; the price in cents, the recipe in grams by SKU."""

    dish_id: str
    name: str
    category: str
    price: int
    recipe: dict[str, int]


class Order(NamedTuple):
    """One order: how many of each dish, by the dish's id."""

    number: str
    day: str
    dishes: Counter[str]

    @property
    def month(self) -> str:
        """The month it falls into, as `2015-01`."""
        return self.day[:7]


class Year:
    """The data set: `ingredients` by SKU, `pizzas` by id, and `orders` in the order of time."""

    def __init__(self, folder: Path) -> None:
        """Read the data set.

        Raises:
            BenchFailed: it is not in the folder.
        """
        try:
            lines = _read_orders(folder)
            toppings = _read_types(folder)
        except OSError as error:
            raise BenchFailed(f"The orders of a pizza place are not here: {error}") from None
        self.ingredients = {"dough": "Dough", "tomato-sauce": "Tomato Sauce"}
        for _, _, names in toppings.values():
            self.ingredients.update({sku_of(name): name for name in names})
        self.pizzas = {each.dish_id: each for each in _pizzas(lines, toppings)}
        self.orders = list(_orders(lines))

    def months(self) -> list[tuple[str, list[Order]]]:
        """The orders of each month, in turn."""
        return [(month, list(of)) for month, of in groupby(self.orders, lambda each: each.month)]

    def grams(self, orders: list[Order]) -> Counter[str]:
        """What the orders use of each ingredient."""
        used: Counter[str] = Counter()
        for order in orders:
            for dish_id, qty in order.dishes.items():
                for sku, grams in self.pizzas[dish_id].recipe.items():
                    used[sku] += qty * grams
        return used


def sku_of(name: str) -> str:
    """An ingredient's name as an id: letters without marks, digits, and dashes."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")


def _read_orders(folder: Path) -> list[dict[str, str]]:
    with gzip.open(folder / "05-pizzaplace.csv.gz", "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _read_types(folder: Path) -> dict[str, tuple[str, str, list[str]]]:
    """Name, category and toppings by type."""
    with (folder / "pizza_types_from_docstring.csv").open(encoding="utf-8", newline="") as file:
        return {
            row["pizza_type_id"]: (row["name"], row["category"], row["ingredients"].split(", "))
            for row in csv.DictReader(file)
        }


def _dish_id(line: dict[str, str]) -> str:
    return f"{line['name']}.{line['size']}"


def _pizzas(
    lines: list[dict[str, str]], types: dict[str, tuple[str, str, list[str]]]
) -> Iterator[Pizza]:
    for line in {_dish_id(each): each for each in lines}.values():
        name, category, toppings = types[line["name"]]
        size = line["size"]
        recipe = {"dough": _DOUGH[size], "tomato-sauce": _SAUCE[size]}
        recipe.update({sku_of(topping): _TOPPING[size] for topping in toppings})
        price = round(float(line["price"]) * 100)
        yield Pizza(_dish_id(line), f"{name} ({size})", category, price, recipe)


def _orders(lines: list[dict[str, str]]) -> Iterator[Order]:
    for number, of_order in groupby(lines, lambda line: line["id"]):
        pizzas = list(of_order)
        yield Order(number, pizzas[0]["date"], Counter(map(_dish_id, pizzas)))
