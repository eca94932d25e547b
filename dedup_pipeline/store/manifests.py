"""How every stage runs: do nothing when its work is there, else do it and write the manifest last.

A manifest names what the work was made from (digests of the inputs, the settings that matter, the code's version) and
what came of it (counts, sizes and digests of the outputs, seconds). A stage whose manifest names the same inputs,
settings and version, and whose outputs are what the manifest says, has nothing to do. A stage that was killed has no
manifest and starts again from what it finds, one with a damaged file as well.

A manifest has a digest of itself. Those of earlier versions have none, and their outputs count when they are there.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from dedup_pipeline.addresses import showable_values
from dedup_pipeline.compute.malloc import keep_freed_memory
from dedup_pipeline.errors import DamagedError, NotReadyError
from dedup_pipeline.store import Store, digest, room_in
from dedup_pipeline.store.integrity import FILES, Checksum, sealed, unsealed
from dedup_pipeline.store.locks import locked

logger = logging.getLogger(__name__)

_EVER_THERE = {"key", "outputs", "counts", "seconds"}
Count = int | float | str | None | dict[str, int]
Progress = Callable[[int, int], None]  # (done, of)
Inputs = Mapping[str, Any] | Callable[[], Mapping[str, Any]]


def no_progress(done: int, of: int) -> None:
    """Report to nobody."""


@dataclass(frozen=True)
class StageResult:
    """What a stage hands to whoever called it: small, and safe to pass between machines.

    Attributes:
        stage: the stage's name.
        dump_id: the dump.
        key: digest of inputs, settings and version; the next stage's input.
        outputs: name to path in the store.
        counts: what was done, for the summary.
        seconds: how long the work took when it was done.
        reused: whether it had been done before.
    """

    stage: str
    dump_id: str
    key: str
    outputs: dict[str, str] = field(default_factory=dict)
    counts: dict[str, Count] = field(default_factory=dict)
    seconds: float = 0.0
    reused: bool = False

    def since(self, start: float) -> StageResult:
        """The result of a stage whose work was spread over several calls, the first at ``start`` (time.monotonic)."""
        return self if self.reused else replace(self, seconds=round(time.monotonic() - start, 3))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Done:
    """What the work of a stage returns: paths of its outputs and its counts."""

    outputs: dict[str, str]
    counts: dict[str, Count]


def run_stage(
    store: Store,
    dump_id: str,
    stage: str,
    *,
    inputs: Inputs,
    version: int,
    work: Callable[[], Done],
    part: str = "",
    sizes_only: bool = False,
    intact: Callable[[Mapping[str, Any]], bool] = lambda known: True,
) -> StageResult:
    """Do the work of a stage unless its manifest shows that it is done.

    Args:
        store: where the manifest lies.
        dump_id: the dump.
        stage: the stage's name.
        inputs: all that the result depends on: keys of earlier stages and settings, as plain values. A function that
            tells them is called where there is a manifest to compare with, else only when the work is done: work that
            reads an input to its end may learn its digest on the way.
        version: the stage's own version, raised when its code makes other results.
        work: does it; must be safe to start again after a kill.
        part: the part of the stage's work, where it is split.
        sizes_only: of outputs that are there compare sizes and not contents: for who asks on the way to other work.
        intact: told the manifest of finished work, tells whether what lies outside of its outputs is whole as well.
    """
    path = store.dump(dump_id, stage, f"manifest-{part}.json" if part else "manifest.json")
    options: dict[str, Any] = {"sizes_only": sizes_only, "intact": intact}
    return run_once(store, path, stage, dump_id, inputs=inputs, version=version, work=work, **options)


def run_once(
    store: Store,
    path: str,
    stage: str,
    dump_id: str,
    *,
    inputs: Inputs,
    version: int,
    work: Callable[[], Done],
    sizes_only: bool = False,
    intact: Callable[[Mapping[str, Any]], bool] = lambda known: True,
) -> StageResult:
    """Do some work unless the manifest at a path shows that it is done.

    Of several processes one works; the others wait for it, then find it done.

    Args:
        store: where the manifest lies.
        path: the manifest's path.
        stage: what the work is called.
        dump_id: the dump that it is done for.
        inputs: as of ``run_stage``.
        version: as of ``run_stage``.
        work: as of ``run_stage``.
        sizes_only: as of ``run_stage``.
        intact: as of ``run_stage``.

    Raises:
        StoreError: the disk is full, or the store cannot be read or written otherwise.
    """

    def key_and_inputs() -> tuple[dict[str, Any], str]:
        known_inputs = dict(inputs() if callable(inputs) else inputs)
        return known_inputs, digest(stage, version, known_inputs)

    def finished() -> dict[str, Any] | None:
        known = _finished(store, path, key_and_inputs, content=not sizes_only)
        return known if known is not None and intact(known) else None

    known = finished()
    if known is None:
        with room_in(store), locked(store, path.removesuffix(".json")):
            known = finished()  # whoever was waited for may have done it
            if known is None:
                store.remove(path)
                keep_freed_memory()
                start = time.monotonic()
                done = work()
                seconds = round(time.monotonic() - start, 3)
                all_inputs, key = key_and_inputs()
                manifest = {"stage": stage, "version": version, "key": key, "inputs": all_inputs}
                manifest |= {"outputs": done.outputs, "counts": done.counts, "seconds": seconds}
                manifest = showable_values(manifest)  # the key is that of the whole inputs
                checksums = store.checksums(output for output in done.outputs.values() if _is_own(output))
                store.expect(checksums)
                manifest[FILES] = {output: checksum.to_dict() for output, checksum in checksums.items()}
                store.write_json(path, sealed(manifest))
                return StageResult(stage, dump_id, key, done.outputs, done.counts, seconds)
    logger.info("%s of %s is done already", stage, dump_id)
    return StageResult(stage, dump_id, known["key"], known["outputs"], known["counts"], known["seconds"], reused=True)


def _finished(
    store: Store, path: str, key_and_inputs: Callable[[], tuple[dict[str, Any], str]], *, content: bool
) -> dict[str, Any] | None:
    """A manifest, if it is there, of this work, and its outputs are too."""
    try:
        known = read_manifest(store, path)
        checksums = _checksums(known)
        for output in known["outputs"].values():
            if output in checksums:
                store.check(output, checksums[output], content=False)
            elif not store.exists(output):
                return None
        if known["key"] != key_and_inputs()[1]:
            return None
        for output, checksum in checksums.items() if content else ():
            store.check(output, checksum)
    except NotReadyError:
        return None
    except DamagedError as error:
        logger.warning("%s; it is made anew now", error)
        return None
    store.expect(checksums)
    return known


def read_manifest(store: Store, path: str) -> dict[str, Any]:
    """The content of a manifest.

    Raises:
        NotReadyError: there is none.
        DamagedError: it is not what was written.
    """
    return unsealed(store.read_json(path), store.url(path), path, _EVER_THERE)


def _checksums(manifest: Mapping[str, Any]) -> dict[str, Checksum]:
    return {path: Checksum.from_dict(value) for path, value in manifest.get(FILES, {}).items()}


def _is_own(output: str) -> bool:
    """Whether only this stage of this dump writes an output: packs and models belong to all, and say what they hold."""
    return not output.startswith(("packs/", "models/"))


def check_inputs(store: Store, *results: StageResult) -> None:
    """Compare what earlier stages made with their manifests, but for tables, which are compared as they are read.

    Raises:
        DamagedError: a file is not what was written.
    """
    for result in results:
        for path, checksum in store.checksums(result.outputs.values()).items():
            if not path.endswith(".parquet"):
                store.check(path, checksum)


def result_of(store: Store, dump_id: str, stage: str) -> StageResult:
    """The result that a finished stage left.

    Raises:
        NotReadyError: the stage has not finished for this dump.
        DamagedError: its manifest is not what was written.
    """
    path = store.dump(dump_id, stage, "manifest.json")
    try:
        known = read_manifest(store, path)
    except NotReadyError:
        raise NotReadyError(
            f"dump {dump_id} has no finished '{stage}' in {store.root}: run `dedup {stage}` first"
        ) from None
    store.expect(_checksums(known))
    return StageResult(stage, dump_id, known["key"], known["outputs"], known["counts"], known["seconds"], reused=True)


def finished_dumps(store: Store, stage: str) -> list[str]:
    """The ids of the dumps that have finished a stage, sorted."""
    return [name for name in store.names("dumps") if store.exists(store.dump(name, stage, "manifest.json"))]


def seconds_of(store: Store, dump_id: str, stage: str) -> float:
    """What a stage's work took, summed over its parts."""
    folder = store.dump(dump_id, stage)
    manifests = [name for name in store.names(folder) if name.startswith("manifest") and name.endswith(".json")]
    return round(sum(float(store.read_json(f"{folder}/{name}")["seconds"]) for name in manifests), 3)
