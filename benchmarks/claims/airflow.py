"""What the workflow adds to the work: little, on a run of minutes."""

from __future__ import annotations

from pathlib import Path

from claims import chain
from claims.claim import OURS, Claim, Contender, Size
from claims.materials import Materials
from claims.served import SERVER
from claims.targets import at_most


def make(folder: Path, items: int, materials: Materials) -> str:
    """The data of the claim ``chain``, and what the two do with them."""
    chain.make(folder, items, materials)
    return (
        f"{chain.describe(items, materials)}. Airflow's start is not counted; "
        "overhead is the time of the run without the seconds that the library's manifests tell, "
        "imports of the tasks included. The share of a run of "
        "10 minutes is reckoned: the same tasks with the same overhead; a larger dump has more mapped tasks, which "
        "run beside each other"
    )


CLAIM = Claim(
    name="airflow",
    text="Airflow adds at most a tenth to a run of 10 minutes",
    noun="pictures",
    ours=Contender(OURS, "airflow_ours.py"),
    peers=(Contender("dedup run", "chain_ours.py"),),
    quick=(Size(100, rounds=1),),
    full=(Size(2_000, rounds=3),),
    make=make,
    beside=SERVER,
    targets=(at_most("at most 10 % of a run of 10 minutes", "share of a run of 10 minutes", 0.1),),
)
