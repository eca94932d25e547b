"""Fixtures that several test files share."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from heeded import heed_requests_to_end

pytest.register_assert_rewrite("dedup_pipeline.store.testing")
heed_requests_to_end()
settings.register_profile("untimed", deadline=None)  # how long an example takes says nothing about whether it is right
settings.load_profile("untimed")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Add what was skipped, and why, to the file that TESTS_NOT_RUN names: `make test` tells it at its very end."""
    place = os.environ.get("TESTS_NOT_RUN")
    if place and "PYTEST_XDIST_WORKER" not in os.environ:  # the workers report to the one that started them
        with Path(place).open("a", encoding="utf-8") as file:
            for report in terminalreporter.getreports("skipped"):
                file.write(f"  {report.nodeid}: {report.longrepr[2].removeprefix('Skipped: ')}\n")


@pytest.fixture(scope="session")
def empty_mlflow_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty MLflow database: the migrations cost many seconds, so they run once."""
    from mlflow.store.db.utils import _initialize_tables, create_sqlalchemy_engine

    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    engine = create_sqlalchemy_engine(f"sqlite:///{path}")
    _initialize_tables(engine)
    engine.dispose()
    return path


@pytest.fixture(scope="session")
def drawn_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The truth folder of a small sample shop, which is only to be read."""
    from dedup_pipeline.sample import write_sample_shop

    folder = tmp_path_factory.mktemp("drawn") / "shop"
    write_sample_shop(folder, products=100)
    return folder


@pytest.fixture
def foreign_folder(tmp_path: Path) -> Path:
    """A folder of somebody else."""
    if os.geteuid():
        return Path("/usr")
    folder = tmp_path / "foreign"
    folder.mkdir()
    os.chown(folder, 12345, 12345)
    return folder


@pytest.fixture(scope="session")
def with_mlflow(empty_mlflow_database: Path) -> Callable[[Path], None]:
    """Gives a store at a path its own copy of the empty database."""

    def copy(store: Path) -> None:
        (store / "mlflow").mkdir(parents=True, exist_ok=True)
        shutil.copy(empty_mlflow_database, store / "mlflow" / "mlflow.db")

    return copy
