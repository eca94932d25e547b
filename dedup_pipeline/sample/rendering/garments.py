"""The kinds of product that the sample shop sells, each drawn by its own cutter."""

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np

from dedup_pipeline.sample.rendering import bottoms, tops
from dedup_pipeline.sample.rendering.outlines import (
    Garment,
    Layer,
    Line,
    Piece,
    both_sides,
    box,
    ellipse,
    joined,
    spline,
    straight,
    symmetric,
)

Kind = Literal[
    "t-shirt", "tunic", "shirt", "sweatshirt", "dress", "trouser", "short", "skirt", "vest", "jacket", "hand-bag"
]


def cut_garment(kind: Kind, generator: np.random.Generator) -> Garment:
    """Draw the cut of one product; every call with a fresh generator gives another cut."""
    return _CUTTERS[kind](generator)


def _t_shirt(generator: np.random.Generator) -> Garment:
    cut = tops.draw_cut(generator, (1.15, 1.4), (0.38, 0.38, 0.62, 1.12))
    pocket = generator.random() < 0.25
    after = [*tops.neck_band(cut), tops.hem_line(cut)]
    if pocket:
        after += tops.chest_pocket(0.12, 0.36, 0.17)
    if generator.random() < 0.2:
        after.append(tops.hem_band(cut, generator.uniform(0.15, 0.5), "second"))
    return tops.assembled(cut, tops.neck_inside(cut), after, generator.uniform(0.3, 0.6))


def _tunic(generator: np.random.Generator) -> Garment:
    cut = tops.draw_cut(generator, (1.65, 2.15), (0.4, 0.62, 0.85, 1.12, 0.0))
    cut = replace(cut, hem=cut.chest * generator.uniform(1.1, 1.45), hem_curve=generator.uniform(0.0, 0.14))
    after = tops.neck_band(cut, generator.uniform(0.03, 0.06))
    if generator.random() < 0.5:
        after += tops.front_opening(cut, cut.neck_depth, cut.neck_depth + generator.uniform(0.25, 0.55), 4)
    if generator.random() < 0.55:
        after.append(tops.hem_band(cut, generator.uniform(0.06, 0.22), "second"))
    if generator.random() < 0.35:
        width, low = generator.uniform(0.14, 0.26), cut.neck_depth + generator.uniform(0.3, 0.5)
        yoke = joined(
            tops.neck_curve(cut)[::-1], spline((cut.neck_width + 0.05, 0.01), (width, 0.55 * low), (0.0, low))
        )
        after.insert(0, Piece(symmetric(yoke), "second", lift=0.1))
    slit = cut.length - generator.uniform(0.2, 0.35)
    after += both_sides(Line(straight((cut.hem * 0.86, slit), (cut.hem * 0.91, cut.length)), 0.012, "seam"))
    return tops.assembled(cut, tops.neck_inside(cut), after, generator.uniform(0.6, 1.0))


def _shirt(generator: np.random.Generator) -> Garment:
    cut = tops.draw_cut(generator, (1.35, 1.6), (0.42, 0.9, 1.15, 1.15))
    cut = replace(cut, neckline="v", neck_width=0.17, neck_depth=generator.uniform(0.1, 0.2))
    cut = replace(cut, hem_curve=generator.uniform(0.08, 0.16))
    after: list[Layer] = [*tops.front_opening(cut, cut.neck_depth, cut.length + 0.06, 6)]
    after += tops.collar(cut, generator.uniform(0.1, 0.55))[1:]
    if generator.random() < 0.6:
        after += tops.chest_pocket(0.12, 0.4, generator.uniform(0.16, 0.2))
    stand = tops.collar(cut, 0.3)[:1]
    return tops.assembled(cut, [*tops.neck_inside(cut), *stand], [*after, tops.hem_line(cut)], 0.45)


def _sweatshirt(generator: np.random.Generator) -> Garment:
    cut = tops.draw_cut(generator, (1.2, 1.4), (1.12, 1.18))
    cut = replace(cut, sleeve_width=cut.sleeve_width + 0.04, chest=cut.chest + 0.04)
    cut = replace(cut, hem=cut.chest * 0.97, hem_curve=0.02)
    band = tops.hem_band(cut, generator.uniform(0.08, 0.13), "trim")
    if generator.random() < 0.35:
        after = [*tops.neck_band(replace(cut, neckline="round"), 0.06), band]
        cut = replace(cut, neckline="round", neck_depth=0.14)
        return tops.assembled(cut, tops.neck_inside(cut), after, 0.4, ribbed=True)
    cut = replace(cut, neckline="round", neck_width=0.19, neck_depth=generator.uniform(0.14, 0.22))
    behind, front = tops.hood(cut, generator.uniform(0.34, 0.5))
    low, half = cut.length - 0.12, generator.uniform(0.26, 0.34)
    high = low - generator.uniform(0.28, 0.36)
    pocket = straight((half * 0.55, high), (half, high + 0.17), (half, low), (0.0, low))
    outline = symmetric(joined(straight((0.0, high)), pocket))
    after = [Piece(outline, "main", lift=0.25), Line(joined(outline, outline[:1]), kind="seam"), band, *front]
    if generator.random() < 0.4:
        after.insert(0, Line(straight((0.0, cut.neck_depth), (0.0, cut.length)), 0.03, "zip", "metal"))
    return tops.assembled(cut, behind, after, 0.4, ribbed=True)


