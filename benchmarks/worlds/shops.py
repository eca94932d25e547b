"""General shops: products of every kind, with a few look-alikes each."""

from collections.abc import Iterator

import numpy as np

from . import flat, garments, jewellery, knitwear, pages, plain, rooms, shades, shoes, vessels
from .goods import MANY, Drawer, Family

_SHARES: dict[Drawer, float] = {
    garments.print_on_demand: 1.0,
    garments.jerseys: 0.7,
    garments.one_model: 2.0,
    vessels.labelled_bottles: 1.5,
    vessels.packs: 0.7,
    shades.make_up: 1.0,
    plain.black_on_black: 0.5,
    plain.white_on_white: 0.8,
    knitwear.knitwear: 0.5,
    flat.phone_cases: 1.0,
    flat.posters: 0.8,
    flat.book_series: 0.8,
    jewellery.jewellery: 1.0,
    shoes.shoes: 1.5,
    rooms.furniture: 1.0,
    pages.size_charts: 0.3,
}
"""How often a shop has something of a kind; screenshots and collages would show what others sell."""


def mixed(generator: np.random.Generator, most: int = MANY) -> Iterator[Family]:
    """Families of one to four products of all kinds; nearly half of the products have a look-alike in the shop."""
    drawers = list(_SHARES)
    weights = np.array(list(_SHARES.values()))
    while True:
        drawer = drawers[int(generator.choice(len(drawers), p=weights / weights.sum()))]
        wanted = int(generator.choice([1, 2, 3, 4], p=[0.6, 0.2, 0.12, 0.08]))
        wanted = min(most, wanted)
        yield next(drawer(generator, wanted))[:wanted]
