"""Who sells what in the sample shop and who uploads it again: all decisions, before any pixel is drawn."""

from dataclasses import replace
from typing import Literal

import numpy as np

from dedup_pipeline.sample import words
from dedup_pipeline.sample.garments import KINDS, Kind
from dedup_pipeline.sample.palette import COLOURS
from dedup_pipeline.sample.patterns import PATTERNS, Pattern
from dedup_pipeline.sample.photo import Look
from dedup_pipeline.sample.plan import FAULTY, Offer, Photo
from dedup_pipeline.sample.recipes import UNUSUAL, Recipe, decoration, draw_recipe, unusual_recipe

_COPIES_PER_PRODUCT = 0.42
_FEWEST_COPIES = 24
_LEVEL_SHARES = {0: 0.1, 2: 0.33, 3: 0.28}
_SAME_URL_SHARE = 0.03
_SIZES = ("XS", "S", "M", "L", "XL", "XXL")
_WEIGHTS: dict[Kind, float] = {"tunic": 3.0, "t-shirt": 1.5, "hand-bag": 0.7}
_ID_LETTERS = tuple("23456789BCDEFGHJKMNPQRSTVWXYZ")
_PHOTO_LETTERS = tuple("0123456789abcdefghjkmnpqrstuvwxyz")


class Planner:
    """Makes offers one after another; the same seed makes the same ones.

    Args:
        seed: of all choices.
    """

    def __init__(self, seed: int) -> None:
        self._generator = np.random.default_rng([seed, 1])
        self._seed = seed
        self._families = self._styles = self._groups = 0

    def products(self, count: int) -> list[Offer]:
        """Plan the original products: styles in one or more colours, and their neighbours."""
        generator, offers = self._generator, list[Offer]()
        earlier: list[Look] = []
        while len(offers) < count:
            look = self._new_look(earlier)
            earlier.append(look)
            colours = self._colours(look.colour)[: count - len(offers)]
            style, family = self._next("S"), self._next("F")
            together = generator.random() < 0.2
            shelf = self._shelf(look.kind)
            brand, price = self._one_of(words.BRANDS), int(generator.integers(25, 180)) * 10 - 1
            for index, colour in enumerate(colours):
                own = look if index == 0 else replace(look, colour=colour, shot_seed=self._number())
                photo = self._original(own, shelf, brand)
                family = family if together or index == 0 else self._next("F")
                offers.append(
                    self._offer(
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

    def copies(self, offers: list[Offer]) -> list[Offer]:
        """Plan the re-uploads of some of the offers, a few of them copies of copies."""
        generator = self._generator
        wanted = max(_FEWEST_COPIES, round(_COPIES_PER_PRODUCT * len(offers)))
        plain = [index for index, offer in enumerate(offers) if offer.photo.decoration is None]
        sources = [offers[index] for index in generator.permutation(plain)[: round(0.7 * wanted)]]
        copies = [self._copy(source, unusual_recipe(name)) for source, name in zip(sources, UNUSUAL, strict=False)]
        same_url = max(1, round(_SAME_URL_SHARE * wanted))
        copies += [self._copy(source, None) for source in sources[len(copies) :][:same_url]]
        for number, level in enumerate(self._levels(wanted, len(copies))):
            source = sources[len(copies) % len(sources)]
            if number % 16 == 15:
                source = copies[int(generator.integers(len(UNUSUAL), len(copies)))]
            copies.append(self._copy(source, draw_recipe(level, generator, self._one_of(words.SELLERS))))
        return copies

    def _levels(self, wanted: int, planned: int) -> list[int]:
        """Return the levels of the copies that are still to plan, in a drawn order; level 1 takes what is left."""
        levels = [level for level, share in _LEVEL_SHARES.items() for _ in range(round(share * wanted))]
        levels += [1] * (wanted - planned - len(levels))
        return [int(level) for level in self._generator.permutation(levels)]

    def faulty(self) -> list[Offer]:
        """Plan the listings whose picture or line is of no use; all placeholders are one and the same photo."""
        offers = []
        placeholder: Photo | None = None
        for kind, number in FAULTY.items():
            for _ in range(number):
                look = self._new_look([])
                shelf, brand = self._shelf(look.kind), self._one_of(words.BRANDS)
                photo = replace(self._original(look, shelf, brand), kind=kind, decoration=None)
                if kind != "malformed":
                    stored = () if kind in {"dead-url", "no-image"} else photo.stored
                    photo = replace(photo, group="", level="", edits="", stored=stored)
                if kind == "placeholder":
                    placeholder = photo = placeholder or photo
                offer = self._offer(
                    family=self._next("F"),
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

    def _copy(self, source: Offer, recipe: Recipe | None) -> Offer:
        """Plan one re-upload by another seller; without a recipe it uses the very URLs of the source."""
        generator = self._generator
        shelf = source.shelf if generator.random() < 0.85 else self._one_of_shelves(source.shelf)
        brand = source.brand if generator.random() < 0.55 else self._one_of(words.BRANDS)
        photo = source.photo
        if recipe is not None:
            level, edits = str(recipe.level), recipe.name
            if photo.source is not None:  # what the first copier did is still in the picture
                level, edits = max(level, photo.level), f"{photo.edits}+{edits}"
            new = self._photo(shelf, brand)
            photo = replace(
                new, group=photo.group, level=level, edits=edits, recipe=recipe, source=source.photo.photo_id
            )
        price = max(99, round(source.price * float(generator.uniform(0.7, 1.3))))
        return self._offer(
            family=self._next("F"),
            style=source.style,
            photo=photo,
            shelf=shelf,
            brand=brand,
            colour=source.colour,
            pattern=source.pattern,
            price=price,
        )

    def _new_look(self, earlier: list[Look]) -> Look:
        """Draw a look: now and then the cut and pose of an earlier one, or its pattern on another cut."""
        generator = self._generator
        weights = np.array([_WEIGHTS.get(kind, 1.0) for kind in KINDS])
        kind = KINDS[int(generator.choice(len(KINDS), p=weights / weights.sum()))]
        names = list(COLOURS)
        look = Look(
            kind=kind,
            cut_seed=self._number(),
            pattern=PATTERNS[generator.integers(len(PATTERNS))] if generator.random() < 0.8 else "solid",
            pattern_seed=self._number(),
            colour=names[generator.integers(len(names))],
            palette_seed=self._number(),
            scene_seed=self._number(),
            shot_seed=self._number(),
        )
        other = earlier[generator.integers(len(earlier))] if earlier else None
        chance = generator.random()
        if other is None or other.pattern in {"solid", "melange"}:
            return look
        if chance < 0.15 and look.pattern != other.pattern:
            return replace(look, kind=other.kind, cut_seed=other.cut_seed, scene_seed=other.scene_seed)
        if chance > 0.88 and look.kind != other.kind:
            return replace(
                look,
                pattern=other.pattern,
                pattern_seed=other.pattern_seed,
                colour=other.colour,
                palette_seed=other.palette_seed,
            )
        return look

    def _colours(self, first: str) -> list[str]:
        """Return the colours of a style: mostly one, sometimes two to four that nobody would confuse."""
        generator = self._generator
        wanted = 1 if generator.random() < 0.72 else int(generator.integers(2, 5))
        kept = [first]
        for name in generator.permutation(list(COLOURS)).tolist():
            gaps = [float(np.linalg.norm(np.subtract(COLOURS[name], COLOURS[other]))) for other in kept]
            if len(kept) < wanted and min(gaps) > 75.0:
                kept.append(name)
        return kept

    def _original(self, look: Look, shelf: words.Shelf, brand: str) -> Photo:
        photo = replace(self._photo(shelf, brand), group=self._next("G"), level="base", look=look)
        if self._generator.random() < 0.06:
            step = decoration(self._generator, self._one_of(words.SELLERS))
            photo = replace(photo, edits=step.name, decoration=step)
        return photo

    def _photo(self, shelf: words.Shelf, brand: str) -> Photo:
        generator = self._generator
        photo_id = "ima" + "".join(generator.choice(_PHOTO_LETTERS, 13).tolist())
        folder = "/".join(["image", shelf.folder, *generator.choice(_PHOTO_LETTERS, 3).tolist()])
        return Photo(photo_id, "", "", "", folder, f"{generator.integers(10, 99999)}-{words.slug(brand)}")

    def _offer(
        self,
        *,
        family: str,
        style: str,
        photo: Photo,
        shelf: words.Shelf,
        brand: str,
        colour: str,
        pattern: Pattern,
        price: int,
    ) -> Offer:
        generator = self._generator
        fabric, occasion = self._one_of(words.FABRICS), self._one_of(words.OCCASIONS)
        start, sizes = int(generator.integers(0, 4)), int(generator.choice([1, 2, 3], p=[0.5, 0.32, 0.18]))
        names = _SIZES[start : start + sizes] if shelf.ideal_for else ("",)
        stem = shelf.prefix + "".join(generator.choice(_ID_LETTERS, 7).tolist())
        listings = tuple((stem + "".join(generator.choice(_ID_LETTERS, 6).tolist()), size) for size in names)
        return Offer(
            family=family,
            style=style,
            photo=photo,
            shelf=shelf,
            brand=brand,
            seller=self._one_of(words.SELLERS),
            title=words.write_title(shelf, brand, pattern, occasion, int(generator.integers(4))),
            description=words.write_description(
                int(generator.integers(4)),
                brand=brand,
                fabric=fabric.lower(),
                occasion=occasion.lower(),
                name=shelf.name.lower(),
                colour=colour.lower(),
            ),
            colour=colour,
            pattern=pattern,
            fabric=fabric,
            occasion=occasion,
            price=price,
            listings=listings,
        )

    def _shelf(self, kind: Kind) -> words.Shelf:
        shelves = words.SHELVES[kind]
        return shelves[self._generator.integers(len(shelves))]

    def _one_of_shelves(self, shelf: words.Shelf) -> words.Shelf:
        """Return another shelf for the same folder, if there is one: sellers file one product under many categories."""
        others = [o for group in words.SHELVES.values() if shelf in group for o in group if o != shelf]
        return others[self._generator.integers(len(others))] if others else shelf

    def _one_of(self, choices: tuple[str, ...]) -> str:
        return choices[self._generator.integers(len(choices))]

    def _number(self) -> int:
        return int(self._generator.integers(2**31))

    def _next(self, letter: Literal["F", "G", "S"]) -> str:
        if letter == "F":
            self._families += 1
            return f"F{self._families:05d}"
        if letter == "G":
            self._groups += 1
            return f"G{self._groups:05d}"
        self._styles += 1
        return f"S{self._styles:05d}"
