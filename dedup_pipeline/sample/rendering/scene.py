"""The studio of one photo: size, light, background, how the product is shown and how it lies in the picture."""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from dedup_pipeline.augmentation.edits import Colour
from dedup_pipeline.compute.dtypes import Floats
from dedup_pipeline.sample.rendering.garments import Kind
from dedup_pipeline.sample.rendering.outlines import Layer, Line, Piece, Points, joined, spline, straight, symmetric

Setting = Literal["white", "grey", "paper", "cloth", "boards", "sheet", "print", "rug", "tiles"]
Presentation = Literal["ghost", "hanger", "mannequin"]

_TOPS: frozenset[Kind] = frozenset({"t-shirt", "tunic", "shirt", "sweatshirt", "dress", "vest", "jacket"})
_STANDS: tuple[Colour, ...] = ((222, 214, 206), (196, 160, 132), (150, 110, 86), (206, 206, 210), (94, 70, 58))
_PAPERS: tuple[Colour, ...] = ((226, 214, 202), (206, 220, 228), (232, 212, 214), (214, 226, 206), (236, 226, 190))
_SIZES = ((0.75, 0.44), (0.8, 0.26), (1.0, 0.15), (2 / 3, 0.15))


@dataclass(frozen=True)
class Scene:
    """Everything about a photo that is not the product.

    Attributes:
        width: pixels.
        height: pixels.
        light: unit vector (x, y) that points to the lamp; y is negative, lamps hang above.
        setting: the background.
        tone: colour of the background.
        stand: colour of the mannequin.
        presentation: how the product is held.
        fill: share of the picture that the product's box takes along its tighter side.
        turn: degrees.
        shift: (x, y) as fractions of the picture's sides.
        shear: sideways lean, pixels per pixel.
        warp: `(3, 4)`: per wave its amplitude (x, y) in garment units, frequency and phase.
        balance: `(3,)` gains of red, green and blue.
        crumple: strength of the creases in the cloth, 0 for a garment that was ironed.
    """

    width: int
    height: int
    light: tuple[float, float]
    setting: Setting
    tone: Colour
    stand: Colour
    presentation: Presentation
    fill: float
    turn: float
    shift: tuple[float, float]
    shear: float
    warp: Points
    balance: tuple[float, float, float]
    crumple: float = 0.0

    @property
    def lies(self) -> bool:
        """Whether the product lies on something, so that its shadow is near and dark."""
        return self.setting not in {"white", "grey", "paper"}


def draw_scene(kind: Kind, generator: np.random.Generator) -> Scene:
    """Draw the studio of one photo."""
    uniform = generator.uniform
    long_side = int(generator.integers(520, 641))
    shape = float(generator.choice([ratio for ratio, _ in _SIZES], p=[share for _, share in _SIZES]))
    side = generator.choice([-1.0, 1.0])
    angle = uniform(0.25, 1.1)
    settings: tuple[Setting, ...] = ("white", "grey", "paper", "cloth", "boards")
    setting = settings[int(generator.choice(5, p=[0.52, 0.18, 0.14, 0.1, 0.06]))]
    presentations: tuple[Presentation, ...] = ("ghost", "hanger", "mannequin")
    presentation = presentations[int(generator.choice(3, p=[0.55, 0.15, 0.3]))]
    flat = setting in {"cloth", "boards"}
    amplitudes = generator.normal(0.0, 0.011, (3, 2))
    waves = np.column_stack([amplitudes, uniform(1.5, 4.5, 3), uniform(0.0, 6.28, 3)])
    warmth = generator.normal(0.0, 0.02)
    return Scene(
        width=round(long_side * shape),
        height=long_side,
        light=(float(side * np.sin(angle)), float(-np.cos(angle))),
        setting=setting,
        tone=_background_tone(setting, generator),
        stand=_STANDS[generator.integers(len(_STANDS))],
        presentation="ghost" if flat or kind == "hand-bag" else presentation,
        fill=uniform(0.78, 0.92),
        turn=uniform(-9, 9) if flat else float(np.clip(generator.normal(0, 1.6), -4, 4)),
        shift=(uniform(-0.025, 0.025), uniform(-0.02, 0.02)),
        shear=uniform(-0.03, 0.03),
        warp=waves,
        balance=(1.0 + warmth, 1.0 + generator.normal(0.0, 0.006), 1.0 - warmth),
    )


