"""Render a shop in another guise, and write it as a truth folder.

python -m benchmarks.rehearsal shops/phone --style phone --edits unseen
"""

import argparse
from pathlib import Path

from dedup_pipeline.errors import InputError

from .shop import EDITS, STYLES, write_rehearsal_shop


def main() -> None:
    """Write one shop."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.rehearsal",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, help="to write to: new or empty")
    parser.add_argument("--style", choices=list(STYLES), default="studio", help="how the originals are photographed")
    parser.add_argument("--edits", choices=list(EDITS), default="known", help="how strong re-uploads are made")
    parser.add_argument("--seed", type=int, default=7, help="of all choices")
    parser.add_argument("--products", type=int, default=260, help="re-uploads come on top")
    options = vars(parser.parse_args())
    folder = options.pop("folder")
    try:
        counts = write_rehearsal_shop(folder, **options)
    except InputError as error:
        parser.error(str(error))
    print(f"{folder}: {counts.listings} listings, {counts.photos} photos, {counts.true_photo_pairs} true pairs")


if __name__ == "__main__":
    main()
