"""Unit costs: what each step of a run takes for each of its drivers, as it was measured, in one JSON file."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from dedup_pipeline.errors import InputError
from dedup_pipeline.plan.steps import BY_NAME, DRIVERS

PACKAGED = "unit_costs.json"
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
UnitCost = dict[str, Amount]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Origin(_Part):
    """Where unit costs come from.

    Attributes:
        machine: the processor, in words.
        taken: the day, as YYYY-MM-DD.
        commit: of the code, with a plus where it was changed; empty where that is not known.
        images: distinct images of each run that was measured.
        command: what made the file.
        settings: those that the costs depend on, by their dotted names.
    """

    machine: str
    taken: str
    commit: str
    images: list[int]
    command: str
    settings: dict[str, float | str]


class Catalog(_Part):
    """What a catalog is like, for each of its images.

    Attributes:
        vectors: distinct embeddings.
        nodes: distinct pictures.
        candidates: pairs of distinct pictures that get a verdict.
        aligned: of these, how many are aligned.
    """

    vectors: Amount
    nodes: Amount
    candidates: Amount
    aligned: Amount


class Stored(_Part):
    """What an artifact takes in the store.

    Attributes:
        driver: what it grows with.
        bytes: for each of that.
    """

    driver: str
    bytes: Amount


class Fetching(_Part):
    """What a fetch waits for.

    Attributes:
        latency: seconds of a request, from its start to the last byte of its answer.
    """

    latency: Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Workflow(_Part):
    """What a workflow adds.

    Attributes:
        task_seconds: from the moment that a task could start until it has ended, without the work of the library.
        tasks: tasks of a run beside those of packs and parts.
    """

    task_seconds: Amount
    tasks: Annotated[int, Field(ge=0)]


class Checked(_Part):
    """A run that was measured, to check the plans against.

    Attributes:
        rows: of its dump.
        images: distinct images.
        part_nodes: its setting ``match.part_nodes``.
        core_seconds: of all its steps.
        said: core seconds that a plan says whose unit costs were fitted without this run.
    """

    rows: int
    images: int
    part_nodes: int
    core_seconds: Amount
    said: Amount


class UnitCosts(_Part):
    """All unit costs.

    Attributes:
        origin: where they come from.
        catalog: what the catalog of the runs was like.
        seconds: step to driver to core seconds.
        memory: step to driver to bytes.
        stored: artifact to its bytes.
        fetching: what a fetch waits for.
        workflow: what a workflow adds.
        checked: runs to check plans against.
    """

    origin: Origin
    catalog: Catalog
    seconds: dict[str, UnitCost]
    memory: dict[str, UnitCost]
    stored: dict[str, Stored]
    fetching: Fetching
    workflow: Workflow
    checked: list[Checked] = []

    @field_validator("seconds", "memory")
    @classmethod
    def _known(cls, value: dict[str, UnitCost]) -> dict[str, UnitCost]:
        missing, unknown = BY_NAME.keys() - value.keys(), value.keys() - BY_NAME.keys()
        if missing or unknown:
            raise ValueError(f"the steps are {', '.join(BY_NAME)}: none may be missing, and there are no others")
        strange = {driver for unit in value.values() for driver in unit} - DRIVERS.keys()
        if strange:
            raise ValueError(f"no driver {', '.join(sorted(strange))}: there are {', '.join(DRIVERS)}")
        return value

    def to_json(self) -> str:
        """The content of a file of unit costs."""
        return self.model_dump_json(indent=1) + "\n"


def load_costs(file: Path | None = None) -> UnitCosts:
    """Read unit costs.

    Args:
        file: written by ``dedup plan --save`` or ``benchmarks/unit_costs.py``; None takes those of the package.

    Raises:
        InputError: the file is not there, or holds no unit costs.
    """
    try:
        text = files("dedup_pipeline.plan").joinpath(PACKAGED).read_text() if file is None else file.read_text()
        return UnitCosts.model_validate_json(text)
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}; `dedup plan --save {file}` writes one") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the whole"
        raise InputError(f"{file} holds no unit costs: {where}: {first['msg']}") from error
