"""The compose file: the schema of Compose, and what must hold for a cluster that others can reach."""

import json
import re
import subprocess
import sys
import tomllib

import pytest

from compose_file import FOLDER, ROOT, compose, interpolated, read_env, variables
from dedup_pipeline.config import Settings, setting_names

COMPOSE = compose()
SERVICES = COMPOSE["services"]
ONE_SHOT = {"init"}
LASTING = sorted(set(SERVICES) - ONE_SHOT)
OURS = sorted(name for name, service in SERVICES.items() if "build" in service)
AIRFLOW = sorted(name for name in OURS if SERVICES[name]["image"].startswith("dedup-airflow"))
SERVERS = {"postgres", "redis", "objects"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """What make-env.sh writes."""
    folder = tmp_path_factory.mktemp("env")
    file = folder / ".env"
    subprocess.run(
        [FOLDER / "make-env.sh", folder / "dumps"], env={"ENV_FILE": str(file), "PATH": "/usr/bin:/bin"}, check=True
    )
    return read_env(file)


def test_it_follows_the_schema_of_compose():
    words = [
        sys.executable,
        "-m",
        "check_jsonschema",
        "--builtin-schema",
        "vendor.compose-spec",
        FOLDER / "compose.yaml",
    ]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_variable_is_required_and_made(made):
    used = variables(COMPOSE)
    assert set(used) <= set(made)
    assert {name for name, rests in used.items() if rests != {":?run docker/make-env.sh"}} == set()
    assert set(made) - set(used) == {"COMPOSE_PROFILES"}, "made for nobody; COMPOSE_PROFILES is read by Compose itself"


def test_no_secret_has_a_value_of_its_own(made):
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            if re.search("PASSWORD|SECRET|(?<!UNACKED|._INDEX|._MUTEX)_KEY|CONN$|BROKER_URL|RESULT_BACKEND", variable):
                assert variables(value), f"{name}: {variable} = {value}"
    written = (FOLDER / "compose.yaml").read_text()
    assert [
        value for name, value in made.items() if len(value) > 10 and not name.endswith("_URL") and value in written
    ] == []


@pytest.mark.parametrize("name", LASTING)
def test_a_service_that_stays_is_watched_restarted_and_bounded(name):
    service = SERVICES[name]
    assert service["healthcheck"]["test"]
    assert service["restart"] == "unless-stopped"
    assert service["deploy"]["resources"]["limits"]["memory"]


@pytest.mark.parametrize("name", sorted(ONE_SHOT))
def test_a_service_that_ends_is_waited_for(name):
    assert SERVICES[name]["restart"] == "no"
    waiting = [other for other in SERVICES if name in SERVICES[other].get("depends_on", {})]
    assert set(waiting) == set(LASTING) - SERVERS
    assert {SERVICES[other]["depends_on"][name]["condition"] for other in waiting} == {"service_completed_successfully"}


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_no_service_is_root_or_can_become_it(name):
    service = SERVICES[name]
    assert "no-new-privileges:true" in service["security_opt"]
    assert service["cap_drop"] == ["ALL"]
    assert "privileged" not in service
    if name not in OURS:  # test_images looks at the others
        assert service["user"].split(":")[0] not in {"", "0", "root"}


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_images_are_pinned(name):
    image, _, tag = SERVICES[name]["image"].partition(":")
    assert re.search(r"\d+\.\d+", tag), f"{image} has no version"
    if name in OURS:
        assert tag == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


def test_only_the_two_pages_are_published_and_to_this_machine_alone():
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert set(published) == {"api-server", "mlflow"}
    assert [port for ports in published.values() for port in ports if not port.startswith("127.0.0.1:")] == []


def test_the_servers_behind_it_cannot_be_reached_from_outside():
    networks = COMPOSE["networks"]
    assert networks["data"]["internal"]
    assert networks["control"]["internal"]
    assert networks["work"]["internal"]
    assert networks["strangers"]["internal"]
    assert SERVICES["postgres"]["networks"] == ["data"]
    for name in SERVERS:
        assert "outside" not in SERVICES[name]["networks"]
        assert "front" not in SERVICES[name]["networks"]
    leaving = {name for name, service in SERVICES.items() if "outside" in service["networks"]}
    assert leaving == {"fetch-worker", "worker", "worker-gpu"}, "a training may fetch a backbone"


def test_no_worker_can_reach_a_database():
    reaching = {name for name, service in SERVICES.items() if "data" in service["networks"]}
    assert reaching & {"worker", "worker-gpu", "fetch-worker"} == set()
    for name in ("worker", "worker-gpu", "fetch-worker"):
        assert "@postgres" not in str(SERVICES[name]["environment"])
        assert not re.search(r"\w+DATABASE_PASSWORD", str(SERVICES[name]["environment"]))


def test_the_worker_that_reads_what_strangers_serve_has_the_least_rights(made):
    service = SERVICES["fetch-worker"]
    held = {name for name in variables(service["environment"]) if re.search("PASSWORD|SECRET|_KEY$", name)}
    assert held == {"FETCH_QUEUE_PASSWORD", "FETCH_ACCESS_KEY", "FETCH_SECRET_KEY"}
    assert service["read_only"]
    assert all(isinstance(volume, str) and volume.startswith("logs:") for volume in service["volumes"])
    assert service["deploy"]["resources"]["limits"].keys() == {"memory", "pids"}
    reached = {name for name, other in SERVICES.items() if set(other["networks"]) & {"strangers"}}
    assert reached == {"fetch-worker", "api-server", "redis", "objects"}
    assert service["networks"] == ["strangers", "outside"]
    assert interpolated(service["command"], made)[-2:] == ["--queues", "fetch"]


def test_the_key_of_the_fetch_worker_writes_packs_and_stages_but_no_model(made):
    keys = json.loads(interpolated(COMPOSE["configs"]["objects-keys"]["content"], made))
    rights = {each["name"]: each for each in keys["identities"]}["fetch"]
    assert rights["credentials"][0]["accessKey"] == made["FETCH_ACCESS_KEY"]
    places = {right.partition(":")[2] for right in rights["actions"] if not right.startswith("List:")}
    store = SERVICES["fetch-worker"]["environment"]["DEDUP_STORE"].removeprefix("s3://")
    assert places == {f"{store}/{name}/*" for name in ("packs", "dumps", "locks", "damage")}
    assert {right.partition(":")[0] for right in rights["actions"]} == {"Read", "Write", "List"}


def test_the_queue_lets_the_fetch_worker_into_its_own_part_alone():
    (rule,) = (line.split() for line in SERVICES["redis"]["command"][-1].splitlines() if line.startswith("user "))
    assert rule[:4] == ["user", "fetch", "on", ">$$FETCH_QUEUE_PASSWORD"]
    assert {word for word in rule if word.startswith("~")} == {
        "~fetch",
        "~fetch?*",
        "~_kombu.binding.fetch",
        "~_kombu.binding_permanent.fetch",
        "~_kombu.binding_deadlines",
        "~celery-task-meta-*",
    }
    assert {"resetkeys", "resetchannels", "-@all", "-@dangerous"} <= set(rule)
    assert "+@all" not in rule
    options = SERVICES["fetch-worker"]["environment"]
    own = [value for name, value in options.items() if "__UNACKED_" in name]
    assert len(own) == 3
    assert all(value.startswith("fetch.") for value in own)


def test_folders_of_this_machine_are_mounted_read_only():
    for name, service in SERVICES.items():
        for volume in service.get("volumes", []):
            if isinstance(volume, dict):
                assert volume["read_only"], f"{name}: {volume}"
            elif volume.startswith((".", "/")):
                assert volume.endswith(":ro"), f"{name}: {volume}"


def test_the_settings_of_the_pipeline_exist_and_fit(made, monkeypatch):
    for name in AIRFLOW:
        environment = interpolated(SERVICES[name]["environment"], made)
        settings = {key: value for key, value in environment.items() if key.startswith("DEDUP_")}
        names = {key.removeprefix("DEDUP_").lower().replace("__", ".") for key in settings}
        assert names <= set(setting_names()), name
        with monkeypatch.context() as patch:
            for key, value in settings.items():
                patch.setenv(key, value)
            assert Settings().tracking.uri == "http://mlflow:5000"


# how the fetch worker logs in to the queue, and what it may do there
OF_ITS_OWN = re.compile("__BROKER_URL$|__RESULT_BACKEND$|__UNACKED_|__WORKER_ENABLE_REMOTE_CONTROL$")


def test_every_part_of_airflow_sees_the_same_configuration():
    for prefix in ("AIRFLOW__", "DEDUP_"):
        seen = {}
        for name in AIRFLOW:
            for key, value in SERVICES[name]["environment"].items():
                if key.startswith(prefix) and not (name == "fetch-worker" and OF_ITS_OWN.search(key)):
                    seen.setdefault(key, set()).add(value)
        assert {key for key, values in seen.items() if len(values) > 1} == set()
    settings = [{key for key in SERVICES[name]["environment"] if key.startswith("DEDUP_")} for name in AIRFLOW]
    assert settings.count(settings[0]) == len(AIRFLOW)


def test_a_worker_sees_neither_the_database_of_airflow_nor_the_keys_of_its_tokens():
    for name in ("worker", "worker-gpu", "fetch-worker"):
        seen = variables(SERVICES[name]["environment"])
        assert not seen.keys() & {"AIRFLOW_DATABASE_PASSWORD", "FERNET_KEY", "JWT_SECRET", "SESSION_SECRET"}


def test_airflow_and_mlflow_have_a_database_and_a_user_each():
    parts = re.compile(r"//(\w+):\$\{(\w+)[^}]*\}@postgres:5432/(\w+)$")
    airflow = SERVICES["scheduler"]["environment"]
    found = [
        parts.search(airflow["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]),
        parts.search(SERVICES["mlflow"]["environment"]["MLFLOW_BACKEND_STORE_URI"]),
    ]
    owners = ["airflow", "mlflow"]
    assert [match.groups() for match in found] == [(one, f"{one.upper()}_DATABASE_PASSWORD", one) for one in owners]


def test_only_those_that_need_the_store_hold_its_key():
    holders = {name for name, service in SERVICES.items() if "${STORE_SECRET_KEY" in str(service.get("environment"))}
    assert holders == {"triggerer", "worker", "worker-gpu"}
    artifacts = {
        name for name, service in SERVICES.items() if "${ARTIFACTS_SECRET_KEY" in str(service.get("environment"))
    }
    assert artifacts == {"mlflow"}, "clients send artifacts through the server"


def test_somebody_listens_to_every_queue(made):
    environment = SERVICES["scheduler"]["environment"]
    wanted = {environment["AIRFLOW__OPERATORS__DEFAULT_QUEUE"], environment["DEDUP_WORKFLOW__GPU_QUEUE"]}
    assert environment["DEDUP_WORKFLOW__FETCH_QUEUE"] not in wanted, "no worker with keys reads what strangers serve"
    listening = set(interpolated(SERVICES["worker"]["command"], made)[-1].split(","))
    if made["COMPOSE_PROFILES"] == "gpu":
        listening.add(SERVICES["worker-gpu"]["command"][-1])
    assert listening == wanted
    assert SERVICES["worker-gpu"]["profiles"] == ["gpu"]
    assert SERVICES["worker-gpu"]["deploy"]["resources"]["reservations"]["devices"][0]["capabilities"] == ["gpu"]
