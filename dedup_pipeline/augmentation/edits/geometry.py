"""Edits that move pixels: size, crop, mirror, rotation, padding, frames."""

import cv2
import numpy as np

from dedup_pipeline.augmentation.edits.picture import WHITE, Colour, Picture, as_picture, require_picture, require_range

_LARGEST_SIDE = 8192


def resize(picture: Picture, long_side: int) -> Picture:
    """Scale so that the longer side has `long_side` pixels; the aspect ratio stays.

    Args:
        picture: `(H, W, 3) uint8` RGB.
        long_side: pixels, 1 to 8192; may enlarge.

    Returns:
        `(h, w, 3) uint8` with `max(h, w) == long_side`.

    Raises:
        ValueError: an argument out of range.
    """
    require_picture(picture)
    require_range("long_side", long_side, 1, _LARGEST_SIDE)
    height, width = picture.shape[:2]
    factor = long_side / max(height, width)
    return _scaled(picture, max(1, round(width * factor)), max(1, round(height * factor)))


def crop(picture: Picture, left: float = 0.0, top: float = 0.0, right: float = 0.0, bottom: float = 0.0) -> Picture:
    """Cut strips off the four sides.

    Args:
        picture: `(H, W, 3) uint8` RGB.
        left: strip to remove, as a fraction of the width, 0 to 0.9.
        top: the same of the height.
        right: the same of the width; `left + right` at most 0.9.
        bottom: the same of the height; `top + bottom` at most 0.9.

    Returns:
        `(h, w, 3) uint8`, a copy, both sides at least 1 px.

    Raises:
        ValueError: a fraction out of range.
    """
    require_picture(picture)
    for name, value in (("left", left), ("top", top), ("right", right), ("bottom", bottom)):
        require_range(name, value, 0.0, 0.9)
    require_range("left + right", left + right, 0.0, 0.9)
    require_range("top + bottom", top + bottom, 0.0, 0.9)
    height, width = picture.shape[:2]
    x_start, y_start = round(left * width), round(top * height)
    x_end, y_end = max(x_start + 1, width - round(right * width)), max(y_start + 1, height - round(bottom * height))
    return picture[y_start:y_end, x_start:x_end].copy()


def mirror(picture: Picture) -> Picture:
    """Swap left and right; `(H, W, 3) uint8` in and out."""
    require_picture(picture)
    return as_picture(picture[:, ::-1])


def rotate(picture: Picture, degrees: float, fill: Colour = WHITE) -> Picture:
    """Turn about the centre on a canvas of the same size; what leaves the canvas is lost.

    Args:
        picture: `(H, W, 3) uint8` RGB.
        degrees: -180 to 180, positive turns counter-clockwise.
        fill: colour of the corners that open up.

    Returns:
        `(H, W, 3) uint8`.

    Raises:
        ValueError: an angle out of range.
    """
    require_picture(picture)
    require_range("degrees", degrees, -180.0, 180.0)
    height, width = picture.shape[:2]
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1.0)
    turned = cv2.warpAffine(
        picture, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=fill
    )
    return as_picture(turned)


def pad_square(picture: Picture, colour: Colour = WHITE) -> Picture:
    """Centre the picture on a square of its longer side; `(S, S, 3) uint8` with `S = max(H, W)`."""
    require_picture(picture)
    height, width = picture.shape[:2]
    side = max(height, width)
    return _on_canvas(picture, side, side, colour)


def frame(picture: Picture, colour: Colour, width: float) -> Picture:
    """Put a frame of one colour around the picture, outside of it.

    Args:
        picture: `(H, W, 3) uint8` RGB.
        colour: of the frame.
        width: of the frame as a fraction of the longer side, 0 to 0.25; at least 1 px is drawn unless it is 0.

    Returns:
        `(H + 2f, W + 2f, 3) uint8` with a frame of `f` px.

    Raises:
        ValueError: a width out of range.
    """
    require_picture(picture)
    require_range("width", width, 0.0, 0.25)
    height, length = picture.shape[:2]
    pixels = max(1, round(width * max(height, length))) if width > 0 else 0
    return _on_canvas(picture, length + 2 * pixels, height + 2 * pixels, colour)


