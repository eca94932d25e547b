"""Who sells what in the sample shop and who uploads it again: all decisions, before any pixel is drawn."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import cycle

from dedup_pipeline.sample import words
from dedup_pipeline.sample.copies.recipe import UNUSUAL, Recipe, unusual_recipe
from dedup_pipeline.sample.copies.recipes import DrawRecipe
from dedup_pipeline.sample.offers import OfferMaker
from dedup_pipeline.sample.plan import FAULTY, Offer, Photo
from dedup_pipeline.sample.rendering.photo import Look

_COPIES_PER_PRODUCT = 0.42
_FEWEST_COPIES = 24
_LEVEL_SHARES = {0: 0.1, 2: 0.33, 3: 0.28}
_SAME_URL_SHARE = 0.03


class Planner:
    """Makes offers one after another; the same maker, newly made, makes the same ones.

    Args:
        maker: says what there is to say about a photo.
        draw_recipe: how copies of a level are made.
    """

    def __init__(self, maker: OfferMaker, draw_recipe: DrawRecipe) -> None:
        self._maker, self._draw_recipe = maker, draw_recipe
        self._generator = maker.generator

    def products(self, count: int) -> list[Offer]:
        """Plan the original products: styles in one or more colours, and their neighbours."""
        maker, offers = self._maker, list[Offer]()
        earlier: list[Look] = []
        while len(offers) < count:
            look = maker.new_look(earlier)
            earlier.append(look)
            colours = maker.colours(look.colour)[: count - len(offers)]
            style, family = maker.next_name("S"), maker.next_name("F")
            together = self._generator.random() < 0.2
            shelf = maker.shelf(look.kind)
            brand, price = maker.one_of(words.BRANDS), int(self._generator.integers(25, 180)) * 10 - 1
            for index, colour in enumerate(colours):
                own = look if index == 0 else replace(look, colour=colour, shot_seed=maker.number())
                photo = maker.original(own, shelf, brand)
                family = family if together or index == 0 else maker.next_name("F")
                offers.append(
                    maker.offer(
                        family=family,
                        style=style,
                        photo=photo,
                        shelf=shelf,
                        brand=brand,
                        colour=own.colour,
                        pattern=own.pattern,
                        price=price,
                    )
                )
        return offers

    def copies(self, offers: Sequence[Offer]) -> list[Offer]:
        """Plan the re-uploads of some of the offers, a few of them copies of copies."""
        generator = self._generator
        wanted = max(_FEWEST_COPIES, round(_COPIES_PER_PRODUCT * len(offers)))
        plain = [index for index, offer in enumerate(offers) if offer.photo.decoration is None]
        sources = [offers[index] for index in generator.permutation(plain)[: round(0.7 * wanted)]]
        unusual = zip(sources, UNUSUAL, strict=False)
        copies = [self._maker.copy(source, unusual_recipe(name)) for source, name in unusual]
        same_url = max(1, round(_SAME_URL_SHARE * wanted))
        copies += [self._maker.copy(source, None) for source in sources[len(copies) :][:same_url]]
        for number, level in enumerate(self._levels(wanted, len(copies))):
            source = sources[len(copies) % len(sources)]
            if number % 16 == 15:
                source = copies[int(generator.integers(len(UNUSUAL), len(copies)))]
            copies.append(self._copy(source, level))
        return copies

    def copies_of_bundles(self, bundles: Sequence[Offer]) -> list[Offer]:
        """Plan re-uploads of more than half of the bundles, at levels 1, 2 and 3 in turn."""
        chosen = [bundle for number, bundle in enumerate(bundles) if number % 5 != 1 and number % 5 != 4]
        return [self._copy(bundle, level) for bundle, level in zip(chosen, cycle((1, 2, 3)), strict=False)]

    def faulty(self) -> list[Offer]:
        """Plan the listings whose picture or line is of no use; all placeholders are one and the same photo."""
        maker, offers = self._maker, list[Offer]()
        placeholder: Photo | None = None
        for kind, number in FAULTY.items():
            for _ in range(number):
                look = maker.new_look([])
                shelf, brand = maker.shelf(look.kind), maker.one_of(words.BRANDS)
                photo = replace(maker.original(look, shelf, brand), kind=kind, decoration=None)
                if kind != "malformed":
                    stored = () if kind in {"dead-url", "no-image"} else photo.stored
                    photo = replace(photo, group="", level="", edits="", stored=stored)
                if kind == "placeholder":
                    placeholder = photo = placeholder or photo
                offer = maker.offer(
                    family=maker.next_name("F"),
                    style="",
                    photo=photo,
                    shelf=shelf,
                    brand=brand,
                    colour=look.colour,
                    pattern=look.pattern,
                    price=499,
                )
                offers.append(replace(offer, listings=offer.listings[:1]))
        return offers

    def _levels(self, wanted: int, planned: int) -> list[int]:
        """Return the levels of the copies that are still to plan, in a drawn order; level 1 takes what is left."""
        levels = [level for level, share in _LEVEL_SHARES.items() for _ in range(round(share * wanted))]
        levels += [1] * (wanted - planned - len(levels))
        return [int(level) for level in self._generator.permutation(levels)]

    def _copy(self, source: Offer, level: int) -> Offer:
        recipe = self._drawn(level)
        while recipe.cut_out is not None and source.photo.recipe is not None:
            recipe = self._drawn(level)  # nobody knows where the product is in the picture of a copier
        return self._maker.copy(source, recipe)

    def _drawn(self, level: int) -> Recipe:
        return self._draw_recipe(level, self._generator, self._maker.one_of(words.SELLERS))
