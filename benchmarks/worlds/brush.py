"""What all worlds draw with: grounds in falling light, soft shadows, solids in relief or turned on a lathe, a lens.

A picture in the making is `light`, `(H, W, 3) float32`, 0 to 255; a coverage is `(H, W) float32`, 0 to 1. What lies on
top changes `light` in place.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from dedup_pipeline.augmentation.edits import Colour, Picture
from dedup_pipeline.augmentation.edits.picture import as_picture
from dedup_pipeline.compute.dtypes import Floats
from dedup_pipeline.sample.rendering.outlines import Points
from dedup_pipeline.sample.rendering.photo import Shot
from dedup_pipeline.sample.rendering.scene import creases, smooth_noise
from dedup_pipeline.sample.rendering.stencil import fixed

Shape = tuple[int, int]
"""Height and width in pixels."""

LAMP = (-0.42, -0.56, 0.71)
"""Where the lamp of most worlds hangs: unit vector to the right, down and towards the camera."""


def backdrop(shape: Shape, tone: Colour, generator: np.random.Generator, falloff: float = 0.1) -> Floats:
    """Paint a plain ground whose light falls off to one side and the corners; `falloff` is about 0 to 0.5."""
    height, width = shape
    across = np.linspace(-1.0, 1.0, width, dtype=np.float32)[None, :]
    down = np.linspace(-1.0, 1.0, height, dtype=np.float32)[:, None]
    angle = generator.uniform(0.0, 2 * np.pi)
    glow = 1.0 + falloff * (0.5 * (across * np.cos(angle) + down * np.sin(angle)) - 0.5 * (across**2 + down**2))
    glow = glow + 0.15 * falloff * smooth_noise(height, width, (3, 3), generator)
    return np.asarray(glow[..., None] * np.asarray(tone, dtype=np.float32), dtype=np.float32)


def table_top(shape: Shape, wall: Colour, top: Colour, horizon: float, generator: np.random.Generator) -> Floats:
    """Paint a wall and a table that meet in a soft line at a fraction of the height."""
    light = backdrop(shape, wall, generator, 0.14)
    table = backdrop(shape, top, generator, 0.2)
    down = np.linspace(0.0, 1.0, shape[0], dtype=np.float32)[:, None]
    weight = np.clip((down - horizon) / 0.012 + 0.5, 0.0, 1.0) * np.ones((1, shape[1]), dtype=np.float32)
    lay(light, np.asarray(weight, dtype=np.float32), table)
    return light


def area(points: Points, shape: Shape) -> Floats:
    """Cover the inside of an outline given in pixels, `(N, 2)`."""
    mask = np.zeros(shape, dtype=np.uint8)
    cv2.fillPoly(mask, [fixed(points)], (255,), cv2.LINE_AA, 4)
    return np.asarray(mask, dtype=np.float32) * np.float32(1 / 255)


def strokes(paths: list[Points], width: float, shape: Shape, *, closed: bool = False) -> Floats:
    """Cover lines of a width in pixels; lines thinner than a pixel come out pale."""
    mask = np.zeros((2 * shape[0], 2 * shape[1]), dtype=np.uint8)
    wide = max(1, round(2 * width))
    cv2.polylines(mask, [fixed(2 * path) for path in paths], closed, (255,), wide, cv2.LINE_AA, 4)
    small = cv2.resize(mask, (shape[1], shape[0]), interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.float32) * np.float32(min(1.0, 2 * width) / 255)


def rounded_box(left: float, top: float, right: float, bottom: float, radius: float) -> Points:
    """Return the outline of a rectangle with round corners, `(N, 2)`."""
    radius = min(radius, (right - left) / 2, (bottom - top) / 2)
    angle = np.linspace(0.0, np.pi / 2, 9)
    corners = []
    for x, y, start in (
        (right - radius, bottom - radius, 0.0),
        (left + radius, bottom - radius, np.pi / 2),
        (left + radius, top + radius, np.pi),
        (right - radius, top + radius, 1.5 * np.pi),
    ):
        corners.append(np.stack([x + radius * np.cos(angle + start), y + radius * np.sin(angle + start)], axis=1))
    return np.vstack(corners)


def lay(light: Floats, alpha: Floats, paint: Floats | Colour) -> None:
    """Cover `light` with a colour or a painted picture where `alpha` says."""
    window = _window(alpha, 0)
    colour = np.asarray(paint, dtype=np.float32)
    if colour.shape[:2] == light.shape[:2]:
        colour = colour[window]
    light[window] += (colour - light[window]) * alpha[window][..., None]


def _window(alpha: Floats, margin: int) -> tuple[slice, slice]:
    """Return the rows and columns outside which nothing is covered, with some pixels around them."""
    left, top, width, height = cv2.boundingRect((alpha > 0).astype(np.uint8))
    rows = slice(max(0, top - margin), top + height + margin)
    return rows, slice(max(0, left - margin), left + width + margin)


def shadow(light: Floats, alpha: Floats, move: tuple[float, float], sigma: float, depth: float) -> None:
    """Throw a soft shadow of a coverage, moved by (x, y) pixels; `depth` is how dark it gets, 0 to 1."""
    offset = np.array([[1, 0, move[0]], [0, 1, move[1]]], dtype=np.float64)
    moved = cv2.warpAffine(alpha, offset, alpha.shape[::-1])
    step = max(1, int(sigma / 2))
    small = cv2.resize(moved, (max(1, alpha.shape[1] // step), max(1, alpha.shape[0] // step)), interpolation=3)
    soft = cv2.resize(cv2.GaussianBlur(small, (0, 0), max(0.5, sigma / step)), alpha.shape[::-1])
    light *= (np.float32(1.0) - np.float32(depth) * soft)[..., None]


def lit(height: Floats, lamp: tuple[float, float, float] = LAMP, hardness: float = 40.0) -> tuple[Floats, Floats]:
    """Light a relief.

    Args:
        height: `(H, W)`, in pixels towards the camera.
        lamp: unit vector to the lamp.
        hardness: how small the reflexes of the lamp are.

    Returns:
        The shade, 1 where the relief is flat, and the reflexes, 0 to 1; both `(H, W)`.
    """
    slope_x = cv2.Sobel(height, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8)
    slope_y = cv2.Sobel(height, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8)
    norm = 1.0 / np.sqrt(1.0 + slope_x**2 + slope_y**2)
    shade = np.maximum((-slope_x * lamp[0] - slope_y * lamp[1] + lamp[2]) * norm, 0.0)
    half = np.array([lamp[0], lamp[1], lamp[2] + 1.0]) / np.linalg.norm([lamp[0], lamp[1], lamp[2] + 1.0])
    gleam = np.maximum((-slope_x * half[0] - slope_y * half[1] + half[2]) * norm, 0.0) ** hardness
    flat = float(half[2]) ** hardness
    return (
        np.asarray(1.0 + 0.85 * (shade - lamp[2]), dtype=np.float32),
        np.asarray(np.maximum(gleam - flat, 0.0), dtype=np.float32),
    )


def dome(alpha: Floats, bevel: float) -> Floats:
    """Return the height of a body whose edge bends over a width of `bevel` pixels and that is flat within."""
    distance = cv2.distanceTransform((alpha > 0.5).astype(np.uint8), cv2.DIST_L2, 5)
    rest = 1.0 - np.clip(distance / bevel, 0.0, 1.0)
    height = bevel * np.sqrt(1.0 - rest**2)
    return np.asarray(cv2.GaussianBlur(height.astype(np.float32), (0, 0), max(0.6, 0.14 * bevel)), dtype=np.float32)


def solid(
    light: Floats,
    alpha: Floats,
    paint: Floats | Colour,
    *,
    bevel: float,
    gloss: float = 0.0,
    relief: Floats | None = None,
    hardness: float = 40.0,
) -> None:
    """Lay a body with bent edges over `light`.

    Args:
        light: painted over.
        alpha: where the body is.
        paint: its colour, or `(H, W, 3)`.
        bevel: pixels over which the edge bends.
        gloss: strength of reflexes, 0 (cloth) to 1 (lacquer).
        relief: `(H, W)` pixels to add to its height: weave, folds, embossing.
        hardness: how small the reflexes are.
    """
    window = _window(alpha, 4)
    alpha = alpha[window]
    if not alpha.size:
        return
    height = dome(alpha, bevel)
    if relief is not None:
        height = height + relief[window]
    shade, gleam = lit(height, hardness=hardness)
    colour = np.asarray(paint, dtype=np.float32)
    if colour.shape[:2] == light.shape[:2]:
        colour = colour[window]
    light = light[window]
    body = colour * np.clip(shade, 0.15, 1.5)[..., None]
    lay(light, alpha, np.asarray(body + np.float32(255 * gloss) * gleam[..., None], dtype=np.float32))


@dataclass(frozen=True)
class Turned:
    """A body of revolution as the camera sees it.

    Attributes:
        alpha: where it is.
        across: from -1 at its left edge to 1 at its right one, `(H, W)`.
        down: the height on its axis in pixels that each pixel shows, `(H, W)`.
    """

    alpha: Floats
    across: Floats
    down: Floats


def turned(profile: Points, centre: float, shape: Shape, tilt: float = 0.12) -> Turned:
    """Turn a body on a lathe.

    Args:
        profile: `(N, 2)`: height in the picture and radius there, in pixels, from the top to the bottom.
        centre: x of its axis.
        shape: of the picture.
        tilt: how much the camera looks down: the bend of horizontal rings as a share of their radius.
    """
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    first = np.interp(y[:, 0], profile[:, 0], profile[:, 1]).astype(np.float32)[:, None]
    side = np.clip((x - centre) / np.maximum(first, 1.0), -1.0, 1.0)
    down = y - np.float32(tilt) * first * (np.sqrt(1.0 - side**2) - np.float32(0.6))
    radius = np.interp(down, profile[:, 0], profile[:, 1], left=0.0, right=0.0).astype(np.float32)
    alpha = np.clip(radius - np.abs(x - centre) + 0.5, 0.0, 1.0) * (radius > 0)
    across = np.clip((x - centre) / np.maximum(radius, 1.0), -1.0, 1.0)
    return Turned(*(np.asarray(field, dtype=np.float32) for field in (alpha, across, down)))


def lay_turned(
    light: Floats,
    body: Turned,
    paint: Floats | Colour,
    *,
    gloss: float,
    window: float = -0.55,
    see_through: float = 0.0,
) -> None:
    """Paint a turned body in the light of a studio: dark edges, the long reflex of a window, a weak one opposite.

    Args:
        light: painted over.
        body: where and how it is bent.
        paint: its colour, or `(H, W, 3)`.
        gloss: strength of the reflexes, 0 to 1.
        window: where across the body the window reflects, -1 to 1.
        see_through: how much of the ground shows, 0 to 1.
    """
    u = body.across
    shade = 0.5 + 0.55 * np.sqrt(np.maximum(0.0, 1.0 - u**2)) - 0.1 * u
    bright = 0.8 * np.exp(-(((u - window) / 0.075) ** 2)) + 0.35 * np.exp(-(((u + 1.25 * window) / 0.05) ** 2))
    colour = np.asarray(paint, dtype=np.float32) * shade[..., None] + np.float32(200 * gloss) * bright[..., None]
    lay(light, np.asarray(body.alpha * np.float32(1.0 - see_through), dtype=np.float32), np.float32(1) * colour)


def wrapped(art: Picture, body: Turned, top: float, bottom: float, turn: float = 0.0) -> tuple[Floats, Floats]:
    """Bend a label round a turned body.

    Args:
        art: `(h, w, 3)`: the half of the label that faces the camera.
        body: what it is stuck on.
        top: its upper edge on the axis in pixels.
        bottom: its lower edge.
        turn: how far it is turned to the side, as a share of its width.

    Returns:
        The label as paint `(H, W, 3)` and its coverage `(H, W)`.
    """
    u = np.arcsin(body.across) / np.pi + 0.5 + turn
    v = (body.down - top) / (bottom - top)
    columns = np.asarray(u * (art.shape[1] - 1), dtype=np.float32)
    rows = np.asarray(v * (art.shape[0] - 1), dtype=np.float32)
    paint = cv2.remap(art, columns, rows, cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
    soft = np.clip((body.down - top) + 0.5, 0, 1) * np.clip((bottom - body.down) + 0.5, 0, 1)
    inside = soft * body.alpha * (u >= 0) * (u <= 1)
    return np.asarray(paint, dtype=np.float32), np.asarray(inside, dtype=np.float32)


def on_quad(art: Picture, corners: Points, shape: Shape) -> tuple[Floats, Floats]:
    """See a flat picture in perspective: its corners, clockwise from the upper left, come to lie at `(4, 2)` pixels."""
    height, width = art.shape[:2]
    own = np.array([(0, 0), (width, 0), (width, height), (0, height)], dtype=np.float32)
    matrix = cv2.getPerspectiveTransform(own, np.asarray(corners, dtype=np.float32))
    size = (shape[1], shape[0])
    paint = cv2.warpPerspective(art, matrix, size, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(paint, dtype=np.float32), area(np.asarray(corners, dtype=np.float64), shape)


def cloth(shape: Shape, generator: np.random.Generator, folds: float = 1.0) -> Floats:
    """Return the height of cloth in pixels: soft folds, small creases, weave."""
    height, width = shape
    relief = 9.0 * folds * smooth_noise(height, width, (4, 3), generator)
    relief = relief + 2.5 * folds * creases(height, width, generator)[:height, :width] if folds > 0 else relief
    weave = cv2.GaussianBlur(generator.standard_normal(shape, dtype=np.float32), (0, 0), 0.8)
    return np.asarray(relief + 0.5 * weave, dtype=np.float32)


def develop(
    light: Floats, cover: Floats | None, generator: np.random.Generator, *, noise: float = 2.0, warmth: float = 0.0
) -> Shot:
    """Turn light into a photo: lens, white balance, sensor; `noise` is in grey levels, `warmth` about -0.1 to 0.1."""
    soft = cv2.GaussianBlur(light, (0, 0), float(generator.uniform(0.5, 0.75)))
    gains = np.diag(np.asarray([1.0 + warmth, 1.0, 1.0 - warmth], dtype=np.float32))
    grain = generator.standard_normal(light.shape[:2], dtype=np.float32)
    coloured = cv2.resize(
        generator.standard_normal((light.shape[0] // 2, light.shape[1] // 2, 3), dtype=np.float32),
        (light.shape[1], light.shape[0]),
    )
    noisy = cv2.transform(soft, gains) + np.float32(noise) * (grain[..., None] + 0.6 * coloured)
    mask = as_picture(255.0 * cover) if cover is not None else np.zeros(light.shape[:2], dtype=np.uint8)
    return Shot(as_picture(noisy), mask)


def shifted_colour(colour: Colour, generator: np.random.Generator, spread: float) -> Colour:
    """Return a colour with every channel moved by about `spread` levels."""
    moved: npt.NDArray[np.float64] = np.clip(np.asarray(colour) + generator.normal(0.0, spread, 3), 4, 251)
    return int(moved[0]), int(moved[1]), int(moved[2])


def hue_colour(hue: float, saturation: float, value: float) -> Colour:
    """Return the colour of a hue (0 to 1, any whole turns), saturation and value (0 to 1)."""
    pixel = np.array([[[180 * (hue % 1.0), 255 * saturation, 255 * value]]], dtype=np.uint8)
    red, green, blue = cv2.cvtColor(pixel, cv2.COLOR_HSV2RGB)[0, 0]
    return int(red), int(green), int(blue)
