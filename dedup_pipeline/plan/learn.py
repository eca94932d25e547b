"""From observed runs to unit costs: fitted to several runs, or the known ones scaled to one run."""

from __future__ import annotations

import datetime
import platform
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.optimize import nnls

from dedup_pipeline.config import Settings
from dedup_pipeline.errors import InputError
from dedup_pipeline.plan.costs import Catalog, Stored, UnitCost, UnitCosts
from dedup_pipeline.plan.observe import Observation, Observed, observe
from dedup_pipeline.plan.steps import BY_NAME
from dedup_pipeline.store import Store

_MEGABYTE = 1e6
_DIGITS = 4  # significant: what a measurement on a shared machine can tell


def fitted(observations: Sequence[Observation], step: str, *, memory: bool = False) -> UnitCost:
    """The unit costs of a step that come nearest to what was observed, none of them negative.

    Least squares of the relative errors, so that a large run does not drown a small one: Lawson and Hanson 1974,
    "Solving Least Squares Problems", chapter 23 (``scipy.optimize.nnls``).

    Args:
        observations: of any steps.
        step: which.
        memory: fit the peak memory, in bytes, instead of the seconds.

    Raises:
        InputError: the step was not observed.
    """
    names = BY_NAME[step].memory if memory else BY_NAME[step].seconds
    mine = [one for one in observations if one.step == step and (one.megabytes > 0 or not memory)]
    if not mine:
        raise InputError(f"step '{step}' was in none of the runs: measure a run that does it")
    values = np.array([one.megabytes * _MEGABYTE if memory else max(one.seconds, 1e-3) for one in mine])
    rows = np.array([[one.drivers.get(name, 0.0) for name in names] for one in mine])
    # of equal scale, or the solver takes a small unit cost for none
    scale = np.maximum(rows.max(axis=0), 1.0)
    found, _ = nnls(rows / scale / values[:, None], np.ones(len(mine)))
    return {name: _rounded(value) for name, value in zip(names, found / scale, strict=True)}


def catalog_of(sizes: Mapping[str, float]) -> Catalog:
    """What the catalog of a run was like.

    Raises:
        InputError: the run had no image.
    """
    if not sizes["images"]:
        raise InputError("the run had no image, so nothing can be learnt from it")
    names = ("vectors", "nodes", "candidates", "aligned")
    return Catalog(**{name: _rounded(sizes[name] / sizes["images"]) for name in names})


def stored_of(observed: Observed) -> dict[str, Stored]:
    """What the artifacts of a run took."""
    return {
        name: Stored(driver=driver, bytes=_rounded(size / count))
        for name, (driver, count, size) in observed.stored.items()
    }


def scaled(costs: UnitCosts, observed: Observed, dump_id: str, machine: str) -> UnitCosts:
    """Unit costs whose steps take what they took in one run, each of its drivers being scaled alike.

    What one run cannot tell stays as it was: how a step's seconds are divided among its drivers, its memory, the
    latency, and steps that the run did not do because an earlier one had.

    Args:
        costs: the known ones.
        observed: the run.
        dump_id: of the run, for the note on where the costs come from.
        machine: that it ran on, in words.

    Raises:
        InputError: the run had no image.
    """
    seconds = dict(costs.seconds)
    for step in BY_NAME:
        mine = [one for one in observed.steps if one.step == step and one.seconds > 0]
        expected = sum(BY_NAME[step].of(one.drivers, costs.seconds[step]) for one in mine)
        if mine and expected > 0:
            factor = sum(one.seconds for one in mine) / expected
            seconds[step] = {name: _rounded(value * factor) for name, value in costs.seconds[step].items()}
    origin = costs.origin.model_copy(
        update={
            "machine": machine,
            "taken": datetime.datetime.now(datetime.UTC).date().isoformat(),
            "commit": "",
            "images": [round(observed.sizes["images"])],
            "command": f"dedup plan --learn {dump_id}",
        }
    )
    update = {"origin": origin, "catalog": catalog_of(observed.sizes), "seconds": seconds}
    return costs.model_copy(update=update | {"stored": costs.stored | stored_of(observed)})


def learnt_from(costs: UnitCosts, settings: Settings, dump_id: str, *, cores: int) -> UnitCosts:
    """Unit costs scaled to the run over a dump in the store of some settings; see ``scaled``.

    Raises:
        InputError: the run had less than one core, or no image.
        NotReadyError: the dump is not exported yet.
    """
    if cores < 1:
        raise InputError(f"a run on {cores} cores cannot be: give --cores-of-run 1 or more")
    observed = observe(Store(settings.store), dump_id, cores=cores)
    return scaled(costs, observed, dump_id, f"{platform.processor() or platform.machine()}, {cores} cores")


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
