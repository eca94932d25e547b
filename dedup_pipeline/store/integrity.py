"""Whether files are still what was written: sizes and digests, and what is said of one that is not.

A manifest names size and sha256 of what its work made. Tables carry checksums of their pages beside that, which are
compared whenever a page is read: what lies beside packs, terabytes of it, is guarded by these alone.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

import numpy as np
import numpy.typing as npt

from dedup_pipeline.errors import DamagedError

FILES = "files"
"""In a manifest: the checksums of what its work made."""

_DIGEST = "sha256"  # in a manifest: of what else is in it


@dataclass(frozen=True)
class Checksum:
    """What a file held when it was written.

    Attributes:
        size: in bytes.
        sha256: of these, in hexadecimal.
    """

    size: int
    sha256: str

    @classmethod
    def of(cls, file: BinaryIO) -> Checksum:
        """That of an open file; it is read to its end."""
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        return cls(size, hashlib.file_digest(file, "sha256").hexdigest())  # type: ignore[arg-type] # it can be read

    @classmethod
    def of_bytes(cls, data: bytes) -> Checksum:
        """That of a file's content."""
        return cls(len(data), hashlib.sha256(data).hexdigest())

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {"bytes": self.size, "sha256": self.sha256}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Checksum:
        """That of ``to_dict``."""
        return cls(int(value["bytes"]), str(value["sha256"]))


class KnownChecksums:
    """What this process knows of the files under one root.

    Attributes:
        written: of what it has written, by path.
        expected: of what it has read the manifest of.
        compared: files that were compared with a checksum, and what the file system said of them then.
    """

    _of: ClassVar[dict[str, KnownChecksums]] = {}

    def __init__(self) -> None:
        self.written: dict[str, Checksum] = {}
        self.expected: dict[str, Checksum] = {}
        self.compared: dict[str, tuple[object, Checksum]] = {}

    @classmethod
    def of(cls, root: str) -> KnownChecksums:
        """What is known under a root; one, however many stores are opened there."""
        return cls._of.setdefault(root, cls())

    def note(self, path: str, checksum: Checksum | None) -> None:
        """Note that a file was written or removed: what a manifest says of the one before is true no more."""
        self.expected.pop(path, None)
        self.written.pop(path, None)
        if checksum is not None:
            self.written[path] = checksum


def damaged(url: str, path: str, why: object) -> DamagedError:
    """The error of a damaged file of the store: which one, why, and how it is made anew.

    Args:
        url: its full address.
        path: its path in the store.
        why: what is wrong with it.
    """
    return DamagedError(f"{url} is damaged ({' '.join(str(why).split()).rstrip('.')}): {_cure(path)}")


def _cure(path: str) -> str:
    match path.split("/"):
        case ["dumps", dump_id, stage, *_]:
            return f"run `dedup {stage}` for dump {dump_id} again"
        case ["exports", dump_id, *_]:
            return f"run `dedup export` for dump {dump_id} again"
        case ["packs", _, name]:
            stem = name.partition("-")[0]
            stage = {"fingerprints": "fingerprint", "embeddings": "embed"}.get(stem.partition(".")[0], "fetch")
            return f"run `dedup {stage}` again for the dump that needs it"
        case ["models", model_id, *_]:
            return f"run `dedup train` again: it takes model {model_id} from MLflow, or trains it anew"
    return "remove it and start again"


def map_array(file: Path) -> npt.NDArray[Any]:
    """Map a file of NumPy into memory.

    Raises:
        DamagedError: it is none.
    """
    try:
        found: npt.NDArray[Any] = np.load(file, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, SyntaxError, TypeError, OverflowError) as error:
        raise DamagedError(f"{file} is damaged ({error}): run the stage that makes it again") from error
    return found


def sealed(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """A manifest with a digest of itself."""
    return {**manifest, _DIGEST: _digest_of(manifest)}


def unsealed(value: Any, url: str, path: str, needed: Set[str]) -> dict[str, Any]:
    """A manifest without its digest.

    Args:
        value: as it was read; one of an earlier version has no digest.
        url: its full address.
        path: its path in the store.
        needed: what is in every manifest of its kind.

    Raises:
        DamagedError: it is not what was written.
    """
    manifest = dict(value) if isinstance(value, dict) else {}
    told = manifest.pop(_DIGEST, None)
    if told != _digest_of(manifest) if told is not None or FILES in manifest else not manifest.keys() >= needed:
        raise damaged(url, path, "it is not the manifest that was written")
    return manifest


def _digest_of(manifest: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()
