"""What two pictures tell when one is aligned with the other: what is forgiven, and what is not."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import cv2
import numpy as np
import pytest

from dedup_pipeline.augmentation import edits
from dedup_pipeline.augmentation.edits.encoding import decoded
from dedup_pipeline.augmentation.edits.overlay import lettering
from dedup_pipeline.augmentation.edits.picture import blend
from dedup_pipeline.augmentation.reuploads import generator_of, pack, recolour, reprint, reupload, reupload_with_names
from dedup_pipeline.pictures.decode import Picture
from dedup_pipeline.sample.rendering.bundle import Bundle, paste_together
from dedup_pipeline.sample.rendering.photo import Shot, photograph, shoot
from dedup_pipeline.verdict.alignment import ALIGNED, View, aligned_evidence, view_of
from studio import look_of

Edit = Callable[[Picture], Picture]


def _warmer(photo: Picture) -> Picture:
    return np.asarray(np.clip(photo * [1.04, 1.0, 0.95], 0, 255).round(), dtype=np.uint8)


MOVED: dict[str, Edit] = {
    "nothing": lambda photo: photo,
    "crop": lambda photo: edits.crop(photo, 0.1, 0.05, 0.08, 0.1),
    "mirror": edits.mirror,
    "rotation": lambda photo: edits.rotate(photo, -5),
    "aspect": lambda photo: edits.aspect(photo, 0.9),
    "inset": lambda photo: edits.inset(photo, 0.65),
    "frame": lambda photo: edits.frame(photo, (200, 40, 40), 0.06),
    "padding": edits.pad_square,
    "half the size": lambda photo: edits.resize(photo, max(photo.shape) // 2),
}
RELIT: dict[str, Edit] = {
    "darker": lambda photo: edits.gamma(photo, 1.3),
    "lighter": lambda photo: edits.gamma(photo, 0.75),
    "softer": lambda photo: edits.tone(photo, 0.95, 0.85, 0.88),
    "more colour": lambda photo: edits.tone(photo, saturation=1.15),
    "warmer": _warmer,
    "darker and mirrored": lambda photo: edits.mirror(edits.gamma(photo, 1.25)),
}
PAINTED_ON: dict[str, Edit] = {
    "badge": lambda photo: edits.badge(photo, "SALE", size=0.18),
    "logo": lambda photo: edits.corner_logo(photo, "TrendKart"),
    "watermark": lambda photo: edits.watermark(photo, "TrendKart"),
}


@pytest.mark.parametrize("name", MOVED)
def test_a_moved_photo_shows_the_same(name: str, photos: list[Picture], views: list[View]) -> None:
    for number, (photo, view) in enumerate(zip(photos, views, strict=True)):
        evidence = aligned_evidence(view, view_of(MOVED[name](photo)))
        assert evidence["structure"] > 0.85, number
        assert evidence["chroma_90"] < 3, number
        assert evidence["colour_patch"] < 0.02, number
        assert evidence["patch"] < 0.04, number
        assert evidence["beyond"] < (0.2 if name == "crop" else 0.1), number
        assert evidence["mirrored"] == (name == "mirror"), number


@pytest.mark.parametrize("share", [0.1, 0.25, 0.4])
def test_beyond_the_frame_is_about_what_was_cropped(share: float, photos: list[Picture], views: list[View]) -> None:
    for number, (photo, view) in enumerate(zip(photos, views, strict=True)):
        lost = view.product[round((1 - share) * len(view.product)) :].sum() / view.product.sum()
        evidence = aligned_evidence(view, view_of(edits.crop(photo, bottom=share)))
        assert evidence["beyond"] == pytest.approx(lost, abs=0.06), number


@pytest.mark.parametrize("name", RELIT)
def test_light_and_filters_are_forgiven(name: str, photos: list[Picture], views: list[View]) -> None:
    for number, (photo, view) in enumerate(zip(photos, views, strict=True)):
        evidence = aligned_evidence(view, view_of(RELIT[name](photo)))
        assert evidence["chroma_90"] < 6, number
        assert evidence["lightness_90"] < 4.5, number
        assert evidence["colour_patch"] < 0.1, number


FILTERS: dict[str, Edit] = {
    "warm": lambda photo: edits.cast(photo, (1.05, 1.0, 0.8)),
    "cool": lambda photo: edits.cast(edits.tone(photo, saturation=0.7), (0.85, 1.0, 1.05)),
    "faded": lambda photo: edits.cast(photo, (0.8, 0.78, 0.7), (40.0, 36.0, 30.0)),
}


@pytest.mark.parametrize("name", FILTERS)
def test_the_ground_follows_a_filter(name: str, photos: list[Picture], views: list[View]) -> None:
    for number, (photo, view) in enumerate(zip(photos, views, strict=True)):
        evidence = aligned_evidence(view, view_of(FILTERS[name](photo)))
        assert evidence["ground_follows"] > -1, number
        assert evidence["cast_residual"] < 4, number


def test_the_ground_does_not_follow_another_colour(photos: list[Picture], views: list[View]) -> None:
    changes = [(90.0, 1.0), (180.0, 1.0), (0.0, 0.2)]
    follows = [
        aligned_evidence(view, view_of(edits.recolour(photo, hue=hue, chroma=chroma)))["ground_follows"]
        for photo, view in zip(photos, views, strict=True)
        for hue, chroma in changes
    ]
    assert np.mean(follows) < -1


@pytest.mark.parametrize("name", PAINTED_ON)
def test_what_sellers_paint_on_stays_small(name: str, photos: list[Picture], views: list[View]) -> None:
    for number, (photo, view) in enumerate(zip(photos, views, strict=True)):
        evidence = aligned_evidence(view, view_of(PAINTED_ON[name](photo)))
        assert evidence["structure"] > 0.8, number
        assert evidence["chroma_90"] < 3, number
        assert evidence["patch"] < 0.15, number
        assert evidence["unshared"] < 0.15, number
        assert evidence["beyond"] < 0.03, number


@pytest.mark.parametrize("label", [(236, 232, 224), (225, 205, 150)], ids=["white on white", "yellow"])
def test_two_labels_that_differ_in_a_small_word_are_told_from_a_label_and_its_blurred_copy(label: tuple[int]) -> None:
    bottle = np.full((480, 300, 3), 240, np.uint8)
    cv2.rectangle(bottle, (70, 60), (230, 450), (40, 90, 60), -1)
    cv2.rectangle(bottle, (125, 20), (175, 60), (40, 90, 60), -1)
    cv2.rectangle(bottle, (70, 180), (230, 360), label, -1)

    def labelled(word: str) -> Picture:
        other = bottle.copy()
        for text, top, tall in (("PELLOTON", 200, 22), (word, 270, 20), ("Shampoo", 320, 14)):
            ink = lettering(text, tall)
            left = 150 - ink.shape[1] // 2
            place = np.s_[top : top + ink.shape[0], left : left + ink.shape[1]]
            other[place] = blend(other[place], np.full_like(other[place], (120, 30, 60)), ink)
        return other

    lime = labelled("LIME")
    saved = decoded(edits.encode(cv2.GaussianBlur(lime, (3, 3), 0.8), "jpeg", 40))
    pictures = (labelled("BERRY"), labelled("PLUM"), labelled("COCOA"), saved)
    *others, same = (aligned_evidence(view_of(lime), view_of(each))["exchange_likeness"] for each in pictures)
    assert max(others) < 0.75
    assert same > 0.88


def test_two_size_charts_are_told_from_a_chart_and_its_copy() -> None:
    def chart(name: str, first: int) -> Picture:
        card = np.full((520, 480, 3), 250, np.uint8)
        card[:80] = (90, 45, 120)
        cv2.putText(card, f"{name} SIZES", (40, 55), cv2.FONT_HERSHEY_DUPLEX, 1.4, (255,) * 3, 3, cv2.LINE_AA)
        for row, size in enumerate(("S", "M", "L", "XL", "XXL", "3XL")):
            for column, text in enumerate((size, first + 2 * row, first + 9 + 3 * row, first + 20 + 2 * row)):
                place = (40 + 115 * column, 150 + 62 * row)
                cv2.putText(card, str(text), place, cv2.FONT_HERSHEY_DUPLEX, 0.9, (30,) * 3, 2, cv2.LINE_AA)
        return card

    shirts, jackets = chart("SHIRT", 32), chart("JACKET", 33)
    copy = decoded(edits.encode(edits.resize(shirts, 360), "jpeg", 60))
    another, same = (aligned_evidence(view_of(shirts), view_of(other)) for other in (jackets, copy))
    assert another["exchange_likeness"] < 0.8 < same["exchange_likeness"]


def test_what_a_crop_or_a_card_cuts_off_is_no_exchanged_detail() -> None:
    shirt = photograph(look_of("dress", 0, "dots", "Navy"))
    height, width = shirt.shape[:2]
    cropped = shirt[height // 6 : -height // 5, width // 8 : -width // 8]
    card = cv2.copyMakeBorder(cropped, 60, 60, 60, 60, cv2.BORDER_CONSTANT, value=(250, 250, 250))
    for other in (cropped, card):
        assert aligned_evidence(view_of(shirt), view_of(other))["exchange_likeness"] > 0.8


@pytest.mark.parametrize("moved", ["nothing", "mirror", "crop", "half the size"])
def test_a_badge_lies_in_a_corner_and_a_motif_on_the_product(
    moved: str, photos: list[Picture], views: list[View]
) -> None:
    def middle(name: str, edit: Edit) -> float:
        found = [aligned_evidence(view, view_of(edit(photo)))[name] for photo, view in zip(photos, views, strict=True)]
        return float(np.nanmedian(found))

    def printed(photo: Picture, place: int = 0) -> Picture:
        drawn = [reprint(photo, photos[place], generator_of(place, draw)) for draw in range(9)]
        return next(picture for picture in drawn if picture is not None)

    badge = middle("deep_patch", lambda photo: MOVED[moved](PAINTED_ON["badge"](photo)))
    motif = middle("deep_patch", lambda photo: MOVED[moved](printed(photo)))
    both = middle("deep_patch", lambda photo: MOVED[moved](PAINTED_ON["badge"](printed(photo))))
    assert badge < 0.01
    assert min(motif, both) > 0.02
    same = middle("deep_likeness", lambda photo: MOVED[moved](PAINTED_ON["badge"](photo)))
    assert same > middle("deep_likeness", lambda photo: MOVED[moved](printed(photo))) + 0.3
    assert middle("deep_patch_corner", lambda photo: MOVED[moved](printed(photo))) > 0.5
    assert middle("deep_patch_depth", lambda photo: MOVED[moved](printed(photo))) > 0.4


def test_two_words_of_one_colour_in_one_place_are_told_from_a_word_and_its_copy() -> None:
    shirt = photograph(look_of("dress", 0, "solid", "Navy"))

    def printed(word: str) -> Picture:
        height, width = shirt.shape[:2]
        ink = cv2.resize(lettering(word, 64), (width // 3, height // 12), interpolation=cv2.INTER_AREA)
        place = np.s_[height * 2 // 5 : height * 2 // 5 + len(ink), width // 3 : width // 3 + width // 3]
        other = shirt.copy()
        other[place] = blend(shirt[place], np.full_like(shirt[place], (210, 160, 40)), ink)
        return other

    roma, oslo = printed("ROMA"), printed("OSLO")
    copy = edits.resize(edits.tone(roma, 1.03), max(roma.shape) * 2 // 3)
    another = aligned_evidence(view_of(roma), view_of(oslo))["deep_likeness"]
    assert another < 0.7 < aligned_evidence(view_of(roma), view_of(copy))["deep_likeness"]


@pytest.mark.parametrize("moved", [edits.mirror, edits.crop], ids=["mirrored", "upright"])
def test_another_colour_of_the_product_is_not_forgiven(moved: Edit, photos: list[Picture], views: list[View]) -> None:
    for number, (photo, view) in enumerate(zip(photos, views, strict=True)):
        evidence = aligned_evidence(view, view_of(moved(edits.recolour(photo, hue=90, tint=(20, 10)))))
        assert evidence["structure"] > 0.8, number
        assert evidence["chroma_90"] > 15, number
        assert max(evidence["chroma_patch"], evidence["colour_patch"]) > 0.4, number


def test_a_simulated_recolour_differs_more_than_re_uploads_of_the_same_photo(
    photos: list[Picture], views: list[View]
) -> None:
    def difference(view: View, other: Picture) -> float:
        evidence = aligned_evidence(view, view_of(other))
        return math.hypot(evidence["chroma_median"], evidence["lightness_median"])

    for place, (photo, view) in enumerate(zip(photos, views, strict=True)):
        copies = [reupload_with_names(photo, 2, generator_of(place, copy)) for copy in range(3)]
        coloured = [difference(view, copy) for copy, names in copies if "grey" not in names]
        other = recolour(photo, generator_of(2, place))
        assert other is not None
        assert max(coloured) < difference(view, other), place


@pytest.mark.parametrize("part", [np.s_[0.5:1.0, 0.0:1.0], np.s_[0.38:0.55, 0.38:0.62]], ids=["half", "print"])
def test_another_colour_of_a_part_is_not_forgiven(
    part: tuple[slice, slice], photos: list[Picture], views: list[View]
) -> None:
    for number, (photo, view) in enumerate(zip(photos, views, strict=True)):
        window = tuple(
            slice(round(side.start * size), round(side.stop * size))
            for side, size in zip(part, photo.shape, strict=False)
        )
        other = photo.copy()
        other[window] = edits.recolour(photo, hue=120, tint=(25, -20))[window]
        evidence = aligned_evidence(view, view_of(other))
        assert evidence["chroma_97"] > 8, number
        assert max(evidence["strong_chroma_patch"], evidence["colour_patch"]) > 0.025, number


def test_another_garment_in_the_same_pose_has_another_structure() -> None:
    for seed, (pattern, other) in enumerate([("gingham", "floral"), ("stripes", "dots"), ("leaves", "plaid")]):
        look = look_of("dress", seed, "solid", "Green")
        mine, theirs = (view_of(photograph(replace(look, pattern=name))) for name in (pattern, other))
        evidence = aligned_evidence(mine, theirs)
        assert evidence["structure_share"] < 0.9, seed
        assert not evidence["patch"] < 0.03, seed


def test_strangers_share_no_structure(views: list[View]) -> None:
    for number, view in enumerate(views):
        evidence = aligned_evidence(view, views[number - 1])
        assert not evidence["structure"] > 0.75, number
        assert not evidence["structure_share"] > 0.7, number


def test_a_pack_shows_more_than_its_single(photos: list[Picture], views: list[View]) -> None:
    for number, (photo, view) in enumerate(zip(photos, views, strict=True)):
        both = pack(photo, photos[number - 1], generator_of(number))
        evidence = aligned_evidence(view, view_of(both))
        assert evidence["structure"] > 0.9, number
        assert evidence["beyond"] > 0.25, number


def test_what_a_pack_adds_is_thick_and_what_a_page_adds_is_thin(photos: list[Picture], views: list[View]) -> None:
    for number, (photo, view) in enumerate(zip(photos, views, strict=True)):
        page = edits.page(photo, (0.2, 0.8, 0.05, 0.05), np.full((8, 8, 3), 250, np.uint8))
        for top in (0.65, 0.75, 0.9):
            page = edits.cover(page, left=0.1, top=top, width=0.7, height=0.025, colour=(40, 90, 200))
        shown = aligned_evidence(view, view_of(page))
        both = aligned_evidence(view, view_of(pack(photo, photos[number - 1], generator_of(number))))
        assert both["beyond_thick"] > 0.45, number
        assert shown["beyond_thick"] < 0.3, number


def test_a_grey_copy_is_compared_by_its_lightness(photos: list[Picture], views: list[View]) -> None:
    for number, (photo, view) in enumerate(zip(photos, views, strict=True)):
        grey = edits.tone(photo, saturation=0.0)
        darker = edits.tone(edits.recolour(photo, lightness=-0.5), saturation=0.0)
        copy, other = (aligned_evidence(view, view_of(picture)) for picture in (grey, darker))
        assert copy["grey"] == other["grey"] == 1, number
        assert math.isnan(copy["chroma_90"]), number
        assert copy["lightness_90"] < 2, number
        assert copy["tone_change"] < 2, number
        assert copy["structure"] > 0.95, number
        assert other["tone_change"] > copy["tone_change"] + 2, number
        assert aligned_evidence(view_of(grey), view_of(grey))["grey"] == 0
        assert aligned_evidence(view, view)["grey"] == 0


def test_a_bundle_shows_more_than_any_of_its_parts() -> None:
    parts = look_of("shirt", 2, "stripes", "Purple"), look_of("skirt", 7, "floral", "Red")
    whole = view_of(paste_together(Bundle(parts, 1), shoot).picture)
    for part in parts:
        assert aligned_evidence(view_of(photograph(part)), whole)["beyond"] > 0.25


def test_white_on_white_is_compared_without_a_mask() -> None:
    photo = np.full((240, 180, 3), 255, np.uint8)
    cv2.rectangle(photo, (50, 60), (130, 190), (253, 253, 253), -1)
    for y in range(70, 190, 12):
        cv2.line(photo, (60, y), (60 + y // 2, y + 8), (249, 249, 250), 2)
    view, cut = view_of(photo), view_of(edits.crop(photo, 0.1, 0.1, 0.05, 0.05))
    for other in (view, cut):
        evidence = aligned_evidence(view, other)
        assert set(evidence) == {*ALIGNED, "mirrored"}
        assert not evidence["chroma_90"] > 1
        assert not evidence["beyond"] > 0.2


def test_odd_pictures_have_every_name_and_no_infinity(photos: list[Picture], recwarn: pytest.WarningsRecorder) -> None:
    ramp = np.repeat(np.linspace(0, 255, 200).astype(np.uint8)[None, :, None], 3, axis=2)
    odd = [
        *(np.full((160, 120, 3), level, np.uint8) for level in (0, 128, 255)),
        np.asarray(cv2.resize(photos[1], (16, 16)), dtype=np.uint8),
        np.repeat(ramp, 150, axis=0),
        np.zeros((1, 1, 3), np.uint8),
        np.full((3, 900, 3), 77, np.uint8),
        generator_of(1).integers(0, 256, (200, 160, 3), dtype=np.uint8),
        photos[0],
    ]
    some = [view_of(picture) for picture in odd]
    for first in some:
        for second in some:
            evidence = aligned_evidence(first, second)
            assert set(evidence) == {*ALIGNED, "mirrored"}
            assert not any(math.isinf(value) for value in evidence.values())
            assert evidence["mirrored"] in (0.0, 1.0)
    assert not recwarn.list


def test_a_picture_equals_itself(views: list[View]) -> None:
    for view in views:
        evidence = aligned_evidence(view, view)
        assert evidence["structure"] == pytest.approx(1, abs=1e-3)
        assert max(evidence[name] for name in ("unshared", "beyond", "patch", "colour_patch")) < 0.01
        assert max(evidence[name] for name in ("chroma_97", "lightness_90")) < 0.5


def test_it_is_the_same_from_either_side(photos: list[Picture], views: list[View]) -> None:
    strengths = (2, 3)
    made = [
        reupload(photo, one, generator_of(3, one, place)) for one in strengths for place, photo in enumerate(photos)
    ]
    made += [edits.mirror(edits.recolour(photo, hue=90, tint=(20, 10))) for photo in photos]
    made += [pack(photo, photos[place - 1], generator_of(place)) for place, photo in enumerate(photos)]
    for place, picture in enumerate(made):
        first, second = views[place % len(views)], view_of(picture)
        forth, back = aligned_evidence(first, second), aligned_evidence(second, first)
        assert forth == pytest.approx(back, nan_ok=True, rel=0, abs=0), place


def test_it_is_the_same_each_time_and_in_every_thread(photos: list[Picture]) -> None:
    def told(place: int) -> list[float]:
        photo = photos[place % len(photos)]
        evidence = aligned_evidence(view_of(photo), view_of(reupload(photo, 3, generator_of(place))))
        return [evidence[name] for name in ALIGNED]

    places = list(range(len(photos))) * 2
    alone = [told(place) for place in places]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(told, places))
    np.testing.assert_array_equal(alone, together)
    np.testing.assert_array_equal(alone[: len(photos)], alone[len(photos) :])


@pytest.mark.parametrize("ground", [(30, 24, 44), (120, 90, 60), (180, 200, 230)])
def test_another_ground_does_not_hide_what_is_within_the_product(ground: edits.Colour, shots: list[Shot]) -> None:
    for number, shot in enumerate(shots):
        moved = edits.transplant(shot.picture, shot.mask, np.full_like(shot.picture, ground))
        same = aligned_evidence(view_of(shot.picture), view_of(moved))
        assert same["structure_core"] > 0.9, number
        assert same["chroma_75"] < 6, number  # under 1 but where the grounds are so alike that it may be the light


def test_another_ground_does_not_hide_another_colour(shots: list[Shot]) -> None:
    for number, shot in enumerate(shots):
        painted = recolour(shot.picture, generator_of(number))
        if painted is not None:
            moved = edits.transplant(painted, shot.mask, np.full_like(painted, (30, 24, 44)))
            other = aligned_evidence(view_of(shot.picture), view_of(moved))
            changes = [other["chroma_75"], other["lightness_75"], other["tone_change"], other["saturation_change"] * 20]
            assert math.isnan(other["structure"]) or other["structure_core"] < 0.5 or max(changes) > 5, number
