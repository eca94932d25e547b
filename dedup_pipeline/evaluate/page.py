"""The page of an evaluation: one folder with HTML, two figures, thumbnails and the figures as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files

import cv2
from jinja2 import Environment, StrictUndefined

from dedup_pipeline.errors import StoreError
from dedup_pipeline.evaluate.evaluation import Evaluation
from dedup_pipeline.evaluate.plots import precision_recall_svg, reliability_svg
from dedup_pipeline.pictures.decode import Picture, decode
from dedup_pipeline.store import Store
from dedup_pipeline.store.packs import images_of, read_images

PAGE, FIGURES = "index.html", "evaluation.json"
_THUMBNAILS = "thumbnails"
_SIDE = 360  # pixels: twice what the page shows, for screens with two pixels per pixel
_QUALITY = 85


def write_page(evaluation: Evaluation, store: Store, target: Store) -> str:
    """Write the page of an evaluation.

    Args:
        evaluation: what was measured.
        store: where the run's pictures lie.
        target: where the page goes; what an earlier page left there is replaced.

    Returns:
        The address of the page.

    Raises:
        StoreError: a picture cannot be read, or the page cannot be written.
    """
    target.remove(_THUMBNAILS)
    pictures = {name: f"{_THUMBNAILS}/{name[:24]}.jpg" for name in _shown(evaluation)}
    held = images_of(store, evaluation.dump_id)
    for name, data in read_images(store, {name: held[name] for name in pictures}):
        target.write_bytes(pictures[name], thumbnail(decode(data)))
    target.write_bytes("precision-recall.svg", precision_recall_svg(evaluation))
    target.write_bytes("reliability.svg", reliability_svg(evaluation))
    target.write_json(FIGURES, evaluation.to_dict())
    target.write_bytes(PAGE, render(evaluation, pictures).encode())
    return target.url(PAGE)


def render(evaluation: Evaluation, pictures: Mapping[str, str]) -> str:
    """Return the page as HTML; every text is escaped, and no script is in it.

    Args:
        evaluation: what was measured.
        pictures: image id to the address of its thumbnail.
    """
    page = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    page.filters |= {"share": _share, "number": _number, "seconds": _seconds, "words": _words}
    source = files("dedup_pipeline.evaluate").joinpath("page.html.j2").read_text(encoding="utf-8")
    return page.from_string(source).render(evaluation=evaluation, pictures=pictures)


def thumbnail(picture: Picture) -> bytes:
    """Return a picture (H, W, 3) uint8 RGB as JPEG, its long side at most _SIDE pixels.

    Raises:
        StoreError: the picture cannot be encoded.
    """
    height, width = picture.shape[:2]
    scale = min(1.0, _SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    done, data = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not done:
        raise StoreError(f"a picture of {width} x {height} pixels cannot be encoded as JPEG: evaluate again")
    return bytes(data.tobytes())


def _shown(evaluation: Evaluation) -> list[str]:
    mistakes = [*evaluation.worst_wrong, *evaluation.worst_missed]
    return sorted({side.image_id for mistake in mistakes for side in mistake.sides if side.image_id is not None})


def _share(value: float | None, digits: int = 4) -> str:
    """A share with as many digits as pairs can tell apart; a dash for what was not measured."""
    return "—" if value is None else f"{value:.{digits}f}"


def _number(value: object) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "—"}[value]
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _seconds(value: float) -> str:
    minutes, seconds = divmod(value, 60)
    return f"{int(minutes)} min {seconds:.0f} s" if minutes else f"{seconds:.1f} s"


def _words(name: str) -> str:
    return name.replace("_", " ")
