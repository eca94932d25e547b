"""Cuts of what is worn below the waist, and of bags."""

import numpy as np

from dedup_pipeline.sample.rendering.outlines import (
    Garment,
    Knob,
    Layer,
    Line,
    Piece,
    Points,
    both_sides,
    box,
    flipped,
    joined,
    shifted,
    spline,
    straight,
    symmetric,
)


def wavy_hem(hem: float, length: float, wave: float) -> Points:
    """Return the right half of a hem that swings by `wave`."""
    return spline(
        (hem, length), (0.72 * hem, length + wave), (0.42 * hem, length + 0.4 * wave), (0.0, length + 1.5 * wave)
    )


def legs(generator: np.random.Generator, length: float) -> Garment:
    """Cut trousers or shorts; `length` is from waist to hem in garment units."""
    uniform = generator.uniform
    waist, hip, rise = uniform(0.36, 0.42), uniform(0.46, 0.54), uniform(0.5, 0.62)
    hem = uniform(0.15, 0.34) if length > 1.2 else uniform(0.24, 0.33)
    spread, knee = uniform(0.02, 0.1), uniform(0.19, 0.25) if length > 1.2 else hem * uniform(0.96, 1.06)
    centre = 0.26 + spread
    middle = 0.5 * (rise + length)
    leg = joined(
        straight((0.0, 0.0), (waist, 0.0)),
        spline((waist, 0.0), (hip, 0.8 * rise), (centre + knee, middle), (centre + hem, length)),
        spline((centre + hem, length), (centre, length + 0.02), (centre - hem, length)),
        spline((centre - hem, length), (max(0.03, centre - knee), middle), (0.0, rise)),
    )
    layers: list[Layer] = both_sides(Piece(leg, "main", turn=-4.0, lift=0.15))
    layers += both_sides(
        Line(straight((centre - hem, length - 0.05), (centre + hem, length - 0.05)), kind="stitch"),
        Line(spline((waist * 0.62, 0.1), (waist * 0.8, 0.28), (hip * 0.97, 0.36)), 0.012, "seam"),
    )
    layers.append(Line(spline((0.0, 0.1), (0.01, 0.6 * rise), (0.0, rise)), 0.01, "seam"))
    if generator.random() < 0.35:
        outer = ((waist, 0.1), (hip, 0.8 * rise), (centre + knee, middle), (centre + hem, length))
        stripe = shifted(spline(*outer), -0.03, 0.0)
        layers += both_sides(Line(stripe, uniform(0.03, 0.06), "cord", "second"))
    if generator.random() < 0.3:
        x, y = centre + 0.03, min(0.55 * length, rise + 0.35)
        pocket = box(x, y, x + 0.17, y + 0.24)
        layers += both_sides(Piece(pocket, "main", lift=0.25), Line(pocket, kind="stitch"))
    layers.append(Piece(box(-waist - 0.005, -0.01, waist + 0.005, uniform(0.06, 0.1)), "trim", lift=0.15))
    if generator.random() < 0.5:
        layers += both_sides(Line(spline((0.02, 0.08), (0.05, 0.2), (0.03, 0.34)), 0.016, "cord", "third"))
    else:
        layers.append(Knob((0.0, 0.045), 0.022, "metal"))
    return Garment(tuple(layers), uniform(0.3, 0.7))


