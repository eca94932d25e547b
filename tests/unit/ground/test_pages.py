"""The photo that a page shows: what is taken off a picture, and what is not."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from benchmarks.rehearsal import unseen_overlays as overlays
from dedup_pipeline.augmentation import edits
from dedup_pipeline.augmentation.reuploads import generator_of, pack, recolour
from dedup_pipeline.pictures.decode import Picture
from dedup_pipeline.pictures.photo_region import photo_of
from dedup_pipeline.sample.rendering.photo import Shot

NAVY, PINK, YELLOW = (24, 40, 96), (240, 90, 150), (250, 196, 20)
Box = npt.NDArray[np.float64]


def _box(picture: Picture) -> Box:
    """Where the photo of a picture is: top, bottom, left, right in pixels."""
    photo = photo_of(picture)
    top, left = divmod((photo.ctypes.data - picture.ctypes.data) // 3, picture.shape[1])
    return np.array([top, top + photo.shape[0], left, left + photo.shape[1]], dtype=np.float64)


def _bannered(photo: Picture) -> Picture:
    return overlays.banner(photo, "FLAT 40% OFF", 0.14, PINK)


SURROUNDINGS: dict[str, Callable[[Picture], Picture]] = {
    "dark page": lambda photo: overlays.screenshot(photo, "Nova", 499, 75, dark=True),
    "frame": lambda photo: edits.frame(photo, NAVY, 0.08),
    "border of two colours": lambda photo: overlays.collage_border(photo, YELLOW, PINK, 0.07, 0.04),
    "banner": _bannered,
    "banner in a border": lambda photo: edits.frame(_bannered(photo), NAVY, 0.08),
}


@pytest.mark.parametrize("name", SURROUNDINGS)
def test_what_surrounds_a_photo_is_taken_off(name: str, shots: list[Shot]) -> None:
    for number, shot in enumerate(shots):
        height, width = shot.picture.shape[:2]
        surround = SURROUNDINGS[name]
        # the surroundings of a black and of a white photo differ where the photo is
        black, white = (surround(np.full_like(shot.picture, level)) for level in (0, 255))
        inside = (cv2.absdiff(black, white) > 200).all(axis=2)
        rows, columns = np.flatnonzero(inside.mean(axis=1) > 0.4), np.flatnonzero(inside.mean(axis=0) > 0.4)
        true = np.array([rows[0], rows[-1] + 1, columns[0], columns[-1] + 1])
        picture = surround(shot.picture)
        off = np.abs(_box(picture) - true) / np.repeat(picture.shape[:2], 2)
        assert off.max() < 0.03, (number, height, width)


def test_a_photo_on_a_page_of_its_own_colour_keeps_its_product_and_loses_the_words(shots: list[Shot]) -> None:
    for number, shot in enumerate(shots):
        white = np.where(shot.mask[..., None] > 0, shot.picture, 255).astype(np.uint8)
        page = overlays.screenshot(white, "Nova", 499, 75, dark=False)
        top, bottom, left, right = _box(page)
        # 86 rows of bars lie above the photo, 190 and more of words and buttons below
        scale = 480 / white.shape[1]
        product = np.flatnonzero(shot.mask.any(axis=1)) * scale + 86
        assert 40 < top <= product[0] + 4, number
        assert product[-1] - 4 <= bottom < 86 + white.shape[0] * scale + 40, number
        assert (left, right) == (0, page.shape[1]), number


def test_a_photo_that_nothing_surrounds_stays_as_it_is(photos: list[Picture]) -> None:
    for number, photo in enumerate(photos):
        for picture in (photo, edits.mirror(photo), edits.badge(photo, "SALE"), edits.corner_logo(photo, "TrendKart")):
            assert photo_of(picture) is picture, number
        recoloured = recolour(photo, generator_of(number))
        assert recoloured is None or photo_of(recoloured) is recoloured, number


def test_no_product_of_a_pack_is_taken_for_the_photo(photos: list[Picture]) -> None:
    for number, (photo, other) in enumerate(pairwise(photos)):
        together = pack(photo, other, generator_of(number))
        assert photo_of(together) is together, number


def test_a_page_with_two_photos_keeps_both(photos: list[Picture]) -> None:
    for number, (photo, other) in enumerate(pairwise(photos)):
        page = np.full((960, 480, 3), 18, np.uint8)
        for top, one in ((90, photo), (480, other)):
            page[top : top + 360, 90:390] = cv2.resize(one, (300, 360), interpolation=cv2.INTER_AREA)
        cv2.putText(page, "499 599", (20, 60), cv2.FONT_HERSHEY_SIMPLEX, 1, (230, 230, 230), 2)
        top, bottom, _, _ = _box(page)
        assert top <= 92, number
        assert bottom >= 838, number


@settings(deadline=None, max_examples=60)
@given(
    arrays(np.uint8, st.tuples(st.integers(1, 90), st.integers(1, 90), st.just(3)), elements=st.integers(0, 255)),
    st.integers(0, 3),
)
def test_every_picture_has_a_photo_within_it(picture: Picture, margin: int) -> None:
    whole = cv2.copyMakeBorder(picture, *(margin * 8,) * 4, cv2.BORDER_CONSTANT, value=(250, 250, 250))
    photo = photo_of(whole)
    top, bottom, left, right = _box(whole)
    assert 0 <= top < bottom <= whole.shape[0]
    assert 0 <= left < right <= whole.shape[1]
    assert photo is whole or min(photo.shape[:2]) >= 32
