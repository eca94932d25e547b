"""Evidence: the same from either side, and what each kind of it notices."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from benchmarks.rehearsal.unseen_overlays import screenshot
from dedup_pipeline.augmentation.edits import mirror, pad_square, recolour
from dedup_pipeline.verdict.alignment import ALIGNED
from dedup_pipeline.verdict.evidence import EVIDENCE, FIRST_PASS, ImageFeatures, compare


def photo(seed):
    """A garment-like blob with a print on a light ground."""
    generator = np.random.default_rng(seed)
    picture = np.full((200, 160, 3), 244, np.uint8)
    points = (generator.uniform(0.15, 0.85, (8, 2)) * (160, 200)).astype(np.int32)
    cv2.fillPoly(picture, [cv2.convexHull(points)], tuple(int(c) for c in generator.integers(20, 200, 3)))
    for _ in range(4):
        x, y = generator.integers(60, 100, 2)
        cv2.circle(picture, (int(x), int(y)), 8, tuple(int(c) for c in generator.integers(0, 255, 3)), -1)
    return picture


def features(*pictures):
    generator = np.random.default_rng(len(pictures))
    vectors = generator.standard_normal((len(pictures), 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return ImageFeatures.from_pictures(list(pictures), vectors, np.zeros(len(pictures), np.float32))


def test_it_is_the_same_from_either_side():
    some = features(*(photo(seed) for seed in range(8)))
    first, second = np.arange(8), np.arange(8)[::-1]
    forth = compare(some.take(first), some.take(second))
    back = compare(some.take(second), some.take(first))
    for name in FIRST_PASS:
        assert forth[name] == pytest.approx(back[name], abs=1e-5), name


def test_the_evidence_is_what_a_glance_tells_and_what_the_alignment_tells():
    assert set(compare(features(photo(1)), features(photo(2)))) == {*FIRST_PASS, "mirrored"}
    assert {*EVIDENCE} == {*FIRST_PASS, *ALIGNED}
    assert not {*FIRST_PASS} & {*ALIGNED}
    assert {*EVIDENCE.values()} == {-1, 0, 1}


@pytest.mark.parametrize("dark", [False, True])
def test_a_screenshot_looks_like_the_photo_on_it(dark):
    for seed in range(4):
        # a ground that differs from the page, dark or light
        shown = np.where(photo(seed) == 244, np.uint8(205), photo(seed))
        page = screenshot(shown, "Nova", 499, 75, dark=dark)
        evidence = compare(features(shown), features(page))
        assert evidence["phash_distance"][0] <= 10, seed
        assert evidence["layout_likeness"][0] > 0.9, seed
        assert evidence["aspect_difference"][0] < 0.06, seed


def test_a_picture_agrees_with_itself():
    some = features(photo(1))
    evidence = compare(some, some)
    assert evidence["cosine"][0] == pytest.approx(1)
    assert evidence["layout_likeness"][0] == pytest.approx(1)
    for name in ("phash_distance", "dhash_distance", "colour_distance", "layout_colour", "layout_light"):
        assert evidence[name][0] == 0


def test_the_mirror_image_is_recognised_as_one():
    evidence = compare(features(photo(2)), features(mirror(photo(2))))
    assert evidence["mirrored"][0] == 1
    assert evidence["phash_distance"][0] <= 4
    assert evidence["layout_likeness"][0] > 0.95
    assert evidence["layout_colour"][0] < 4


def test_colours_by_place_are_quantiles_of_distances_in_the_better_orientation():
    generator = np.random.default_rng(5)
    layouts = generator.integers(0, 256, (6, 192), dtype=np.uint8)
    cells = layouts.reshape(-1, 8, 8, 3)
    others = cells[:, :, ::-1] ^ generator.integers(0, 8, cells.shape, dtype=np.uint8)  # mirrored, and a little off
    some = features(*(photo(seed) for seed in range(6)))
    found = compare(replace(some, layout=layouts), replace(some, layout=others.reshape(layouts.shape)))
    apart = cells.astype(np.float32) - others[:, :, ::-1].astype(np.float32)
    distances = np.hypot(apart[..., 1], apart[..., 2]).reshape(6, -1)
    assert found["layout_likeness"].min() > 0.99
    assert found["layout_colour"] == pytest.approx(np.median(distances, axis=1), rel=1e-6)
    assert found["layout_colour_high"] == pytest.approx(np.quantile(distances, 0.8, axis=1), rel=1e-6)


def test_a_recolour_differs_in_colour_and_not_in_layout():
    original, other = photo(3), recolour(photo(3), hue=120, lightness=0.0, chroma=1.2)
    evidence = compare(features(original), features(other))
    assert evidence["phash_distance"][0] <= 16
    assert evidence["layout_likeness"][0] > 0.8
    assert evidence["colour_distance"][0] > 10


def test_padding_changes_neither_colour_nor_layout():
    evidence = compare(features(photo(4)), features(pad_square(photo(4), (244, 244, 244))))
    assert evidence["layout_likeness"][0] > 0.95
    assert evidence["colour_distance"][0] < 4
