"""What gets into phone photos by the border: a hand, the edge of furniture, a pillow, a cable."""

import cv2
import numpy as np

from dedup_pipeline.augmentation.edits import Colour
from dedup_pipeline.compute.dtypes import Floats
from dedup_pipeline.sample.rendering.outlines import Points, ellipse, spline
from dedup_pipeline.sample.rendering.scene import smooth_noise
from dedup_pipeline.sample.rendering.stencil import Stencil, fixed

_SKINS: tuple[Colour, ...] = ((228, 186, 160), (198, 148, 116), (156, 108, 80), (112, 76, 56), (236, 200, 178))
_WOODS: tuple[Colour, ...] = ((92, 62, 42), (60, 46, 40), (168, 128, 88), (214, 210, 204), (44, 44, 48))
_PILLOWS: tuple[Colour, ...] = ((236, 234, 230), (196, 184, 172), (120, 134, 160), (176, 96, 92), (70, 78, 84))
_CABLES: tuple[Colour, ...] = ((240, 240, 240), (30, 30, 32), (120, 122, 126))


def add_clutter(light: Floats, cover: Floats, generator: np.random.Generator) -> None:
    """Lay up to two things over the border of a photo.

    Args:
        light: `(H, W, 3) float32`, 0 to 255; it is painted over.
        cover: `(H, W) float32`, how much of each pixel the product covers; it loses what things hide.
        generator: source of all choices.
    """
    things = (_hand, _furniture, _pillow, _cable)
    for _ in range(int(generator.choice([0, 1, 2], p=[0.45, 0.42, 0.13]))):
        things[int(generator.choice(len(things), p=[0.28, 0.3, 0.24, 0.18]))](light, cover, generator)


def _lay(light: Floats, cover: Floats, alpha: Floats, paint: Floats, shadow: float) -> None:
    """Cover what lies below with paint `(H, W, 3)` where `alpha` says, and throw a shadow around it."""
    soft = cv2.GaussianBlur(alpha, (0, 0), 7.0)
    light *= (np.float32(1.0) - np.float32(shadow) * soft)[..., None]
    light += (paint - light) * alpha[..., None]
    cover *= np.float32(1.0) - alpha


def _painted(alpha: Floats, colour: Colour, roundness: float) -> Floats:
    """Return a colour that darkens towards the edges of a shape, as round things do."""
    depth = cv2.distanceTransform((alpha > 0.5).astype(np.uint8), cv2.DIST_L2, 3)
    reach = max(1.0, 0.8 * float(depth.max()))
    shade = 1.0 - roundness * (1.0 - np.minimum(1.0, depth / reach)) ** 2
    shade = cv2.GaussianBlur(shade.astype(np.float32), (0, 0), 1.5)
    return np.asarray(shade[..., None] * np.asarray(colour, dtype=np.float32), dtype=np.float32)


def _whole(stencil: Stencil, light: Floats) -> Floats:
    alpha = np.zeros(light.shape[:2], dtype=np.float32)
    alpha[stencil.window] = stencil.alpha
    return alpha


def _edge(light: Floats, generator: np.random.Generator) -> tuple[Points, Points, Points]:
    """Return a place on the border, the direction inwards and the direction along it."""
    height, width = light.shape[:2]
    share = float(generator.uniform(0.15, 0.85))
    sides = (
        ((0.0, share * height), (1.0, 0.0)),
        ((width, share * height), (-1.0, 0.0)),
        ((share * width, height), (0.0, -1.0)),
        ((share * width, 0.0), (0.0, 1.0)),
    )
    place, inwards = sides[int(generator.choice(4, p=[0.28, 0.28, 0.3, 0.14]))]
    direction = np.asarray(inwards)
    return np.asarray(place), direction, np.array([-direction[1], direction[0]])


def _hand(light: Floats, cover: Floats, generator: np.random.Generator) -> None:
    """Reach in with some fingers, as one who holds the cloth straight."""
    place, inwards, along = _edge(light, generator)
    unit = float(generator.uniform(0.034, 0.044)) * light.shape[0]
    skin = _SKINS[generator.integers(len(_SKINS))]
    lean = float(generator.normal(0.0, 0.3))
    fingers = int(generator.integers(2, 5))
    lengths = np.array([2.0, 2.8, 3.1, 2.6])[:fingers] * generator.uniform(0.8, 1.15)
    palm = place - 1.4 * unit * inwards + along * 0.5 * (fingers - 1) * unit
    disc = Stencil.area(ellipse(palm[0], palm[1], 2.0 * unit, 2.0 * unit), light)
    _lay(light, cover, _whole(disc, light), _painted(_whole(disc, light), skin, 0.25), 0.35)
    for number, length in enumerate(lengths):
        root = place + along * number * 1.02 * unit - inwards * unit
        bow = along * (lean + 0.13 * (number - 1.2)) * length * unit
        middle = root + inwards * (0.55 * length + 0.5) * unit + 0.35 * bow
        tip = root + inwards * (length + 1.0) * unit + bow
        path = spline((root[0], root[1]), (middle[0], middle[1]), (tip[0], tip[1]))
        alpha = np.zeros(light.shape[:2], dtype=np.float32)
        cv2.polylines(alpha, [fixed(path)], False, (1.0,), round(0.92 * unit), cv2.LINE_AA, 4)
        alpha = np.asarray(cv2.GaussianBlur(alpha, (0, 0), 1.0), dtype=np.float32)
        _lay(light, cover, alpha, _painted(alpha, skin, 0.4), 0.4)
        _nail(light, tip, tip - middle, unit, skin)


