"""How a shop's originals are photographed."""

from collections.abc import Callable
from dataclasses import dataclass

from dedup_pipeline.sample.rendering import photo
from dedup_pipeline.sample.rendering.bundle import Bundle, paste_together
from dedup_pipeline.sample.rendering.photo import Look, Shot


@dataclass(frozen=True)
class Camera:
    """How originals are photographed.

    Attributes:
        single: takes the photo of one product.
        compose: makes the picture of a bundle of the photos of its parts.
        quality: of the JPEG file, 1 to 100.
    """

    single: Callable[[Look], Shot]
    compose: Callable[[Bundle, Callable[[Look], Shot]], Shot]
    quality: int

    def shoot(self, look: Look | Bundle) -> Shot:
        """Take the photo of a product or a bundle."""
        return self.compose(look, self.single) if isinstance(look, Bundle) else self.single(look)


STUDIO = Camera(photo.shoot, paste_together, 92)
