"""The versions of the registered model: which of them is champion, and where its files are."""

from __future__ import annotations

import getpass
import os
import socket
import tempfile
from dataclasses import dataclass
from pathlib import Path

import mlflow
from mlflow.entities.model_registry import ModelVersion

from dedup_pipeline.config import Settings
from dedup_pipeline.errors import ModelError
from dedup_pipeline.model.files import DESCRIPTION_FILE, WEIGHTS_FILE, is_whole
from dedup_pipeline.store import Store
from dedup_pipeline.store.locks import REGISTRY, locked
from dedup_pipeline.tracking.errors import reaching
from dedup_pipeline.tracking.runs import CHAMPION, MODEL_ID, NOT_THERE, Tracking

FOLDER = "encoder"
"""The run's folder with the two files of the store, so that a champion can travel to another store."""

DECISION = "decision"
BEATS_CHAMPION = "beats_champion"


@dataclass(frozen=True)
class Decision:
    """What became of a version.

    Attributes:
        beats_champion: whether it was found better than the champion of its time, or was the first.
        promoted: whether it is champion now.
        reason: why, in one sentence for a person.
    """

    beats_champion: bool
    promoted: bool
    reason: str


def decide(
    tracking: Tracking,
    version: ModelVersion,
    champion: ModelVersion | None,
    figures: tuple[float, float | None],
    *,
    promote: bool = True,
) -> Decision:
    """Decide whether a version beats the champion - it is the first, or strictly better - and note it on the version.

    Args:
        tracking: the registry.
        version: the challenger.
        champion: the present champion, if any, and not the challenger.
        figures: average precision of the challenger and of the champion on the same validation set.
        promote: whether a better one becomes champion now.
    """
    ours, theirs = figures
    beats = champion is None or theirs is None or ours > theirs
    if champion is None or theirs is None:
        reason = f"version {version.version} is the first model"
    elif beats:
        reason = (
            f"version {version.version} beats champion {champion.version}: average precision {ours:.4f} > {theirs:.4f}"
        )
    else:
        reason = f"champion {champion.version} stays: average precision {theirs:.4f} >= {ours:.4f} of {version.version}"
    for name, value in ((DECISION, reason), (BEATS_CHAMPION, str(int(beats)))):
        tracking.client.set_model_version_tag(tracking.model_name, version.version, name, value)
    if beats and promote:
        _make_champion(tracking, version, reason)
    return Decision(beats, beats and promote, reason)


def noted_decision(version: ModelVersion) -> Decision | None:
    """What was decided about a version that is champion now, if a training decided it."""
    if DECISION not in version.tags:
        return None
    return Decision(version.tags.get(BEATS_CHAMPION) == "1", True, version.tags[DECISION])


def promote(settings: Settings, version: str, *, reason: str = "") -> Decision:
    """Make a version champion, whatever the comparison said; who did it and why is noted on the version.

    Args:
        settings: the settings.
        version: its number in the registry.
        reason: why, for those who look at the version later.

    Raises:
        ModelError: there is no such version, or it was not registered by this project.
        TrackingError: MLflow is away.
    """
    tracking = Tracking.connect(settings)
    with reaching(tracking.uri), locked(Store(settings.store), REGISTRY):
        chosen = tracking.version(version)
        _model_id(tracking, chosen)
        champion = tracking.champion()
        beats = chosen.tags.get(BEATS_CHAMPION) == "1"
        if champion is not None and champion.version == chosen.version:
            return Decision(beats, True, f"version {chosen.version} is champion already")
        _make_champion(tracking, chosen, reason)
        before = f", {champion.version} was before" if champion else ""
        return Decision(beats, True, f"version {chosen.version} is champion now{before}")


def _make_champion(tracking: Tracking, version: ModelVersion, reason: str) -> None:
    """Move the alias; nothing else does."""
    for name, value in (("promoted_by", _who()), ("promoted_because", reason)):
        tracking.client.set_model_version_tag(tracking.model_name, version.version, name, value)
    tracking.client.set_registered_model_alias(tracking.model_name, CHAMPION, version.version)


def _who() -> str:
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number that has no name
        name = str(os.getuid())
    return f"{name}@{socket.gethostname()}"


def _model_id(tracking: Tracking, version: ModelVersion) -> str:
    model_id = str(version.tags.get(MODEL_ID, ""))
    if not model_id:
        raise ModelError(
            f"version {version.version} of '{tracking.model_name}' has no tag {MODEL_ID}: take one that `dedup train` "
            "made"
        )
    return model_id


def model_of(tracking: Tracking, store: Store, version: ModelVersion) -> str:
    """The model id of a version; its files are brought into the store when they are not there, or damaged.

    Raises:
        ModelError: the version was not registered by this project, or its files are gone.
        TrackingError: MLflow is away.
    """
    model_id = _model_id(tracking, version)
    if not is_whole(store, model_id):
        with tempfile.TemporaryDirectory() as folder:
            copy = _downloaded(tracking, version, Path(folder))
            if copy is None:
                raise ModelError(
                    f"model {model_id} is neither in the store ({store.root}) nor with its run {version.run_id} in "
                    f"{tracking.uri}: train again with train.model=train"
                )
            for name in (WEIGHTS_FILE, DESCRIPTION_FILE):
                store.write_bytes(store.model(model_id, name), (copy / name).read_bytes())
    return model_id


def _downloaded(tracking: Tracking, version: ModelVersion, folder: Path) -> Path | None:
    """The files that the run of a version keeps, copied to a folder; None when it has lost them.

    They are listed first: a download of what is missing fails like one from a server that is away.
    """
    with reaching(tracking.uri):
        try:
            listed = {Path(file.path).name for file in tracking.client.list_artifacts(str(version.run_id), FOLDER)}
        except mlflow.exceptions.MlflowException as error:
            if error.error_code not in NOT_THERE:
                raise
            listed = set()
        if not {WEIGHTS_FILE, DESCRIPTION_FILE} <= listed:
            return None
        return Path(tracking.client.download_artifacts(str(version.run_id), FOLDER, str(folder)))
