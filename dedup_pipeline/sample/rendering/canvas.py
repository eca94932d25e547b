"""The picture in the making: cloth with its pattern and folds, laid piece by piece over a background."""

import cv2
import numpy as np

from dedup_pipeline.augmentation.edits import Colour, Mask, Picture
from dedup_pipeline.compute.dtypes import Floats
from dedup_pipeline.sample.rendering.outlines import Fabric, Knob, Layer, Line, Piece, Points, shifted
from dedup_pipeline.sample.rendering.palette import Palette
from dedup_pipeline.sample.rendering.patterns import TILE
from dedup_pipeline.sample.rendering.scene import Scene, creases, smooth_noise
from dedup_pipeline.sample.rendering.stencil import Stencil, dashes, fixed

_METAL: Colour = (176, 172, 164)


class Canvas:
    """The picture in the making.

    Attributes:
        light: `(H, W, 3) float32`, 0 to 255, the background at first.
        cover: `(H, W) float32`, 0 to 1, how much of each pixel has been painted over.
    """

    def __init__(
        self,
        scene: Scene,
        ground: Floats,
        drape: float,
        *,
        tile: Picture,
        palette: Palette,
        generator: np.random.Generator,
    ) -> None:
        self.scene, self.tile, self.palette = scene, tile, palette
        self.light = ground
        self.cover = np.zeros(ground.shape[:2], dtype=np.float32)
        relief = _folds(scene, drape, generator)
        if scene.crumple > 0:
            relief = relief + np.float32(scene.crumple) * creases(scene.height, scene.width, generator)
        self._slope_x = cv2.Sobel(relief, cv2.CV_32F, 1, 0, scale=0.125)
        self._slope_y = cv2.Sobel(relief, cv2.CV_32F, 0, 1, scale=0.125)
        weave = generator.standard_normal(self.light.shape[:2], dtype=np.float32)
        slope = self._slope_x * np.float32(scene.light[0]) + self._slope_y * np.float32(scene.light[1])
        self._shade = np.float32(1.0) + slope + np.float32(generator.uniform(0.008, 0.025)) * weave

    def cast_shadow(self, placed: list[tuple[Layer, Points, float]]) -> None:
        """Darken the background behind the whole product."""
        scene = self.scene
        mask = np.zeros(self.light.shape[:2], dtype=np.uint8)
        for layer, points, scale in placed:
            if isinstance(layer, Line):
                cv2.polylines(mask, [fixed(points)], False, (255,), max(1, round(layer.width * scale)), cv2.LINE_AA, 4)
            else:
                cv2.fillPoly(mask, [fixed(points)], (255,), cv2.LINE_AA, 4)
        for reach, depth in ((0.006, 0.3), (0.03, 0.22)) if scene.lies else ((0.012, 0.1), (0.05, 0.13)):
            distance = reach * scene.height
            self._darken(_blurred(mask, distance), distance, depth)

    def paint(self, layer: Layer, points: Points, scale: float) -> None:
        """Draw one layer over what is there."""
        if isinstance(layer, Piece):
            self._cover(Stencil.area(points, self.light), self._cloth(layer.fabric, layer.turn), layer.lift)
        elif isinstance(layer, Knob):
            disc = Stencil.area(points, self.light)
            self._cover(disc, self._cloth(layer.fabric, 0.0), 0.5)
        else:
            self._draw_line(layer, points, scale)

    def _draw_line(self, line: Line, points: Points, scale: float) -> None:
        pixels = max(1.0, line.width * scale)
        if line.kind == "cord":
            self._cover(Stencil.strokes([points], pixels, self.light), self._cloth(line.fabric, 0.0), 0.4)
            return
        if line.kind == "zip":
            self._cover(Stencil.strokes([points], pixels, self.light), (40.0, 40.0, 44.0), 0.3)
            teeth = Stencil.strokes(dashes(points, pixels * 0.45), pixels * 0.4, self.light)
            self._cover(teeth, self._cloth(line.fabric, 0.0), 0.0)
            return
        lines = dashes(points, 0.014 * scale) if line.kind == "stitch" else [points]
        stencil = Stencil.strokes(lines, max(1.0, 0.6 * pixels), self.light)
        depth = np.float32(0.34 if line.kind == "seam" else 0.26)
        self.light[stencil.window] *= np.float32(1.0) - depth * stencil.alpha[..., None]
        gleam = Stencil.strokes([shifted(path, 0.0, 1.2) for path in lines], max(1.0, 0.6 * pixels), self.light)
        self.light[gleam.window] += np.float32(9.0) * gleam.alpha[..., None]

    def _cloth(self, fabric: Fabric, turn: float) -> tuple[float, ...] | float:
        """Return a plain colour, or for the main cloth the turn of its pattern in degrees."""
        colours: dict[Fabric, Colour] = {
            "second": self.palette.second,
            "third": self.palette.third,
            "trim": self.palette.trim,
            "metal": _METAL,
            "stand": self.scene.stand,
        }
        if fabric == "main":
            return turn
        base = colours.get(fabric, self.palette.main)
        return tuple((0.45 if fabric == "inside" else 1.0) * value for value in base)

    def _cover(self, stencil: "Stencil", cloth: tuple[float, ...] | float, lift: float) -> None:
        """Lay cloth over a stencil, with its shadow on what lies below and its own roundness."""
        if lift > 0 and stencil.alpha.size:
            self._darken_near(stencil, 0.38 * lift)
        window, alpha = stencil.window, stencil.alpha
        if isinstance(cloth, tuple):
            colour = np.broadcast_to(np.asarray(cloth, dtype=np.float32), (*alpha.shape, 3))
        else:
            colour = self._pattern(window, cloth)
        shade = self._shade[window] + _roundness(alpha, self.scene)
        lit = colour * shade[..., None] + np.float32(22.0) * np.maximum(shade - 1.02, 0)[..., None]
        self.light[window] += (lit - self.light[window]) * alpha[..., None]
        self.cover[window] = np.maximum(self.cover[window], alpha)

    def _pattern(self, window: tuple[slice, slice], turn: float) -> Floats:
        """Sample the tile, turned, and pulled along the slopes of the folds."""
        rows, columns = window
        y, x = np.mgrid[rows, columns].astype(np.float32)
        pull = np.float32(46.0)
        x, y = x + pull * self._slope_x[window], y + pull * self._slope_y[window]
        angle = np.radians(turn + self.scene.turn)
        cosine, sine = np.float32(np.cos(angle)), np.float32(np.sin(angle))
        u, v = cosine * x + sine * y, cosine * y - sine * x
        sampled = cv2.remap(self.tile, u % TILE, v % TILE, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
        return np.asarray(sampled, dtype=np.float32)

    def _darken_near(self, stencil: "Stencil", depth: float) -> None:
        margin = 14
        rows, columns = stencil.window
        top, left = max(0, rows.start - margin), max(0, columns.start - margin)
        window = slice(top, rows.stop + margin), slice(left, columns.stop + margin)
        height, width = self.light[window].shape[:2]
        below = np.zeros((height, width), dtype=np.float32)
        below[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left] = stencil.alpha
        offset = np.array([[1, 0, -3.0 * self.scene.light[0]], [0, 1, -3.0 * self.scene.light[1]]])
        moved = cv2.resize(cv2.warpAffine(below, offset, (width, height)), ((width + 1) // 2, (height + 1) // 2))
        soft = cv2.resize(cv2.GaussianBlur(moved, (0, 0), 1.75), (width, height))
        self.light[window] *= (np.float32(1.0) - np.float32(depth) * soft)[..., None]

    def _darken(self, soft: Floats, distance: float, depth: float) -> None:
        offset = np.array([[1, 0, -distance * self.scene.light[0]], [0, 1, -distance * self.scene.light[1]]])
        moved = cv2.warpAffine(soft, offset, soft.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
        self.light *= (np.float32(1.0) - np.float32(depth) * moved)[..., None]


def _blurred(mask: Mask, sigma: float) -> Floats:
    small = cv2.resize(mask, (mask.shape[1] // 4, mask.shape[0] // 4), interpolation=cv2.INTER_AREA)
    soft = cv2.GaussianBlur(small, (0, 0), max(0.6, sigma / 4))
    return np.asarray(cv2.resize(soft, mask.shape[::-1]), dtype=np.float32) * np.float32(1.0 / 255.0)


def _roundness(alpha: Floats, scene: Scene) -> Floats:
    """Return how much brighter or darker a piece is where its edge bends towards the lamp or away from it."""
    sigma = 0.022 * scene.height
    quarter = (max(1, alpha.shape[1] // 4), max(1, alpha.shape[0] // 4))
    padded = cv2.copyMakeBorder(cv2.resize(alpha, quarter), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=(0.0,))
    soft = cv2.GaussianBlur(padded, (0, 0), sigma / 4)
    slope_x, slope_y = cv2.Sobel(soft, cv2.CV_32F, 1, 0), cv2.Sobel(soft, cv2.CV_32F, 0, 1)
    bend = -(slope_x * np.float32(scene.light[0]) + slope_y * np.float32(scene.light[1])) * np.float32(0.14)
    bend -= np.float32(0.2) * (np.float32(1.0) - soft)
    return np.asarray(cv2.resize(bend[1:-1, 1:-1], alpha.shape[::-1]), dtype=np.float32)


def _folds(scene: Scene, drape: float, generator: np.random.Generator) -> Floats:
    """Draw the height of the cloth: long soft folds that hang, short ones across, and unrest."""
    height, width = scene.height // 4, scene.width // 4
    relief = np.zeros((height, width), dtype=np.float32)
    for _ in range(int(8 + 16 * drape)):
        start = generator.uniform((0.1, 0.05), (0.9, 0.8)) * (width, height)
        lean = generator.normal(0.0, 0.22) if generator.random() < 0.4 + 0.5 * drape else generator.uniform(-1.5, 1.5)
        reach = generator.uniform(0.12, 0.25 + 0.4 * drape) * height
        bow = generator.normal(0.0, 0.12) * reach
        t = np.linspace(0.0, 1.0, 12)[:, None]
        along, beside = np.array([np.sin(lean), np.cos(lean)]), np.array([np.cos(lean), -np.sin(lean)])
        path = start + reach * t * along + bow * np.sin(np.pi * t) * beside
        weight = float(generator.uniform(0.4, 1.0) * generator.choice([-1.0, 1.0]))
        stroke = np.zeros_like(relief)
        cv2.polylines(stroke, [fixed(path)], False, (weight,), int(generator.integers(2, 6)), cv2.LINE_AA, 4)
        relief += stroke
    soft = cv2.GaussianBlur(relief, (0, 0), 0.011 * height) + 1.6 * cv2.GaussianBlur(relief, (0, 0), 0.03 * height)
    soft = soft + 0.25 * smooth_noise(height, width, (9, 7), generator)
    large = cv2.resize(soft, (scene.width, scene.height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(large, dtype=np.float32) * np.float32(1.6 + 0.9 * drape)
