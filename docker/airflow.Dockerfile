# syntax=docker/dockerfile:1
# Airflow with the pipeline: every service of the cluster but the servers it leans on.
#
# From python:slim and not from apache/airflow: the set of packages that the tests run is requirements.txt, and the
# official image brings its own versions of half of it, under another resolver's constraints, and 80 providers that
# nothing here uses. One image serves CPU and GPU: the torch of the lock is the CUDA build, which runs on both.
#
# Base images are pinned by version. Pin them by digest where your registry lets you look one up.
ARG PYTHON_VERSION=3.11.15

FROM python:${PYTHON_VERSION}-slim-bookworm AS build

SHELL ["/bin/bash", "-o", "pipefail", "-c"]

# The compiler is for annoy alone, which has no wheel; it stays in this stage. Debian keeps only the newest build of a
# package, so that a pinned one breaks the image some day.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends g++ \
    && rm -rf /var/lib/apt/lists/*

ARG UV_VERSION=0.13.9
RUN pip install --no-cache-dir "uv==${UV_VERSION}" && uv venv /opt/venv
ENV VIRTUAL_ENV=/opt/venv UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1

# annoy's own build takes the instructions of the machine it is built on; an index is the same on every worker only
# when none of them does arithmetic of its own. x86-64-v3 is any server since 2013; empty suits every machine.
ARG ANNOY_MARCH=x86-64-v3
COPY requirements.txt requirements-cluster.txt /build/
RUN --mount=type=cache,target=/root/.cache/uv \
    ANNOY_COMPILER_ARGS="-O3,-ffast-math,-fno-associative-math,-fpermissive,-std=c++14,-DANNOYLIB_MULTITHREADED_BUILD${ANNOY_MARCH:+,-march=${ANNOY_MARCH}}" \
    uv pip install --no-binary annoy --requirements /build/requirements.txt --requirements /build/requirements-cluster.txt

COPY pyproject.toml README.md LICENSE requirements-library.in requirements-airflow.in /build/
COPY dedup_pipeline /build/dedup_pipeline
COPY training /build/training
COPY dags /build/dags
RUN --mount=type=cache,target=/root/.cache/uv uv pip install --no-deps /build


FROM python:${PYTHON_VERSION}-slim-bookworm

# LightGBM links the system's OpenMP
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 50000 --gid 0 --create-home airflow \
    && install --directory --owner=50000 --group=0 --mode=0775 /opt/airflow /opt/airflow/logs

COPY --from=build /opt/venv /opt/venv
COPY docker/init.sh docker/object_storage.py docker/missing_pools.py /opt/dedup/

ENV PATH=/opt/venv/bin:$PATH \
    AIRFLOW_HOME=/opt/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/venv/lib/python3.11/site-packages/dags \
    AIRFLOW__CORE__LOAD_EXAMPLES=false \
    GIT_PYTHON_REFRESH=quiet \
    PYTHONUNBUFFERED=1
WORKDIR /opt/airflow
USER 50000:0

ENTRYPOINT ["airflow"]
CMD ["version"]
