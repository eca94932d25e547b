"""Cuts of what is worn above the waist, and of dresses: bodies, sleeves, necklines, collars, hoods."""

from dataclasses import dataclass
from typing import Literal

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
    ellipse,
    flipped,
    joined,
    shifted,
    spline,
    straight,
    symmetric,
)

Neckline = Literal["round", "v", "scoop", "boat", "square"]
_NECKLINES: tuple[Neckline, ...] = ("round", "v", "scoop", "boat", "square")


@dataclass(frozen=True)
class TopCut:
    """Measures of a top in garment units; widths are half widths, `arm` is the angle of the sleeve in degrees."""

    neckline: Neckline
    neck_width: float
    neck_depth: float
    shoulder: float
    armhole: float
    chest: float
    waist: float
    hem: float
    length: float
    hem_curve: float
    sleeve: float
    sleeve_width: float
    cuff: float
    arm: float
    bend: float


def draw_cut(generator: np.random.Generator, length: tuple[float, float], sleeves: tuple[float, ...]) -> TopCut:
    """Draw the measures of a top.

    Args:
        generator: source of all choices.
        length: range of the length from shoulder to hem.
        sleeves: lengths to choose from; the choice varies by 8 %.
    """
    uniform = generator.uniform
    neckline = _NECKLINES[generator.integers(len(_NECKLINES))]
    depth = {"round": 0.13, "v": 0.3, "scoop": 0.24, "boat": 0.07, "square": 0.18}[neckline]
    chest = uniform(0.44, 0.56)
    sleeve = sleeves[generator.integers(len(sleeves))] * uniform(0.92, 1.08)
    return TopCut(
        neckline=neckline,
        neck_width=uniform(0.16, 0.22) + (0.1 if neckline == "boat" else 0.0),
        neck_depth=depth * uniform(0.8, 1.35),
        shoulder=uniform(0.46, 0.55),
        armhole=uniform(0.42, 0.54),
        chest=chest,
        waist=chest * uniform(0.82, 1.02),
        hem=chest * uniform(0.92, 1.18),
        length=uniform(*length),
        hem_curve=uniform(-0.04, 0.09),
        sleeve=sleeve,
        sleeve_width=uniform(0.3, 0.38),
        cuff=uniform(0.16, 0.2) if sleeve > 0.6 else uniform(0.24, 0.36),
        arm=uniform(12, 34),
        bend=uniform(-8, 16),
    )


def neck_curve(cut: TopCut) -> Points:
    """Return the front neckline from the right shoulder to the middle."""
    width, depth = cut.neck_width, cut.neck_depth
    if cut.neckline == "v":
        return spline((width, 0.0), (width * 0.55, depth * 0.52), (0.0, depth))
    if cut.neckline == "square":
        return straight((width, 0.0), (width * 0.86, depth), (0.0, depth))
    return spline((width, 0.0), (width * 0.8, depth * 0.66), (0.0, depth), (-width * 0.8, depth * 0.66))[:25]


def side_seam(cut: TopCut) -> Points:
    """Return the right side from the armhole to the hem."""
    waist_y = 0.5 * (cut.armhole + min(cut.length, 1.15))
    return spline(
        (cut.chest, cut.armhole),
        (cut.waist, waist_y),
        (0.5 * (cut.waist + cut.hem), 0.4 * waist_y + 0.6 * cut.length),
        (cut.hem, cut.length),
    )


def half_width(cut: TopCut, y: float) -> float:
    """Return half the width of the body at a height between armhole and hem."""
    seam = side_seam(cut)
    return float(np.interp(y, seam[:, 1], seam[:, 0]))


def body(cut: TopCut) -> Points:
    """Return the outline of the body."""
    drop = 0.1 * cut.shoulder / 0.5
    hem_y = cut.length
    right = joined(
        neck_curve(cut)[::-1],
        spline(
            (cut.shoulder, drop),
            (cut.shoulder * 0.9, 0.5 * (drop + cut.armhole)),
            (cut.shoulder * 0.93, 0.86 * cut.armhole),
            (cut.chest, cut.armhole),
        ),
        side_seam(cut),
        spline((cut.hem, hem_y), (0.6 * cut.hem, hem_y + 0.75 * cut.hem_curve), (0.0, hem_y + cut.hem_curve)),
    )
    return symmetric(right)


def sleeves(cut: TopCut, *, ribbed: bool, fabric: Literal["main", "second"] = "main") -> list[Layer]:
    """Return both sleeves, with a ribbed band at the wrist if wanted."""
    if cut.sleeve <= 0.05:
        return []
    angle, lower = np.radians(cut.arm), np.radians(cut.arm - cut.bend)
    down, forearm = np.array([np.sin(angle), np.cos(angle)]), np.array([np.sin(lower), np.cos(lower)])
    inwards = np.array([-np.cos(lower), np.sin(lower)])
    top = np.array([cut.shoulder - 0.015, 0.1 * cut.shoulder / 0.5])
    elbow = top + down * cut.sleeve * 0.5
    wrist = elbow + forearm * cut.sleeve * 0.5
    middle = 0.5 * (cut.sleeve_width + cut.cuff)
    inner_elbow, inner_wrist = elbow + inwards * middle, wrist + inwards * cut.cuff
    armpit = np.array([cut.chest - 0.03, cut.armhole + 0.02])

    def point(xy: np.ndarray) -> tuple[float, float]:
        return float(xy[0]), float(xy[1])

    outline = joined(
        straight((cut.shoulder * 0.86, 0.085)),
        spline(point(top + np.array([0.015, 0.0])), point(elbow), point(wrist)),
        spline(point(inner_wrist), point(inner_elbow), point(armpit), (cut.chest * 0.86, cut.armhole)),
    )
    layers: list[Layer] = [Piece(outline, fabric, turn=-cut.arm, lift=0.35)]
    band = 0.09 if ribbed else 0.035
    start, inner_start = wrist - forearm * band, inner_wrist - forearm * band
    if ribbed:
        layers.append(Piece(np.array([start, wrist, inner_wrist, inner_start]), "trim", turn=-cut.arm, lift=0.2))
    else:
        layers.append(Line(np.array([start, inner_start]), kind="stitch"))
    return both_sides(*layers)


