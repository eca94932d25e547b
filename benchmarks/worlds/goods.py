"""What a world sells: products with their photos, and the words that sellers of look-alikes share."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from dedup_pipeline.sample import words
from dedup_pipeline.sample.rendering.photo import Shot

_SYLLABLES = ("al", "ben", "cor", "dal", "el", "fen", "gar", "hol", "in", "jun", "kes", "lo", "mar", "nor", "os", "pel")
_ENDINGS = ("a", "o", "ina", "era", "ix", "um", "ora", "ley", "ton", "wick", "ova", "ello")


@dataclass(frozen=True)
class Goods:
    """Where a kind of thing is sold and what it is made of.

    Attributes:
        shelf: prefix of ids, folder of pictures, name, category, for whom.
        materials: as the specifications name them.
        price: lowest and highest.
        sizes: whether a listing may come in several sizes.
    """

    shelf: words.Shelf
    materials: tuple[str, ...]
    price: tuple[int, int]
    sizes: bool = False


@dataclass(frozen=True)
class Product:
    """One product of a family of look-alikes.

    Attributes:
        shot: its photo, and where in it the product is; an empty mask where nobody could cut it out.
        goods: what kind of thing it is.
        brand: of the product; mostly that of its family.
        title: of its first listing; look-alikes often have the same.
        colour: as the listing names it, or empty.
    """

    shot: Shot
    goods: Goods
    brand: str
    title: str
    colour: str = ""


Family = list[Product]
"""Look-alikes: other products each, that share a form, a layout, a motif or a room."""

Drawer = Callable[[np.random.Generator, int], Iterator[Family]]
"""Draws families without end, of about so many products at most."""

MANY = 99
"""So many that a drawer's own number of products counts."""


def goods(prefix: str, name: str, category: str, materials: str, price: tuple[int, int], *, whom: str = "") -> Goods:
    """Describe a kind of thing; `materials` are separated by commas."""
    shelf = words.Shelf(prefix, words.slug(name), name, category, whom)
    return Goods(shelf, tuple(materials.split(",")), price, sizes=bool(whom))


def invented(generator: np.random.Generator, parts: int = 2) -> str:
    """Return a made-up name such as `Marfenora`."""
    syllables = [_SYLLABLES[i] for i in generator.integers(len(_SYLLABLES), size=parts)]
    return ("".join(syllables) + _ENDINGS[generator.integers(len(_ENDINGS))]).capitalize()


def reworded(product: Product, generator: np.random.Generator) -> str:
    """Say the title of a product in the words of another seller, without what would tell it from its look-alikes."""
    name, material = product.goods.shelf.name, product.goods.materials[0]
    whose = f" for {product.goods.shelf.ideal_for}" if product.goods.shelf.ideal_for else ""
    wordings = (
        f"{name}{whose}",
        f"{product.brand} {name}",
        f"New {material} {name}{whose}",
        f"{name} by {product.brand} - best quality",
        f"{product.title} | free shipping",
        f"Stylish {name}{whose} ({material})",
    )
    return wordings[generator.integers(len(wordings))]


def picked(generator: np.random.Generator, choices: tuple[str, ...]) -> str:
    """Choose a word."""
    return choices[generator.integers(len(choices))]
