# Every target does its own set-up. `make help` lists them.
PYTHON ?= python3
UV_VERSION := 0.13.9
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.complete
NOT_RUN := $(VENV)/.tests-not-run
# the system's certificates, so that it works behind a company's proxy too
UV := $(BIN)/uv --system-certs --quiet

# without bytecode every start of the command would compile torch and MLflow anew
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo evaluate peers bench bench-quick reference up down test chaos lint types unit lock docs clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-12s %s\n", $$1, $$2}'

setup: $(STAMP) ## make the environment in .venv

$(STAMP): requirements.txt requirements-dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version.split()[0] + ": call make PYTHON=python3.12")'
	@echo "Setting up $(VENV): about 6.5 GB, a minute or two"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@UV_LINK_MODE=copy VIRTUAL_ENV=$(VENV) $(UV) pip install -r requirements.txt -r requirements-dev.txt setuptools
	@VIRTUAL_ENV=$(VENV) $(UV) pip install --no-deps --no-build-isolation -e .
	@touch $@

demo: $(STAMP) ## the sample shop through Airflow and MLflow, from nothing to its score
	@$(BIN)/dedup demo

evaluate: $(STAMP) ## measure a catalog whose duplicates are known (CATALOG=folder; the sample shop without one)
	@$(BIN)/dedup evaluate $(if $(CATALOG),"$(CATALOG)")

peers: $(STAMP) ## other tools on the same pictures (CATALOG=folder; OURS=exports/<dump> adds this project's row)
	@$(if $(CATALOG),,$(BIN)/dedup sample .dedup/peers/shop)
	@$(BIN)/python benchmarks/peers/run.py $(if $(CATALOG),"$(CATALOG)",.dedup/peers/shop) $(if $(OURS),--ours "$(OURS)")

bench: $(STAMP) ## speed and memory against what people use, hours (PHOTOS=folder; the sample shop without one)
	@$(BIN)/python benchmarks/bench.py $(if $(PHOTOS),--photos "$(PHOTOS)")

bench-quick: $(STAMP) ## the same with small sizes, minutes
	@$(BIN)/python benchmarks/bench.py --quick $(if $(PHOTOS),--photos "$(PHOTOS)")

up: $(STAMP) ## start Airflow and MLflow on this machine, and leave them running
	@$(BIN)/dedup up

down: $(STAMP) ## stop them
	@$(BIN)/dedup down

reference: $(STAMP) ## make the pairs that fill up what a small shop lacks, ten minutes
	@$(BIN)/python benchmarks/make_reference.py

test: lint types unit ## lint, check types, run every test, the chain on the sample shop included
	@echo "Not run by make test:"
	@echo "  chaos in full, an hour or two: make chaos (one short round of it was run)"
	@echo "  speed and other tools, hours: make bench, make peers (their frames were run)"
	@echo "  GPUs: no test asks for one"
	@echo "  container images and Kubernetes: they are linted, not built"
	@echo "  Pythons other than $$($(BIN)/python -c 'import platform; print(platform.python_version())'): make clean, then make PYTHON=python3.12 test"
	@echo "Skipped, and why:"
	@if test -s $(NOT_RUN); then cat $(NOT_RUN); else echo "  nothing"; fi

chaos: $(STAMP) ## disturb the chain in every way, an hour or two (SEED=n; KINDS="stages damage" for some of it)
	@$(BIN)/python tests/integration/chaos.py $(KINDS) $(if $(SEED),--seed $(SEED))

lint: $(STAMP) ## ruff, and which room may import which
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/lint-imports --no-logo --no-cache

types: $(STAMP) ## mypy, strict
	@$(BIN)/mypy

# files of tests side by side; those of the whole chain are two at a time, for each starts processes of its own, of one
# thread each: threads of two trainings on two cores wait for each other
unit: $(STAMP)
	@rm -f $(NOT_RUN)
	@TESTS_NOT_RUN=$(NOT_RUN) $(BIN)/pytest tests/unit tests/dags tests/docker -n auto --maxprocesses 4 --dist loadfile
	@OMP_NUM_THREADS=1 TESTS_NOT_RUN=$(NOT_RUN) $(BIN)/pytest tests/integration -n 2 --dist loadfile

lock: $(STAMP) ## make every requirements*.txt from its .in
	@for name in requirements requirements-dev requirements-cluster requirements-mlflow $(basename $(wildcard benchmarks/peers/*.in benchmarks/contenders/*.in)); do $(UV) pip compile --universal --python-version 3.11 --no-header $$name.in -o $$name.txt; done

docs: $(STAMP) ## write the reference, and the picture of the rooms, from the code
	@$(BIN)/python docs/draw_rooms.py
	@$(BIN)/dedup settings --markdown > docs/reference/settings.md
	@$(BIN)/python -m typer dedup_pipeline.cli utils docs --name dedup > docs/reference/cli.md
	@AIRFLOW_HOME=$$(mktemp -d) $(BIN)/python -m dags.common.reference > docs/reference/dags.md

clean: ## stop the stack, remove the environment and the runs
	@if test -e .dedup/stack.json; then $(BIN)/dedup down; fi
	rm -rf $(VENV) .dedup
