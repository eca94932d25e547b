"""Where one picture lies over another, and where in a picture the product is."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from dedup_pipeline.augmentation import edits
from dedup_pipeline.pictures.decode import Picture
from dedup_pipeline.pictures.photo_region import photo_of
from dedup_pipeline.sample.rendering.photo import Shot
from dedup_pipeline.verdict.alignment import View, register, view_of
from dedup_pipeline.verdict.alignment.view import SIDE

Edit = Callable[[Picture], Picture]
Place = Callable[[float, float, int, int], tuple[float, float]]
"""Where the point (x, y) of a photo of a width and a height lies after the edit."""


def _turned(x: float, y: float, width: int, height: int) -> tuple[float, float]:
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), 6, 1.0)
    to_x, to_y = matrix @ [x, y, 1]
    return float(to_x), float(to_y)


EDITS: dict[str, tuple[Edit, Place]] = {
    "nothing": (lambda photo: photo, lambda x, y, width, height: (x, y)),
    "crop": (
        lambda photo: edits.crop(photo, 0.1, 0.05, 0.08, 0.1),
        lambda x, y, width, height: (x - round(0.1 * width), y - round(0.05 * height)),
    ),
    "mirror": (edits.mirror, lambda x, y, width, height: (width - 1 - x, y)),
    "mirrored crop": (
        lambda photo: edits.mirror(edits.crop(photo, left=0.15)),
        lambda x, y, width, height: (width - 1 - x, y),
    ),
    "rotation": (lambda photo: edits.rotate(photo, 6), _turned),
    "aspect": (
        lambda photo: edits.aspect(photo, 1.12),
        lambda x, y, width, height: ((x + 0.5) * round(1.12 * width) / width - 0.5, y),
    ),
    "inset": (
        lambda photo: edits.inset(photo, 0.65),
        lambda x, y, width, height: (0.65 * (x + 0.5) + 0.175 * width - 0.5, 0.65 * (y + 0.5) + 0.175 * height - 0.5),
    ),
    "frame": (
        lambda photo: edits.frame(photo, (200, 40, 40), 0.06),
        lambda x, y, width, height: (x + round(0.06 * max(width, height)), y + round(0.06 * max(width, height))),
    ),
    "half the size": (
        lambda photo: edits.resize(photo, max(photo.shape) // 2),
        lambda x, y, width, height: ((x + 0.5) / 2 - 0.5, (y + 0.5) / 2 - 0.5),
    ),
}


def _part(picture: Picture) -> tuple[slice, slice]:
    """Rows and columns of a picture that are its photo, without a frame or a page."""
    photo = photo_of(picture)
    top, left = divmod((photo.ctypes.data - picture.ctypes.data) // 3, picture.shape[1])
    return slice(top, top + photo.shape[0]), slice(left, left + photo.shape[1])


def _in_view(x: float, y: float, picture: Picture, view: View) -> tuple[float, float]:
    rows, columns = _part(picture)
    height, width = view.picture.shape[:2]
    across, down = width / (columns.stop - columns.start), height / (rows.stop - rows.start)
    return (x - columns.start + 0.5) * across - 0.5, (y - rows.start + 0.5) * down - 0.5


def _misplaced(photo: Picture, edit: Edit, place: Place) -> tuple[float, bool]:
    """Pixels of the view by which points of the product are off at most, and whether the map is mirrored."""
    edited = edit(photo)
    first, second = view_of(photo), view_of(edited)
    found = register(first, second)[0]
    height, width = photo.shape[:2]
    distances = []
    for x, y in ((across * width, down * height) for across in (0.3, 0.5, 0.7) for down in (0.25, 0.5, 0.75)):
        expected = _in_view(*place(x, y, width, height), edited, second)
        to_x, to_y, scale = found.matrix @ [*_in_view(x, y, photo, first), 1]
        to_x, to_y = to_x / scale, to_y / scale
        if found.mirrored:
            to_x = second.picture.shape[1] - 1 - to_x
        distances.append(float(np.hypot(to_x - expected[0], to_y - expected[1])))
    return max(distances), found.mirrored


@pytest.mark.parametrize("name", EDITS)
def test_points_of_a_photo_are_found_in_its_re_upload(name: str, photos: list[Picture]) -> None:
    edit, place = EDITS[name]
    for number, photo in enumerate(photos):
        distance, mirrored = _misplaced(photo, edit, place)
        assert distance < 2, number
        assert mirrored == name.startswith("mirror"), number


def test_a_mirror_image_lies_as_exactly_as_an_upright_one(photos: list[Picture]) -> None:
    edit, place = EDITS["mirror"]
    assert max(_misplaced(photo, edit, place)[0] for photo in photos) < 0.3


def test_a_photo_seen_at_an_angle_lies_exactly(photos: list[Picture]) -> None:
    for photo in photos:
        height, width = photo.shape[:2]
        corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
        moved = corners + np.array([(0.12, 0.02), (-0.02, 0.1), (-0.1, -0.04), (0.03, -0.02)]) * (width, height)
        tilt = cv2.getPerspectiveTransform(corners, moved.astype(np.float32))

        def seen(picture: Picture, tilt: np.ndarray = tilt) -> Picture:
            size = picture.shape[1::-1]
            return np.asarray(cv2.warpPerspective(picture, tilt, size, borderMode=cv2.BORDER_REPLICATE), dtype=np.uint8)

        def place(x: float, y: float, _width: int, _height: int, tilt: np.ndarray = tilt) -> tuple[float, float]:
            to_x, to_y, scale = tilt @ [x, y, 1]
            return to_x / scale, to_y / scale

        assert _misplaced(photo, seen, place)[0] < 2.5


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_smooth_product_without_keypoints_is_laid_by_its_pixels(mirrored: bool) -> None:
    photo = np.full((200, 160, 3), 245, np.uint8)
    cv2.fillPoly(photo, [np.array([[40, 50], [110, 30], [130, 170], [60, 150]], np.int32)], (150, 60, 70))
    photo = np.asarray(cv2.GaussianBlur(photo, (0, 0), 9), dtype=np.uint8)
    name = "mirrored crop" if mirrored else "crop"
    found = register(view_of(photo), view_of(EDITS[name][0](photo)))
    assert any(one.dense for one in found)
    distance, told = _misplaced(photo, *EDITS[name])
    assert distance < 4
    assert told == mirrored


def test_nothing_can_be_laid_over_one_flat_colour(views: list[View]) -> None:
    flat = view_of(np.full((120, 90, 3), 200, np.uint8))
    assert register(flat, flat) == []
    assert register(views[0], flat) == register(flat, views[0]) == []


@pytest.mark.parametrize("size", [(1, 1), (16, 16), (3, 900), (900, 3), (640, 480)])
def test_a_view_of_any_size_has_one_long_side(size: tuple[int, int], photos: list[Picture]) -> None:
    view = view_of(np.asarray(cv2.resize(photos[1], size[::-1]), dtype=np.uint8))
    assert max(view.picture.shape) == SIDE
    assert view.product.shape == view.picture.shape[:2]
    assert len(view.points) == len(view.descriptors)


def _likeness(view: View, true: Picture) -> float:
    """Intersection over union of the product found and the true one, (H, W, 3) and white where it is."""
    small = cv2.resize(np.ascontiguousarray(true[..., 0]), view.product.shape[::-1], interpolation=cv2.INTER_AREA)
    truth = small > 127
    return float((view.product & truth).sum() / (view.product | truth).sum())


SURROUNDED: dict[str, Callable[[Picture, edits.Colour], Picture]] = {
    "nothing": lambda picture, colour: picture,
    "thin frame": lambda picture, colour: edits.frame(picture, colour, 0.03),
    "thick frame": lambda picture, colour: edits.frame(picture, colour, 0.12),
    "canvas": lambda picture, colour: edits.inset(picture, 0.65, colour),
    "frame round a canvas": lambda picture, colour: edits.frame(edits.inset(picture, 0.75, colour), colour, 0.05),
    "bars": edits.pad_square,
}


@pytest.mark.parametrize("colour", [(0, 0, 0), (30, 60, 120), (250, 215, 225)])
@pytest.mark.parametrize("name", SURROUNDED)
def test_the_product_is_found_within_what_surrounds_the_photo(
    name: str, colour: edits.Colour, shots: list[Shot]
) -> None:
    surround = SURROUNDED[name]
    for number, shot in enumerate(shots):
        true, picture = surround(np.repeat(shot.mask[..., None], 3, axis=2), (0, 0, 0)), surround(shot.picture, colour)
        assert _likeness(view_of(picture), true[_part(picture)]) > 0.7, number


def test_the_product_is_found_on_a_ground_of_two_colours(shots: list[Shot]) -> None:
    for number, shot in enumerate(shots):
        height, width = shot.mask.shape
        ground = np.full((height, width, 3), (246, 240, 228), np.float32)
        ground[:, : width // 6] = ground[:, -width // 6 :] = (190, 205, 225)
        cover = shot.mask[..., None] / 255
        picture = (cover * shot.picture + (1 - cover) * ground).round().astype(np.uint8)
        assert _likeness(view_of(picture), np.repeat(shot.mask[..., None], 3, axis=2)) > 0.8, number


def test_the_box_holds_the_product(shots: list[Shot]) -> None:
    for number, shot in enumerate(shots):
        down = np.flatnonzero(shot.mask.any(axis=1)) / shot.mask.shape[0]
        across = np.flatnonzero(shot.mask.any(axis=0)) / shot.mask.shape[1]
        top, bottom, left, right = view_of(shot.picture).box
        outside = max(top - down[0], down[-1] - bottom, left - across[0], across[-1] - right)
        assert outside < 0.04, number
        assert (bottom - top) * (right - left) < 1.5 * (down[-1] - down[0]) * (across[-1] - across[0]), number


def test_a_flat_picture_has_no_product() -> None:
    assert not view_of(np.full((120, 90, 3), 255, np.uint8)).product.any()
