"""Writing the image files of the sample shop, the useless ones included."""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from dedup_pipeline.augmentation import edits
from dedup_pipeline.augmentation.edits import Mask, Picture
from dedup_pipeline.augmentation.edits.encoding import decoded
from dedup_pipeline.sample.copies.recipe import Recipe, encoded
from dedup_pipeline.sample.plan import Photo
from dedup_pipeline.sample.rendering.camera import Camera

_WORKERS = 4
_SHRUNK = {"400x400": 86, "200x200": 84}
"""JPEG quality of the smaller renditions."""
_HTML = b"<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body>Please sign in again.</body></html>\n"


@dataclass(frozen=True)
class _Made:
    """The bytes of a photo by rendition, and for originals where the product is."""

    files: dict[str, bytes]
    mask: Mask | None = None


def file_name(photo: Photo, size: str) -> str:
    """Return the path of a rendition below the folder `images`; the server's URLs end in it."""
    return f"{photo.folder}/{photo.slug}-{size}-{photo.photo_id}.jpeg"


def write_pictures(images: Path, photos: Iterable[Photo], camera: Camera) -> None:
    """Render all photos and write their files.

    Threads share the work, as nearly all of it is spent inside OpenCV and Pillow; each photo group draws from seeds of
    its own, so the files do not depend on the order.

    Args:
        images: folder to write to.
        photos: sources before their copies; repeated ones are written once.
        camera: how the originals are photographed.
    """
    groups: dict[str, dict[str, Photo]] = {}
    for photo in photos:
        groups.setdefault(photo.group or photo.photo_id, {}).setdefault(photo.photo_id, photo)
    with ThreadPoolExecutor(_WORKERS) as pool:
        for _ in pool.map(partial(_write_group, images, camera), groups.values()):
            pass


def _write_group(images: Path, camera: Camera, photos: dict[str, Photo]) -> None:
    made: dict[str, _Made] = {}
    for photo in photos.values():
        made[photo.photo_id] = _renditions(photo, made, camera)
        write_files(images, photo, made[photo.photo_id].files)


def write_files(images: Path, photo: Photo, files: Mapping[str, bytes]) -> None:
    """Write the renditions that are stored of a photo, of all its `files` by size, below a folder."""
    for size in photo.stored:
        file = images / file_name(photo, size)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(files[size])


def _renditions(photo: Photo, made: dict[str, _Made], camera: Camera) -> _Made:
    """Return all sizes of a photo."""
    if photo.kind in {"html", "zero-byte"}:
        return _Made(dict.fromkeys(photo.stored, _HTML if photo.kind == "html" else b""))
    if not photo.stored:
        return _Made({})
    if photo.recipe is not None:
        return _copy(photo.recipe, made[photo.source or ""], camera)
    if photo.kind == "placeholder" or photo.look is None:
        picture, mask = _placeholder(), None
    else:
        shot = camera.shoot(photo.look)
        picture, mask = shot.picture, shot.mask
    if photo.decoration is not None:
        picture = photo.decoration.apply(picture)
    whole = sizes_of(picture, edits.encode(picture, "jpeg", camera.quality))
    if photo.kind == "truncated":
        return _Made({size: data[: len(data) // 3] for size, data in whole.items()})
    return _Made(whole, mask)


def _copy(recipe: Recipe, source: _Made, camera: Camera) -> _Made:
    if recipe.encoding == "identical":
        return _Made(source.files)
    picture = recipe.edit(decoded(source.files["original"]), source.mask)
    if recipe.encoding == "grey":
        picture = edits.tone(picture, saturation=0.0)
    return _Made(sizes_of(picture, encoded(picture, recipe)))


def sizes_of(picture: Picture, original: bytes) -> dict[str, bytes]:
    """Shrink a picture to the sizes that a marketplace keeps, and never enlarge it; JPEGs by size.

    Args:
        picture: `(H, W, 3) uint8` RGB.
        original: the file of the largest.
    """
    files = {"original": original}
    for size, quality in _SHRUNK.items():
        picture = edits.resize(picture, min(int(size.split("x")[0]), max(picture.shape[:2])))
        files[size] = edits.encode(picture, "jpeg", quality)
    return files


def _placeholder() -> Picture:
    """Draw the picture that a marketplace shows where the seller sent none."""
    image = Image.new("RGB", (500, 500), (242, 242, 242))
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle((165, 150, 335, 275), 14, outline=(176, 176, 176), width=8)
    draw.ellipse((220, 180, 280, 240), outline=(176, 176, 176), width=8)
    draw.text((250, 330), "No image available", fill=(150, 150, 150), font=ImageFont.load_default(30), anchor="mm")
    return np.asarray(image, dtype=np.uint8)
