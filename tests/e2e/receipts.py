"""A chain's real receipts, and what must be on hand after them: a few lines of plain Python.

Nothing here uses Holdfast. The data set has products apart from transactions, so its product's
department is put beside each line, as a chain would export it.
"""

import csv
import gzip
from collections import Counter
from pathlib import Path

Place = tuple[str, str]

#: More is on hand at first than will be sold.
MARGIN = 5


class Receipts:
    """The data set, joined."""

    def __init__(self, folder: Path) -> None:
        departments = {row["product_id"]: row["department"] for row in read(folder, "products")}
        self.lines = read(folder, "transactions_sample")
        self.unmatched = sum(line["product_id"] not in departments for line in self.lines)
        for line in self.lines:
            line["department"] = departments.get(line["product_id"], "")

    def write(self, path: Path) -> None:
        """Write the receipts as the chain's export."""
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(self.lines[0]))
            writer.writeheader()
            writer.writerows(self.lines)

    def sold(self) -> Counter[Place]:
        """Count what was sold but fuel, which is poured rather than counted."""
        sold: Counter[Place] = Counter()
        for line in self.lines:
            if line["department"] != "FUEL":
                sold[line["store_id"], line["product_id"]] += int(line["quantity"])
        return sold

    def write_opening(self, path: Path) -> Counter[Place]:
        """Write and return the stock before the receipts: what they sell and a margin."""
        opening = Counter({place: quantity + MARGIN for place, quantity in self.sold().items()})
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["store_id", "product_id", "on_hand"])
            writer.writerows([*place, quantity] for place, quantity in opening.items())
        return opening


def read(folder: Path, name: str) -> list[dict[str, str]]:
    """Read one packed CSV file of the data set."""
    with gzip.open(folder / f"{name}.csv.gz", "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