def neck_inside(cut: TopCut) -> list[Layer]:
    """Return the inner back of the garment, as seen through the neck, with its label."""
    width = cut.neck_width
    back = spline((width, -0.005), (0.6 * width, 0.03), (0.0, 0.045), (-0.6 * width, 0.03), (-width, -0.005))
    front = joined(neck_curve(cut), flipped(neck_curve(cut)))
    inside = joined(back, shifted(front[::-1], 0.0, 0.012))
    return [Piece(inside, "inside", lift=0.0), Piece(box(-0.035, 0.05, 0.035, 0.085), "third", lift=0.1)]


def neck_band(cut: TopCut, width: float = 0.035) -> list[Layer]:
    """Return the band around the neck."""
    right = neck_curve(cut)
    path = joined(right, flipped(right)[1:])[1:-1]
    return [Line(path, width, "cord", "trim"), Line(shifted(path, 0.0, width * 0.9), 0.006, "stitch")]


def hem_line(cut: TopCut, above: float = 0.04) -> Layer:
    """Return the row of stitches above the hem."""
    y = cut.length - above
    half = half_width(cut, y)
    return Line(spline((-half, y), (0.0, y + cut.hem_curve), (half, y)), kind="stitch")


def hem_band(cut: TopCut, height: float, fabric: Literal["trim", "second"]) -> Layer:
    """Return a band of another cloth along the hem."""
    low = spline((-cut.hem, cut.length), (0.0, cut.length + cut.hem_curve), (cut.hem, cut.length))
    high = shifted(low * (half_width(cut, cut.length - height) / cut.hem, 1.0), 0.0, -height)
    return Piece(joined(low, high[::-1]), fabric, lift=0.15)


def front_opening(cut: TopCut, top: float, bottom: float, buttons: int) -> list[Layer]:
    """Return a placket from `top` to `bottom` with its buttons."""
    layers: list[Layer] = [
        Line(straight((0.035, top), (0.035, bottom)), kind="seam"),
        Line(straight((-0.035, top), (-0.035, bottom)), kind="stitch"),
    ]
    layers += [Knob((0.0, float(y)), 0.017) for y in np.linspace(top + 0.05, bottom - 0.06, buttons)]
    return layers


def collar(cut: TopCut, spread: float) -> list[Layer]:
    """Return the two flaps of a shirt collar; `spread` is how far the points reach out."""
    width, depth = cut.neck_width, cut.neck_depth
    flap = joined(
        spline((width * 0.55, -0.08), (width * 1.02, -0.03), (width * 1.12, 0.035)),
        straight((width * (0.7 + spread), depth * 0.7 + 0.16), (0.012, depth)),
    )
    stand = joined(
        spline((width * 0.98, 0.03), (0.6 * width, -0.085), (0.0, -0.1), (-0.6 * width, -0.085), (-width * 0.98, 0.03)),
        spline((-0.5 * width, 0.02), (0.0, 0.03), (0.5 * width, 0.02)),
    )
    return [Piece(stand, "inside", lift=0.0), *both_sides(Piece(flap, "main", turn=35, lift=0.6))]


def hood(cut: TopCut, size: float) -> tuple[list[Layer], list[Layer]]:
    """Return what of a hood lies behind the body, and what lies in front of it with its cords."""
    width, depth = cut.neck_width, cut.neck_depth
    side = ((width * 0.95, -0.86 * size), (width * 1.5, -0.3 * size), (width * 1.38, 0.06))
    outer = spline((0.0, -size), *side, (width * 0.5, depth))
    behind: list[Layer] = [
        Piece(symmetric(joined(outer, straight((0.0, depth)))), "main", lift=0.4),
        Piece(ellipse(0.0, -0.28 * size, width * 0.92, 0.52 * size), "inside", lift=0.0),
    ]
    lapel = joined(
        spline((width * 0.8, -0.55 * size), (width * 1.42, -0.1), (width * 1.3, 0.1), (0.02, depth + 0.06)),
        spline((0.0, depth - 0.01), (width * 0.62, 0.02), (width * 0.8, -0.55 * size)),
    )
    cord = spline((0.06, depth + 0.01), (0.085, depth + 0.14), (0.07, depth + 0.3))
    front = both_sides(Piece(lapel, "main", turn=25, lift=0.5), Line(cord, 0.018, "cord", "third"))
    return behind, front


def chest_pocket(x: float, y: float, size: float) -> list[Layer]:
    """Return a patch pocket with its left upper corner at (x, y)."""
    outline = straight((x, y), (x + size, y), (x + size, y + size), (x + size / 2, y + 1.18 * size), (x, y + size))
    edge = joined(outline, outline[:1])
    return [
        Piece(outline, "main", lift=0.15),
        Line(edge, kind="seam"),
        Line(shifted(outline[:2], 0.0, 0.03), kind="stitch"),
    ]


def assembled(cut: TopCut, before: list[Layer], after: list[Layer], drape: float, *, ribbed: bool = False) -> Garment:
    """Put a top together: inside of the neck, sleeves, body, then everything that lies on it."""
    layers = [*before, *sleeves(cut, ribbed=ribbed), Piece(body(cut), "main", lift=0.3), *after]
    return Garment(tuple(layers), drape)