def inset(picture: Picture, share: float, canvas: Colour = WHITE) -> Picture:
    """Shrink the picture and centre it on a plain canvas of the old size.

    Args:
        picture: `(H, W, 3) uint8` RGB.
        share: new size as a fraction of the old side lengths, 0.1 to 1.
        canvas: colour around it.

    Returns:
        `(H, W, 3) uint8`.

    Raises:
        ValueError: a share out of range.
    """
    require_picture(picture)
    require_range("share", share, 0.1, 1.0)
    height, width = picture.shape[:2]
    small = _scaled(picture, max(1, round(width * share)), max(1, round(height * share)))
    return _on_canvas(small, width, height, canvas)


def page(picture: Picture, margins: tuple[float, float, float, float], canvas: Picture) -> Picture:
    """Show a photo on a larger page, as a screenshot of an app, a card or a brochure does.

    Args:
        picture: `(H, W, 3) uint8` RGB.
        margins: above, below, left and right of it, as fractions of its sides, 0 to 3.
        canvas: `(h, w, 3) uint8` RGB, stretched to the size of the page.

    Returns:
        A larger `(_, _, 3) uint8`.

    Raises:
        ValueError: a margin out of range.
    """
    require_picture(picture)
    for name, margin in zip(("above", "below", "left", "right"), margins, strict=True):
        require_range(name, margin, 0.0, 3.0)
    height, width = picture.shape[:2]
    above, below, left, right = (
        round(m * side) for m, side in zip(margins, (height, height, width, width), strict=True)
    )
    shown = np.asarray(_scaled(canvas, width + left + right, height + above + below)).copy()
    shown[above : above + height, left : left + width] = picture
    return as_picture(shown)


def keystone(picture: Picture, share: float, *, upright: bool) -> Picture:
    """See a photo at a slight angle: one side becomes shorter, and what opens up repeats the border.

    Args:
        picture: `(H, W, 3) uint8` RGB.
        share: by which share of its length, -0.3 to 0.3; negative shortens the opposite side.
        upright: whether the top or bottom becomes shorter, rather than the left or right.

    Returns:
        `(H, W, 3) uint8`.

    Raises:
        ValueError: a share out of range.
    """
    require_picture(picture)
    require_range("share", share, -0.3, 0.3)
    height, width = picture.shape[:2]
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], dtype=np.float32)
    inwards = np.array([(1, 0), (-1, 0), (0, 0), (0, 0)] if upright else [(0, 1), (0, 0), (0, 0), (0, -1)], np.float32)
    if share < 0:
        inwards = -np.roll(inwards, 2, axis=0)
    target = corners + inwards * (abs(share) / 2) * np.array([width, height], np.float32)
    matrix = cv2.getPerspectiveTransform(corners, target.astype(np.float32))
    return as_picture(cv2.warpPerspective(picture, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE))


def aspect(picture: Picture, factor: float) -> Picture:
    """Stretch or squeeze the width and leave the height.

    Args:
        picture: `(H, W, 3) uint8` RGB.
        factor: new width over old width, 0.5 to 2.

    Returns:
        `(H, round(W * factor), 3) uint8`.

    Raises:
        ValueError: a factor out of range.
    """
    require_picture(picture)
    require_range("factor", factor, 0.5, 2.0)
    height, width = picture.shape[:2]
    return _scaled(picture, max(1, round(width * factor)), height)


def _scaled(picture: Picture, width: int, height: int) -> Picture:
    shrinks = width * height < picture.shape[0] * picture.shape[1]
    return as_picture(
        cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
    )


def _on_canvas(picture: Picture, width: int, height: int, colour: Colour) -> Picture:
    canvas = np.full((height, width, 3), colour, dtype=np.uint8)
    top, left = (height - picture.shape[0]) // 2, (width - picture.shape[1]) // 2
    canvas[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    return canvas
