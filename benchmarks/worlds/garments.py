"""Worlds of clothes: shirts with prints, jerseys with numbers, and one model in many dresses."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np

from dedup_pipeline.augmentation.edits import Colour
from dedup_pipeline.compute.dtypes import Floats
from dedup_pipeline.sample.rendering.canvas import Canvas
from dedup_pipeline.sample.rendering.garments import Kind, cut_garment
from dedup_pipeline.sample.rendering.outlines import Layer, Line, Piece, Points, ellipse, spline
from dedup_pipeline.sample.rendering.palette import COLOURS, Palette, make_palette
from dedup_pipeline.sample.rendering.patterns import PATTERNS, Pattern, draw_tile
from dedup_pipeline.sample.rendering.photo import Look, paint_product
from dedup_pipeline.sample.rendering.scene import Scene, draw_scene, paint_background

from .artwork import motif
from .brush import area, backdrop, develop, lay, rounded_box, shadow, shifted_colour, solid, strokes
from .goods import MANY, Family, Product, goods, invented, picked
from .lettering import letters, place

_TEE = goods("TSH", "T-Shirt", "Apparels>Men>Polos & T-Shirts", "Cotton,Cotton Blend", (299, 999), whom="Men")
_JERSEY = goods("JRS", "Football Jersey", "Sports>Football>Jerseys", "Polyester", (499, 1999), whom="Men")
_DRESS = goods("DRE", "Dress", "Apparels>Women>Western Wear>Dresses", "Crepe,Viscose,Rayon", (699, 2999), whom="Women")
_PLAIN = ("Black", "White", "Grey", "Navy", "Red", "Olive", "Maroon", "Beige", "Light Blue", "Yellow")


@dataclass(frozen=True)
class Blank:
    """A plain garment as it was photographed once; mock-ups lay prints on it.

    Attributes:
        light: `(H, W, 3)`, the photo before the camera.
        cover: where the garment is.
        shade: how light falls on it, about 1.
        chest: centre of the chest and width of the garment in pixels.
    """

    light: Floats
    cover: Floats
    shade: Floats
    chest: tuple[float, float, float]


def blank(kind: Kind, colour: str, seed: int, pattern: Pattern = "solid", tone: Colour | None = None) -> Blank:
    """Photograph a plain garment; one seed gives the same cut, folds and studio in every colour."""
    studio = np.random.default_rng(seed)
    scene = replace(draw_scene(kind, studio), turn=0.0, fill=float(studio.uniform(0.88, 0.95)))
    height = round(1.25 * scene.height)
    scene = replace(scene, width=round(height * studio.uniform(0.86, 1.0)), height=height, presentation="ghost")
    if tone is not None:
        scene = replace(scene, tone=tone, setting="paper")
    ground = paint_background(scene, studio)
    state = studio.bit_generator.state

    def drawn(name: str, cloth: Pattern) -> tuple[Floats, Floats]:
        studio.bit_generator.state = state
        look = Look(kind, seed, cloth, seed + 1, name, seed + 2, seed, seed)
        return paint_product(look, scene, ground.copy(), studio)

    light, cover = drawn(colour, pattern)
    white = drawn("White", "solid")[0].mean(axis=2)
    rows, columns = np.nonzero(cover > 0.5)
    top, bottom = float(np.percentile(rows, 1)), float(np.percentile(rows, 99))
    middle = float(columns[np.abs(rows - (top + bottom) / 2) < 20].mean())
    width = float(np.ptp(columns[np.abs(rows - (0.35 * top + 0.65 * bottom)) < 4]))
    # a hem in another colour is no shadow
    shade = np.clip(white / max(1.0, float(np.median(white[cover > 0.5]))), 0.7, 1.25)
    return Blank(light, cover, np.asarray(shade, dtype=np.float32), (middle, 0.56 * top + 0.44 * bottom, width))


def printed(base: Blank, layers: list[tuple[Floats, int]], inks: list[Colour], width: float, drop: float) -> Floats:
    """Lay a print of some width (a share of the garment's) on a blank, `drop` of its side below the chest."""
    light = base.light.copy()
    x, y, across = base.chest
    side = max(8, round(width * across))
    for alpha, ink in layers:
        small = np.asarray(cv2.resize(alpha, (side, side), interpolation=cv2.INTER_AREA), dtype=np.float32)
        full = np.zeros((*light.shape[:2], 3), dtype=np.float32)
        place(full, small, (x, y + drop * side), (1, 1, 1))
        paint = base.shade[..., None] * np.asarray(inks[ink - 1], dtype=np.float32)
        lay(light, np.asarray(0.94 * full[..., 0] * base.cover, dtype=np.float32), paint)
    return light


def far_inks(colour: str, generator: np.random.Generator) -> list[Colour]:
    """Draw three inks that are seen on a cloth of a named colour and beside each other."""
    kept: list[Colour] = [COLOURS[colour]]
    for name in generator.permutation(list(COLOURS)).tolist():
        if len(kept) < 4 and min(float(np.linalg.norm(np.subtract(COLOURS[name], other))) for other in kept) > 85:
            kept.append(shifted_colour(COLOURS[name], generator, 6))
    return [*kept[1:], *kept[1:]][:3]


def print_on_demand(generator: np.random.Generator, most: int = MANY) -> Iterator[Family]:
    """One blank shirt in a few colours, with many motifs; some motifs in other inks, some on other colours."""
    brand, seed = invented(generator), int(generator.integers(2**31))
    colours = generator.permutation(_PLAIN)[:3].tolist()
    blanks = {colour: blank("t-shirt", colour, seed) for colour in colours}
    width = float(generator.uniform(0.68, 0.82))
    while True:
        family: Family = []
        for _ in range(min(most, 4)):
            layers, colour = motif(360, generator), colours[generator.integers(3)]
            drawn = [(colour, far_inks(colour, generator))]
            if generator.random() < 0.55:
                drawn.append((colour, far_inks(colour, generator)))
            if generator.random() < 0.3:
                other = colours[(colours.index(colour) + 1) % 3]
                drawn.append((other, far_inks(other, generator)))
            for shown, inks in drawn:
                light = printed(blanks[shown], layers, inks, width, -0.05)
                shot = develop(light, blanks[shown].cover, generator)
                title = picked(generator, ("Graphic tee", "Graphic tee", "Printed T-Shirt", f"{brand} Graphic Tee"))
                family.append(Product(shot, _TEE, brand, title, shown))
        yield family


def jerseys(generator: np.random.Generator, most: int = MANY) -> Iterator[Family]:
    """The jerseys of a few teams, each with the numbers and names of its players."""
    patterns: tuple[Pattern, ...] = ("solid", "stripes", "chevron", "solid", "diamonds", "blocks", "pinstripes")
    while True:
        colour, seed = picked(generator, tuple(COLOURS)), int(generator.integers(2**31))
        base = blank("t-shirt", colour, seed, patterns[generator.integers(len(patterns))])
        brand = invented(generator)
        main = float(np.median(base.light[base.cover > 0.9]))
        ink: Colour = (250, 248, 240) if main < 120 else shifted_colour((24, 26, 40), generator, 10)
        edge: Colour = (20, 20, 24) if main < 120 else (250, 250, 250)
        wide, arch = float(generator.uniform(0.75, 1.1)), bool(generator.random() < 0.5)
        numbers = generator.permutation(np.arange(2, 100))[: min(most, int(generator.integers(4, 8)))]
        family: Family = []
        for number in numbers.tolist():
            light = base.light.copy()
            x, y, across = base.chest
            name = invented(generator, 2 if generator.random() < 0.7 else 1).upper()
            for text, height, middle, limit in ((f"{number}", 0.5, 0.2, 0.6), (name, 0.11, -0.17, 0.6)):
                drawn = letters(text, height * across, bold=0.07, wide=wide)
                share = min(1.0, limit * across / drawn.shape[1])
                drawn = np.asarray(cv2.resize(drawn, None, fx=share, fy=1.0 if height > 0.3 else share))
                if arch and height < 0.3:
                    drawn = np.asarray(cv2.resize(drawn, None, fx=1.0, fy=1.15))
                full = np.zeros((*light.shape[:2], 3), dtype=np.float32)
                place(full, drawn.astype(np.float32), (x, y + middle * across), (1, 1, 1))
                fill = full[..., 0] * base.cover
                border = np.asarray(cv2.dilate(fill, np.ones((5, 5), dtype=np.uint8)), dtype=np.float32)
                lay(light, border, base.shade[..., None] * np.asarray(edge, dtype=np.float32))
                lay(light, fill, base.shade[..., None] * np.asarray(ink, dtype=np.float32))
            title = picked(generator, (f"{brand} Home Jersey", "Football Jersey 2024", f"{brand} Home Jersey"))
            family.append(Product(develop(light, base.cover, generator), _JERSEY, brand, title, colour))
        yield family


def one_model(generator: np.random.Generator, most: int = MANY) -> Iterator[Family]:
    """One model in one pose in one room, in another garment each time."""
    while True:
        room = _Room(generator)
        brand, family = invented(generator), Family()
        earlier: list[tuple[int, Pattern, int]] = []
        sold: list[tuple[int, str]] = []
        for _ in range(min(most, int(generator.integers(7, 12)))):
            pattern = PATTERNS[generator.integers(len(PATTERNS) - 1)]
            cut, seed = int(generator.integers(2**31)), int(generator.integers(2**31))
            if earlier and generator.random() < 0.45:
                cut, pattern, seed = earlier[generator.integers(len(earlier))]
            worn = {colour for other, colour in sold if other == cut}
            colour = picked(generator, tuple(name for name in COLOURS if name not in worn))
            earlier.append((cut, pattern, seed))
            sold.append((cut, colour))
            palette = make_palette(colour, generator)
            light, cover = room.dressed(cut, pattern, palette, seed, generator)
            title = picked(generator, ("Women's Dress", f"{brand} Casual Dress", "Summer Dress", "Women's Dress"))
            family.append(Product(develop(light, cover, generator), _DRESS, brand, title, colour))
        yield family


class _Room:
    """A wall, a floor and a model who stands before them."""

    def __init__(self, generator: np.random.Generator) -> None:
        self._height, self._width = 860, int(generator.integers(560, 660))
        shape = (self._height, self._width)
        self._scale, self._x, self._y = 255.0, self._width / 2 + generator.uniform(-20, 20), 205.0
        hue = shifted_colour((206, 198, 188), generator, 16)
        light = backdrop(shape, hue, generator, 0.25)
        floor = area(np.array([(0, 770), (self._width, 770), (self._width, 860), (0, 860)]), shape)
        lay(light, floor, backdrop(shape, shifted_colour((160, 134, 108), generator, 14), generator, 0.3))
        door = rounded_box(0.06 * self._width, 90, 0.3 * self._width, 772, 4)
        if generator.random() < 0.6:
            solid(light, area(door, shape), shifted_colour((186, 176, 160), generator, 14), bevel=8)
        if generator.random() < 0.6:
            picture = rounded_box(0.74 * self._width, 130, 0.95 * self._width, 330, 2)
            shadow(light, area(picture, shape), (5, 7), 6, 0.4)
            solid(light, area(picture, shape), shifted_colour((120, 110, 120), generator, 40), bevel=6)
        self._skin = picked_skin(generator)
        self._hair = ((40, 28, 24), (92, 58, 36), (170, 128, 76), (24, 22, 24))[generator.integers(4)]
        self._long_hair = bool(generator.random() < 0.5)
        self._bend = float(generator.uniform(-0.06, 0.1))
        self._lamp = float(generator.choice([-1, 1]) * generator.uniform(0.4, 0.8))
        self._light = light
        self._stand(shape)

    def _at(self, points: Points) -> Points:
        return np.asarray(points * self._scale + (self._x, self._y), dtype=np.float64)

    def _stand(self, shape: tuple[int, int]) -> None:
        """Paint the model without clothes that matter: a plain under-dress, arms, legs, head and hair."""
        light, body = self._light, np.zeros(shape, dtype=np.float32)
        legs = [spline((s * 0.13, 1.0), (s * 0.15, 1.7), (s * 0.12, 2.28)) for s in (-1, 1)]
        arms = [
            spline((s * 0.42, 0.12), (s * (0.56 + self._bend), 0.6), (s * (0.6 + self._bend), 1.12)) for s in (-1, 1)
        ]
        for paths, wide in ((legs, 0.2), (arms, 0.13)):
            body = np.maximum(body, strokes([self._at(p) for p in paths], wide * self._scale, shape))
        for x in (-0.12, 0.12):
            shoe = area(self._at(ellipse(x, 2.31, 0.09, 0.06)), shape)
            body = np.maximum(body, shoe)
        shadow(light, body, (26 * -self._lamp, 8), 18, 0.4)
        if self._long_hair:
            solid(light, area(self._at(ellipse(0, -0.24, 0.24, 0.42)), shape), self._hair, bevel=40, gloss=0.05)
        solid(light, body, self._skin, bevel=30)
        neck = area(
            self._at(np.array([(-0.1, -0.3), (0.1, -0.3), (0.34, 0.1), (0.3, 0.6), (-0.3, 0.6), (-0.34, 0.1)])), shape
        )
        solid(light, neck, self._skin, bevel=22)
        solid(light, area(self._at(ellipse(0, -0.4, 0.16, 0.215)), shape), self._skin, bevel=40)
        crown = np.vstack(
            [ellipse(0, -0.48, 0.18, 0.17)[18:], [(0.17, -0.4), (0.1, -0.5), (-0.08, -0.53), (-0.17, -0.4)]]
        )
        solid(light, area(self._at(crown), shape), self._hair, bevel=14, gloss=0.05)
        for side in (-1, 1):
            lay(light, area(self._at(ellipse(side * 0.06, -0.4, 0.022, 0.011)), shape), (60, 44, 40))
            lay(light, 0.7 * area(self._at(ellipse(side * 0.06, -0.437, 0.03, 0.006)), shape), self._hair)
        lay(light, 0.8 * area(self._at(ellipse(0, -0.29, 0.042, 0.014)), shape), (176, 84, 84))
        lay(light, area(self._at(ellipse(-0.12, 2.32, 0.085, 0.05)), shape), (60, 50, 46))
        lay(light, area(self._at(ellipse(0.12, 2.32, 0.085, 0.05)), shape), (60, 50, 46))

    def dressed(
        self, cut: int, pattern: Pattern, palette: Palette, seed: int, generator: np.random.Generator
    ) -> tuple[Floats, Floats]:
        """Return the light and where the garment is."""
        kind: Kind = "dress" if cut % 3 else "tunic"
        garment = cut_garment(kind, np.random.default_rng(cut))
        scene = Scene(
            width=self._width,
            height=self._height,
            light=(self._lamp, -0.7),
            setting="paper",
            tone=(200, 200, 200),
            stand=self._skin,
            presentation="ghost",
            fill=0.8,
            turn=0.0,
            shift=(0.0, 0.0),
            shear=0.0,
            warp=np.zeros((1, 4)),
            balance=(1.0, 1.0, 1.0),
        )
        tile = draw_tile(pattern, palette, np.random.default_rng(seed))
        canvas = Canvas(scene, self._light.copy(), garment.drape, tile=tile, palette=palette, generator=generator)
        for layer in garment.layers:
            if isinstance(layer, Piece) and layer.fabric == "inside":
                continue  # that is where the model's neck is
            canvas.paint(layer, self._at(_points(layer)), self._scale)
        return canvas.light, canvas.cover


def picked_skin(generator: np.random.Generator) -> Colour:
    """Choose the colour of a skin."""
    skins: tuple[Colour, ...] = ((228, 186, 160), (198, 148, 116), (156, 108, 80), (112, 76, 56), (236, 200, 178))
    return skins[generator.integers(len(skins))]


def _points(layer: Layer) -> Points:
    if isinstance(layer, Piece):
        return layer.outline
    return layer.path if isinstance(layer, Line) else ellipse(*layer.centre, layer.radius, layer.radius)
