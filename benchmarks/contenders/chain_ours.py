"""Every stage of a dump, in one process; the train stage takes the champion that is there."""

import warnings

from contender import Contest
from own_store import reaching_store
from staged import CALIBRATION, Stages

warnings.simplefilter("ignore")
contest = Contest()
settings, stages = reaching_store(contest), Stages()
with contest.timed():
    stages.run(settings, "second", str(contest.data / "catalog.csv"))
growing = sum(value for name, value in stages.cpu.items() if name != CALIBRATION)
contest.report(**stages.figures(), **{"CPU seconds without calibration": growing})
