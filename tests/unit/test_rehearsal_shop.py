"""The sample shop in its other guise: photos by phone, and edits that the re-upload simulator does not know."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from benchmarks.rehearsal import phone, textures, unseen, unseen_edits, unseen_overlays
from dedup_pipeline.augmentation.edits import Picture
from dedup_pipeline.evaluate import score
from dedup_pipeline.sample.copies import recipes
from dedup_pipeline.sample.copies.recipe import CutOut, Recipe
from dedup_pipeline.sample.rendering.garments import KINDS
from dedup_pipeline.sample.rendering.patterns import PATTERNS
from dedup_pipeline.sample.rendering.photo import Look, shoot

NEW = {
    "perspective", "screenshot", "banner", "collage-border", "sticker", "filter-warm", "filter-cool", "filter-vintage",
    "jpeg-twice", "moire", "halftone", "motion", "cutout",
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample") / "shop"
    options = ["--products", "40", "--seed", "5", "--style", "phone", "--edits", "unseen"]
    words = [sys.executable, "-m", "benchmarks.rehearsal", folder, *options]
    subprocess.run(words, check=True, cwd=Path(__file__).parents[2])
    return folder


@pytest.fixture(scope="module")
def photos(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "photos.csv", dtype=str, keep_default_na=False).set_index("productId")


@pytest.fixture
def photo() -> Picture:
    """A floral shirt in the studio."""
    return shoot(LOOK).picture


LOOK = Look("shirt", 2, "floral", 2, "Red", 2, 2, 2)


def _names(edits: str) -> set[str]:
    return {step.partition(":")[0] for step in edits.split("+")}


def test_its_truth_holds_every_level_and_scores_itself_perfectly(folder: Path) -> None:
    truth = pd.read_csv(folder / "truth.csv", dtype=str)
    result = score(folder, dict.fromkeys(zip(truth["id_a"], truth["id_b"], strict=True), 1.0))
    assert (result.photo.f1, result.listing.f1) == (1.0, 1.0)
    assert set(result.photo.by_level) == {"0", "1", "2", "3"}


def test_strong_copies_have_unseen_edits_only(photos: pd.DataFrame) -> None:
    for level, edits in photos.drop_duplicates("photo_id")[["level", "edits"]].itertuples(index=False):
        if level in {"2", "3"}:
            assert _names(edits) & NEW
            assert _names(edits) - NEW <= {"resize", "jpeg", "webp", "png", "identical", *recipes_unusual()}
        else:
            assert not _names(edits) & NEW


def recipes_unusual() -> set[str]:
    return {"cmyk", "png-alpha", "gif-animated", "exif-rotated", "grey"}


def test_every_unseen_edit_is_drawn_and_makes_a_picture(photo: Picture) -> None:
    generator, mask = np.random.default_rng(1), shoot(LOOK).mask
    before, seen = photo.copy(), set[str]()
    for number in range(120):
        recipe = unseen.draw_recipe(2 + number % 2, generator, "Ivy Corner")
        if (new := _names(recipe.name) & NEW) - seen:
            seen |= new
            edited = recipe.edit(photo, mask)
            assert edited.dtype == np.uint8
            assert edited.ndim == 3
            assert edited.shape != photo.shape or np.abs(edited.astype(int) - photo).mean() > 0.2, recipe.name
    assert seen == NEW
    np.testing.assert_array_equal(photo, before)


def test_levels_0_and_1_are_those_of_known_edits() -> None:
    for level in (0, 1):
        first, second = (module.draw_recipe(level, np.random.default_rng(4), "x") for module in (recipes, unseen))
        assert first.name == second.name


def test_known_and_unseen_recipes_come_from_the_generator_alone() -> None:
    for module in (recipes, unseen):
        first, second = (module.draw_recipe(3, np.random.default_rng(9), "x") for _ in range(2))
        picture = shoot(LOOK)
        np.testing.assert_array_equal(
            first.edit(picture.picture, picture.mask), second.edit(picture.picture, picture.mask)
        )


def test_a_product_is_only_cut_out_where_its_place_is_known(photo: Picture) -> None:
    recipe = Recipe(3, (), "jpeg", cut_out=CutOut("cutout:wood", lambda p, mask: p))
    with pytest.raises(ValueError, match="needs the mask"):
        recipe.edit(photo)


@pytest.mark.parametrize("texture", textures.TEXTURES)
def test_a_cut_out_keeps_the_product_and_nothing_else(texture: textures.Texture) -> None:
    shot = shoot(LOOK)
    edited = textures.cut_out(shot.picture, shot.mask, texture, 1.0, 3)
    inside = cv2.erode(shot.mask, np.ones((11, 11), dtype=np.uint8)) == 255
    outside = cv2.dilate(shot.mask, np.ones((11, 11), dtype=np.uint8)) == 0
    np.testing.assert_array_equal(edited[inside], shot.picture[inside])
    assert np.abs(edited[outside].astype(int) - shot.picture[outside]).mean() > 5


def test_a_screenshot_shows_the_whole_photo_in_the_app(photo: Picture) -> None:
    screen = unseen_overlays.screenshot(photo, "Ivy Corner", 499, 61, dark=False)
    assert screen.shape[0] >= 960
    shown = cv2.resize(photo, (480, round(480 * photo.shape[0] / photo.shape[1])), interpolation=cv2.INTER_AREA)
    found = cv2.matchTemplate(screen, shown, cv2.TM_CCOEFF_NORMED)
    assert found.max() > 0.99
    assert not np.array_equal(screen, unseen_overlays.screenshot(photo, "Ivy Corner", 499, 61, dark=True))


def test_a_banner_covers_the_bottom_only(photo: Picture) -> None:
    edited = unseen_overlays.banner(photo, "100% ORIGINAL", 0.1, (214, 32, 52))
    top = photo.shape[0] - round(0.1 * photo.shape[0])
    np.testing.assert_array_equal(edited[:top], photo[:top])
    assert (edited[top:] == (214, 32, 52)).all(axis=-1).mean() > 0.5


def test_a_collage_border_lies_around_the_photo(photo: Picture) -> None:
    edited = unseen_overlays.collage_border(photo, (214, 32, 52), (20, 20, 24), 0.05, 0.1)
    border = (edited.shape[0] - photo.shape[0]) // 2
    middle = np.s_[100:-100, 100:-100]
    np.testing.assert_array_equal(edited[border:-border, border:-border][middle], photo[middle])
    assert tuple(edited[0, 0]) == (214, 32, 52)
    assert tuple(edited[border + 1, border + 1]) != tuple(photo[1, 1])


@pytest.mark.parametrize(
    "edit",
    [
        lambda p: unseen_edits.perspective(p, np.full((4, 2), 0.1)),
        lambda p: unseen_edits.colour_filter(p, "vintage", 1.0),
        lambda p: unseen_edits.moire(p, 8.0, 4.0),
        lambda p: unseen_edits.halftone(p, 4.0),
        lambda p: unseen_edits.motion_blur(p, 0.02, 30.0),
        lambda p: unseen_overlays.sticker(p, "heart", 0.2, 0.5, 0.5),
    ],
)
def test_an_edited_photo_is_another_picture_of_the_same_thing(
    edit: Callable[[Picture], Picture], photo: Picture
) -> None:
    edited = edit(photo)
    assert edited.shape == photo.shape
    small = [np.asarray(Image.fromarray(p).convert("L").resize((12, 16)), dtype=float) for p in (photo, edited)]
    assert np.abs(edited.astype(int) - photo).mean() > 0.5
    assert np.corrcoef(small[0].ravel(), small[1].ravel())[0, 1] > 0.5


def test_a_phone_shows_every_kind_of_product_where_its_mask_says() -> None:
    for seed, kind in enumerate(KINDS):
        shot = phone.shoot(Look(kind, seed, PATTERNS[seed], seed, "Blue", seed, seed, seed))
        assert 518 <= max(shot.picture.shape) <= 642
        assert shot.mask.shape == shot.picture.shape[:2]
        assert 0.04 < (shot.mask > 128).mean() < 0.75, kind


def test_a_phone_takes_the_same_photo_twice_only_of_the_same_shot() -> None:
    look = Look("tunic", 5, "floral", 5, "Blue", 5, 5, 5)
    first, again = phone.shoot(look).picture, phone.shoot(look).picture
    np.testing.assert_array_equal(first, again)
    other = phone.shoot(Look("tunic", 5, "floral", 5, "Blue", 5, 5, 6)).picture
    assert other.shape != first.shape or np.abs(other.astype(int) - first).mean() > 5


def test_no_phone_photo_has_the_plain_light_ground_of_a_studio(folder: Path, photos: pd.DataFrame) -> None:
    originals = photos[(photos["level"] == "base") & (photos["kind"] == "photo")].drop_duplicates("photo_id")
    spreads = []
    for name in originals["photo_id"]:
        with Image.open(next((folder / "images").rglob(f"*-original-{name}.jpeg"))) as image:
            grey = np.asarray(image.convert("L"), dtype=float)
        spreads.append(np.concatenate([grey[:12].ravel(), grey[-12:].ravel()]).std())
    assert np.median(spreads) > 10
    assert min(spreads) > 2
