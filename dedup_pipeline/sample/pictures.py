"""Writing the image files of the sample shop, the useless ones included."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from dedup_pipeline import edits
from dedup_pipeline.edits import Picture
from dedup_pipeline.sample.photo import photograph
from dedup_pipeline.sample.plan import Photo
from dedup_pipeline.sample.recipes import encoded

_WORKERS = 4
_QUALITY = {"original": 92, "400x400": 86, "200x200": 84}
_HTML = b"<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body>Please sign in again.</body></html>\n"


def file_name(photo: Photo, size: str) -> str:
    """Return the path of a rendition below the folder `images`; the server's URLs end in it."""
    return f"{photo.folder}/{photo.slug}-{size}-{photo.photo_id}.jpeg"


def write_pictures(images: Path, photos: Iterable[Photo]) -> None:
    """Render all photos and write their files.

    Threads share the work, as nearly all of it is spent inside OpenCV and Pillow; each photo group draws from seeds of
    its own, so the files do not depend on the order.

    Args:
        images: folder to write to.
        photos: sources before their copies; repeated ones are written once.
    """
    groups: dict[str, dict[str, Photo]] = {}
    for photo in photos:
        groups.setdefault(photo.group or photo.photo_id, {}).setdefault(photo.photo_id, photo)
    with ThreadPoolExecutor(_WORKERS) as pool:
        for _ in pool.map(partial(_write_group, images), groups.values()):
            pass


def _write_group(images: Path, photos: dict[str, Photo]) -> None:
    made: dict[str, dict[str, bytes]] = {}
    for photo in photos.values():
        made[photo.photo_id] = _renditions(photo, made)
        for size in photo.stored:
            file = images / file_name(photo, size)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(made[photo.photo_id][size])


def _renditions(photo: Photo, made: dict[str, dict[str, bytes]]) -> dict[str, bytes]:
    """Return the bytes of all sizes of a photo."""
    if photo.kind in {"html", "zero-byte"}:
        return dict.fromkeys(_QUALITY, _HTML if photo.kind == "html" else b"")
    if not photo.stored:
        return {}
    if photo.recipe is not None:
        source = made[photo.source or ""]
        if photo.recipe.encoding == "identical":
            return source
        picture = photo.recipe.edit(_decoded(source["original"]))
        if photo.recipe.encoding == "grey":
            picture = edits.tone(picture, saturation=0.0)
        return _sizes(picture, encoded(picture, photo.recipe))
    picture = _placeholder() if photo.kind == "placeholder" or photo.look is None else photograph(photo.look)
    if photo.decoration is not None:
        picture = photo.decoration.apply(picture)
    whole = _sizes(picture, edits.encode(picture, "jpeg", _QUALITY["original"]))
    if photo.kind == "truncated":
        return {size: data[: len(data) // 3] for size, data in whole.items()}
    return whole


def _sizes(picture: Picture, original: bytes) -> dict[str, bytes]:
    """Shrink a picture to the sizes that a marketplace keeps, and never enlarge it."""
    files = {"original": original}
    for size in ("400x400", "200x200"):
        picture = edits.resize(picture, min(int(size.split("x")[0]), max(picture.shape[:2])))
        files[size] = edits.encode(picture, "jpeg", _QUALITY[size])
    return files


def _decoded(data: bytes) -> Picture:
    picture = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_COLOR_RGB)
    if picture is None:
        raise ValueError("a copy was planned of a picture in an unusual encoding: copy another one")
    return np.ascontiguousarray(picture, dtype=np.uint8)


def _placeholder() -> Picture:
    """Draw the picture that a marketplace shows where the seller sent none."""
    image = Image.new("RGB", (500, 500), (242, 242, 242))
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle((165, 150, 335, 275), 14, outline=(176, 176, 176), width=8)
    draw.ellipse((220, 180, 280, 240), outline=(176, 176, 176), width=8)
    draw.text((250, 330), "No image available", fill=(150, 150, 150), font=ImageFont.load_default(30), anchor="mm")
    return np.asarray(image, dtype=np.uint8)
