from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from dedup_pipeline import schemas
from dedup_pipeline.augmentation.edits import encode, recolour
from dedup_pipeline.augmentation.reuploads import generator_of
from dedup_pipeline.config import Settings
from dedup_pipeline.errors import InputError
from dedup_pipeline.pictures import perceptual
from dedup_pipeline.pictures.decode import Picture, decode
from dedup_pipeline.store import Store
from tiny_shop import DUMP, draw_product, write_tiny_shop
from training.batches import EpochBatches, look_alike_order, split_of
from training.dataset import PhotoDataset, load_photos, subset
from training.false_negatives import components, labels_of
from training.validation import validation_set


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return write_tiny_shop(tmp_path_factory.mktemp("shop") / "store", products=30)


@pytest.fixture(scope="module")
def photos(settings: Settings) -> PhotoDataset:
    return load_photos(Store(settings.store), settings, [DUMP])


def fingerprint_row(picture: Picture) -> dict[str, object]:
    figures = perceptual.figures(perceptual.square(picture)[None])
    (upright, mirrored), (gradient, gradient_mirrored) = figures.phash[0], figures.dhash[0]
    row: dict[str, object] = dict.fromkeys(schemas.FINGERPRINTS.names)
    return row | {
        "pixel_id": perceptual.pixel_id(picture),
        "phash": upright,
        "phash_mirrored": mirrored,
        "dhash": gradient,
        "dhash_mirrored": gradient_mirrored,
        "colour": figures.colour[0],
    }


def test_components_are_joined_over_chains() -> None:
    assert components(6, [(4, 2), (2, 1), (5, 3)]).tolist() == [0, 1, 1, 3, 1, 3]


def test_the_guard_joins_copies_and_not_recolours_nor_other_products() -> None:
    picture = draw_product(6)
    shown = [
        picture,
        decode(encode(picture, "jpeg", 92)),
        np.ascontiguousarray(picture[:, ::-1]),
        recolour(picture, hue=120),
        draw_product(7),
    ]
    table = pa.Table.from_pylist([fingerprint_row(each) for each in shown], schema=schemas.FINGERPRINTS)
    assert labels_of(table).tolist() == [0, 0, 0, 3, 4]


def test_families_stay_on_one_side(photos: PhotoDataset) -> None:
    sides = {family: set(photos.held_out[photos.families == family]) for family in photos.families}
    assert all(len(side) == 1 for side in sides.values())
    assert 6 <= photos.held_out.sum() <= 12


def test_few_photos_are_refused_with_advice(tmp_path: Path) -> None:
    settings = write_tiny_shop(tmp_path / "store", products=5)
    with pytest.raises(InputError, match=r"has 5 usable photos.*train\.model"):
        load_photos(Store(settings.store), settings, [DUMP])


def test_a_picture_of_many_families_is_left_out(tmp_path: Path) -> None:
    settings = write_tiny_shop(tmp_path / "store", products=24)
    store = Store(settings.store)
    path = store.dump(DUMP, "ingest", "listings.parquet")
    rows = store.read_table(path).to_pylist()
    rows += [rows[0] | {"listing_id": f"X{n}", "family_id": f"X{n}"} for n in range(6)]
    store.write_table(path, schemas.conform(rows, schemas.LISTINGS))
    assert len(load_photos(store, settings, [DUMP])) == 23


def test_at_most_max_photos_are_taken(settings: Settings) -> None:
    few = settings.model_copy(update={"train": settings.train.model_copy(update={"max_photos": 20})})
    assert len(load_photos(Store(settings.store), few, [DUMP])) == 20


def neighbours_of(count: int) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    return np.array([[(row + step) % count for step in range(1, 4)] for row in range(count)], dtype=np.int64)


def test_an_epoch_is_the_same_again_with_any_number_of_threads(settings: Settings, photos: PhotoDataset) -> None:
    neighbours = neighbours_of(len(np.unique(photos.labels)))
    more = settings.model_copy(update={"threads": 3})
    one, two = (list(EpochBatches(photos, neighbours, some, 1)) for some in (settings, more))
    other = list(EpochBatches(photos, neighbours, settings, 2))
    for left, right, third in zip(one, two, other, strict=True):
        assert left.pictures.tobytes() == right.pictures.tobytes() != third.pictures.tobytes()
        assert left.labels.tolist() == right.labels.tolist()


def test_batches_hold_products_their_recolours_and_views(settings: Settings, photos: PhotoDataset) -> None:
    batches = EpochBatches(photos, neighbours_of(len(np.unique(photos.labels))), settings, 0)
    first = next(iter(batches))
    assert first.pictures.shape == (12, 64, 64, 3)
    assert len(batches) == len(np.unique(photos.labels)) // 3
    labels, counts = np.unique(first.labels, return_counts=True)
    assert counts.tolist() == [3] * 4
    assert (labels < 0).sum() == 1
    painted = first.labels < 0
    assert set(first.origins[painted]) <= set(first.origins[~painted])


def test_batches_have_their_size_whatever_the_number_of_products() -> None:
    assert split_of(16, 100, 0.25) == (12, 4)
    assert split_of(16, 5, 0.25) == (5, 4)
    assert split_of(2, 100, 0.25) == (2, 0)
    assert split_of(16, 100, 0.0) == (16, 0)
    assert split_of(16, 100, 0.5) == (8, 8)


def test_look_alikes_meet() -> None:
    neighbours = np.array([[1, 2, 3], [0, 2, 3], [3, 1, 0], [2, 0, 1]], dtype=np.int64)
    for seed in range(8):
        order = look_alike_order(neighbours, np.arange(4), generator_of(seed), together=2).tolist()
        assert {frozenset(order[:2]), frozenset(order[2:])} == {frozenset((0, 1)), frozenset((2, 3))}


def test_look_alikes_of_one_family_are_not_put_together() -> None:
    neighbours = np.array([[1, 2], [0, 2], [1, 0]], dtype=np.int64)
    families = np.array([0, 0, 1], dtype=np.int64)
    orders = [look_alike_order(neighbours, families, generator_of(seed), together=2).tolist() for seed in range(8)]
    assert all(sorted(order) == [0, 1, 2] for order in orders)
    assert all(set(order[:2]) != {0, 1} for order in orders)


def test_the_validation_set_is_fixed_and_knows_its_truth(settings: Settings, photos: PhotoDataset) -> None:
    held_out = subset(photos, photos.held_out)
    one, two = validation_set(held_out, settings), validation_set(held_out, settings)
    assert one.pictures.tobytes() == two.pictures.tobytes()
    assert one.queries == 3 * len(held_out)
    assert set(one.labels[: one.queries]) == set(held_out.labels)
    gallery = one.labels[one.queries :]
    assert (gallery >= 0).sum() == len(held_out)
    assert (gallery < 0).sum() > len(held_out)
