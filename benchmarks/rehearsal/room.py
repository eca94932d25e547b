"""The grounds of phone photos: sheets plain and printed, boards, tiles and rugs, as people have them at home."""

from dataclasses import dataclass

import cv2
import numpy as np

from dedup_pipeline.augmentation.edits import Colour
from dedup_pipeline.compute.dtypes import Floats
from dedup_pipeline.sample.rendering.palette import COLOURS, Palette
from dedup_pipeline.sample.rendering.patterns import TILE, Pattern, draw_tile
from dedup_pipeline.sample.rendering.scene import Setting, creases, smooth_noise

_SHEETS: tuple[Colour, ...] = (
    (232, 230, 226), (214, 206, 196), (178, 190, 206), (202, 176, 176), (150, 158, 150), (96, 104, 124),
    (226, 216, 190),
)  # fmt: skip
_BOARDS: tuple[Colour, ...] = ((176, 138, 98), (126, 90, 62), (204, 180, 148), (160, 152, 144))
_TILES: tuple[Colour, ...] = ((214, 208, 198), (190, 192, 192), (168, 150, 132), (226, 224, 220))
_RUGS: tuple[Colour, ...] = ((150, 140, 128), (104, 96, 92), (178, 162, 140), (120, 60, 58), (88, 98, 118))
_PRINTS: tuple[Pattern, ...] = ("stripes", "gingham", "floral", "leaves", "dots", "plaid", "paisley", "diamonds")
_SETTINGS: tuple[Setting, ...] = ("sheet", "print", "boards", "tiles", "rug")
_SETTING_SHARES = (0.36, 0.24, 0.18, 0.1, 0.12)


@dataclass(frozen=True)
class Room:
    """Where somebody takes the photos of all that they sell.

    Attributes:
        setting: what products are laid on.
        tone: its colour.
        pattern: of a printed sheet.
        palette: its colours.
        seed: what else there is to the ground: the motifs, the boards.
        cast: `(3,)` gains of red, green and blue: the colour of the lamp.
    """

    setting: Setting
    tone: Colour
    pattern: Pattern
    palette: Palette
    seed: int
    cast: tuple[float, float, float]


def draw_room(generator: np.random.Generator) -> Room:
    """Draw a room."""
    setting = _SETTINGS[int(generator.choice(len(_SETTINGS), p=_SETTING_SHARES))]
    tones = {"boards": _BOARDS, "tiles": _TILES, "rug": _RUGS}.get(setting, _SHEETS)
    tone = tones[generator.integers(len(tones))]
    names = list(COLOURS)
    pale = [
        _paled(COLOURS[names[i]], tone, float(generator.uniform(0.25, 0.7))) for i in generator.integers(16, size=3)
    ]
    warmth, green = float(generator.normal(0.03, 0.075)), float(generator.normal(0.0, 0.02))
    return Room(
        setting=setting,
        tone=tone,
        pattern=_PRINTS[generator.integers(len(_PRINTS))],
        palette=Palette(tone, pale[0], pale[1], pale[2]),
        seed=int(generator.integers(2**31)),
        cast=(1.0 + warmth, 1.0 + green, 1.0 - 1.4 * warmth),
    )


