"""A dump, then the next one, which shows some new pictures beside all of the first; the seconds are of the next one.

Each is run in a process of its own, as a person runs it: its start and its imports count as well.
"""

import json
import subprocess
import sys
import warnings

from contender import Contest, cpu_seconds
from own_store import reaching
from staged import Stages

from dedup_pipeline.config import load_settings

TEXTS = ("threads=1", "train.epochs=1", "train.max_photos=100")


def run(contest: Contest, dump: str, catalog: str) -> None:
    """All stages of a dump in this process; what each took goes into a file."""
    stages = Stages()
    settings = reaching(contest, load_settings([f"store={contest.results / 'store'}", *TEXTS]))
    stages.run(settings, dump, str(contest.data / catalog))
    took = {"stages": stages.cpu}
    (contest.results / f"{dump}.json").write_text(json.dumps(took))


def run_apart(contest: Contest, dump: str, catalog: str) -> tuple[dict[str, float], float]:
    """The same in a process of its own; returns the CPU seconds of each stage and of the process."""
    before = cpu_seconds()
    command = [sys.executable, __file__, str(contest.data), str(contest.results), dump, catalog]
    subprocess.run(command, check=True, stdout=sys.stderr)
    took = json.loads((contest.results / f"{dump}.json").read_text())
    return took["stages"], cpu_seconds() - before


def main() -> None:
    """Run one dump, or both."""
    warnings.simplefilter("ignore")
    contest = Contest()
    if contest.arguments:
        run(contest, *contest.arguments)
        return
    first, first_process = run_apart(contest, "2018-10-05", "catalog.csv")
    with contest.timed():
        second, second_process = run_apart(contest, "2018-10-06", "next.csv")
    figures = {
        "share of the first run": sum(second.values()) / sum(first.values()),
        "share of the first run without its training": sum(second.values()) / (sum(first.values()) - first["train"]),
        "share of the first process": second_process / first_process,
        "share of the first process without its training": second_process / (first_process - first["train"]),
    }
    for name, stages, process in (("first", first, first_process), ("second", second, second_process)):
        figures |= {f"{name}: {stage} CPU seconds": value for stage, value in stages.items()}
        figures[f"{name}: process CPU seconds"] = process
    contest.report(**figures)


if __name__ == "__main__":
    main()
