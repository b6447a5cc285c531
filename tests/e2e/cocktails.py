"""The bartenders' association's recipes as menu items, and what a bar can make of its bottles.

Plain Python, nothing of Holdfast. Quantities become integers: millilitres are counted in
thousandths; whatever else a recipe names (dashes, pieces, spoons) is a stock of its own, because
nobody can say how much of a bottle a dash is. A quantity that is no number ("few", "6-8", "1/2")
leaves its cocktail out, with the reason.
"""

import csv
import re
import unicodedata
from collections import Counter
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import NamedTuple

#: So many parts of one millilitre are counted.
PER_ML = 1000


class Cocktail(NamedTuple):
    """One drink: its recipe by SKU."""

    drink_id: str
    name: str
    category: str
    recipe: Counter[str]


class Bar:
    """All recipes that can be read, and why the others cannot."""

    def __init__(self, folder: Path) -> None:
        self.cocktails: dict[str, Cocktail] = {}
        #: By the cocktail's name.
        self.refused: dict[str, str] = {}
        #: Name and unit by SKU.
        self.ingredients: dict[str, tuple[str, str]] = {}
        with (folder / "iba-cocktails-ingredients-web.csv").open(encoding="utf-8") as file:
            lines = list(csv.DictReader(file))
        for line in lines:
            self._add(line)
        for name in self.refused:
            self.cocktails.pop(slug(name), None)

    def _add(self, line: dict[str, str]) -> None:
        name = line["name"]
        drink = self.cocktails.setdefault(
            slug(name), Cocktail(slug(name), name, line["category"], Counter())
        )
        try:
            qty, unit = quantity(line["quantity"], line["unit"])
        except ValueError as error:
            self.refused.setdefault(name, f"{line['ingredient']}: {error}")
            return
        sku = f"{slug(line['ingredient'])[:50]}.{slug(unit)}"
        self.ingredients[sku] = (line["ingredient"], unit)
        drink.recipe[sku] += qty

    def portions(self, shelf: Counter[str]) -> dict[str, int]:
        """How many of each drink can be made of what is on the shelf."""
        return {
            drink.drink_id: min(shelf[sku] // qty for sku, qty in drink.recipe.items())
            for drink in self.cocktails.values()
        }


def quantity(text: str, unit: str) -> tuple[int, str]:
    """Read a quantity as a whole number of its unit, or of thousandths of a millilitre.

    Raises:
        ValueError: it is none.
    """
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{text!r} is no number of {unit}") from None
    if unit == "ml":
        number, unit = number * PER_ML, "ul"
    if number <= 0 or number != int(number):
        raise ValueError(f"{text!r} is no whole number of {unit}")
    return int(number), unit


def slug(name: str) -> str:
    """A name as an id."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")
