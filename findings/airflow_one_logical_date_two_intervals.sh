#!/usr/bin/env bash
# With Airflow's CronDataIntervalTimetable a manual run and a scheduled run of one logical date stand for different days.
#
# For a scheduled run or a backfill the logical date is where the interval begins. Whoever triggers a run for the same
# date by hand gets the interval that ends there, the day before: a task that takes its day from `data_interval_start`
# loads other data.
#
# Versions: apache-airflow 3.3.2 (task SDK 1.3.2), Python 3.11. Seen 2026-11-30.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet apache-airflow==3.3.2 apache-airflow-task-sdk==1.3.2
cd "$work"
export AIRFLOW_HOME="$work" AIRFLOW__CORE__LOAD_EXAMPLES=False
"$work/env/bin/python" - 2> log.txt <<'PYTHON' || { cat log.txt >&2; exit 1; }
from airflow.timetables.base import TimeRestriction
from airflow.timetables.interval import CronDataIntervalTimetable
from pendulum import datetime

date = datetime(2018, 10, 2)
daily = CronDataIntervalTimetable("0 0 * * *", "UTC")
manual = daily.infer_manual_data_interval(run_after=date)
scheduled = daily.next_dagrun_info(last_automated_data_interval=None, restriction=TimeRestriction(date, date, True))
print("logical date", scheduled.logical_date.date())
print("scheduled:", scheduled.data_interval.start.date(), "to", scheduled.data_interval.end.date())
print("by hand:", manual.start.date(), "to", manual.end.date())
assert scheduled.logical_date == date
assert scheduled.data_interval.start == date, "a scheduled run begins elsewhere now"
assert (manual.start, manual.end) == (date.subtract(days=1), date), "both stand for the same day now"
PYTHON
echo "as seen"
