"""Damage the files of a finished store one by one, run again, and see what becomes of it.

    python tests/integration/damage.py [--ways flip,cut,empty] [--only weights] [--folder FOLDER]

Every file is damaged twice over: once everything is run again, once only the stage that reads it, whose own results are
taken away. A damaged file must be made anew, or named in one sentence; where nobody reads it, nothing may differ.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from conftest import Dedup
from dedup_pipeline.sample import ImageServer, write_catalog, write_sample_shop

DUMP = "2018-10-05"
_PATIENCE = 600.0  # seconds for a run

# what is damaged, the largest where several match -> the stage that reads it
FILES = {
    f"dumps/{DUMP}/ingest/listings.parquet": "fetch",
    f"dumps/{DUMP}/ingest/rejects.parquet": "fetch",
    f"dumps/{DUMP}/ingest/manifest.json": "fetch",
    f"dumps/{DUMP}/fetch/photos.parquet": "index",
    f"dumps/{DUMP}/fetch/packs.json": "fingerprint",
    f"dumps/{DUMP}/fetch/plan.json": "fetch",
    "packs/*/images.parquet": "match",
    "packs/*/fetches.parquet": "fetch",
    "packs/*/plan.parquet": "fetch",
    "packs/*/manifest.json": "fetch",
    "packs/*/fingerprints-*.parquet": "match",
    "packs/*/embeddings-*.parquet": "index",
    "models/*/weights.safetensors": "match",
    "models/*/model.json": "match",
    "cache/openvino/*/network.bin": "match",
    f"dumps/{DUMP}/index/rows.parquet": "match",
    f"dumps/{DUMP}/index/vectors-00000.npy": "match",
    f"dumps/{DUMP}/index/annoy-00000.annoy": "match",
    f"dumps/{DUMP}/index/sidecar-00000.json": "match",
    f"dumps/{DUMP}/index/neighbours-00000.parquet": "match",
    f"dumps/{DUMP}/match/nodes/names.npy": "group",
    f"dumps/{DUMP}/match/calibration.json": "record",
    f"dumps/{DUMP}/match/verdicts-00000.parquet": "group",
    f"dumps/{DUMP}/match/laid-00000.parquet": "group",
    f"dumps/{DUMP}/match/verdicts.parquet": "group",
    f"dumps/{DUMP}/match/manifest.json": "group",
    f"dumps/{DUMP}/group/groups.parquet": "export",
    f"exports/{DUMP}/duplicates.json": "record",
    f"exports/{DUMP}/pairs.csv": "record",
    f"exports/{DUMP}/pairs.parquet": "record",
    f"exports/{DUMP}/review.csv": "record",
    f"exports/{DUMP}/summary.json": "record",
}


def flip(data: bytes) -> bytes:
    """One bit of the middle byte."""
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


def cut(data: bytes) -> bytes:
    """The first half."""
    return data[: len(data) // 2]


def empty(_: bytes) -> bytes:
    """Nothing."""
    return b""


WAYS = {way.__name__: way for way in (flip, cut, empty)}


@dataclass(frozen=True)
class Outcome:
    """What became of a damaged file.

    Attributes:
        word: made anew, named, not read; or, as must not be, CHANGED, UNNOTICED or FAILED.
        told: the error's sentence, or what it says.
    """

    word: str
    told: str = ""

    @property
    def good(self) -> bool:
        """Whether that may be."""
        return self.word.islower()


class Trial:
    """A finished store, to be copied and damaged.

    Args:
        store: made, or to be made, with the settings of ``conftest.QUICK`` and a model of its own.
        catalog: its dump.
        host: of the photos.
        copy: where the copies go.
    """

    def __init__(self, store: Path, catalog: Path, host: str, copy: Path) -> None:
        self.store, self._catalog, self._host, self._copy = store, catalog, host, copy

    def finish(self) -> None:
        """Make the store."""
        outcome = self._run(self.store)
        if outcome.word != "done":
            raise RuntimeError(outcome.told)

    def victim(self, pattern: str) -> Path | None:
        """The file that is damaged."""
        return max(self.store.glob(pattern), key=lambda file: (file.stat().st_size, file.name), default=None)

    def everything(self, file: Path, way: str) -> Outcome:
        """Damage a file and run everything again; where it is named, once more, as a person would who reads that."""
        with self._damaged(file, way) as copy:
            outcome = self._run(copy)
            return self._seen(copy, file, way, outcome)

    def alone(self, file: Path, way: str, stage: str) -> Outcome:
        """Damage a file, take a stage's results away, run that stage and then everything."""
        with self._damaged(file, way) as copy:
            shutil.rmtree(copy / "dumps" / DUMP / stage)
            outcome = self._run(copy, stage)
            if outcome.word != "done":
                if outcome.word == "named":
                    again = self._seen(copy, file, way, self._run(copy))
                    return Outcome("named" if again.good else again.word, f"{outcome.told} -> {again.word}")
                return outcome
            return self._seen(copy, file, way, self._run(copy))

    def _seen(self, copy: Path, file: Path, way: str, outcome: Outcome) -> Outcome:
        if outcome.word != "done":
            return outcome
        name = file.relative_to(self.store)
        for export in sorted((self.store / "exports" / DUMP).iterdir()):
            mine = copy / export.relative_to(self.store)
            if export.name != "summary.json" and (not mine.exists() or mine.read_bytes() != export.read_bytes()):
                if mine == copy / name and mine.read_bytes() == WAYS[way](export.read_bytes()):
                    return Outcome("UNNOTICED", str(name))
                return Outcome("CHANGED", export.name)
        still = (copy / name).exists() and (copy / name).read_bytes() == WAYS[way](file.read_bytes())
        return Outcome("not read" if still else "made anew")

    def _damaged(self, file: Path, way: str) -> _Copy:
        return _Copy(self.store, self._copy, file.relative_to(self.store), way)

    def _run(self, store: Path, stage: str = "") -> Outcome:
        dedup = Dedup(store, self._host)
        words = [stage, "--dump", DUMP] if stage else ["run", "--catalog", str(self._catalog), "--model", "train"]
        done = subprocess.run(
            dedup.command(*words),
            capture_output=True,
            text=True,
            env=dedup.environment(),
            timeout=_PATIENCE,
            check=False,
        )
        said = done.stdout + done.stderr
        if not done.returncode:
            return Outcome("done", said)
        sentences = [line for line in said.splitlines() if line.startswith("dedup: ")]
        if "Traceback" in said or not sentences:
            return Outcome("FAILED", said)
        return Outcome("named", sentences[-1])


