"""Re-uploads that the re-upload simulator does not know: for rehearsing whether the promised precision holds on them.

What must not be learned must not be simulated: these edits live outside of the package, and nothing trains on them.
"""

import numpy as np

from dedup_pipeline.augmentation.edits import Picture
from dedup_pipeline.sample.copies import recipes
from dedup_pipeline.sample.copies.recipe import CutOut, Recipe, Step
from dedup_pipeline.sample.copies.recipes import finished

from . import textures, unseen_edits, unseen_overlays

_BANNERS = (
    "FREE DELIVERY TODAY",
    "FLAT 40% OFF - LIMITED STOCK",
    "Best quality | Cash on delivery",
    "DM to order",
    "100% ORIGINAL",
)
_CUT_OUT_SHARE = 0.16
_SCREENS = (640, 720, 800)
"""Long sides of screenshots in pixels; the photo takes a good half of them."""


def draw_recipe(level: int, generator: np.random.Generator, seller: str) -> Recipe:
    """Draw a re-upload of a level; levels 0 and 1 are those of `recipes.draw_recipe`.

    Args:
        level: 0 same bytes; 1 another encoding or size; 2 also one mild edit; 3 also two strong edits.
        generator: source of all choices.
        seller: whose name banners and screenshots show.
    """
    if level < 2:
        return recipes.draw_recipe(level, generator, seller)
    if level == 2:
        mild = (_bannered, _bordered, _filtered_little, _twice_encoded, _moved_little, _tilted_little, _small_sticker)
        return finished(level, [mild[generator.integers(len(mild))](generator, seller)], generator)
    strong = (_tilted, _stickered, _filtered, _moved, _bannered, _bordered, _screened, _twice_encoded, _screenshot)
    first, second = np.sort(generator.choice(len(strong), 2, replace=False))
    steps = [strong[first](generator, seller), strong[second](generator, seller)]
    cut_out = None
    if generator.random() < _CUT_OUT_SHARE:
        cut_out, steps = _cut_out(generator), steps[1:]
    sizes = _SCREENS if steps[-1].name == "screenshot" else recipes.SMALL
    return finished(level, steps, generator, cut_out=cut_out, sizes=sizes)


def _cut_out(generator: np.random.Generator) -> CutOut:
    texture = textures.TEXTURES[generator.integers(len(textures.TEXTURES))]
    seed, share = int(generator.integers(2**31)), float(generator.uniform(0.8, 1.0))
    return CutOut(f"cutout:{texture}", lambda p, mask: textures.cut_out(p, mask, texture, share, seed))


def _tilt(generator: np.random.Generator, low: float, high: float) -> Step:
    depth = float(generator.uniform(low, high))
    shifts = generator.uniform(0.0, 1.0, (4, 2))
    return Step(f"perspective:{depth:.2f}", lambda p: unseen_edits.perspective(p, depth * shifts))


def _tilted_little(generator: np.random.Generator, seller: str) -> Step:
    return _tilt(generator, 0.03, 0.06)


def _tilted(generator: np.random.Generator, seller: str) -> Step:
    return _tilt(generator, 0.08, 0.16)


def _screenshot(generator: np.random.Generator, seller: str) -> Step:
    dark = bool(generator.random() < 0.4)
    price, minutes = int(generator.integers(149, 1999)), int(generator.integers(720))
    return Step("screenshot", lambda p: unseen_overlays.screenshot(p, seller, price, minutes, dark=dark))


def _bannered(generator: np.random.Generator, seller: str) -> Step:
    text = (*_BANNERS, seller)[generator.integers(len(_BANNERS) + 1)]
    share, colour = float(generator.uniform(0.09, 0.16)), int(generator.integers(len(unseen_overlays.BRIGHT)))
    return Step(f"banner:{share:.2f}", lambda p: unseen_overlays.banner(p, text, share, unseen_overlays.BRIGHT[colour]))


def _bordered(generator: np.random.Generator, seller: str) -> Step:
    first, second = (unseen_overlays.BRIGHT[i] for i in generator.integers(len(unseen_overlays.BRIGHT), size=2))
    width, radius = float(generator.uniform(0.04, 0.09)), float(generator.uniform(0.04, 0.12))
    return Step("collage-border", lambda p: unseen_overlays.collage_border(p, first, second, width, radius))


def _sticker(generator: np.random.Generator, low: float, high: float, count: int) -> Step:
    names = [unseen_overlays.STICKERS[i] for i in generator.integers(len(unseen_overlays.STICKERS), size=count)]
    sizes, places = generator.uniform(low, high, count), generator.uniform(0.25, 0.75, (count, 2))

    def apply(picture: Picture) -> Picture:
        for name, size, (x, y) in zip(names, sizes, places, strict=True):
            picture = unseen_overlays.sticker(picture, name, float(size), float(x), float(y))
        return picture

    return Step("+".join(f"sticker:{name}" for name in names), apply)


def _small_sticker(generator: np.random.Generator, seller: str) -> Step:
    return _sticker(generator, 0.1, 0.16, 1)


def _stickered(generator: np.random.Generator, seller: str) -> Step:
    return _sticker(generator, 0.14, 0.22, int(generator.integers(1, 4)))


def _filter(generator: np.random.Generator, strength: float) -> Step:
    name = unseen_edits.FILTERS[generator.integers(len(unseen_edits.FILTERS))]
    return Step(f"filter-{name}:{strength:.2f}", lambda p: unseen_edits.colour_filter(p, name, strength))


def _filtered_little(generator: np.random.Generator, seller: str) -> Step:
    return _filter(generator, float(generator.uniform(0.3, 0.5)))


def _filtered(generator: np.random.Generator, seller: str) -> Step:
    return _filter(generator, float(generator.uniform(0.7, 1.0)))


def _twice_encoded(generator: np.random.Generator, seller: str) -> Step:
    first, second = (int(quality) for quality in generator.integers(14, 30, 2))
    return Step(f"jpeg-twice:{first}-{second}", lambda p: unseen_edits.encode_twice(p, first, second))


def _screened(generator: np.random.Generator, seller: str) -> Step:
    degrees, period = float(generator.uniform(2.0, 14.0)), float(generator.uniform(3.2, 4.6))
    if generator.random() < 0.5:
        return Step(f"moire:{degrees:.0f}", lambda p: unseen_edits.moire(p, degrees, period))
    return Step(f"halftone:{period:.1f}", lambda p: unseen_edits.halftone(p, period))


def _motion(generator: np.random.Generator, low: float, high: float) -> Step:
    length, degrees = float(generator.uniform(low, high)), float(generator.uniform(0.0, 180.0))
    return Step(f"motion:{100 * length:.1f}", lambda p: unseen_edits.motion_blur(p, length, degrees))


def _moved_little(generator: np.random.Generator, seller: str) -> Step:
    return _motion(generator, 0.008, 0.014)


def _moved(generator: np.random.Generator, seller: str) -> Step:
    return _motion(generator, 0.016, 0.028)
