"""Photographs of products: a garment in its cloth, in a studio, seen by a camera."""

from dataclasses import dataclass

import cv2
import numpy as np

from dedup_pipeline.augmentation.edits import Mask, Picture
from dedup_pipeline.augmentation.edits.picture import as_picture
from dedup_pipeline.compute.dtypes import Floats
from dedup_pipeline.sample.rendering.canvas import Canvas
from dedup_pipeline.sample.rendering.garments import Kind, cut_garment
from dedup_pipeline.sample.rendering.motifs import chest_motif
from dedup_pipeline.sample.rendering.outlines import Layer, Line, Piece, Points, ellipse
from dedup_pipeline.sample.rendering.palette import make_palette
from dedup_pipeline.sample.rendering.patterns import Pattern, draw_tile
from dedup_pipeline.sample.rendering.scene import Scene, draw_scene, paint_background, stand_layers

_SLIGHT_TURN = 15.0
"""Up to this many degrees a product is fitted into the picture as if it stood upright."""


@dataclass(frozen=True)
class Look:
    """What a product photo shows; equal looks give equal pictures.

    Attributes:
        kind: of product.
        cut_seed: its measures and details.
        pattern: of its cloth.
        pattern_seed: scale and motifs of the pattern.
        colour: name of its main colour.
        palette_seed: shade and companions of that colour.
        scene_seed: studio, pose and folds; recolours share it.
        shot_seed: the noise of the camera.
    """

    kind: Kind
    cut_seed: int
    pattern: Pattern
    pattern_seed: int
    colour: str
    palette_seed: int
    scene_seed: int
    shot_seed: int


@dataclass(frozen=True)
class Shot:
    """A photo and where in it the product is.

    Attributes:
        picture: `(H, W, 3) uint8` RGB.
        mask: `(H, W) uint8`, 255 on the product, 0 on the background and on what holds the product.
    """

    picture: Picture
    mask: Mask


def photograph(look: Look) -> Picture:
    """Render a look in the studio: `(H, W, 3) uint8` RGB with a long side of 520 to 640 px."""
    return shoot(look).picture


def shoot(look: Look) -> Shot:
    """Render a look in the studio, and say where the product is."""
    studio = np.random.default_rng(look.scene_seed)
    scene = draw_scene(look.kind, studio)
    light, cover = paint_product(look, scene, paint_background(scene, studio), studio)
    picture = _developed(light, scene, np.random.default_rng(look.shot_seed))
    return Shot(picture, as_picture(255.0 * cover))


def paint_product(look: Look, scene: Scene, ground: Floats, generator: np.random.Generator) -> tuple[Floats, Floats]:
    """Lay a product on the ground of a scene.

    Args:
        look: the product.
        scene: how it is shown.
        ground: `(H, W, 3) float32`, 0 to 255; it is painted over.
        generator: source of the folds.

    Returns:
        The light `(H, W, 3) float32`, 0 to 255, and how much of each pixel the product covers, `(H, W)`, 0 to 1.
    """
    garment = cut_garment(look.kind, np.random.default_rng(look.cut_seed))
    length = max(float(_points(layer)[:, 1].max()) for layer in garment.layers)
    stand = stand_layers(look.kind, scene.presentation, length)
    layers = (*stand, *garment.layers)
    if look.pattern == "print":
        layers = (*layers, *chest_motif(look.kind, np.random.default_rng(look.pattern_seed)))
    palette = make_palette(look.colour, np.random.default_rng(look.palette_seed))
    tile = draw_tile(look.pattern, palette, np.random.default_rng(look.pattern_seed))
    canvas = Canvas(scene, ground, garment.drape, tile=tile, palette=palette, generator=generator)
    placed = _placed(layers, scene)
    canvas.cast_shadow(placed)
    for number, (layer, points, scale) in enumerate(placed):
        if number == len(stand):
            canvas.cover[:] = 0.0
        canvas.paint(layer, points, scale)
    return canvas.light, canvas.cover


def _points(layer: Layer) -> Points:
    if isinstance(layer, Piece):
        return layer.outline
    return layer.path if isinstance(layer, Line) else ellipse(*layer.centre, layer.radius, layer.radius)


def _placed(layers: tuple[Layer, ...], scene: Scene) -> list[tuple[Layer, Points, float]]:
    """Bring layers from garment units to pixels; the last value is pixels per unit."""
    warped = [_warped(_points(layer), scene.warp) for layer in layers]
    everything = np.vstack(warped)
    low, high = everything.min(axis=0), everything.max(axis=0)
    angle = np.radians(scene.turn)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    extent = high - low if abs(scene.turn) <= _SLIGHT_TURN else np.ptp(everything @ turn.T, axis=0)
    scale = scene.fill * min(scene.width / extent[0], scene.height / extent[1])
    matrix = scale * turn @ np.array([[1.0, scene.shear], [0.0, 1.0]])
    centre = np.array([(0.5 + scene.shift[0]) * scene.width, (0.5 + scene.shift[1]) * scene.height])
    middle = 0.5 * (low + high)
    return [(layer, (points - middle) @ matrix.T + centre, scale) for layer, points in zip(layers, warped, strict=True)]


def _warped(points: Points, waves: Points) -> Points:
    """Bend an outline with slow waves: no garment hangs quite straight."""
    moved = points.copy()
    for across, down, frequency, phase in waves:
        moved[:, 0] += across * np.sin(frequency * points[:, 1] + phase)
        moved[:, 1] += down * np.sin(frequency * points[:, 0] + phase)
    return moved


def _developed(light: Floats, scene: Scene, generator: np.random.Generator) -> Picture:
    """Turn light into a picture: white balance, the softness of a lens, the noise of a sensor."""
    soft = cv2.GaussianBlur(light, (3, 3), 0.55)
    grain = generator.standard_normal(light.shape[:2], dtype=np.float32)
    grain *= np.float32(generator.uniform(0.8, 2.0))
    balanced = cv2.transform(soft, np.diag(np.asarray(scene.balance, dtype=np.float32)))
    return as_picture(cv2.add(balanced, cv2.merge([grain, grain, grain])))
