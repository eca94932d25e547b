"""The colours of products: named ones, and palettes of colours that stand out from each other."""

from dataclasses import dataclass

import numpy as np

from dedup_pipeline.augmentation.edits import Colour

COLOURS: dict[str, Colour] = {
    "Black": (32, 32, 36),
    "White": (236, 235, 231),
    "Grey": (138, 140, 145),
    "Blue": (38, 84, 172),
    "Navy": (28, 36, 82),
    "Light Blue": (142, 186, 222),
    "Red": (186, 28, 40),
    "Maroon": (104, 22, 42),
    "Pink": (228, 128, 160),
    "Orange": (226, 116, 36),
    "Yellow": (232, 196, 58),
    "Green": (30, 118, 70),
    "Olive": (104, 108, 54),
    "Purple": (98, 54, 142),
    "Brown": (110, 72, 48),
    "Beige": (214, 194, 162),
}


@dataclass(frozen=True)
class Palette:
    """The colours of one product: the cloth, what is printed on it, and its trimmings."""

    main: Colour
    second: Colour
    third: Colour
    trim: Colour


def make_palette(name: str, generator: np.random.Generator) -> Palette:
    """Choose the companions of a named colour; its own shade varies by about 12 grey levels."""
    main = _shade(COLOURS[name], generator, 12.0)
    others = [other for other in COLOURS if _distance(COLOURS[other], main) > 90.0]
    second, third = (COLOURS[others[i]] for i in generator.choice(len(others), 2, replace=False))
    trims = (main, main, tuple(int(0.72 * value) for value in main), second, COLOURS["Black"], COLOURS["White"])
    trim = trims[generator.integers(len(trims))]
    return Palette(main, _shade(second, generator, 12.0), _shade(third, generator, 12.0), _shade(trim, generator, 4.0))


def _shade(colour: tuple[int, ...], generator: np.random.Generator, spread: float) -> Colour:
    red, green, blue = (int(np.clip(value + generator.normal(0.0, spread / 2), 4, 250)) for value in colour)
    return red, green, blue


def _distance(first: Colour, second: Colour) -> float:
    return float(np.linalg.norm(np.subtract(first, second)))
