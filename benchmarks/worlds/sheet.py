"""A contact sheet of a truth folder: its families of look-alikes in a row each, and its re-uploads."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from PIL import Image, ImageDraw, ImageFont

from dedup_pipeline.augmentation.edits import Picture

_CELL, _COLUMNS = 150, 12
_GREEN, _GREY = (20, 140, 60), (90, 90, 90)


def write_sheet(folder: Path, file: Path) -> None:
    """Draw the pictures of a truth folder onto one sheet.

    Originals stand family by family, under a grey line with the style's name; after them in green frames stands every
    original that was uploaded again, with its re-uploads and their edits.

    Args:
        folder: a truth folder.
        file: to write, a JPEG or PNG.
    """
    photos = pd.read_csv(folder / "photos.csv", dtype=str, keep_default_na=False).drop_duplicates("photo_id")
    paths = {path.stem.rsplit("-", 1)[1]: path for path in (folder / "images").rglob("*-400x400-*.jpeg")}
    cells: list[tuple[Path, str, tuple[int, int, int]]] = []
    for row in photos[photos["level"].eq("base")].sort_values(["style", "photo_group"]).itertuples():
        cells.append((paths[str(row.photo_id)], f"{row.style} {row.photo_group}", _GREY))
    for _, group in photos.sort_values("level", ascending=False).groupby("photo_group"):
        if len(group) > 1:
            for row in group.itertuples():
                text = f"{row.photo_group} {row.level} {row.edits}"
                cells.append((paths[str(row.photo_id)], text, _GREEN))
    rows = -(-len(cells) // _COLUMNS)
    sheet = Image.new("RGB", (_COLUMNS * _CELL, rows * (_CELL + 14)), (255, 255, 255))
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(10)
    for number, (path, text, colour) in enumerate(cells):
        left, top = number % _COLUMNS * _CELL, number // _COLUMNS * (_CELL + 14)
        small = Image.fromarray(_fitted(path))
        draw.rectangle((left, top, left + _CELL - 2, top + _CELL + 11), outline=colour)
        draw.text((left + 2, top), text[:30], fill=colour, font=font)
        sheet.paste(small, (left + 1, top + 13))
    sheet.save(file)


def _fitted(path: Path) -> Picture:
    with Image.open(path) as image:
        picture = np.asarray(image.convert("RGB"), dtype=np.uint8)
    share = (_CELL - 4) / max(picture.shape[:2])
    return np.asarray(cv2.resize(picture, None, fx=share, fy=share, interpolation=cv2.INTER_AREA), dtype=np.uint8)
