"""pandas.read_csv of the same dump: all columns, or (nine) those that ingest uses."""

import pandas as pd
from contender import Contest

NINE = [
    "productId", "imageUrlStr", "productFamily", "title", "productBrand", "categories", "sellerName", "color",
    "sellingPrice",
]  # fmt: skip

contest = Contest()
columns = NINE if contest.arguments else None
with contest.timed():
    table = pd.read_csv(contest.data / "clean.csv", on_bad_lines="skip", low_memory=False, usecols=columns)
contest.report("pandas", rows=len(table))
