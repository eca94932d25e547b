"""Twenty small worlds: shops full of traps, drawn from seeds, whose duplicates are known.

A world is a truth folder as the sample shop writes it. Its products come in families of look-alikes, other products
each; about a quarter of them are uploaded again with edits that the calibration does not know.
"""

from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

from dedup_pipeline.errors import InputError

from . import flat, garments, jewellery, knitwear, pages, plain, rooms, shades, shoes, shops, vessels
from .goods import Drawer
from .world import draw_world


@dataclass(frozen=True)
class World:
    """One kind of shop.

    Attributes:
        draw: draws its families of look-alikes.
        originals: products, unless told otherwise.
        reuploads: how many of them are uploaded again, as a share.
        mirrors: whether half of the strong re-uploads are mirrored as well.
    """

    draw: Drawer
    originals: int = 52
    reuploads: float = 0.27
    mirrors: bool = False


WORLDS: dict[str, World] = {
    "print-on-demand": World(garments.print_on_demand),
    "jerseys": World(garments.jerseys),
    "bottles": World(vessels.labelled_bottles),
    "make-up": World(shades.make_up),
    "phone-cases": World(flat.phone_cases),
    "posters": World(flat.posters),
    "jewellery": World(jewellery.jewellery),
    "shoes": World(shoes.shoes, mirrors=True),
    "packs": World(vessels.packs),
    "black-on-black": World(plain.black_on_black),
    "white-on-white": World(plain.white_on_white),
    "knitwear": World(knitwear.knitwear),
    "one-model": World(garments.one_model),
    "furniture": World(rooms.furniture),
    "book-series": World(flat.book_series),
    "screenshots": World(pages.screenshots),
    "collages": World(pages.collages),
    "size-charts": World(pages.size_charts),
    "shop-20": World(shops.mixed, originals=15),
    "shop-40": World(shops.mixed, originals=30),
    "shop-80": World(shops.mixed, originals=59),
    "mixed": World(shops.mixed, originals=64, reuploads=0.3),
    "large": World(shops.mixed, originals=640, reuploads=0.3),
}

UNSEEN: frozenset[str] = frozenset({"book-series", "furniture", "knitwear", "jewellery", "collages"})
"""Worlds that are kept for the last run: nothing is to be chosen by what they show."""


def write_world(folder: Path, name: str, seed: int, originals: int | None = None) -> None:
    """Draw a world and write it as a truth folder; the same arguments give the same bytes.

    Args:
        folder: to write to; made if it does not exist.
        name: one of `WORLDS`.
        seed: of all choices, 0 or more.
        originals: products, where it is not to be the world's own number.

    Raises:
        InputError: no such world, a negative seed, no products, or the folder is not empty.
    """
    if name not in WORLDS:
        raise InputError(f"no world {name}: name one of {', '.join(WORLDS)}")
    world = WORLDS[name]
    wanted = world.originals if originals is None else originals
    if wanted < 1:
        raise InputError(f"{wanted} originals: ask for 1 or more")
    own = crc32(name.encode())
    draw_world(Path(folder), world.draw, (seed, own), wanted, world.reuploads, mirrors=world.mirrors)
