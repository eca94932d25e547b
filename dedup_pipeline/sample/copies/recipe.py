"""What a re-upload is: edits in their order, and how the picture is encoded after them."""

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO

from PIL import Image

from dedup_pipeline.augmentation import edits
from dedup_pipeline.augmentation.edits import Format, Mask, Picture

UNUSUAL = ("cmyk", "png-alpha", "webp", "gif-animated", "exif-rotated", "grey")
_EXIF_ORIENTATION = 0x0112
_TURNED_RIGHT = 6


@dataclass(frozen=True)
class Step:
    """One edit: its name with numbers as truth.csv shows it, and the function that does it."""

    name: str
    apply: Callable[[Picture], Picture]


@dataclass(frozen=True)
class CutOut:
    """An edit that needs to know where the product is: its name, and the function of the picture and its mask."""

    name: str
    apply: Callable[[Picture, Mask], Picture]


@dataclass(frozen=True)
class Recipe:
    """A whole re-upload.

    Attributes:
        level: 0 to 3.
        steps: edits in their order.
        cut_out: what comes before them; only for copies of an original, as a copier has moved the product.
        encoding: `jpeg`, `webp`, `png`, one of `UNUSUAL`, or `identical` for the very bytes of the source.
        quality: of JPEG and WebP, 1 to 100.
    """

    level: int
    steps: tuple[Step, ...]
    encoding: str
    quality: int = 90
    cut_out: CutOut | None = None

    @property
    def name(self) -> str:
        """The edits as truth.csv shows them, such as `mirror+resize:320+jpeg:61`."""
        last = f"{self.encoding}:{self.quality}" if self.encoding in {"jpeg", "webp"} else self.encoding
        first = [] if self.cut_out is None else [self.cut_out.name]
        return "+".join([*first, *(step.name for step in self.steps), last])

    def edit(self, picture: Picture, mask: Mask | None = None) -> Picture:
        """Apply all steps.

        Args:
            picture: `(H, W, 3) uint8` RGB.
            mask: `(H, W) uint8`, 255 on the product; only a recipe with a cut-out needs it.

        Returns:
            `(h, w, 3) uint8` RGB.

        Raises:
            ValueError: the recipe cuts the product out, and nothing says where it is.
        """
        if self.cut_out is not None:
            if mask is None:
                raise ValueError(f"{self.cut_out.name} needs the mask of the product: use it on originals only")
            picture = self.cut_out.apply(picture, mask)
        for step in self.steps:
            picture = step.apply(picture)
        return picture


def unusual_recipe(encoding: str) -> Recipe:
    """Return the level 1 recipe of one of the unusual encodings."""
    return Recipe(1, (resized(400),), encoding, 85)


def encoded(picture: Picture, recipe: Recipe) -> bytes:
    """Return the bytes of a re-upload, whose pixels have been edited already.

    Raises:
        ValueError: the recipe wants the bytes of the source.
    """
    formats: dict[str, Format] = {"jpeg": "jpeg", "webp": "webp", "png": "png"}
    if recipe.encoding in formats:
        return edits.encode(picture, formats[recipe.encoding], recipe.quality)
    if recipe.encoding not in UNUSUAL:
        raise ValueError(f"the encoding {recipe.encoding!r} makes no bytes of its own: copy those of the source")
    return _unusual(Image.fromarray(picture), recipe.encoding, recipe.quality)


def _unusual(image: Image.Image, encoding: str, quality: int) -> bytes:
    buffer = BytesIO()
    if encoding == "cmyk":
        image.convert("CMYK").save(buffer, format="JPEG", quality=quality)
    elif encoding == "png-alpha":
        image.putalpha(255)
        image.save(buffer, format="PNG")
    elif encoding == "gif-animated":
        frames = [Image.new("RGB", image.size, colour) for colour in ("white", "black")]
        image.save(buffer, format="GIF", save_all=True, append_images=frames, duration=600, loop=0)
    elif encoding == "exif-rotated":
        exif = Image.Exif()
        exif[_EXIF_ORIENTATION] = _TURNED_RIGHT
        image.transpose(Image.Transpose.ROTATE_90).save(buffer, format="JPEG", quality=quality, exif=exif)
    else:
        image.convert("L").save(buffer, format="JPEG", quality=quality)
    return buffer.getvalue()


def resized(long_side: int) -> Step:
    """Return the step that scales the longer side to some pixels."""
    return Step(f"resize:{long_side}", lambda p: edits.resize(p, long_side))
