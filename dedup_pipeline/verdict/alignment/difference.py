"""Comparing two pictures where one lies over the other: structure, colour, and what only one of them shows.

Badges, logos and watermarks are patches whose structure differs; a recolour keeps the structure. So colours are
compared only where the structure agrees, and after forgiving light (see ``light``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np

from dedup_pipeline.compute.dtypes import Floats
from dedup_pipeline.pictures.decode import Picture
from dedup_pipeline.pictures.statistics import medians, quantiles
from dedup_pipeline.verdict.alignment.cast import CAST, cast_evidence
from dedup_pipeline.verdict.alignment.light import Mask, lab_of, relight
from dedup_pipeline.verdict.alignment.patches import (
    DEEP,
    deep_likeness,
    deep_patch,
    depth_of,
    exchange_likeness,
    patch_area,
    rim_distance,
    with_enclosed,
)
from dedup_pipeline.verdict.alignment.registration import Matrix, Registration, register
from dedup_pipeline.verdict.alignment.view import NOISE, TEXTURE, WINDOW, View, mean_of, moments_of

VERSION = 3  # raise it when two pictures get other evidence: what dumps have kept of theirs is then found anew

# name -> +1 when more of it speaks for one product, -1 when against, 0 when neither
ALIGNED: dict[str, int] = {
    "inliers": 1,  # keypoints that agree with the map
    "inlier_cells": 1,  # parts of the picture that hold them
    "inlier_share": 1,  # of the matched keypoints
    "dense": 0,  # 1 where the map comes from the pixels
    "scale_change": 0,  # absolute logarithm
    "stretch": -1,  # logarithm of the ratio of the two scales
    "turn": -1,  # degrees
    "overlap": 0,  # share of the frame that both cover
    "structure": 1,  # correlation of local structure over both products
    "structure_share": 1,  # of their pixels whose surroundings correlate
    "structure_inside": 1,  # correlation where both have product
    "structure_core": 1,  # the same, of what is within both alone: another ground does not shine into the rim
    "compared": 1,  # share of their pixels on which colours are compared
    "unshared": -1,  # share of their pixels in the common frame that only one has
    "beyond": -1,  # share of a product that lies outside the other's frame
    "beyond_structure": -1,  # share of a picture's structure that lies outside the other's frame, product or not
    "beyond_apart": -1,  # the same for parts that the other's frame does not cut through: another garment of a pack
    "beyond_thick": -1,  # the thickest of what lies outside, by the thickest of the product: bars and words are thin
    "grey": 0,  # 1 where just one of the two is grey throughout: it tells nothing of colour, so lightness is compared
    "tone_change": -1,  # of L, that was forgiven
    "saturation_change": -1,  # absolute logarithm, that was forgiven
    "chroma_median": -1,  # CIE Lab units, after forgiving light
    "chroma_75": -1,
    "chroma_90": -1,
    "chroma_97": -1,
    "lightness_median": -1,
    "lightness_75": -1,
    "lightness_90": -1,
    "chroma_patch": -1,  # largest connected share over 4 CIE Lab units
    "strong_chroma_patch": -1,  # over 8
    "lightness_patch": -1,  # over 5
    "colour_patch": -1,  # over 7, both together
    "structure_patch": -1,  # largest connected share whose structure differs
    "patch": -1,  # or whose colour differs grossly
    **DEEP,
    **CAST,
}

_OF_COLOUR = (
    *("saturation_change", "chroma_median", "chroma_75", "chroma_90", "chroma_97", "chroma_patch"),
    "strong_chroma_patch",
)
_AGREES, _PASSES, _DIFFERS = 0.5, 0.3, 0.2  # correlation
_LEAST_COMPARED = 30  # pixels
_SAME_AREA = 0.04  # absolute logarithm
_LEAST_STRUCTURE = 0.25  # of 5,000 simulated re-uploads none is below
_LEAST_BEYOND = 0.03
_RIM = np.ones((5, 5), np.uint8)
_ANOTHER_GROUND = 20.0  # CIE Lab units
_THICK = 0.4  # share of a product that must be left without its rim
_GREY = 2  # levels that the channels of a grey copy differ by at most; no photo is so grey all over
_CONTACT = 0.5  # of a part's diameter: less contact with the other's frame and it is a thing of its own


@dataclass(frozen=True)
class _Side:
    """A view, mirrored where the map says so: see View."""

    picture: Picture
    product: Mask
    texture: Mask


@dataclass(frozen=True)
class _Overlay:
    """Both pictures in one frame.

    Attributes:
        first: (H, W, 3) float32 RGB, 0 to 1, slightly blurred.
        second: the same.
        mine: (H, W), the first's product.
        theirs: (H, W), the second's.
        valid: (H, W), what both frames cover.
        back: from the common frame, which is the second's, to the first's.
        size: width and height of the first's frame.
        text_cards: whether both are cards of text.
    """

    first: Floats
    second: Floats
    mine: Mask
    theirs: Mask
    valid: Mask
    back: Matrix
    size: tuple[int, int]
    text_cards: bool = False


def aligned_evidence(first: View, second: View) -> dict[str, float]:
    """The evidence of two aligned pictures.

    Returns:
        Every name of ALIGNED, NaN where it cannot be told, and ``mirrored``: 1 where the second was mirrored.
    """
    # either way round, one answer: sampling and rounding depend on the order
    first, second = sorted((first, second), key=lambda view: view.picture.tobytes())
    found = [_compared(first, second, registration) for registration in register(first, second)]
    if not found:
        return dict.fromkeys(ALIGNED, math.nan) | {"inliers": 0.0, "inlier_cells": 0.0, "mirrored": 0.0}
    return max(found, key=lambda evidence: np.nanmax([evidence["structure"], evidence["structure_core"]]))


def _compared(first: View, second: View, registration: Registration) -> dict[str, float]:
    matrix = registration.matrix
    greys = [_is_grey(view.picture) for view in (first, second)]
    large, small = np.linalg.svd(matrix[:2, :2], compute_uv=False)
    evidence = dict.fromkeys(ALIGNED, math.nan)
    evidence |= {
        "inliers": registration.inliers,
        "inlier_cells": registration.cells,
        "inlier_share": registration.inliers / max(1, registration.matches),
        "dense": float(registration.dense),
        "scale_change": abs(math.log(large * small)) / 2,
        "stretch": math.log(large / small),
        "turn": abs(math.degrees(math.atan2(matrix[1, 0] - matrix[0, 1], matrix[0, 0] + matrix[1, 1]))),
        "mirrored": float(registration.mirrored),
        "grey": float(greys[0] != greys[1]),
    }
    mine, theirs = _side(first, mirrored=False), _side(second, registration.mirrored)
    if _is_turned(first, second, float(large * small)):
        mine, theirs, matrix = theirs, mine, np.asarray(np.linalg.inv(matrix), dtype=np.float64)
    overlay = replace(_overlay(mine, theirs, matrix), text_cards=first.text_card and second.text_card)
    evidence |= _shares(overlay, mine, theirs, matrix)
    if not evidence["grey"]:
        return evidence | _differences(overlay)
    overlay = replace(overlay, first=_without_colour(overlay.first), second=_without_colour(overlay.second))
    return evidence | _differences(overlay) | dict.fromkeys(_OF_COLOUR, math.nan)


def _is_grey(picture: Picture) -> bool:
    red, green, blue = cv2.split(picture)
    return int(cv2.absdiff(red, green).max()) <= _GREY and int(cv2.absdiff(green, blue).max()) <= _GREY


def _without_colour(picture: Floats) -> Floats:
    return np.asarray(cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB), dtype=np.float32)


def _is_turned(first: View, second: View, area: float) -> bool:
    """Whether the second is laid over the first: the larger is shrunk, so that detail is lost and not made up.

    Of equally large ones the brighter is brought into the light of the darker: either way round, one answer.
    """
    alike = abs(math.log(area)) <= _SAME_AREA
    return bool(first.picture.mean() < second.picture.mean()) if alike else area > 1


def _side(view: View, mirrored: bool) -> _Side:
    columns = slice(None, None, -1 if mirrored else 1)
    picture, product, texture = view.picture[:, columns], view.product[:, columns], view.texture[:, columns]
    return _Side(np.ascontiguousarray(picture), np.ascontiguousarray(product), np.ascontiguousarray(texture))


def _overlay(mine: _Side, theirs: _Side, m: Matrix) -> _Overlay:
    height, width = theirs.picture.shape[:2]
    shrink = math.sqrt(max(1e-6, float(np.linalg.det(m[:2, :2]))))
    picture = mine.picture.astype(np.float32) / 255
    if shrink < 0.8:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.5 * (1 / shrink - 1) + 0.3))
    warped = cv2.warpPerspective(picture, m, (width, height), borderMode=cv2.BORDER_REPLICATE)
    valid = _warped(np.ones(mine.product.shape, dtype=bool), m, (width, height))
    return _Overlay(
        np.asarray(cv2.GaussianBlur(warped, (0, 0), 1.2), dtype=np.float32),
        np.asarray(cv2.GaussianBlur(theirs.picture.astype(np.float32) / 255, (0, 0), 1.2), dtype=np.float32),
        _warped(mine.product, m, (width, height)) & valid,
        theirs.product & valid,
        valid,
        np.asarray(np.linalg.inv(m), dtype=np.float64),
        (mine.picture.shape[1], mine.picture.shape[0]),
    )


def _warped(mask: Mask, matrix: Matrix, size: tuple[int, int]) -> Mask:
    return np.asarray(cv2.warpPerspective(mask.astype(np.uint8), matrix, size, flags=cv2.INTER_NEAREST) > 0)


def _shares(overlay: _Overlay, mine: _Side, theirs: _Side, matrix: Matrix) -> dict[str, float]:
    """What only one of the two shows."""
    area = max(1e-6, float(np.linalg.det(matrix[:2, :2])))
    wholes = (mine.product.sum() * area, overlay.mine.sum()), (theirs.product.sum(), overlay.theirs.sum())
    beyond = [max(0.0, float(1 - inside / whole)) for whole, inside in wholes if whole]
    either = int((overlay.mine | overlay.theirs).sum())
    whole = np.ones(theirs.product.shape, dtype=bool)
    outside = [
        _outside(mine, _warped(whole, overlay.back, overlay.size)),
        _outside(theirs, overlay.valid),
    ]
    return {
        "overlap": float(overlay.valid.mean()),
        "unshared": 1 - int((overlay.mine & overlay.theirs).sum()) / max(1, either) if len(beyond) == 2 else math.nan,
        "beyond": max(beyond, default=math.nan),
        "beyond_structure": max(structure for structure, _, _ in outside),
        "beyond_apart": max(apart for _, apart, _ in outside),
        "beyond_thick": max(thick for _, _, thick in outside),
    }


def _outside(side: _Side, inside: Mask) -> tuple[float, float, float]:
    """What of a picture lies outside the other's frame, which covers (H, W) of it.

    A card around a photo has no structure but at its edges, which are left out; another garment has.

    Returns:
        The share of all the structure, the share of the product's that is in parts which the edge of the frame hardly
        touches, and how thick the outside is at most, by how thick the product is.
    """
    near = cv2.dilate(inside.astype(np.uint8), np.ones((WINDOW + 2, WINDOW + 2), np.uint8)) > 0
    structure = side.texture & ~near
    everywhere = float(structure.sum() / max(1, side.texture.sum()))
    outside = side.product & ~inside
    if outside.sum() <= _LEAST_BEYOND * side.product.sum():
        return everywhere, 0.0, 0.0
    count, labels, stats, _ = cv2.connectedComponentsWithStats(outside.astype(np.uint8))
    edge = outside & (cv2.dilate((side.product & inside).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0)
    contact = np.bincount(labels[edge], minlength=count)[1:]
    held = np.bincount(labels[structure & outside], minlength=count)[1:]
    apart = contact < _CONTACT * np.sqrt(stats[1:, cv2.CC_STAT_AREA])
    of_product = float(held[apart].sum() / max(1, (side.product & side.texture).sum()))
    return everywhere, of_product, _thickness(outside) / max(1.0, _thickness(side.product))


def _thickness(mask: Mask) -> float:
    """Pixels from the edge of a mask to its innermost one."""
    return float(rim_distance(mask).max())


def _differences(overlay: _Overlay) -> dict[str, float]:
    """Structure and colour over the products."""
    either, both = overlay.mine | overlay.theirs, overlay.mine & overlay.theirs
    if not either.any():  # nothing stands out, such as white on white
        either = both = overlay.valid
    total = int(either.sum())
    if not total:
        return {"structure": 0.0, "structure_share": 0.0, "compared": 0.0}
    labs = lab_of(overlay.first), lab_of(overlay.second)
    light, other = (np.asarray(cv2.extractChannel(lab, 0), dtype=np.float32) for lab in labs)
    around = _texture_of(light, other)
    flat = around.is_flat
    # a white garment on white is no product in the mask of its picture: then all that either has is compared
    where = both if both.sum() > max(0.25 * total, 0.03 * overlay.valid.sum()) else either
    inner = _within(where)
    core = _texture_of(light, other, inner)
    likeness = np.where(inner, np.maximum(around.likeness, core.likeness), around.likeness)
    passing = (likeness > _PASSES) | flat
    compared = inner & passing
    torn = either & (likeness < _DIFFERS) & ((around.power > TEXTURE) | (around.other_power > TEXTURE))
    evidence = {
        "structure": around.correlation(either),
        "structure_share": float(((likeness > _AGREES) | flat)[either].mean()),
        "structure_inside": around.correlation(where),
        "structure_core": core.correlation(inner),
        "compared": int(compared.sum()) / total,
        "structure_patch": patch_area(torn) / total,
    }
    depth = depth_of(both)
    textures = around.shared, around.power, around.other_power
    evidence["deep_likeness"] = deep_likeness(*textures, depth)
    enclosed = overlay.valid if overlay.text_cards else with_enclosed(both)
    evidence["exchange_likeness"] = exchange_likeness(*textures, enclosed, text_cards=overlay.text_cards)
    structure = max(evidence["structure"], evidence["structure_core"])
    if compared.sum() < _LEAST_COMPARED or structure < _LEAST_STRUCTURE:
        return evidence | deep_patch(torn, depth, total, overlay.back, overlay.size)  # no colour can save this pair
    steady = (likeness > _AGREES) | flat
    ground, seen = overlay.valid & ~either, either & passing
    lit = ground & steady if _is_one_ground(labs, ground) else np.zeros_like(ground)
    relit = relight(
        overlay.first,
        overlay.second,
        labs,
        product=compared,
        seen=seen,
        fitted=compared | lit,
        ground=ground,
    )
    chroma, lightness = relit.chroma, relit.lightness
    differing = torn | (either & ((chroma > 12) | (lightness > 20)))
    levels = zip(("median", "75", "90", "97"), quantiles(chroma[compared], 0.5, 0.75, 0.9, 0.97), strict=True)
    lights = zip(("median", "75", "90"), quantiles(lightness[compared], 0.5, 0.75, 0.9), strict=True)
    return (
        evidence
        | cast_evidence(overlay.first, overlay.second, compared, ground & steady)
        | {f"chroma_{name}": value for name, value in levels}
        | {f"lightness_{name}": value for name, value in lights}
        | {
            "tone_change": relit.tone,
            "saturation_change": relit.saturation,
            "chroma_patch": patch_area(seen & (chroma > 4)) / total,
            "strong_chroma_patch": patch_area(seen & (chroma > 8)) / total,
            "lightness_patch": patch_area(seen & (lightness > 5)) / total,
            "colour_patch": patch_area(seen & (np.hypot(chroma, lightness) > 7)) / total,
            "patch": patch_area(differing) / total,
        }
        | deep_patch(differing, depth, total, overlay.back, overlay.size)
    )


def _is_one_ground(labs: tuple[Floats, Floats], ground: Mask) -> bool:
    """Whether two grounds can be one in another light; of another ground the light cannot be told."""
    if not ground.any():
        return True
    one, other = (medians(lab, ground) for lab in labs)
    return bool(np.linalg.norm(one - other) <= _ANOTHER_GROUND)


def _within(mask: Mask) -> Mask:
    """A mask without its rim, where blur and a misfit mix product and ground; all of it where it is thin."""
    inner = np.asarray(cv2.erode(mask.view(np.uint8), _RIM, borderValue=1) > 0)
    return inner if np.count_nonzero(inner) >= _THICK * np.count_nonzero(mask) else mask


@dataclass(frozen=True)
class _Texture:
    """How the lightness of two pictures varies in the surroundings of each pixel, (H, W) each.

    Attributes:
        shared: covariance.
        power: variance in the first.
        other_power: in the second.
    """

    shared: Floats
    power: Floats
    other_power: Floats

    @property
    def likeness(self) -> Floats:
        """Correlation."""
        return np.asarray(self.shared / np.sqrt((self.power + NOISE) * (self.other_power + NOISE)))

    @property
    def is_flat(self) -> Mask:
        """Where neither varies."""
        return np.asarray((self.power < NOISE) & (self.other_power < NOISE))

    def correlation(self, where: Mask) -> float:
        """Of all the surroundings of some pixels together."""
        scale = math.sqrt(float(self.power[where].sum()) * float(self.other_power[where].sum()))
        return float(self.shared[where].sum()) / scale if scale > 1e-6 else 0.0


def _texture_of(light: Floats, other: Floats, within: Mask | None = None) -> _Texture:
    """The texture of two pictures' L, (H, W) each; of what is within a mask alone, where there is one."""
    if within is None:
        (mean, power), (other_mean, other_power) = moments_of(light), moments_of(other)
        return _Texture(mean_of(light * other) - mean * other_mean, power, other_power)
    part = within.astype(np.float32)
    weights = np.maximum(mean_of(part), np.float32(1e-3))
    inside, other_inside = light * part, other * part

    def average(values: Floats) -> Floats:
        return np.asarray(mean_of(values) / weights, dtype=np.float32)

    mean, other_mean = average(inside), average(other_inside)
    power = np.maximum(average(inside * inside) - mean * mean, 0)
    other_power = np.maximum(average(other_inside * other_inside) - other_mean * other_mean, 0)
    return _Texture(average(inside * other_inside) - mean * other_mean, power, other_power)
