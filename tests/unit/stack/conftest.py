"""Small real programs in the place of Airflow and MLflow."""

import sys
from pathlib import Path

import pytest

from dedup_pipeline.stack.layout import Layout
from dedup_pipeline.stack.supervisor import Service, Supervisor


@pytest.fixture
def layout(tmp_path):
    return Layout.at(tmp_path / "stack")


@pytest.fixture
def supervisor(layout):
    made = Supervisor(layout)
    yield made
    made.stop()


@pytest.fixture
def program(tmp_path):
    """A service made of a few lines of Python."""

    def make(name: str, code: str) -> Service:
        file: Path = tmp_path / f"{name}.py"
        file.write_text(code)
        return Service(name, [sys.executable, str(file)], {})

    return make
