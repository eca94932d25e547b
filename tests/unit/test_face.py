"""What `import dedup_pipeline` offers."""

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pandas as pd
import pytest

import dedup_pipeline as dedup
from dedup_pipeline.errors import NotReadyError
from library_alone import call, link_library
from tiny_shop import DUMP, write_tiny_shop

HEAVY = {"cv2", "mlflow", "numpy", "pandas", "pyarrow", "torch"}


def modules_after(code):
    """The top-level modules that some code has imported in a fresh Python."""
    code += "\nimport sys; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.fixture(scope="module")
def without_airflow(tmp_path_factory):
    """The packages of the library alone."""
    return link_library(tmp_path_factory.mktemp("alone") / "packages")


def test_importing_the_package_imports_nothing_heavy():
    assert modules_after("import dedup_pipeline; dir(dedup_pipeline)") & HEAVY == set()
    assert modules_after("import dedup_pipeline; dedup_pipeline.load_settings()") & HEAVY == set()


def test_reading_results_imports_no_network():
    assert modules_after("import dedup_pipeline; dedup_pipeline.read_pairs") & {"cv2", "mlflow", "torch"} == set()


def test_names_are_those_that_a_type_checker_sees():
    tree = ast.parse(Path(dedup.__file__).read_text())
    seen = {
        alias.name: statement.module
        for block in tree.body
        if isinstance(block, ast.If) and isinstance(block.test, ast.Name)
        for statement in block.body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }
    assert sorted(seen) == sorted(dedup.__all__)
    assert set(dedup.__all__) <= set(dir(dedup))
    for name, module in seen.items():
        assert getattr(dedup, name) is getattr(import_module(module), name)
        assert getattr(dedup, name).__doc__


def test_other_names_are_refused_as_of_any_module():
    assert not hasattr(dedup, "read_pears")
    with pytest.raises(ImportError, match="read_pears"):
        from dedup_pipeline import read_pears  # noqa: F401
    from dedup_pipeline import schemas

    assert schemas.PAIRS


def test_a_stage_runs_and_is_not_done_twice(tmp_path):
    settings = write_tiny_shop(tmp_path / "store", products=4)
    assert dedup.run_stage(settings, "fingerprint", DUMP).reused


def test_what_cannot_be_run_is_named_in_one_sentence(tmp_path):
    settings = dedup.load_settings(values={"store": str(tmp_path / "store")})
    with pytest.raises(dedup.InputError, match=r"no stage 'matching': take one of ingest, .*, record"):
        dedup.run_stage(settings, "matching", DUMP)
    with pytest.raises(dedup.InputError, match=r"dump id '../up' is not usable"):
        dedup.run_stage(settings, "match", "../up")
    with pytest.raises(dedup.InputError, match="Give a catalog, or the id of a dump"):
        dedup.run(settings)
    with pytest.raises(dedup.InputError, match=r"'shop\.csv' has no date in its name"):
        dedup.run(settings, Path("shop.csv"))
    with pytest.raises(dedup.InputError, match=r"catalogs/2018-10-05\.csv"):
        dedup.run(settings, dump_id=DUMP)
    with pytest.raises(dedup.InputError, match="0 listings cannot be found"):
        dedup.lookup(settings, tmp_path / "a.jpg", count=0)
    with pytest.raises(dedup.InputError, match=r"there is no file '.*a.jpg'"):
        dedup.verify(settings, tmp_path / "a.jpg", tmp_path / "b.jpg")
    assert not (tmp_path / "store" / "dumps").exists()


@pytest.mark.parametrize("read", [dedup.read_pairs, dedup.read_groups, dedup.read_summary])
def test_a_dump_that_is_not_exported_says_so(read, tmp_path):
    settings = dedup.load_settings(values={"store": str(tmp_path)})
    # what lies there without its manifest is unfinished, or somebody else's
    (tmp_path / "exports" / DUMP).mkdir(parents=True)
    pd.DataFrame({"id_a": ["A"]}).to_parquet(tmp_path / "exports" / DUMP / "pairs.parquet")
    with pytest.raises(NotReadyError, match="no finished 'export'"):
        read(settings, DUMP)


@pytest.mark.parametrize("words", [["up"], ["demo"], ["airflow", "version"], ["down"]], ids=" ".join)
def test_the_stack_without_airflow_tells_what_to_install(words, without_airflow, tmp_path):
    done = call(without_airflow, "-m", "dedup_pipeline", *words, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == "dedup: Airflow is not installed: call pip install 'dedup-pipeline[airflow]'\n"
    assert list(tmp_path.iterdir()) == []
