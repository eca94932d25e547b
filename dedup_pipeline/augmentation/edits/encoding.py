"""Turning a picture into the bytes of an image file, and back."""

from io import BytesIO
from typing import Literal

import cv2
import numpy as np
from PIL import Image

from dedup_pipeline.augmentation.edits.picture import Picture, require_picture, require_range

Format = Literal["jpeg", "webp", "png", "gif"]


def encode(picture: Picture, image_format: Format, quality: int = 90) -> bytes:
    """Encode without metadata.

    Args:
        picture: `(H, W, 3) uint8` RGB.
        image_format: `jpeg`, `webp` (lossy), `png` or `gif` (256 colours).
        quality: 1 to 100, for JPEG and WebP; PNG and GIF ignore it.

    Returns:
        The bytes of the file; the same input gives the same bytes.

    Raises:
        ValueError: an unknown format, a quality out of range, or a picture that the format cannot hold.
    """
    require_picture(picture)
    require_range("quality", quality, 1, 100)
    if image_format == "gif":
        buffer = BytesIO()
        Image.fromarray(picture).quantize(256, Image.Quantize.FASTOCTREE).save(buffer, format="GIF")
        return buffer.getvalue()
    options = {
        "jpeg": [cv2.IMWRITE_JPEG_QUALITY, quality],
        "webp": [cv2.IMWRITE_WEBP_QUALITY, quality],
        "png": [cv2.IMWRITE_PNG_COMPRESSION, 6],
    }
    if image_format not in options:
        raise ValueError(f"no image format {image_format!r}: use jpeg, webp, png or gif")
    done, data = cv2.imencode(f".{image_format}", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), options[image_format])
    if not done:
        raise ValueError(f"a picture of {picture.shape[1]} x {picture.shape[0]} px cannot be stored as {image_format}")
    return data.tobytes()


def decoded(data: bytes) -> Picture:
    """The picture in a JPEG or PNG file that ``encode`` made; files of others are for ``pictures.decode``."""
    picture = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_COLOR_RGB)
    return np.ascontiguousarray(picture, dtype=np.uint8)
