"""Write a made-up dump in the layout of the 2018 one: 32 columns, about 1.25 KB a row, with its faults.

    python benchmarks/generate_dump.py --rows 1000000 --out /tmp/dump.csv

Families of 1 to 12 listings that name each other, photos at four sizes, ids that come again (0.8 %), lines with 34 to
84 fields (0.5 %), descriptions over two lines (0.5 %), quotes that never close (one in 50,000), odd categories. The
same seed gives the same bytes. Rows are written as they are made, in an order mixed over windows of 20,000.
"""

from __future__ import annotations

import argparse
import csv
import random
import time
from collections.abc import Iterator
from pathlib import Path

COLUMNS = (
    "productId", "title", "description", "imageUrlStr", "mrp", "sellingPrice", "specialPrice", "productUrl",
    "categories", "productBrand", "productFamily", "inStock", "codAvailable", "offers", "discount",
    "shippingCharges", "deliveryTime", "size", "color", "sizeUnit", "storage", "displaySize", "keySpecsStr",
    "detailedSpecsStr", "specificationList", "sellerName", "sellerAverageRating", "sellerNoOfRatings",
    "sellerNoOfReviews", "sleeve", "neck", "idealFor",
)  # fmt: skip
WINDOW = 20_000
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
COLOURS = ("Blue", "Black", "Red", "Green", "Purple", "Orange", "Gray", "Yellow", "White", "Multicolor")
SIZES = ("XS", "S", "M", "L", "XL", "XXL", "28", "30", "32", "34")
KINDS = ("Top", "Tunic", "Dress", "Jacket", "Sweatshirt", "T-Shirt", "Short", "Vest", "Track Pant", "Kurta")
PATTERNS = ("Solid", "Printed", "Striped", "Self Design", "Floral Print", "Checkered", "Embroidered")
BRANDS = ("Mira & Moss", "Westloom", "Zarvika", "Sirocco", "Nakshi", "Café Noir", "Utsavi", "TrendLeaf", "Bombay Bee")
SELLERS = ("Ritu Traders", "Jaipur Looms", "Rohit Jain", "Madhu Collections", "Om Sai Creations", "Globe Mart")
PARTS = ("Western Wear", "Ethnic Wear", "Winter & Seasonal Wear", "Sports & Gym Wear", "Shirts, Tops & Tunics")
ODD_CATEGORIES = ("", "[[]]", '[[{"nodeid":20001}]]', "dummy", "womens_clothing", "null")
WORDS = (
    "soft", "light", "breathable", "cotton", "fabric", "comfortable", "classic", "fit", "machine", "wash", "flat",
    "seams", "stretch", "casual", "party", "season", "drape", "neckline", "sleeve", "elegant", "pattern", "colour",
    "versatile", "everyday", "tailored", "smooth", "warm", "cool", "easy", "care",
)  # fmt: skip


class Maker:
    """Makes families of rows."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - a made-up dump needs no secrecy
        self.descriptions = [self._description() for _ in range(2000)]
        self.specifications = [self._specification() for _ in range(500)]

    def families(self) -> Iterator[list[list[str]]]:
        """Rows, family by family, without end."""
        while True:
            size = min(12, 1 + int(self.random.expovariate(0.28)))
            yield self._family(size)

    def spoil(self, row: list[str]) -> list[str]:
        """A copy of a row with too many fields."""
        surplus = self.random.choices(WORDS, k=self.random.randint(2, 52))
        return [*row[:2], *surplus, *row[2:]]

    def _family(self, size: int) -> list[list[str]]:
        draw = self.random
        kind = draw.choice(KINDS)
        stem = kind[:3].upper() + self._code(5)
        ids = [stem + self._code(8) for _ in range(size)]
        brand = draw.choice(BRANDS)
        title = f"{brand} {draw.choice(PATTERNS)} Women's {kind}"
        slug = title.lower().replace(" & ", "-").replace(" ", "-").replace("'", "")
        photo = f"http://img.example.com/image/{kind.lower()}/{draw.choice('abcd')}/{draw.choice('wxyz')}/{slug}"
        code = "ima" + self._code(13).lower()
        photos = ";".join(f"{photo}-{part}-{code}.jpeg" for part in ("original", "200x200", "400x400", "800x800"))
        category = f"Apparels>Women>{draw.choice(PARTS)}>{kind}s" if draw.random() > 0.006 else ""
        colour = draw.choice(COLOURS)
        specification = draw.choice(self.specifications)
        return [
            self._row(ids, place, title, slug, photos, category, brand, colour, specification) for place in range(size)
        ]

    def _row(  # noqa: PLR0917 - what one row is made of
        self,
        ids: list[str],
        place: int,
        title: str,
        slug: str,
        photos: str,
        category: str,
        brand: str,
        colour: str,
        specification: str,
    ) -> list[str]:
        draw = self.random
        price = draw.randint(199, 2999)
        number = f"{price}.0" if draw.random() < 0.5 else str(price)
        link = f"http://dl.example.com/dl/{slug}/p/itm{self._code(13).lower()}?pid={ids[place]}"
        others = ",".join(ids[:place] + ids[place + 1 :]) or (ids[0] if price % 2 else "")
        return [
            ids[place], title, draw.choice(self.descriptions), photos, str(price + 300), number, number, link,
            category or draw.choice(ODD_CATEGORIES), brand, others, "True", "True", "", str(price % 60), "40.0",
            "Usually Delivered in 5 - 6 days.", draw.choice(SIZES), colour, "", "", "", specification, specification,
            "", draw.choice(SELLERS), f"{1 + price % 40 / 10:.1f}", str(price % 900), str(price % 70), "Full Sleeve",
            "Round Neck", "Women",
        ]  # fmt: skip

    def _code(self, length: int) -> str:
        return "".join(self.random.choices(LETTERS, k=length))

    def _description(self) -> str:
        words = self.random.choices(WORDS, k=self.random.randint(18, 60))
        text = " ".join(words).capitalize() + ", " + " ".join(self.random.choices(WORDS, k=5)) + "."
        return text[:80] + "\n" + text[80:] if self.random.random() < 0.005 else text

    def _specification(self) -> str:
        return ";".join(f"{self.random.choice(WORDS).capitalize()}: {self.random.choice(WORDS)}" for _ in range(4))


def lines(rows: int, seed: int) -> Iterator[list[str]]:
    """So many rows of a dump."""
    maker = Maker(seed)
    families = maker.families()
    window: list[list[str]] = []
    for _ in range(rows):
        while len(window) < min(WINDOW, rows):
            window.extend(next(families))
        place = maker.random.randrange(len(window))
        row = window[place]
        chance = maker.random.random()
        if chance < 0.008:
            yield row  # stays in the window: its id comes again
            continue
        window[place] = window[-1]
        window.pop()
        yield maker.spoil(row) if chance > 0.995 else row


def main() -> None:
    """Write the dump."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, required=True, help="rows besides the header")
    parser.add_argument("--out", type=Path, required=True, help="the CSV file to write")
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    start = time.monotonic()
    with options.out.open("w", newline="", encoding="utf-8", buffering=1 << 20) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for number, row in enumerate(lines(options.rows, options.seed), start=1):
            if number % 50_000 == 0:
                file.write(",".join(row[:2]) + ',"a quote that never closes\n')
            else:
                writer.writerow(row)
    size = options.out.stat().st_size
    print(f"{options.rows} rows, {size} bytes, {time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()
