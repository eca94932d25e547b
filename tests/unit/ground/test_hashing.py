"""Fingerprints: what changes them and what does not."""

import cv2
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dedup_pipeline.pictures import perceptual

SIDES = st.integers(1, 400)


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


def figures(*pictures):
    return perceptual.figures(np.stack([perceptual.square(picture) for picture in pictures]))


def bits(a, b):
    return int(a ^ b).bit_count()


def test_equal_pixels_have_one_digest_and_one_changed_pixel_another():
    a, b = photo(), photo()
    assert perceptual.pixel_id(a) == perceptual.pixel_id(b)
    b[5, 5, 0] ^= 1
    assert perceptual.pixel_id(a) != perceptual.pixel_id(b)


def test_the_shape_counts_in_the_digest():
    flat = np.zeros((4, 6, 3), np.uint8)
    assert perceptual.pixel_id(flat) != perceptual.pixel_id(flat.reshape(6, 4, 3))


@given(st.integers(0, 50))
def test_the_mirrored_hashes_are_those_of_the_mirror_image(seed):
    a = photo(seed)
    both = figures(a, np.ascontiguousarray(a[:, ::-1]))
    assert bits(both.phash[0, 1], both.phash[1, 0]) <= 2
    assert bits(both.dhash[0, 1], both.dhash[1, 0]) <= 2


@given(st.integers(0, 50))
def test_resizing_and_jpeg_hardly_change_the_hashes(seed):
    a = photo(seed)
    both = figures(a, cv2.imdecode(cv2.imencode(".jpg", cv2.resize(a, (180, 240)))[1], cv2.IMREAD_COLOR))
    assert bits(*both.phash[:, 0]) <= 6
    assert bits(*both.dhash[:, 0]) <= 8


@given(st.lists(st.tuples(st.integers(0, 9), SIDES, SIDES), min_size=2, max_size=5))
def test_the_figures_of_a_picture_do_not_depend_on_the_others(drawn):
    pictures = [cv2.resize(photo(seed), (width, height)) for seed, width, height in drawn]
    together = figures(*pictures)
    for row, picture in enumerate(pictures):
        for all_values, value in zip(together, figures(picture), strict=True):
            assert all_values[row].tobytes() == value[0].tobytes()


def test_the_colours_of_the_product_count_and_not_those_of_the_ground():
    a, recoloured = photo(), photo(colour=(40, 60, 180))
    padded = cv2.copyMakeBorder(a, 40, 40, 40, 40, cv2.BORDER_CONSTANT, value=(245, 245, 245))
    colours = figures(a, padded, recoloured).colour
    near, far = (np.abs(colours[0] - other)[5:15].mean() for other in colours[1:])
    assert near < 5
    assert far > 15


def test_the_quantiles_are_those_of_the_colours_in_cie_lab():
    quarters = np.full((64, 64, 3), 255, np.uint8)
    quarters[16:48, 16:32] = (200, 30, 30)
    quarters[16:48, 32:48] = (30, 30, 200)
    colour = figures(quarters).colour[0]
    lab = cv2.cvtColor(np.array([[(200, 30, 30), (30, 30, 200)]], np.float32) / 255, cv2.COLOR_RGB2LAB)[0]
    for channel in range(3):
        quantiles = colour[5 * channel : 5 * channel + 5]
        assert np.all(np.diff(quantiles) >= 0)
        assert np.allclose(quantiles[[0, -1]], np.sort(lab[:, channel]), atol=1.1)
    assert colour[15] == 0.25


def test_the_layout_ignores_padding_and_a_frame():
    a = photo()
    padded = cv2.copyMakeBorder(a, 30, 10, 50, 20, cv2.BORDER_CONSTANT, value=(245, 245, 245))
    framed = cv2.copyMakeBorder(padded, 8, 8, 8, 8, cv2.BORDER_CONSTANT, value=(0, 90, 0))
    layouts = figures(a, padded, framed).layout.astype(int)
    assert np.median(np.abs(layouts[0] - layouts[1])) <= 6
    assert np.median(np.abs(layouts[0] - layouts[2])) <= 10


def test_a_flat_picture_has_fingerprints_too():
    flat = figures(np.full((10, 10, 3), 255, np.uint8))
    assert flat.dhash.tolist() == [[0, 0]]
    assert flat.colour[0].tolist()[15] == 0
    assert flat.layout[0, :3].tolist() == [255, 128, 128]


def test_no_pictures_have_no_figures():
    none = perceptual.figures(np.empty((0, perceptual.SIDE, perceptual.SIDE, 3), np.uint8))
    assert [len(values) for values in none] == [0, 0, 0, 0]
