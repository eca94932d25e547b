#!/usr/bin/env bash
# A backfill of Airflow from one date to another leaves the last day out, unless the Dag runs at midnight.
#
# With partitions one date is one day's data, whenever in the day it comes, and `--to-date` takes a date. But that date is
# midnight, and the partition of a cron at five o'clock lies five hours later: of three days two are filled, without a word.
#
# Versions: apache-airflow 3.3.2 (task SDK 1.3.2) on SQLite, Python 3.11. Seen 2026-11-30.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet apache-airflow==3.3.2 apache-airflow-task-sdk==1.3.2
cd "$work"
mkdir dags
cat > dags/daily.py <<'PYTHON'
import datetime

from airflow.sdk import DAG, CronPartitionTimetable, task


@task
def load(): ...


for name, cron in (("at_midnight", "0 0 * * *"), ("at_five", "0 5 * * *")):
    timetable = CronPartitionTimetable(cron, timezone="UTC", key_format="%Y-%m-%d")
    with DAG(name, schedule=timetable, start_date=datetime.datetime(2018, 1, 1), catchup=False) as dag:
        load()
    globals()[name] = dag
PYTHON
export AIRFLOW_HOME="$work" AIRFLOW__CORE__LOAD_EXAMPLES=False AIRFLOW__CORE__DAGS_FOLDER="$work/dags"
"$work/env/bin/airflow" db migrate > log.txt 2>&1 || { cat log.txt >&2; exit 1; }
"$work/env/bin/airflow" dags reserialize > log.txt 2>&1 || { cat log.txt >&2; exit 1; }

# the partitions that a backfill of a Dag would fill, in one line
planned() {
    local range=(--from-date 2018-10-01 --to-date 2018-10-03)
    "$work/env/bin/airflow" backfill create --dag-id "$1" "${range[@]}" --dry-run > plan.txt 2> log.txt ||
        { cat log.txt >&2; return 1; }
    cut -s -d '|' -f 3 plan.txt | grep -o '2018-[0-9-]*' | paste -s -d ' '
}

midnight=$(planned at_midnight)
five=$(planned at_five)
echo "1 to 3 October, a cron at midnight: $midnight"
echo "1 to 3 October, a cron at five: $five"
test "$midnight" = "2018-10-01 2018-10-02 2018-10-03"
test "$five" = "2018-10-01 2018-10-02"
echo "as seen"
