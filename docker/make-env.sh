#!/usr/bin/env bash
# Write the secrets and the few choices of a cluster to docker/.env, readable by its owner alone.
#
#     docker/make-env.sh [FOLDER_OF_DUMPS]
#
# It never overwrites: whoever loses the keys of a running cluster loses what they encrypt.
set -euo pipefail
umask 077

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
target="${ENV_FILE:-$here/.env}"
dumps="${1:-$here/../catalogs}"

if [[ -e "$target" ]]; then
    echo "make-env.sh: $target is there already; move it away to make new secrets" >&2
    exit 1
fi

# hexadecimal, so that a password can stand in a URL as it is
secret() { od -An -N "${1:-24}" -tx1 /dev/urandom | tr -d ' \n'; }

# Fernet wants 32 bytes in URL-safe base64
fernet_key() { head -c 32 /dev/urandom | base64 | tr '+/' '-_'; }

mkdir -p "$dumps"
dumps="$(cd "$dumps" && pwd)"

# without a GPU nobody listens to the queue `gpu` but the CPU workers
profiles='' queues='default,gpu'
if command -v nvidia-smi >/dev/null && nvidia-smi >/dev/null 2>&1; then
    profiles='gpu' queues='default'
fi

unfinished="$(mktemp "$target.XXXXXX")"
trap 'rm -f "$unfinished"' EXIT
cat >"$unfinished" <<ENV
# Made by docker/make-env.sh. Never commit it.

# where people reach it; publish beyond this machine only behind a proxy that speaks TLS
AIRFLOW_PORT=8080
AIRFLOW_URL=http://localhost:8080
MLFLOW_PORT=5000
MLFLOW_URL=http://localhost:5000

# where dumps lie, as 2018-10-05.csv; mounted read-only
DUMPS_FOLDER='$dumps'

# 'gpu' starts the GPU worker, and then the CPU workers leave its queue alone
COMPOSE_PROFILES=$profiles
CPU_WORKER_QUEUES=$queues

# who logs in to Airflow first, and to MLflow
ADMIN_NAME=admin
ADMIN_PASSWORD=$(secret)
MLFLOW_NAME=dedup
MLFLOW_PASSWORD=$(secret)

# Airflow: encrypts connections, signs the tokens of tasks and of people's sessions
FERNET_KEY=$(fernet_key)
JWT_SECRET=$(secret 32)
SESSION_SECRET=$(secret 32)
MLFLOW_SESSION_SECRET=$(secret 32)

# the servers behind it
POSTGRES_PASSWORD=$(secret)
AIRFLOW_DATABASE_PASSWORD=$(secret)
MLFLOW_DATABASE_PASSWORD=$(secret)
REDIS_PASSWORD=$(secret)
FETCH_QUEUE_PASSWORD=$(secret)

# object storage: one key that may make buckets, one for the store, one for what a fetch needs of it, one for artifacts
OBJECTS_ACCESS_KEY=$(secret 10)
OBJECTS_SECRET_KEY=$(secret 32)
STORE_ACCESS_KEY=$(secret 10)
STORE_SECRET_KEY=$(secret 32)
FETCH_ACCESS_KEY=$(secret 10)
FETCH_SECRET_KEY=$(secret 32)
ARTIFACTS_ACCESS_KEY=$(secret 10)
ARTIFACTS_SECRET_KEY=$(secret 32)
ENV
ln "$unfinished" "$target" # fails where another was faster
echo "wrote $target; the login is admin with the ADMIN_PASSWORD in it"