def _nail(light: Floats, tip: Points, direction: Points, unit: float, skin: Colour) -> None:
    turn = float(np.degrees(np.arctan2(direction[1], direction[0])))
    stencil = Stencil.area(ellipse(tip[0], tip[1], 0.33 * unit, 0.24 * unit, turn), light)
    rosy = np.asarray(skin, dtype=np.float32) * np.float32(1.04) + np.asarray((14, 4, 8), dtype=np.float32)
    light[stencil.window] += (rosy - light[stencil.window]) * (0.75 * stencil.alpha[..., None])


def _furniture(light: Floats, cover: Floats, generator: np.random.Generator) -> None:
    """Cut off one side or a corner of the picture with the edge of a bed, a table or a chair."""
    height, width = light.shape[:2]
    place, inwards, along = _edge(light, generator)
    depth = float(generator.uniform(0.03, 0.1)) * min(height, width)
    lean = float(generator.normal(0.0, 0.06))
    far = 2.0 * max(height, width)
    edge = place + depth * inwards
    direction = along + lean * inwards
    corners = [edge - far * direction, edge + far * direction]
    corners += [corners[1] - far * inwards, corners[0] - far * inwards]
    outline = np.clip(np.stack(corners), -0.4 * far, 0.9 * far)
    alpha = _whole(Stencil.area(outline, light), light)
    grain = 1.0 + 0.05 * smooth_noise(height, width, (50, 5), generator)
    paint = _painted(alpha, _WOODS[generator.integers(len(_WOODS))], 0.25) * grain[..., None]
    _lay(light, cover, alpha, np.asarray(paint, dtype=np.float32), 0.6)


def _pillow(light: Floats, cover: Floats, generator: np.random.Generator) -> None:
    """Let the corner of a pillow show."""
    place, inwards, along = _edge(light, generator)
    size = float(generator.uniform(0.24, 0.36)) * min(light.shape[:2])
    middle = place - inwards * size * float(generator.uniform(0.62, 0.78))
    angle = np.linspace(0.0, 2 * np.pi, 60, endpoint=False) + 0.3
    cosine, sine = np.cos(angle), np.sin(angle)
    squarish = np.stack([np.sign(cosine) * np.abs(cosine) ** 0.5, np.sign(sine) * np.abs(sine) ** 0.5], axis=1)
    turn = float(generator.uniform(-0.4, 0.4))
    matrix = size * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    outline = np.asarray(squarish @ matrix.T * (1.0, 0.75) + middle + 0.0 * along)
    alpha = _whole(Stencil.area(outline, light), light)
    wrinkles = 1.0 + 0.04 * smooth_noise(light.shape[0], light.shape[1], (9, 7), generator)
    paint = _painted(alpha, _PILLOWS[generator.integers(len(_PILLOWS))], 0.35) * wrinkles[..., None]
    _lay(light, cover, alpha, np.asarray(paint, dtype=np.float32), 0.5)


def _cable(light: Floats, cover: Floats, generator: np.random.Generator) -> None:
    """Let the cable of a charger lie across a corner."""
    height, width = light.shape[:2]
    left, top = bool(generator.random() < 0.5), bool(generator.random() < 0.5)
    reach = generator.uniform(0.08, 0.22, 2)
    wobble = generator.normal(0.0, 0.02, 4)
    path = spline(
        (-0.02, reach[1]),
        (0.35 * reach[0] + wobble[0], 0.8 * reach[1] + wobble[1]),
        (0.8 * reach[0] + wobble[2], 0.45 * reach[1] + wobble[3]),
        (reach[0], -0.02),
    )
    if not left:
        path[:, 0] = 1.0 - path[:, 0]
    if not top:
        path[:, 1] = 1.0 - path[:, 1]
    alpha = np.zeros((height, width), dtype=np.float32)
    cv2.polylines(alpha, [fixed(path * (width, height))], False, (1.0,), max(3, height // 110), cv2.LINE_AA, 4)
    _lay(light, cover, alpha, _painted(alpha, _CABLES[generator.integers(len(_CABLES))], 0.3), 0.5)
