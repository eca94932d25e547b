"""MLflow's database in a store."""

from __future__ import annotations

from pathlib import Path

# private, and pinned: MLflow's public ways set a database up in place, where two processes trip over each other and a
# kill leaves one that no later start can finish
from mlflow.store.db.utils import _initialize_tables, create_sqlalchemy_engine

from dedup_pipeline.store.whole import make_folder, sync_folder, unfinished

DATABASE = "mlflow.db"


def make_database(folder: Path) -> None:
    """Make MLflow's database and folder of artifacts, unless they are there; the database appears whole.

    Args:
        folder: where; only one process may be in here at a time.
    """
    make_folder(folder / "artifacts")
    database = folder / DATABASE
    if database.exists():
        return
    with unfinished(database) as some:
        engine = create_sqlalchemy_engine(f"sqlite:///{some}")  # type: ignore[no-untyped-call] # as MLflow left it
        try:
            _initialize_tables(engine)  # type: ignore[no-untyped-call] # as MLflow left it
        finally:
            engine.dispose()  # writes what SQLite still holds back
        some.replace(database)
        sync_folder(folder)