def lay_ground(room: Room, height: int, width: int, generator: np.random.Generator) -> Floats:
    """Paint a piece of the ground, seen from above and turned as the photographer stands.

    Args:
        room: whose ground.
        height: pixels.
        width: pixels.
        generator: which piece, how it is turned, and the wrinkles of today.

    Returns:
        `(height, width, 3) float32`, 0 to 255.
    """
    side = int(np.ceil(np.hypot(height, width))) + 2
    own = np.random.default_rng(room.seed)
    if room.setting in {"sheet", "print"}:
        ground = _sheet(room, side, own, generator)
    else:
        painters = {"boards": _boards, "tiles": _tiles, "rug": _rug}
        shade = painters[room.setting](side, own)
        ground = shade[..., None] * np.asarray(room.tone, dtype=np.float32)
    turn = cv2.getRotationMatrix2D((side / 2, side / 2), float(generator.uniform(-180, 180)), 1.0)
    turn[0, 2] += (width - side) / 2
    turn[1, 2] += (height - side) / 2
    laid = cv2.warpAffine(ground, turn, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(laid, dtype=np.float32)


def _paled(colour: Colour, towards: Colour, share: float) -> Colour:
    red, green, blue = (round(a + share * (b - a)) for a, b in zip(colour, towards, strict=True))
    return red, green, blue


def _sheet(room: Room, side: int, own: np.random.Generator, generator: np.random.Generator) -> Floats:
    slope_x, slope_y = (cv2.resize(slope, (side, side)) for slope in _wrinkles(side // 2, generator))
    weave = generator.standard_normal((side, side), dtype=np.float32)
    threads = np.sin(np.arange(side, dtype=np.float32) * np.float32(own.uniform(1.2, 2.2)))
    weave = np.float32(0.018) * weave + np.float32(0.012) * threads[:, None] * threads[None, :]
    shade = np.clip(1.0 + 0.6 * slope_x + 0.4 * slope_y, 0.55, 1.3) + weave
    if room.setting == "sheet":
        return np.asarray(shade[..., None] * np.asarray(room.tone, dtype=np.float32), dtype=np.float32)
    tile = draw_tile(room.pattern, room.palette, own)
    start = generator.uniform(0, TILE, 2)
    steps = np.arange(side, dtype=np.float32)
    x = (steps[None, :] + np.float32(start[0]) + np.float32(12.0) * slope_x) % TILE
    y = (steps[:, None] + np.float32(start[1]) + np.float32(12.0) * slope_y) % TILE
    cloth = cv2.remap(tile, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    return np.asarray(cloth * shade[..., None], dtype=np.float32)


def _wrinkles(side: int, generator: np.random.Generator) -> tuple[Floats, Floats]:
    """Return how steep a sheet is across and down: long folds, most of them one way, and creases between them."""
    folds = np.abs(smooth_noise(side, side, (3, 8), generator))
    folds += np.float32(0.5) * np.abs(smooth_noise(side, side, (11, 4), generator))
    small = cv2.GaussianBlur(creases(side, side, generator), (0, 0), 2.0)
    relief = np.float32(2.8) * small - np.float32(5.5) * cv2.GaussianBlur(folds, (0, 0), 2.0)
    slope_x = cv2.Sobel(relief, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8)
    slope_y = cv2.Sobel(relief, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8)
    return np.asarray(slope_x, dtype=np.float32), np.asarray(slope_y, dtype=np.float32)


def _boards(side: int, own: np.random.Generator) -> Floats:
    grain = 0.06 * smooth_noise(side, side, (4, 110), own) + 0.04 * smooth_noise(side, side, (14, 60), own)
    step = side // int(own.integers(5, 9))
    board = np.arange(side) // step
    levels = own.normal(1.0, 0.07, int(board.max()) + 1).astype(np.float32)
    gap = np.where(np.arange(side) % step < 2, np.float32(0.6), np.float32(1.0))
    shade = (1.0 + grain) * (levels[board] * gap)[None, :]
    for number, start in enumerate(own.integers(0, side, int(board.max()) + 1)):
        shade[start : start + 2, number * step : (number + 1) * step] *= 0.65
    return np.asarray(shade, dtype=np.float32)


def _tiles(side: int, own: np.random.Generator) -> Floats:
    step = side // int(own.integers(3, 6))
    cells = side // step + 1
    levels = own.normal(1.0, 0.025, (cells, cells)).astype(np.float32)
    places = np.arange(side) // step
    shade = levels[places][:, places] + 0.03 * smooth_noise(side, side, (14, 14), own)
    joint = np.arange(side) % step < 5
    shade[joint[:, None] | joint[None, :]] = 0.72
    return np.asarray(cv2.GaussianBlur(shade, (0, 0), 0.8), dtype=np.float32)


def _rug(side: int, own: np.random.Generator) -> Floats:
    pile = own.standard_normal((side, side), dtype=np.float32)
    fine = cv2.GaussianBlur(pile, (0, 0), 1.3) * np.float32(0.55) + np.float32(0.05) * pile
    return np.asarray(1.0 + 0.5 * fine + 0.05 * smooth_noise(side, side, (9, 9), own), dtype=np.float32)
