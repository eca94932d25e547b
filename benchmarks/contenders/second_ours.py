"""A dump, then the next one, which shows some new pictures beside all of the first; the seconds are of the next one."""

import warnings

from contender import Contest
from own_store import reaching_store
from staged import Stages

warnings.simplefilter("ignore")
contest = Contest()
settings, first, second = reaching_store(contest), Stages(), Stages()
first.run(settings, "2018-10-05", str(contest.data / "catalog.csv"))
with contest.timed():
    second.run(settings, "2018-10-06", str(contest.data / "next.csv"))
whole, more = sum(first.cpu.values()), sum(second.cpu.values())
shares = {f"{stage}: share of the first run": value / whole for stage, value in second.cpu.items()}
contest.report(**{"share of the first run": more / whole, "first run CPU seconds": whole}, **shares)
