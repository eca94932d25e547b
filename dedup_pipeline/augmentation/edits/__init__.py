"""The edits that sellers make to a product photo, as pure functions on RGB pictures.

Every function takes a picture `(H, W, 3) uint8 RGB` with explicit numbers and returns a new one; the input is never
changed.  Nothing here draws random numbers by itself: `noise` is handed its generator, everything else is a function
of its arguments.  `geometry` moves pixels, `tone` changes their values, `surroundings` tells product from background,
`overlay` paints on top, and `encoding` turns a picture into bytes.
"""

from dedup_pipeline.augmentation.edits.encoding import Format, encode
from dedup_pipeline.augmentation.edits.geometry import (
    aspect,
    crop,
    frame,
    inset,
    keystone,
    mirror,
    pad_square,
    page,
    resize,
    rotate,
)
from dedup_pipeline.augmentation.edits.overlay import Corner, badge, corner_logo, cover, sticker, watermark
from dedup_pipeline.augmentation.edits.picture import BLACK, WHITE, Colour, Mask, Picture
from dedup_pipeline.augmentation.edits.surroundings import background, background_mask, mottled, recolour, transplant
from dedup_pipeline.augmentation.edits.tone import blur, cast, gamma, noise, raster, sharpen, smear, tone, vignette

__all__ = [
    "BLACK",
    "WHITE",
    "Colour",
    "Corner",
    "Format",
    "Mask",
    "Picture",
    "aspect",
    "background",
    "background_mask",
    "badge",
    "blur",
    "cast",
    "corner_logo",
    "cover",
    "crop",
    "encode",
    "frame",
    "gamma",
    "inset",
    "keystone",
    "mirror",
    "mottled",
    "noise",
    "pad_square",
    "page",
    "raster",
    "recolour",
    "resize",
    "rotate",
    "sharpen",
    "smear",
    "sticker",
    "tone",
    "transplant",
    "vignette",
    "watermark",
]
