"""Worlds of composed pictures: screenshots of shops, collages of four photos, charts of sizes."""

from collections.abc import Iterator
from itertools import chain

import cv2
import numpy as np

from dedup_pipeline.augmentation.edits import Colour, Picture
from dedup_pipeline.augmentation.edits.picture import as_picture
from dedup_pipeline.sample.rendering.outlines import Points
from dedup_pipeline.sample.rendering.photo import Shot

from . import flat, garments, plain, shades, shoes, vessels
from .brush import area, hue_colour, lay, rounded_box, strokes
from .goods import MANY, Drawer, Family, Product, goods, invented, picked
from .lettering import write

_CHART = goods("CHT", "T-Shirt", "Apparels>Men>Polos & T-Shirts", "Cotton,Polyester", (299, 1499), whom="Men")
_SOURCES: tuple[Drawer, ...] = (
    garments.one_model, vessels.labelled_bottles, flat.phone_cases, shoes.shoes, shades.make_up, flat.posters,
    plain.white_on_white,
)  # fmt: skip


def mixed_products(generator: np.random.Generator, alike: int) -> Iterator[Product]:
    """Draw products of all kinds, up to so many look-alikes in a row."""
    streams = [source(generator, alike) for source in _SOURCES]
    while True:
        yield from next(streams[generator.integers(len(streams))])[:alike]


def _flat_shot(picture: Picture) -> Shot:
    """Return a picture that shows no product which could be cut out."""
    return Shot(picture, np.zeros(picture.shape[:2], dtype=np.uint8))


def _fitted(picture: Picture, width: int, height: int) -> Picture:
    """Scale and crop a picture to fill a box."""
    share = max(width / picture.shape[1], height / picture.shape[0])
    size = (max(width, round(share * picture.shape[1])), max(height, round(share * picture.shape[0])))
    large = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    return np.asarray(large[top : top + height, left : left + width], dtype=np.uint8)


def screenshots(generator: np.random.Generator, most: int = MANY) -> Iterator[Family]:
    """Pages of a few shops: one page layout and colour per shop, another product in each."""
    products = mixed_products(generator, 3)
    while True:
        shop, accent = invented(generator), hue_colour(float(generator.random()), 0.75, generator.uniform(0.35, 0.85))
        size = (int(generator.integers(460, 540)), int(generator.integers(780, 900)))
        if generator.random() < 0.3:
            size = (860, 600)
        dark, seed = bool(generator.random() < 0.25), int(generator.integers(2**31))
        family: Family = []
        for _ in range(min(most, int(generator.integers(4, 8)))):
            product = next(products)
            page = _page(product, shop, accent, size, own=np.random.default_rng(seed), generator=generator, dark=dark)
            family.append(Product(_flat_shot(page), product.goods, product.brand, product.title, product.colour))
        yield family


def _page(
    product: Product, shop: str, accent: Colour, size: tuple[int, int], *, own: np.random.Generator,
    generator: np.random.Generator, dark: bool,
) -> Picture:  # fmt: skip
    """Show a product in a shop: `own` draws the layout, `generator` what the page says."""
    width, height = size
    paper, ink, pale = (
        ((24, 24, 27), (236, 236, 238), (70, 70, 76)) if dark else ((252, 252, 252), (30, 30, 34), (222, 222, 226))
    )
    light = np.full((height, width, 3), paper, dtype=np.float32)
    shape = (height, width)
    wide = width > height
    head = int(own.integers(54, 80))
    light[:head] = accent
    write(light, shop, (90, head / 2), 28, (255, 255, 255), width=140, bold=0.05)
    lay(light, area(rounded_box(180, head / 2 - 15, width - 60, head / 2 + 15, 14), shape), (250, 250, 250))
    for row in (-7, 0, 7):
        lay(
            light,
            strokes([np.array([(width - 42, head / 2 + row), (width - 18, head / 2 + row)])], 2, shape),
            (255, 255, 255),
        )
    share = float(own.uniform(0.56, 0.64))
    box = (20, head + 16, round(0.5 * width) if wide else width - 20, height - 20 if wide else round(share * height))
    shown = _fitted(product.shot.picture, box[2] - box[0], box[3] - box[1])
    light[box[1] : box[3], box[0] : box[2]] = shown
    x, y = (box[2] + 20, head + 60) if wide else (20, box[3] + 34)
    room, price = width - x - 20, int(generator.integers(99, 4999))
    write(light, product.goods.shelf.name, (x + room / 2, y), 26, ink, width=room, bold=0.03)
    for step in range(5):
        colour = (240, 180, 40) if step < int(generator.integers(3, 6)) else pale
        lay(light, area(rounded_box(x + 26 * step, y + 26, x + 18 + 26 * step, y + 44, 9), shape), colour)
    write(light, f"{price}.00", (x + 80, y + 76), 34, accent if not dark else ink, width=150, bold=0.05)
    for step, line in enumerate(own.uniform(0.5, 1.0, 3)):
        lay(light, area(rounded_box(x, y + 106 + 18 * step, x + line * room, y + 115 + 18 * step, 4), shape), pale)
    low = height - 62
    lay(light, area(rounded_box(x, low, x + room, low + 44, int(own.integers(2, 22))), shape), accent)
    write(light, picked(own, ("ADD TO CART", "BUY NOW", "ADD TO BAG")), (x + room / 2, low + 22), 20, (255, 255, 255))
    return as_picture(light)


