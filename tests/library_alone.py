"""Python with what `pip install .` brings and nothing else: no Airflow, though this environment has it."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]


def installed_by(requirements: Path) -> set[str]:
    """The names of the distributions that a requirements file brings, those that they need included."""
    lines = (line.partition("#")[0].strip() for line in requirements.read_text().splitlines())
    waiting = [Requirement(line) for line in lines if line]
    seen: set[tuple[str, str]] = set()
    while waiting:
        asked = waiting.pop()
        for extra in ("", *asked.extras):
            if (asked.name, extra) in seen:
                continue
            seen.add((asked.name, extra))
            needed = map(Requirement, distribution(asked.name).requires or ())
            waiting += [some for some in needed if some.marker is None or some.marker.evaluate({"extra": extra})]
    return {name for name, _ in seen}


def link_library(folder: Path) -> Path:
    """Fill a folder with links to the packages of the library, and return it."""
    folder.mkdir()
    for name in {*installed_by(ROOT / "requirements-library.in"), "dedup-pipeline"}:
        found = distribution(name)
        for top in {file.parts[0] for file in found.files or () if file.parts[0] != ".."}:
            link = folder / top
            if not link.exists():
                link.symlink_to(Path(str(found.locate_file(top))))
    return folder


def call(folder: Path, *words: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python with the packages of a folder of ``link_library``.

    Args:
        folder: the packages.
        words: what follows ``python``.
        cwd: the working folder.
        environment: variables on top of this process's own, of which its settings are left out.
    """
    own = {name: value for name, value in os.environ.items() if not name.startswith("DEDUP_")}
    path = os.pathsep.join([str(ROOT), str(folder)])
    return subprocess.run(
        [sys.executable, "-S", *words],  # without the environment's own packages
        env=own | {"PYTHONPATH": path} | environment,
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )
