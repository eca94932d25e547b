"""Pictures to work on: the photos of a catalog, multiplied by real edits."""

from __future__ import annotations

import itertools
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from peers.catalog_folder import prepare

from dedup_pipeline.augmentation.edits import encode
from dedup_pipeline.augmentation.reuploads import generator_of, reupload
from dedup_pipeline.pictures.decode import decode

_QUALITY = 88
_SEED = 5


@dataclass(frozen=True)
class Materials:
    """What data are made of, made once.

    Attributes:
        scratch: where it is kept.
        catalog: a folder in the truth format; None for the sample shop.
    """

    scratch: Path
    catalog: Path | None

    def photos(self) -> Path:
        """A folder with one file per photo of the catalog."""
        folder = self.scratch / "photos"
        if not folder.exists():
            catalog = self.catalog
            if catalog is None:
                catalog = self.scratch / "shop"
                command = [sys.executable, "-m", "dedup_pipeline", "sample", str(catalog)]
                subprocess.run(command, check=True, stdout=sys.stderr)
            prepare(catalog, folder)
        return folder

    def pictures(self, count: int) -> Path:
        """A folder of ``count`` JPEG files, no two equal: every photo, then edits as sellers make them.

        The strength of the edits goes from 1 to 3 and starts again; the same count gives the same files.
        """
        folder = self.scratch / f"pictures-{count}"
        if not folder.exists():
            unfinished = self.scratch / "pictures-unfinished"
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            self._write(unfinished, count)
            unfinished.rename(folder)
        return folder

    def _write(self, folder: Path, count: int) -> None:
        photos = sorted(self.photos().iterdir())
        seen: set[bytes] = set()
        for edit in itertools.count():
            for number, photo in enumerate(photos):
                picture = decode(photo.read_bytes())
                if edit:
                    picture = reupload(picture, 1 + (edit - 1) % 3, generator_of(_SEED, edit, number))
                data = encode(picture, "jpeg", _QUALITY)
                if data in seen:
                    continue
                seen.add(data)
                (folder / f"{len(seen):07}.jpg").write_bytes(data)
                if len(seen) == count:
                    return

    def describe(self, count: int) -> str:
        """A sentence on some pictures."""
        kilobytes = sum(file.stat().st_size for file in self.pictures(count).iterdir()) / count / 1000
        named = "the sample shop" if self.catalog is None else self.catalog.resolve().name
        photos = min(count, len(list(self.photos().iterdir())))
        edits = " and edits of them" if photos < count else ""
        return f"{count} JPEG files of {kilobytes:.0f} KB on average: {photos} photos of {named}{edits}"
