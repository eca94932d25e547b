# syntax=docker/dockerfile:1
# The MLflow server: no torch, no Airflow. Its packages have wheels, so that no compiler is needed.
# The base image is pinned by version. Pin it by digest where your registry lets you look one up.
ARG PYTHON_VERSION=3.11.15

FROM python:${PYTHON_VERSION}-slim-bookworm AS build

ARG UV_VERSION=0.13.9
RUN pip install --no-cache-dir "uv==${UV_VERSION}" && uv venv /opt/venv
ENV VIRTUAL_ENV=/opt/venv UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1
COPY requirements-mlflow.txt /build/
RUN --mount=type=cache,target=/root/.cache/uv uv pip install --requirements /build/requirements-mlflow.txt


FROM python:${PYTHON_VERSION}-slim-bookworm

RUN useradd --uid 50000 --gid 0 --create-home mlflow
COPY --from=build /opt/venv /opt/venv

ENV PATH=/opt/venv/bin:$PATH GIT_PYTHON_REFRESH=quiet PYTHONUNBUFFERED=1
WORKDIR /home/mlflow
USER 50000:0

ENTRYPOINT ["mlflow"]
CMD ["--version"]
