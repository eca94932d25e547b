"""Inventing what sellers say about a photo: shelves, brands, titles, sizes, ids."""

from dataclasses import replace
from typing import Literal

import numpy as np

from dedup_pipeline.sample import words
from dedup_pipeline.sample.copies.recipe import Recipe
from dedup_pipeline.sample.copies.recipes import decoration
from dedup_pipeline.sample.plan import Offer, Photo
from dedup_pipeline.sample.rendering.bundle import Bundle
from dedup_pipeline.sample.rendering.garments import KINDS, Kind
from dedup_pipeline.sample.rendering.palette import COLOURS
from dedup_pipeline.sample.rendering.patterns import PATTERNS, Pattern
from dedup_pipeline.sample.rendering.photo import Look

_SIZES = ("XS", "S", "M", "L", "XL", "XXL")
_WEIGHTS: dict[Kind, float] = {"tunic": 3.0, "t-shirt": 1.5, "hand-bag": 0.7}
_ID_LETTERS = tuple("23456789BCDEFGHJKMNPQRSTVWXYZ")
_PHOTO_LETTERS = tuple("0123456789abcdefghjkmnpqrstuvwxyz")


class OfferMaker:
    """Makes looks, photos and offers one after another; the same seed makes the same ones.

    Args:
        seed: of all choices.

    Attributes:
        generator: source of all choices.
    """

    def __init__(self, seed: int) -> None:
        self.generator = np.random.default_rng([seed, 1])
        self._families = self._styles = self._groups = 0

    def new_look(self, earlier: list[Look]) -> Look:
        """Draw a look: now and then the cut and pose of an earlier one, or its pattern on another cut."""
        generator = self.generator
        weights = np.array([_WEIGHTS.get(kind, 1.0) for kind in KINDS])
        kind = KINDS[int(generator.choice(len(KINDS), p=weights / weights.sum()))]
        names = list(COLOURS)
        look = Look(
            kind=kind,
            cut_seed=self.number(),
            pattern=PATTERNS[generator.integers(len(PATTERNS))] if generator.random() < 0.8 else "solid",
            pattern_seed=self.number(),
            colour=names[generator.integers(len(names))],
            palette_seed=self.number(),
            scene_seed=self.number(),
            shot_seed=self.number(),
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

    def colours(self, first: str) -> list[str]:
        """Return the colours of a style: mostly one, sometimes two to four that nobody would confuse."""
        return self.far_colours(first, 1 if self.generator.random() < 0.72 else int(self.generator.integers(2, 5)))

    def far_colours(self, first: str, wanted: int) -> list[str]:
        """Return up to `wanted` colours that nobody would confuse, beginning with the first."""
        kept = [first]
        for name in self.generator.permutation(list(COLOURS)).tolist():
            gaps = [float(np.linalg.norm(np.subtract(COLOURS[name], COLOURS[other]))) for other in kept]
            if len(kept) < wanted and min(gaps) > 75.0:
                kept.append(name)
        return kept

    def original(self, look: Look, shelf: words.Shelf, brand: str) -> Photo:
        """Plan the first upload of a look; some sellers decorate it."""
        photo = replace(self._photo(shelf, brand), group=self.next_name("G"), level="base", look=look)
        if self.generator.random() < 0.06:
            step = decoration(self.generator, self.one_of(words.SELLERS))
            photo = replace(photo, edits=step.name, decoration=step)
        return photo

    def _photo(self, shelf: words.Shelf, brand: str) -> Photo:
        generator = self.generator
        photo_id = "ima" + "".join(generator.choice(_PHOTO_LETTERS, 13).tolist())
        folder = "/".join(["image", shelf.folder, *generator.choice(_PHOTO_LETTERS, 3).tolist()])
        return Photo(photo_id, "", "", "", folder, f"{generator.integers(10, 99999)}-{words.slug(brand)}")

    def bundled(self, bundle: Bundle, parts: tuple[str, ...], shelf: words.Shelf, brand: str) -> Photo:
        """Plan the first upload of a bundle; `parts` are the photo groups of what it shows."""
        photo = self._photo(shelf, brand)
        return replace(photo, group=self.next_name("G"), level="base", look=bundle, parts=parts)

    def offer(
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
        contents: words.Contents = words.SINGLE,
    ) -> Offer:
        """Say something about a photo."""
        generator = self.generator
        fabric, occasion = self.one_of(words.FABRICS), self.one_of(words.OCCASIONS)
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
            seller=self.one_of(words.SELLERS),
            title=words.write_title(shelf, brand, pattern, occasion, int(generator.integers(4)), contents=contents),
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
            contents=contents,
            listings=listings,
        )

    def shelf(self, kind: Kind) -> words.Shelf:
        """Choose where a kind of product is sold."""
        shelves = words.SHELVES[kind]
        return shelves[self.generator.integers(len(shelves))]

    def _one_of_shelves(self, shelf: words.Shelf) -> words.Shelf:
        """Return another shelf for the same folder, if there is one: sellers file one product under many categories."""
        others = [o for group in words.SHELVES.values() if shelf in group for o in group if o != shelf]
        return others[self.generator.integers(len(others))] if others else shelf

    def one_of(self, choices: tuple[str, ...]) -> str:
        """Choose a word."""
        return choices[self.generator.integers(len(choices))]

    def number(self) -> int:
        """Draw a seed."""
        return int(self.generator.integers(2**31))

    def next_name(self, letter: Literal["F", "G", "S"]) -> str:
        """Name the next family, photo group or style."""
        if letter == "F":
            self._families += 1
            return f"F{self._families:05d}"
        if letter == "G":
            self._groups += 1
            return f"G{self._groups:05d}"
        self._styles += 1
        return f"S{self._styles:05d}"

    def copy(self, source: Offer, recipe: Recipe | None) -> Offer:
        """Plan one re-upload by another seller; without a recipe it uses the very URLs of the source."""
        generator = self.generator
        shelf = source.shelf if generator.random() < 0.85 else self._one_of_shelves(source.shelf)
        brand = source.brand if generator.random() < 0.55 else self.one_of(words.BRANDS)
        photo = source.photo
        if recipe is not None:
            level, edits = str(recipe.level), recipe.name
            if photo.source is not None:  # what the first copier did is still in the picture
                level, edits = max(level, photo.level), f"{photo.edits}+{edits}"
            photo = replace(
                self._photo(shelf, brand),
                group=photo.group,
                parts=photo.parts,
                level=level,
                edits=edits,
                recipe=recipe,
                source=photo.photo_id,
            )
        price = max(99, round(source.price * float(generator.uniform(0.7, 1.3))))
        return self.offer(
            family=self.next_name("F"),
            style=source.style,
            photo=photo,
            shelf=shelf,
            brand=brand,
            colour=source.colour,
            pattern=source.pattern,
            price=price,
            contents=source.contents,
        )
