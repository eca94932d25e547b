"""img2dataset: one process, as many requests at once as this project, the files as they come."""

import json
import os

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # it would ask the package index at import

from contender import Contest
from img2dataset import download

REQUESTS = 16


def main() -> None:
    """Its workers import this file anew."""
    contest = Contest()
    output = contest.results / "output"
    with contest.timed():
        download(
            url_list=str(contest.data / "urls.txt"),
            output_folder=str(output),
            output_format="webdataset",
            processes_count=1,
            thread_count=REQUESTS,
            resize_mode="no",
            disable_all_reencoding=True,
        )
    fetched = sum(json.loads(file.read_text())["successes"] for file in output.glob("*_stats.json"))
    (contest.results / "fetched.txt").write_text(str(fetched))
    contest.report("img2dataset")


if __name__ == "__main__":
    main()
