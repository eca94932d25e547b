#!/usr/bin/env bash
# Before anything else starts: the buckets, the database's schema, the pools, the first person who may log in.
# Running it again changes nothing but the schema after an upgrade.
set -euo pipefail
name="${ADMIN_NAME:?}" password="${ADMIN_PASSWORD:?}"
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT

python "$here/object_storage.py"
airflow db migrate
airflow pools export "$scratch/there.json"
python "$here/missing_pools.py" "$scratch/there.json" >"$scratch/missing.json"
airflow pools import "$scratch/missing.json"
airflow users create --role Admin --username "$name" --password "$password" \
    --firstname Admin --lastname Admin --email "$name@localhost"
