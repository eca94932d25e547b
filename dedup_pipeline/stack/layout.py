"""Where the stack keeps things: one folder that can be deleted as a whole."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dedup_pipeline.errors import InputError, StackError
from dedup_pipeline.private import private_folder


@dataclass(frozen=True)
class Layout:
    """The places below the stack's folder.

    Args:
        folder: an absolute path; `Layout.at` makes one.
    """

    folder: Path

    @classmethod
    def at(cls, folder: Path) -> Layout:
        """The layout of a folder, made when it is not there and closed to others, as it holds passwords and keys.

        Raises:
            StackError: the folder cannot be made, or is somebody else's.
        """
        layout = cls(Path(folder).absolute())
        try:
            private_folder(layout.folder)
            for place in (layout.airflow, layout.mlflow, layout.catalogs, layout.logs):
                place.mkdir(exist_ok=True)
        except InputError as error:
            raise StackError(str(error)) from None
        except OSError as error:
            raise StackError(f"the stack cannot keep its files in {layout.folder}: {error.strerror}") from error
        return layout

    @property
    def airflow(self) -> Path:
        """AIRFLOW_HOME: configuration, database, task logs."""
        return self.folder / "airflow"

    @property
    def mlflow(self) -> Path:
        """MLflow's database and artifacts."""
        return self.folder / "mlflow"

    @property
    def store(self) -> Path:
        """The pipeline's store."""
        return self.folder / "store"

    @property
    def catalogs(self) -> Path:
        """Where people put dumps, as `<dump id>.csv`."""
        return self.folder / "catalogs"

    @property
    def sample(self) -> Path:
        """The rendered sample shop."""
        return self.folder / "sample"

    @property
    def logs(self) -> Path:
        """What the services print."""
        return self.folder / "logs"

    @property
    def state(self) -> Path:
        """Which services run, and where."""
        return self.folder / "stack.json"

    @property
    def passwords(self) -> Path:
        """The passwords of Airflow's users, generated at the first start."""
        return self.airflow / "simple_auth_manager_passwords.json.generated"

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep every other command off the folder; the system drops the lock of a process that dies.

        Raises:
            StackError: another command works in the folder.
        """
        with (self.folder / "lock").open("a+", encoding="ascii") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                holder = file.read().strip() or "unknown"
                raise StackError(
                    f"another command (process {holder}) works on the stack in {self.folder}: wait for it, "
                    "or end it with Ctrl-C where it runs"
                ) from None
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            yield
