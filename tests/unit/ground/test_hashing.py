"""Fingerprints: what changes them and what does not."""

import cv2
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dedup_pipeline import hashing


def photo(seed=0, size=(120, 90), colour=(180, 40, 60)):
    """A blob with stripes on a light ground."""
    generator = np.random.default_rng(seed)
    picture = np.full((*size, 3), 245, np.uint8)
    height, width = size
    points = generator.uniform(0.2, 0.8, (7, 2)) * (width, height)
    cv2.fillPoly(picture, [cv2.convexHull(points.astype(np.int32))], colour)
    for x in range(int(width * 0.3), int(width * 0.7), 9):
        cv2.line(picture, (x, height // 3), (x, height // 2), (20, 20, int(generator.integers(255))), 2)
    return picture


def bits(a, b):
    return int(a ^ b).bit_count()


def test_equal_pixels_have_one_digest_and_one_changed_pixel_another():
    a, b = photo(), photo()
    assert hashing.pixel_id(a) == hashing.pixel_id(b)
    b[5, 5, 0] ^= 1
    assert hashing.pixel_id(a) != hashing.pixel_id(b)


def test_the_shape_counts_in_the_digest():
    flat = np.zeros((4, 6, 3), np.uint8)
    assert hashing.pixel_id(flat) != hashing.pixel_id(flat.reshape(6, 4, 3))


@given(st.integers(0, 50))
def test_the_mirrored_hashes_are_those_of_the_mirror_image(seed):
    a = photo(seed)
    mirror = np.ascontiguousarray(a[:, ::-1])
    assert bits(hashing.phash(a)[1], hashing.phash(mirror)[0]) <= 2
    assert bits(hashing.dhash(a)[1], hashing.dhash(mirror)[0]) <= 2


@given(st.integers(0, 50))
def test_resizing_and_jpeg_hardly_change_the_hashes(seed):
    a = photo(seed)
    coded = cv2.imdecode(cv2.imencode(".jpg", cv2.resize(a, (180, 240)))[1], cv2.IMREAD_COLOR)
    assert bits(hashing.phash(a)[0], hashing.phash(coded)[0]) <= 6
    assert bits(hashing.dhash(a)[0], hashing.dhash(coded)[0]) <= 8


def test_the_colours_of_the_product_count_and_not_those_of_the_ground():
    a, recoloured = photo(), photo(colour=(40, 60, 180))
    padded = cv2.copyMakeBorder(a, 40, 40, 40, 40, cv2.BORDER_CONSTANT, value=(245, 245, 245))
    near = np.abs(hashing.colour_summary(a) - hashing.colour_summary(padded))[5:15].mean()
    far = np.abs(hashing.colour_summary(a) - hashing.colour_summary(recoloured))[5:15].mean()
    assert near < 5
    assert far > 15


def test_the_layout_ignores_padding_and_a_frame():
    a = photo()
    padded = cv2.copyMakeBorder(a, 30, 10, 50, 20, cv2.BORDER_CONSTANT, value=(245, 245, 245))
    framed = cv2.copyMakeBorder(padded, 8, 8, 8, 8, cv2.BORDER_CONSTANT, value=(0, 90, 0))
    layouts = [np.frombuffer(hashing.layout(p), np.uint8).astype(int) for p in (a, padded, framed)]
    assert np.median(np.abs(layouts[0] - layouts[1])) <= 6
    assert np.median(np.abs(layouts[0] - layouts[2])) <= 10


def test_a_flat_picture_has_fingerprints_too():
    flat = np.full((10, 10, 3), 255, np.uint8)
    assert hashing.dhash(flat) == (0, 0)
    assert hashing.colour_summary(flat).shape == (hashing.COLOUR_VALUES,)
    assert len(hashing.layout(flat)) == hashing.LAYOUT_BYTES
