"""Draw a small world with its traps and write it as a truth folder.

python -m benchmarks.worlds posters --seed 3 .dedup/worlds/posters-3 --sheet posters.jpg
"""

import argparse
from pathlib import Path

from . import WORLDS, write_world
from .sheet import write_sheet


def main() -> None:
    """Write one world."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.worlds", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", choices=list(WORLDS), help="which world")
    parser.add_argument("folder", type=Path, help="to write to: new or empty")
    parser.add_argument("--seed", type=int, default=0, help="of all choices")
    parser.add_argument("--originals", type=int, help="products; re-uploads come on top")
    parser.add_argument("--sheet", type=Path, help="write a contact sheet here, a JPEG")
    options = parser.parse_args()
    write_world(options.folder, options.name, options.seed, options.originals)
    print((options.folder / "counts.json").read_text())
    if options.sheet:
        write_sheet(options.folder, options.sheet)


if __name__ == "__main__":
    main()
