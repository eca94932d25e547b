"""Which bundles the sample shop sells: packs and sets, singles of what is in them, and bundles that share a part."""

from collections.abc import Sequence
from dataclasses import replace

from dedup_pipeline.sample import words
from dedup_pipeline.sample.offers import OfferMaker
from dedup_pipeline.sample.plan import Offer
from dedup_pipeline.sample.rendering.bundle import Bundle
from dedup_pipeline.sample.rendering.garments import Kind
from dedup_pipeline.sample.rendering.photo import Look

_SHARE = 0.08
_FEWEST = 6
_PACKED: tuple[Kind, ...] = ("t-shirt", "vest", "shirt", "sweatshirt", "short", "trouser", "tunic")
_TOPS: tuple[Kind, ...] = ("t-shirt", "shirt", "sweatshirt", "vest", "tunic")
_BOTTOMS: tuple[Kind, ...] = ("trouser", "short", "skirt", "trouser")
_MIXED = "Multicolor"


def bundled_products(products: int) -> int:
    """Return how many products of a shop are bundles or also sold in one: 8 %, at least 6."""
    return max(_FEWEST, round(_SHARE * products))


class BundlePlanner:
    """Plans bundles in clusters, so that each shows something that another product shows as well.

    Args:
        maker: says what there is to say about a photo.
    """

    def __init__(self, maker: OfferMaker) -> None:
        self._maker = maker

    def products(self, count: int) -> list[Offer]:
        """Plan single products that are also sold in bundles, and the bundles.

        A cluster is a single garment, a pack with it, and a pack that shares only this garment with the other; then a
        pack on its own; then a single garment, a set with it, and another set with it.
        """
        offers: list[Offer] = []
        clusters = (self._packs, self._lone_pack, self._sets)
        while len(offers) < count:
            offers += clusters[0]()
            clusters = (*clusters[1:], clusters[0])
        return offers[:count]

    def _packs(self) -> list[Offer]:
        generator = self._maker.generator
        looks = self._colourways(5)
        size = int(generator.integers(2, 4))
        shared, first = looks[0], looks[:size]
        second = [shared, *looks[size : size + int(generator.integers(1, 3))]]
        return self._cluster(shared, [self._shuffled(first), self._shuffled(second)], "pack")

    def _lone_pack(self) -> list[Offer]:
        looks = self._colourways(int(self._maker.generator.integers(2, 4)))
        return self._cluster(looks[0], [looks], "pack")[1:]

    def _sets(self) -> list[Offer]:
        generator = self._maker.generator
        tops = [self._look(_TOPS) for _ in range(2)]
        bottoms = [self._look(_BOTTOMS) for _ in range(2)]
        if generator.random() < 0.5:
            return self._cluster(tops[0], [(tops[0], bottom) for bottom in bottoms], "set")
        return self._cluster(bottoms[0], [(top, bottoms[0]) for top in tops], "set")

    def _cluster(self, shared: Look, contents: Sequence[Sequence[Look]], what: words.PackOrSet) -> list[Offer]:
        """Plan a single product and the bundles that contain it."""
        maker, generator = self._maker, self._maker.generator
        shelf, brand = maker.shelf(shared.kind), maker.one_of(words.BRANDS)
        price = int(generator.integers(25, 120)) * 10 - 1
        single = maker.offer(
            family=maker.next_name("F"),
            style=maker.next_name("S"),
            photo=maker.original(shared, shelf, brand),
            shelf=shelf,
            brand=brand,
            colour=shared.colour,
            pattern=shared.pattern,
            price=price,
        )
        groups = {shared: single.photo.group}
        offers = [single]
        for looks in contents:
            groups |= {look: maker.next_name("G") for look in looks if look not in groups}
            parts = tuple(groups[look] for look in looks)
            bundle = Bundle(tuple(looks), maker.number())
            offers.append(
                maker.offer(
                    family=maker.next_name("F"),
                    style=maker.next_name("S"),
                    photo=maker.bundled(bundle, parts, shelf, brand),
                    shelf=shelf,
                    brand=brand,
                    colour=_MIXED,
                    pattern=shared.pattern,
                    price=round(price * len(looks) * float(generator.uniform(0.7, 0.95))),
                    contents=words.Contents(what, len(looks)),
                )
            )
        return offers

    def _look(self, kinds: tuple[Kind, ...]) -> Look:
        look = self._maker.new_look([])
        return replace(look, kind=kinds[int(self._maker.generator.integers(len(kinds)))])

    def _colourways(self, wanted: int) -> list[Look]:
        """Draw one garment in up to `wanted` colours: photographed alike, or each in a pose of its own."""
        maker = self._maker
        look, alike = self._look(_PACKED), maker.generator.random() < 0.5
        colours = maker.far_colours(look.colour, wanted)
        return [
            replace(
                look, colour=colour, shot_seed=maker.number(), scene_seed=look.scene_seed if alike else maker.number()
            )
            for colour in colours
        ]

    def _shuffled(self, looks: Sequence[Look]) -> list[Look]:
        return [looks[i] for i in self._maker.generator.permutation(len(looks))]
