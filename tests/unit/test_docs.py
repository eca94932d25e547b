"""The reference is that of the code, and what the docs point at exists."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from dedup_pipeline.cli.settings import settings_page
from dedup_pipeline.stages.chain import STAGES
from docs.draw_rooms import PAGE, drawing, page_with

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "findings" / "README.md"])


def test_the_settings_page_is_that_of_the_code():
    assert (ROOT / "docs" / "reference" / "settings.md").read_text() == settings_page(), "call `make docs`"


def test_the_command_line_page_is_that_of_the_code():
    words = [sys.executable, "-m", "typer", "dedup_pipeline.cli", "utils", "docs", "--name", "dedup"]
    made = subprocess.run(words, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert (ROOT / "docs" / "reference" / "cli.md").read_text().strip() == made.strip(), "call `make docs`"


def test_the_picture_of_the_rooms_is_that_of_the_imports():
    assert PAGE.read_text() == page_with(drawing()), "call `make docs`"


def test_the_hooks_run_what_make_lint_runs():
    recipe = re.search(r"^lint:.*\n\t@(.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[1]
    (own,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert [hook["entry"] for hook in own["hooks"]] == recipe.replace("$(BIN)", ".venv/bin").split(" && ")


def test_every_stage_has_its_heading_in_the_docs():
    headings = re.findall(r"^## (\w+)$", (ROOT / "docs" / "stages.md").read_text(), re.MULTILINE)
    assert [heading for heading in headings if heading in STAGES] == list(STAGES)


def test_every_room_is_on_the_page_of_the_architecture():
    page = (ROOT / "docs" / "architecture.md").read_text()
    named = {
        name.rstrip("/")
        for line in page.splitlines()
        if line.startswith("|")
        for name in re.findall(r"`([\w/]+(?:\.py)?)`", line)
    }
    package = ROOT / "dedup_pipeline"
    rooms = {
        path.relative_to(package).as_posix()
        for top in (package, package / "stages")
        for path in top.iterdir()
        if path.is_dir() or path.suffix == ".py"
    }
    rooms = {room for room in rooms if not room.endswith(("__init__.py", "__main__.py", "__pycache__"))} - {"stages"}
    assert rooms - named == set()
    assert {name for name in named if not any((root / name).exists() for root in (ROOT, package))} == {
        "dedup",  # commands and functions
        "verify",
        "lookup",
        "_table",
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    targets = re.findall(r"\]\(([^)#]+)\)", page.read_text())
    missing = [target for target in targets if "://" not in target and not (page.parent / target).exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_settings_named_in_the_docs_exist(page):
    from dedup_pipeline.config import setting_names
    from dedup_pipeline.config.renamed import RENAMED

    known = {*setting_names(), *(RENAMED if page.name == "CHANGELOG.md" else ())}  # which tells of earlier times
    sections = {name.partition(".")[0] for name in setting_names() if "." in name}
    named = re.findall(r"`(\w+\.\w+)`|--set (\w+\.\w+)=", page.read_text())
    unknown = {a or b for a, b in named if (a or b).partition(".")[0] in sections} - known
    assert {name for name in unknown if not name.endswith((".json", ".md", ".py"))} == set()