def stand_layers(kind: Kind, presentation: Presentation, length: float) -> tuple[Layer, ...]:
    """Return what holds a product: a hanger or parts of a mannequin; it lies below all layers of the product.

    Args:
        kind: of the product.
        presentation: how it is held.
        length: y of the product's lowest point, in garment units.
    """
    if presentation == "hanger" and kind in _TOPS:
        bar = spline((-0.42, 0.13), (-0.2, 0.03), (0.0, -0.04), (0.2, 0.03), (0.42, 0.13))
        hook = spline((0.0, -0.03), (0.0, -0.14), (0.05, -0.2), (0.03, -0.27), (-0.03, -0.28), (-0.06, -0.23))
        return Line(bar, 0.035, "cord", "stand"), Line(hook, 0.014, "cord", "metal")
    if presentation != "mannequin":
        return ()
    if kind in _TOPS:
        neck = joined(
            straight((0.0, -0.34)),
            spline((0.09, -0.33), (0.105, -0.22), (0.11, -0.12), (0.22, 0.0), (0.34, 0.1)),
            straight((0.3, 0.4), (0.0, 0.45)),
        )
        return (Piece(symmetric(neck), "stand", lift=0.2),)
    hip = spline((0.31, -0.3), (0.33, -0.1), (0.36, 0.15))
    hips = joined(straight((0.0, -0.3)), hip, straight((0.0, 0.2)))
    torso = Piece(symmetric(hips), "stand", lift=0.2)
    if length > 1.5:
        return (torso,)
    foot = length + 0.62
    leg = joined(
        spline((0.03, 0.5), (0.36, 0.5), (0.34, 0.8 * length + 0.2), (0.3, foot)),
        spline((0.12, foot), (0.1, 0.8 * length + 0.2), (0.03, 0.5)),
    )
    other = Piece(leg * (-1.0, 1.0), "stand", lift=0.2)
    return torso, Piece(leg, "stand", lift=0.2), other


def paint_background(scene: Scene, generator: np.random.Generator) -> Floats:
    """Paint the studio without the product; `(height, width, 3) float32`, 0 to 255."""
    height, width = scene.height, scene.width
    across = np.linspace(-1.0, 1.0, width, dtype=np.float32)[None, :]
    down = np.linspace(-1.0, 1.0, height, dtype=np.float32)[:, None]
    reach = np.float32(0.012 if scene.setting == "white" else 0.05)
    glow = 1.0 + reach * (across * np.float32(scene.light[0]) + down * np.float32(scene.light[1]))
    glow -= reach * (across**2 + down**2)
    if scene.setting == "cloth":
        glow = glow * _cloth(height, width, generator)
    elif scene.setting == "boards":
        glow = glow * _boards(height, width, generator)
    return np.asarray(glow[..., None] * np.asarray(scene.tone, dtype=np.float32), dtype=np.float32)


def _background_tone(setting: Setting, generator: np.random.Generator) -> Colour:
    if setting == "white":
        level = int(generator.integers(247, 256))
        return level, level, level
    if setting == "grey":
        level = int(generator.integers(214, 240))
        return level, level, level + 2
    if setting == "boards":
        return (206, 184, 158) if generator.random() < 0.5 else (222, 220, 214)
    red, green, blue = _PAPERS[generator.integers(len(_PAPERS))]
    return red, green, blue


def smooth_noise(height: int, width: int, cells: tuple[int, int], generator: np.random.Generator) -> Floats:
    """Return cubic noise of unit variance at its knots; `cells` is their number down and across."""
    knots = generator.standard_normal((cells[0] + 2, cells[1] + 2)).astype(np.float32)
    return np.asarray(cv2.resize(knots, (width, height), interpolation=cv2.INTER_CUBIC), dtype=np.float32)


def creases(height: int, width: int, generator: np.random.Generator) -> Floats:
    """Return the height of crumpled cloth: sharp ridges where it was folded, of about unit amplitude."""
    relief = np.zeros((height, width), dtype=np.float32)
    for cells, share in (((4, 4), 1.0), ((9, 7), 0.6), ((18, 15), 0.3), ((36, 30), 0.12)):
        ridges = -np.abs(smooth_noise(height // 2, width // 2, cells, generator))
        relief += np.float32(share) * cv2.resize(ridges, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.GaussianBlur(relief, (0, 0), 0.004 * height), dtype=np.float32)


def _cloth(height: int, width: int, generator: np.random.Generator) -> Floats:
    wrinkles = smooth_noise(height, width, (6, 9), generator) + 0.5 * smooth_noise(height, width, (15, 8), generator)
    slope = cv2.Sobel(wrinkles, cv2.CV_32F, 1, 1, ksize=5, scale=0.05)
    weave = generator.standard_normal((height // 2, width)).astype(np.float32)
    weave = np.asarray(cv2.resize(weave, (width, height)), dtype=np.float32)
    return np.asarray(1.0 + 0.02 * np.tanh(wrinkles) + 0.5 * slope + 0.022 * weave, dtype=np.float32)


def _boards(height: int, width: int, generator: np.random.Generator) -> Floats:
    grain = 0.035 * smooth_noise(height, width, (3, 90), generator)
    grain += 0.02 * smooth_noise(height, width, (9, 40), generator)
    step = width // int(generator.integers(4, 7))
    board = np.arange(width) // step
    levels = generator.normal(1.0, 0.03, int(board.max()) + 1).astype(np.float32)
    gap = np.where(np.arange(width) % step < 2, np.float32(0.72), np.float32(1.0))
    return np.asarray((1.0 + grain) * (levels[board] * gap)[None, :], dtype=np.float32)
