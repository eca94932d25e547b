"""Shops whose originals and copies are made in other ways than those of the sample shop."""

from pathlib import Path
from typing import Literal

from dedup_pipeline.sample import SampleCounts, write_sample_shop
from dedup_pipeline.sample.copies import recipes
from dedup_pipeline.sample.copies.recipes import DrawRecipe
from dedup_pipeline.sample.rendering.camera import STUDIO, Camera

from . import phone, unseen
from .side_by_side import combine

Style = Literal["studio", "phone"]
Edits = Literal["known", "unseen"]

PHONE = Camera(phone.shoot, combine, 74)
STYLES: dict[Style, Camera] = {"studio": STUDIO, "phone": PHONE}
EDITS: dict[Edits, DrawRecipe] = {"known": recipes.draw_recipe, "unseen": unseen.draw_recipe}


def write_rehearsal_shop(
    folder: Path, *, seed: int = 7, products: int = 260, style: Style = "studio", edits: Edits = "known"
) -> SampleCounts:
    """Render a shop and write it as a truth folder; the same arguments give the same files, byte for byte.

    Args:
        folder: to write to; made if it does not exist.
        seed: of all choices, 0 or more.
        products: original products, 40 or more; re-uploads and faulty listings come on top.
        style: how the originals are photographed: in a `studio`, or by `phone` on beds and floors.
        edits: how strong re-uploads are made: `known` edits, as the re-upload simulator of the training makes them, or
            `unseen` ones, which it does not know.

    Returns:
        What was written.

    Raises:
        InputError: too few products, a negative seed, or the folder is not empty.
    """
    return write_sample_shop(folder, seed=seed, products=products, camera=STYLES[style], draw_recipe=EDITS[edits])
