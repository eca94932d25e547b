"""The folder of the stack: its user's alone, with all that its programs write."""

import pytest

from dedup_pipeline.errors import StackError
from dedup_pipeline.stack.layout import Layout

WRITES = """
import pathlib
pathlib.Path({folder!r}, "airflow", "airflow.cfg").write_text("secret_key = 1")
print("password: 1")
"""


def mode(path):
    return path.stat().st_mode & 0o777


def test_what_the_stack_keeps_is_closed_to_others(layout, supervisor, program):
    supervisor.start(program("writer", WRITES.format(folder=str(layout.folder))))
    supervisor.finish("writer", 60)
    assert mode(layout.folder) == 0o700
    assert mode(layout.airflow / "airflow.cfg") == 0o600
    assert mode(supervisor.log_file("writer")) == 0o600


def test_a_folder_that_was_open_is_closed(layout):
    layout.folder.chmod(0o755)
    Layout.at(layout.folder)
    assert mode(layout.folder) == 0o700


def test_a_folder_of_somebody_else_is_refused(foreign_folder):
    with pytest.raises(StackError, match="is not a folder of this user"):
        Layout.at(foreign_folder)
    assert not (foreign_folder / "airflow").exists()
