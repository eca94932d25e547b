"""What `find_dump` does with forms: runs the task's code in a fresh process, and watches what it opens.

python forms.py < forms.json > outcomes.json
"""

import json
import sys
import sysconfig
from types import SimpleNamespace

from airflow.sdk.exceptions import AirflowFailException
from airflow.sdk.execution_time.context import set_current_context

from dags.common.operators import FindDump

OWN = (sys.prefix, sys.base_prefix, sysconfig.get_paths()["purelib"], sysconfig.get_paths()["stdlib"], *sys.path[:2])
WATCHED = ("open", "os.listdir", "os.scandir", "glob.glob", "subprocess.Popen", "os.system", "socket.getaddrinfo")
WATCHED += ("socket.connect", "socket.gethostbyname", "socket.sendto", "urllib.Request", "ctypes.dlopen")
touched: list[str] = []


def watch(event, arguments):
    if event in WATCHED and not str(arguments[0]).startswith(OWN):
        touched.append(f"{event} {arguments[0]}")


def outcome_of(form):
    run = SimpleNamespace(run_type=SimpleNamespace(value="manual"), partition_key=None, logical_date=None, run_id="r")
    context = {"params": {"dump": None, "file": None} | form, "dag_run": run}
    try:
        with set_current_context(context):
            return FindDump(task_id="find_dump").execute(context)
    except AirflowFailException as error:
        return f"AirflowFailException: {error}"
    except BaseException as error:  # noqa: BLE001 - what Airflow would try again
        return f"raw {type(error).__name__}: {error}"


forms = json.load(sys.stdin)
outcome_of({"file": "a name that warms up every import"})
sys.addaudithook(watch)
found = []
for form in forms:
    touched.clear()
    found.append({"outcome": outcome_of(form), "touched": list(touched)})
sys.stdout.write(json.dumps(found))