def collages(generator: np.random.Generator, most: int = MANY) -> Iterator[Family]:
    """Four photos in a grid; the collages of a family share one to three of them."""
    products = mixed_products(generator, 4)
    while True:
        pool = [next(products) for _ in range(9)]
        side, gap = int(generator.integers(600, 760)), int(generator.choice([0, 4, 10]))
        paper: Colour = (255, 255, 255) if generator.random() < 0.7 else (20, 20, 22)
        shown = generator.permutation(9)[:4]
        made: set[tuple[int, ...]] = set()
        family: Family = []
        for _ in range(min(most, int(generator.integers(4, 7)))):
            cells = tuple(int(index) for index in shown)
            if tuple(sorted(cells)) not in made:
                made.add(tuple(sorted(cells)))
                picture = _grid([pool[index].shot.picture for index in cells], side, gap, paper)
                first = pool[cells[0]]
                title = picked(generator, (f"{first.brand} Combo", f"Combo of 4 {first.goods.shelf.name}"))
                family.append(Product(_flat_shot(picture), first.goods, first.brand, title))
            rest = [index for index in generator.permutation(9).tolist() if index not in shown]
            changed = generator.permutation(4)[: int(generator.integers(1, 4))]
            shown = shown.copy()
            shown[changed] = rest[: len(changed)]
        yield family


def _grid(pictures: list[Picture], side: int, gap: int, paper: Colour) -> Picture:
    sheet = np.full((side, side, 3), paper, dtype=np.uint8)
    cell = (side - 3 * gap) // 2
    for number, picture in enumerate(pictures):
        top, left = gap + number // 2 * (cell + gap), gap + number % 2 * (cell + gap)
        sheet[top : top + cell, left : left + cell] = _fitted(picture, cell, cell)
    return sheet


def size_charts(generator: np.random.Generator, most: int = MANY) -> Iterator[Family]:
    """Charts of sizes of one layout with other garments and numbers, and shirts that are sold beside them."""
    shirts = chain.from_iterable(garments.print_on_demand(generator))
    while True:
        brand, layout = invented(generator), int(generator.integers(3))
        accent, size = hue_colour(float(generator.random()), 0.6, 0.5), (int(generator.integers(560, 700)), 620)
        rows = int(generator.integers(4, 7))
        family: Family = []
        for _ in range(min(most, int(generator.integers(3, 6)))):
            name = picked(generator, ("T-SHIRT", "HOODIE", "SHIRT", "POLO", "JACKET", "KURTA", "SWEATER", "VEST"))
            own = hue_colour(float(generator.random()), 0.6, 0.5) if generator.random() < 0.4 else accent
            card = _chart(name, brand, own, layout=layout, rows=rows, size=size, generator=generator)
            title = picked(generator, (f"{brand} T-Shirt", "Cotton T-Shirt", f"{brand} T-Shirt"))
            family.append(Product(_flat_shot(card), _CHART, brand, title))
        yield family
        yield [next(shirts) for _ in range(3)]


def _chart(
    name: str,
    brand: str,
    accent: Colour,
    *,
    layout: int,
    rows: int,
    size: tuple[int, int],
    generator: np.random.Generator,
) -> Picture:
    """Print a chart: a heading, a table of sizes with drawn numbers, and a sketch of the garment where it fits."""
    width, height = size
    light = np.full((height, width, 3), (253, 252, 250), dtype=np.float32)
    shape = (height, width)
    lay(light, area(rounded_box(0, 0, width, 96, 1), shape), accent)
    write(light, f"{name} SIZE CHART", (width / 2, 36), 38, (255, 255, 255), width=0.9 * width, bold=0.05)
    write(
        light,
        f"{brand} - all measures in {picked(generator, ('inches', 'cm'))}",
        (width / 2, 76),
        20,
        (240, 240, 240),
        width=0.8 * width,
    )
    left, right = (0.06 * width, 0.94 * width) if layout == 0 else (0.06 * width, 0.6 * width)
    top, low = 130.0, 0.93 * height if layout else 0.9 * height
    if layout:
        sketch = _sketch(generator) * (0.15 * width, 0.3 * height) + (0.78 * width, 0.52 * height)
        lay(light, 0.25 * area(sketch, shape), accent)
        lay(light, strokes([sketch], 2.5, shape, closed=True), accent)
    columns = ("SIZE", "CHEST", "LENGTH", "SHOULDER")[: 4 if layout == 0 else 3]
    step, across = (low - top) / (rows + 1), (right - left) / len(columns)
    start = generator.integers(30, 60, len(columns))
    grow = generator.integers(1, 6, len(columns))
    for row in range(rows + 1):
        y = top + row * step
        tone: Colour = accent if row == 0 else ((236, 238, 242) if row % 2 else (250, 250, 250))
        lay(light, area(rounded_box(left, y, right, y + step, 1), shape), tone)
        for column, heading in enumerate(columns):
            text = heading if row == 0 else ("XS", "S", "M", "L", "XL", "XXL", "3XL")[row]
            if row and column:
                text = f"{start[column] + grow[column] * row}"
            ink: Colour = (255, 255, 255) if row == 0 else (40, 40, 44)
            at = (left + (column + 0.5) * across, y + step / 2)
            write(light, text, at, min(34, 0.45 * step), ink, width=0.86 * across, bold=0.03 if row == 0 else 0.0)
    return as_picture(light + generator.normal(0, 1.0, (height, width, 1)).astype(np.float32))


def _sketch(generator: np.random.Generator) -> Points:
    """Return the outline of a top with arms of some length, about -1 to 1."""
    arm, hem = generator.uniform(0.0, 0.75), generator.uniform(0.5, 0.75)
    right = [(0.2, -1.0), (0.5, -0.9), (1.0, -0.5 + arm), (0.75, -0.35 + arm), (0.55, -0.4), (hem, 1.0)]
    return np.asarray([*right, *[(-x, y) for x, y in reversed(right)]], dtype=np.float64)