def _dress(generator: np.random.Generator) -> Garment:
    cut = tops.draw_cut(generator, (1.15, 1.2), (0.0, 0.0, 0.36, 0.6))
    waist_y = generator.uniform(0.8, 1.05)
    cut = replace(cut, chest=0.42, waist=0.35, hem=0.34, length=waist_y + 0.02, hem_curve=0.0, arm=cut.arm * 0.7)
    hem, length = generator.uniform(0.5, 1.0), waist_y + generator.uniform(0.8, 1.5)
    wave = generator.uniform(0.02, 0.06)
    skirt = symmetric(
        joined(
            straight((0.0, waist_y - 0.02), (0.34, waist_y - 0.02)),
            spline((0.34, waist_y), (0.45 * hem + 0.22, 0.5 * (waist_y + length)), (hem, length)),
            bottoms.wavy_hem(hem, length, wave),
        )
    )
    after: list[Layer] = [Piece(skirt, "main" if generator.random() < 0.7 else "second", lift=0.2)]
    if generator.random() < 0.6:
        after.append(Piece(box(-0.355, waist_y - 0.05, 0.355, waist_y + 0.04), "trim", lift=0.3))
    if generator.random() < 0.3:
        after += [
            Line(
                spline((-0.9 * hem, length - 0.11), (0.0, length - 0.07), (0.9 * hem, length - 0.11)),
                0.05,
                "cord",
                "second",
            )
        ]
    return tops.assembled(cut, tops.neck_inside(cut), [*after, *tops.neck_band(cut, 0.025)], 1.0)


def _vest(generator: np.random.Generator) -> Garment:
    cut = tops.draw_cut(generator, (1.15, 1.4), (0.0,))
    cut = replace(cut, shoulder=generator.uniform(0.27, 0.42), neck_depth=max(cut.neck_depth, 0.18), neck_width=0.19)
    arm = spline(
        (cut.shoulder, 0.1 * cut.shoulder / 0.5),
        (cut.shoulder * 0.9, 0.27),
        (cut.shoulder * 0.93, 0.86 * cut.armhole),
        (cut.chest, cut.armhole),
    )
    after = [*tops.neck_band(cut), *both_sides(Line(arm[1:-2], 0.03, "cord", "trim")), tops.hem_line(cut)]
    return tops.assembled(cut, tops.neck_inside(cut), after, generator.uniform(0.3, 0.7))


def _jacket(generator: np.random.Generator) -> Garment:
    cut = tops.draw_cut(generator, (1.2, 1.55), (1.12, 1.18))
    cut = replace(cut, neckline="round", neck_width=0.18, neck_depth=0.1, hem=cut.chest * 0.98, hem_curve=0.01)
    width, height = 0.19, generator.uniform(0.1, 0.2)
    flap = joined(
        spline((0.01, 0.1), (0.02, -0.6 * height), (0.6 * width, -height)),
        straight((width, -0.9 * height), (0.2, 0.02)),
    )
    after: list[Layer] = [Line(straight((0.0, 0.08), (0.0, cut.length)), 0.034, "zip", "metal")]
    yoke = generator.uniform(0.3, 0.5)
    if generator.random() < 0.5:
        panel = joined(straight((0.0, yoke), (0.47, yoke)), straight((0.5, 0.12), (0.19, 0.0), (0.0, 0.1)))
        after.insert(0, Piece(symmetric(panel), "second", lift=0.1))
    slant, low = generator.uniform(0.0, 0.1), cut.length - generator.uniform(0.3, 0.4)
    after += both_sides(Line(straight((0.24, low), (0.24 + slant, low + 0.22)), 0.022, "zip", "metal"))
    after += both_sides(Piece(flap, "main", turn=15, lift=0.4))
    after.append(tops.hem_band(cut, generator.uniform(0.05, 0.1), "trim"))
    if generator.random() < 0.4:
        after.append(Line(straight((-0.5, yoke), (0.5, yoke)), kind="seam"))
    inside = Piece(ellipse(0.0, 0.0, 0.19, 0.1), "inside", lift=0.0)
    return tops.assembled(cut, [inside], after, 0.35, ribbed=bool(generator.random() < 0.6))


def _trousers(generator: np.random.Generator) -> Garment:
    return bottoms.legs(generator, generator.uniform(1.7, 2.1))


def _shorts(generator: np.random.Generator) -> Garment:
    return bottoms.legs(generator, generator.uniform(0.78, 1.1))


_CUTTERS: dict[Kind, Callable[[np.random.Generator], Garment]] = {
    "t-shirt": _t_shirt,
    "tunic": _tunic,
    "shirt": _shirt,
    "sweatshirt": _sweatshirt,
    "dress": _dress,
    "trouser": _trousers,
    "short": _shorts,
    "skirt": bottoms.skirt,
    "vest": _vest,
    "jacket": _jacket,
    "hand-bag": bottoms.hand_bag,
}
KINDS: tuple[Kind, ...] = tuple(_CUTTERS)