def skirt(generator: np.random.Generator) -> Garment:
    """Cut a skirt."""
    uniform = generator.uniform
    waist, length, hem = uniform(0.3, 0.36), uniform(0.8, 1.7), uniform(0.42, 0.95)
    wave = uniform(0.0, 0.06)
    right = joined(
        straight((0.0, 0.0), (waist, 0.0)),
        spline((waist, 0.0), (waist + 0.35 * (hem - waist) + 0.06, 0.35 * length), (hem, length)),
        wavy_hem(hem, length, wave),
    )
    layers: list[Layer] = [Piece(symmetric(right), "main", lift=0.2)]
    if generator.random() < 0.5:
        for share in np.linspace(-0.8, 0.8, int(generator.integers(4, 9))):
            layers.append(Line(straight((waist * share, 0.1), (hem * share, 0.97 * length)), 0.014, "seam"))
    if generator.random() < 0.5:
        height = uniform(0.08, 0.3)
        right_hem = wavy_hem(hem, length, wave)
        low = joined(right_hem, flipped(right_hem))
        narrower = 1.0 - height * (0.65 * (hem - waist) - 0.06) / (0.65 * length) / hem
        high = shifted(low * (narrower, 1.0), 0.0, -height)[::-1]
        layers.append(Piece(joined(low, high), "second", lift=0.15))
    layers.append(Piece(box(-waist - 0.01, -0.02, waist + 0.01, uniform(0.05, 0.1)), "trim", lift=0.2))
    return Garment(tuple(layers), 0.9)


def hand_bag(generator: np.random.Generator) -> Garment:
    """Cut a bag with its handles."""
    uniform = generator.uniform
    top, bottom, height = uniform(0.5, 0.75), uniform(0.55, 0.85), uniform(0.7, 1.2)
    right = joined(
        straight((0.0, 0.0)),
        spline((top - 0.06, 0.0), (top, 0.06), (0.5 * (top + bottom) + 0.02, 0.5 * height), (bottom, height - 0.08)),
        spline((bottom, height - 0.08), (bottom - 0.07, height), (0.0, height + 0.015)),
    )
    reach, rise = uniform(0.22, 0.4), uniform(0.4, 0.9)
    arch = ((-reach, 0.12), (-0.85 * reach, -0.6 * rise), (0.0, -rise), (0.85 * reach, -0.6 * rise), (reach, 0.12))
    handle = spline(*arch)
    width = uniform(0.04, 0.07)
    behind: list[Layer] = [Line(shifted(handle * (0.92, 1.0), 0.0, -0.05), width, "cord", "trim")]
    layers: list[Layer] = [*behind, Piece(symmetric(right), "main", lift=0.3)]
    layers += _bag_front(int(generator.integers(3)), top, bottom, height, uniform(0.4, 0.62) * height)
    layers += [Line(handle, width, "cord", "trim"), *both_sides(Knob((reach, 0.12), 0.04, "metal"))]
    layers.append(Line(straight((-top + 0.05, 0.05), (top - 0.05, 0.05)), kind="stitch"))
    return Garment(tuple(layers), 0.15)


def _bag_front(style: int, top: float, bottom: float, height: float, low: float) -> list[Layer]:
    """Return a flap down to `low` (0), a pocket with a zip (1) or a lower half of another cloth."""
    if style == 0:
        edge = spline((top + 0.01, 0.05), (top * 0.9, 0.8 * low), (0.0, low))
        flap = symmetric(joined(straight((0.0, -0.01), (top, -0.01)), edge))
        return [Piece(flap, "second", lift=0.6), Piece(box(-0.07, low - 0.1, 0.07, low + 0.05), "metal", lift=0.4)]
    if style == 1:
        pocket = box(-0.6 * top, 0.42 * height, 0.6 * top, 0.86 * height)
        zipper = straight((-0.55 * top, 0.47 * height), (0.55 * top, 0.47 * height))
        edge = joined(pocket, pocket[:1])
        return [Piece(pocket, "second", lift=0.3), Line(edge, kind="stitch"), Line(zipper, 0.03, "zip", "metal")]
    edge = straight(
        (bottom, height - 0.08), (bottom - 0.07, height), (-bottom + 0.07, height), (-bottom, height - 0.08)
    )
    middle = 0.5 * (top + bottom) + 0.015
    return [Piece(joined(straight((-middle, 0.6 * height), (middle, 0.6 * height)), edge), "second", lift=0.05)]