class _Copy:
    """A copy of a store with a damaged file: hard links, as the files of a store are never written in place."""

    def __init__(self, store: Path, copy: Path, name: Path, way: str) -> None:
        self._store, self._copy, self._name, self._way = store, copy, name, way

    def __enter__(self) -> Path:
        shutil.rmtree(self._copy, ignore_errors=True)
        for file in self._store.rglob("*"):
            target = self._copy / file.relative_to(self._store)
            if file.is_dir():
                target.mkdir(parents=True, exist_ok=True)
            elif "mlflow" in target.parts or "locks" in target.parts:
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(file, target)
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.hardlink_to(file)
        victim = self._copy / self._name
        data = victim.read_bytes()
        victim.unlink()
        victim.write_bytes(WAYS[self._way](data))
        return self._copy

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._copy)


def outcomes(trial: Trial, ways: list[str], only: str = "") -> Iterator[tuple[str, str, str, Outcome]]:
    """Of every file and way: its name, the way, which stages were run, what became of it."""
    for pattern, reader in FILES.items():
        file = trial.victim(pattern)
        if file is None or only not in pattern:
            continue
        for way in ways:
            yield pattern, way, "all", trial.everything(file, way)
            yield pattern, way, reader, trial.alone(file, way, reader)


def main() -> int:
    """Print the table; 1 where something may not be."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--ways", default="flip,cut", help=f"of {', '.join(WAYS)}")
    words.add_argument("--only", default="", help="a part of the names of the files that are damaged")
    words.add_argument("--folder", type=Path, help="an empty one")
    words.add_argument("--products", type=int, default=60)
    options = words.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="dedup-damage-"))
    write_sample_shop(folder / "shop", products=options.products)
    with ImageServer(folder / "shop") as server:
        catalog = folder / f"dump-{DUMP}.csv"
        write_catalog(folder / "shop", server.base_url, catalog)
        trial = Trial(folder / "store", catalog, server.base_url.removeprefix("http://"), folder / "copy")
        trial.finish()
        bad = 0
        for pattern, way, stages, outcome in outcomes(trial, options.ways.split(","), options.only):
            bad += not outcome.good
            sys.stdout.write(f"| {pattern} | {way} | {stages} | {outcome.word} | {outcome.told} |\n")
            sys.stdout.flush()
    return int(bad > 0)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    sys.exit(main())
