"""Photos of clothes by phone: laid on a bed or the floor, crumpled, in whatever light there is."""

import cv2
import numpy as np

from dedup_pipeline.augmentation.edits.picture import as_picture
from dedup_pipeline.compute.dtypes import Floats
from dedup_pipeline.sample.rendering.photo import Look, Shot, paint_product
from dedup_pipeline.sample.rendering.scene import Scene, smooth_noise

from .clutter import add_clutter
from .room import Room, draw_room, lay_ground

_ROOMS = 24
"""So many people sell in a shop; all photos of one show the same sheet or floor."""

_RATIOS = (0.75, 0.75, 0.75, 0.5625, 4 / 3, 1.0)
_DEPTH = 0.07
"""How far a corner of the picture moves at most when the phone is not held level, as a fraction of the sides."""


def shoot(look: Look) -> Shot:
    """Render a look as a phone sees it; the long side has 520 to 640 px.

    The scene seed of a look chooses the room, its shot seed everything else: two colours of a garment may lie in one
    room, and never lie the same.
    """
    generator = np.random.default_rng(look.shot_seed)
    room = draw_room(np.random.default_rng([look.scene_seed % _ROOMS, 5]))
    scene = _draw_scene(room, generator)
    ground = lay_ground(room, scene.height, scene.width, generator)
    light, cover = paint_product(look, scene, ground, generator)
    add_clutter(light, cover, generator)
    return _taken(light * _lamps(scene, generator), cover, scene, generator)


def _draw_scene(room: Room, generator: np.random.Generator) -> Scene:
    uniform = generator.uniform
    long_side, ratio = int(generator.integers(520, 641)), float(generator.choice(_RATIOS))
    width, height = (long_side, round(long_side / ratio)) if ratio > 1 else (round(long_side * ratio), long_side)
    angle = uniform(-2.6, 2.6)
    amplitudes = generator.normal(0.0, 0.02, (5, 2))
    warmth = generator.normal(0.0, 0.03)
    turns = (generator.normal(0.0, 10.0), uniform(-180.0, 180.0), generator.choice([-90.0, 90.0, 180.0]))
    turn = float(turns[int(generator.choice(3, p=[0.62, 0.26, 0.12]))]) + float(generator.normal(0.0, 3.0))
    return Scene(
        width=width,
        height=height,
        light=(float(np.sin(angle)), float(-np.cos(angle))),
        setting=room.setting,
        tone=room.tone,
        stand=room.tone,
        presentation="ghost",
        fill=uniform(0.68, 0.84),
        turn=turn,
        shift=(uniform(-0.04, 0.04), uniform(-0.04, 0.04)),
        shear=uniform(-0.06, 0.06),
        warp=np.column_stack([amplitudes, uniform(1.5, 7.0, 5), uniform(0.0, 6.28, 5)]),
        balance=(room.cast[0] + warmth, room.cast[1], room.cast[2] - warmth),
        crumple=uniform(0.8, 3.2),
    )


def _lamps(scene: Scene, generator: np.random.Generator) -> Floats:
    """Return the light on each pixel, about 1: a lamp, somebody's shadow, the dark corners of a lens."""
    height, width = scene.height, scene.width
    across = np.linspace(-1.0, 1.0, width, dtype=np.float32)[None, :]
    down = np.linspace(-1.0, 1.0, height, dtype=np.float32)[:, None]
    reach = float(generator.uniform(0.06, 0.24))
    field = 1.0 + reach * (across * scene.light[0] + down * scene.light[1])
    field = field - float(generator.uniform(0.04, 0.16)) * (across**2 + down**2)
    field = field + 0.03 * smooth_noise(height, width, (3, 3), generator)
    if generator.random() < 0.35:
        x, y = generator.uniform(-0.9, 0.9), generator.choice([-1.1, 1.1]) * generator.uniform(0.8, 1.2)
        wide, tall = generator.uniform(0.5, 0.9), generator.uniform(0.4, 0.9)
        blob = np.exp(-((((across - x) / wide) ** 2 + ((down - y) / tall) ** 2) ** 2))
        field = field * (1.0 - float(generator.uniform(0.15, 0.38)) * blob)
    if generator.random() < 0.15:
        x, y = generator.uniform(-0.3, 0.3, 2)
        field = field + 0.16 * np.exp(-4.0 * ((across - x) ** 2 + (down - y) ** 2))
    exposure = float(generator.uniform(0.84, 1.08))
    return np.asarray(exposure * field, dtype=np.float32)[..., None]


def _taken(light: Floats, cover: Floats, scene: Scene, generator: np.random.Generator) -> Shot:
    """See the light through a tilted phone: perspective, softness, white balance, noise that was smoothed away."""
    height, width = scene.height, scene.width
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], dtype=np.float32)
    inwards = np.array([(1, 1), (-1, 1), (-1, -1), (1, -1)]) * generator.uniform(0.0, _DEPTH, (4, 2)) * (width, height)
    matrix = cv2.getPerspectiveTransform(np.asarray(corners + inwards, dtype=np.float32), corners)
    balanced = cv2.transform(light, np.diag(np.asarray(scene.balance, dtype=np.float32)))
    seen = cv2.warpPerspective(balanced, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)
    mask = cv2.warpPerspective(cover, matrix, (width, height))
    seen = cv2.GaussianBlur(seen, (0, 0), float(generator.uniform(0.6, 1.2)))
    amount = float(generator.uniform(2.5, 8.0))
    grain = amount * generator.standard_normal((height, width), dtype=np.float32)
    blotches = generator.standard_normal((height // 3, width // 3, 3), dtype=np.float32)
    blotches = np.float32(0.8 * amount) * cv2.resize(blotches, (width, height), interpolation=cv2.INTER_CUBIC)
    noisy = seen + 0.5 * cv2.GaussianBlur(grain, (0, 0), 0.7)[..., None] + 0.5 * blotches + 0.45 * grain[..., None]
    contrast = float(generator.uniform(0.92, 1.1))
    return Shot(as_picture(contrast * (noisy - 120.0) + 120.0), as_picture(255.0 * mask))
