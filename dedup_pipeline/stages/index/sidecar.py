"""What a file of the index holds, for neither library's files say it well enough."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from dedup_pipeline.errors import ModelError

METRIC: Final = "angular"  # cosine of L2-normalised vectors, in either library


@dataclass(frozen=True)
class Sidecar:
    """What a file of the index holds: the vectors of some consecutive rows.

    Attributes:
        library: ``annoy`` or ``faiss``.
        first: the first of its rows.
        items: number of vectors N.
        dimension: their length D.
        metric: the distance.
        size: bytes of the file.
        model_id: the model that made the vectors.
        ids_digest: digest of the image ids, in row order.
        seed: of the trees or cells.
        trees: number of Annoy's trees; 0 in faiss.
        cells: number of faiss' cells; 0 in Annoy.
    """

    library: str
    first: int
    items: int
    dimension: int
    metric: str
    size: int
    model_id: str
    ids_digest: str
    seed: int
    trees: int = 0
    cells: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)

    def check_file(self, file: Path) -> None:
        """Refuse a file that cannot be the one described: loading it would give nonsense without a word.

        Raises:
            ModelError: its size or metric is another.
        """
        size = file.stat().st_size
        if self.metric != METRIC or size != self.size:
            raise ModelError(f"{file} ({size} bytes) is not the index that its sidecar describes: build it again")

    def check_items(self, file: Path, items: int) -> None:
        """Refuse a file with another number of vectors.

        Raises:
            ModelError: it has one.
        """
        if items != self.items:
            raise ModelError(f"{file} holds {items} vectors, its sidecar says {self.items}")
