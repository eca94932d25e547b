"""How sellers change a photo before they upload it again, in four levels."""

from collections.abc import Callable

import numpy as np

from dedup_pipeline.augmentation import edits
from dedup_pipeline.augmentation.edits import Colour
from dedup_pipeline.sample.copies.recipe import CutOut, Recipe, Step, resized

_CANVASES: tuple[Colour, ...] = ((208, 225, 240), (245, 236, 190), (250, 216, 224), (228, 240, 214), (184, 184, 188))
_FRAMES: tuple[Colour, ...] = ((30, 30, 34), (140, 24, 40), (24, 60, 120), (196, 164, 84), (120, 120, 124))
_BADGES = ("SALE", "50% OFF", "NEW", "HOT", "-30%")
SMALL = (240, 280, 320, 360)
"""Long sides in pixels to which sellers shrink photos."""


DrawRecipe = Callable[[int, np.random.Generator, str], Recipe]
"""Draws a re-upload of a level (0 to 3) with a generator, by a seller of a name."""


def draw_recipe(level: int, generator: np.random.Generator, seller: str) -> Recipe:
    """Draw a re-upload of a level.

    Args:
        level: 0 same bytes; 1 another encoding or size; 2 also one mild edit; 3 also two strong edits.
        generator: source of all choices.
        seller: whose name logos and watermarks show.
    """
    if level == 0:
        return Recipe(0, (), "identical")
    steps: list[Step] = []
    if level == 2:
        steps.append(_draw_mild(generator, seller))
    if level == 3:
        steps += _draw_strong(generator, seller)
    return finished(level, steps, generator)


def finished(
    level: int,
    steps: list[Step],
    generator: np.random.Generator,
    *,
    cut_out: CutOut | None = None,
    sizes: tuple[int, ...] = SMALL,
) -> Recipe:
    """Add what all re-uploads have in common: another size, mostly, and another encoding."""
    if generator.random() < 0.6:
        steps = [*steps, resized(int(generator.choice(sizes)))]
    encoding = str(generator.choice(["jpeg", "webp", "png"], p=[0.8, 0.13, 0.07]))
    return Recipe(level, tuple(steps), encoding, int(generator.integers(42, 90)), cut_out)


def decoration(generator: np.random.Generator, seller: str) -> Step:
    """Draw what some sellers put on their own first upload: a logo, badge, frame or watermark."""
    drawers = (_logo, _badge, _framed, _marked)
    return drawers[generator.integers(len(drawers))](generator, seller)


def _draw_mild(generator: np.random.Generator, seller: str) -> Step:
    drawers = (_cropped_little, _padded, _toned, _softened, _sharpened, _logo, _badge)
    return drawers[generator.integers(len(drawers))](generator, seller)


def _draw_strong(generator: np.random.Generator, seller: str) -> list[Step]:
    drawers = (_cropped_much, _mirrored, _rotated, _repainted, _framed, _marked, _stretched, _curved, _set_in)
    first, second = np.sort(generator.choice(len(drawers), 2, replace=False))
    return [drawers[first](generator, seller), drawers[second](generator, seller)]


def _crop(generator: np.random.Generator, low: float, high: float) -> Step:
    across, down = generator.uniform(low, high, 2)
    left, top = generator.uniform(0.2, 0.8, 2)
    return Step(
        f"crop:{across:.2f}x{down:.2f}",
        lambda p: edits.crop(p, across * left, down * top, across * (1 - left), down * (1 - top)),
    )


def _cropped_little(generator: np.random.Generator, seller: str) -> Step:
    return _crop(generator, 0.03, 0.1)


def _cropped_much(generator: np.random.Generator, seller: str) -> Step:
    return _crop(generator, 0.1, 0.25)


def _padded(generator: np.random.Generator, seller: str) -> Step:
    return Step("padsquare", edits.pad_square)


def _toned(generator: np.random.Generator, seller: str) -> Step:
    brightness, contrast, saturation = (float(value) for value in generator.uniform(0.85, 1.15, 3))
    name = f"brightness:{brightness:.2f}+contrast:{contrast:.2f}+saturation:{saturation:.2f}"
    return Step(name, lambda p: edits.tone(p, brightness, contrast, saturation))


def _softened(generator: np.random.Generator, seller: str) -> Step:
    sigma = float(generator.uniform(0.8, 2.0))
    return Step(f"blur:{sigma:.1f}", lambda p: edits.blur(p, sigma))


def _sharpened(generator: np.random.Generator, seller: str) -> Step:
    amount = float(generator.uniform(0.6, 1.5))
    return Step(f"sharpen:{100 * amount:.0f}", lambda p: edits.sharpen(p, amount))


def _logo(generator: np.random.Generator, seller: str) -> Step:
    corners: tuple[edits.Corner, ...] = ("top-left", "top-right", "bottom-left", "bottom-right")
    corner = corners[generator.integers(4)]
    return Step("logo", lambda p: edits.corner_logo(p, seller, corner=corner))


def _badge(generator: np.random.Generator, seller: str) -> Step:
    text = _BADGES[generator.integers(len(_BADGES))]
    size = float(generator.uniform(0.16, 0.26))
    return Step("badge", lambda p: edits.badge(p, text, size=size))


def _mirrored(generator: np.random.Generator, seller: str) -> Step:
    return Step("mirror", edits.mirror)


def _rotated(generator: np.random.Generator, seller: str) -> Step:
    degrees = float(generator.uniform(1.5, 6.0) * generator.choice([-1.0, 1.0]))
    return Step(f"rotate:{degrees:.1f}", lambda p: edits.rotate(p, degrees))


def _repainted(generator: np.random.Generator, seller: str) -> Step:
    colour = _CANVASES[generator.integers(len(_CANVASES))]
    return Step(f"background:{bytes(colour).hex()}", lambda p: edits.background(p, colour, tolerance=20.0))


def _framed(generator: np.random.Generator, seller: str) -> Step:
    colour, width = _FRAMES[generator.integers(len(_FRAMES))], float(generator.uniform(0.015, 0.04))
    return Step("frame", lambda p: edits.frame(p, colour, width))


def _marked(generator: np.random.Generator, seller: str) -> Step:
    opacity, degrees = float(generator.uniform(0.15, 0.35)), float(generator.uniform(15, 40))
    return Step("watermark", lambda p: edits.watermark(p, seller, opacity=opacity, degrees=degrees))


def _stretched(generator: np.random.Generator, seller: str) -> Step:
    factor = 1.0 + float(generator.uniform(0.08, 0.12) * generator.choice([-1.0, 1.0]))
    return Step(f"aspect:{factor:.2f}", lambda p: edits.aspect(p, factor))


def _curved(generator: np.random.Generator, seller: str) -> Step:
    exponent = float(generator.choice([generator.uniform(0.7, 0.85), generator.uniform(1.15, 1.3)]))
    return Step(f"gamma:{exponent:.2f}", lambda p: edits.gamma(p, exponent))


def _set_in(generator: np.random.Generator, seller: str) -> Step:
    share = float(generator.uniform(0.6, 0.8))
    return Step(f"inset:{share:.2f}", lambda p: edits.inset(p, share))
