"""Does a dump make sense as a whole? What is no catalog is refused in one sentence, before it takes all there is."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from dedup_pipeline.errors import InputError
from dedup_pipeline.schemas import RejectReason
from dedup_pipeline.wording import tidy

UNREAD = (RejectReason.MALFORMED, RejectReason.NO_ID)
MOST_WASTE = 1_000_000  # blank lines, malformed rows and rows without id, where they are nearly all there is
_WASTE_SHARE = 0.9
SPARE_IDS = 5_000_000  # that families may name beyond those of a few for each row
_IDS_OF_A_ROW = 20
_COUNTED_CATEGORIES = 1000
_TOLD_CATEGORIES = 8
_NAME_CHARS = 60


@dataclass
class Tally:
    """What became of the rows read so far.

    Attributes:
        rows: listings and rejects.
        listings: how many are listings.
        reasons: how many are rejects, by reason.
        blank: lines without a row.
        ids: distinct ids of rows and of families.
        categories: how many rows have which category, of those left out for it before there was any listing.
        example: where and why the first row without id or fields came; empty where there is none.
    """

    rows: int = 0
    listings: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    blank: int = 0
    ids: int = 0
    categories: Counter[str] = field(default_factory=Counter)
    example: str = ""

    def count_categories(self, names: Sequence[str | None]) -> None:
        """Count the categories of rows that were left out for them."""
        for name in names:
            if name is not None and (name in self.categories or len(self.categories) < _COUNTED_CATEGORIES):
                self.categories[name] += 1

    def check(self, catalog: str) -> None:
        """Refuse what is no catalog.

        Raises:
            InputError: nearly all lines hold no row with an id, or families name far more ids than there are rows.
        """
        malformed, without_id = (self.reasons[reason] for reason in UNREAD)
        waste, lines = self.blank + malformed + without_id, self.rows + self.blank
        if waste > MOST_WASTE and waste > _WASTE_SHARE * lines:
            raise InputError(
                f"{catalog} is no catalog as it is read: of its first {lines} lines {self.blank} are blank, "
                f"{malformed} malformed and {without_id} without id{self.example and f' (line {self.example})'}: "
                "check ingest.preset, ingest.columns and ingest.delimiter"
            )
        if self.ids > SPARE_IDS + _IDS_OF_A_ROW * self.rows:
            raise InputError(
                f"{catalog} names {self.ids} ids in the families of its first {self.rows} rows, more than a catalog "
                "does: check which column holds the family"
            )

    def check_listings(self, catalog: str, wanted: Sequence[str], rejects: str) -> None:
        """Refuse a dump that leaves nothing to work on.

        Args:
            catalog: the dump.
            wanted: the categories asked for.
            rejects: where its rows lie.

        Raises:
            InputError: there is no listing.
        """
        if self.listings:
            return
        reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(self.reasons.items()))
        text = f"{catalog} leaves no listing: all of its {self.rows} rows are rejects ({reasons}), kept in {rejects}"
        if self.reasons[RejectReason.CATEGORY]:
            asked = " or ".join(f"'{tidy(name, _NAME_CHARS)}'" for name in wanted)
            told = [f"'{tidy(name, _NAME_CHARS)}' ({self.categories[name]})" for name in self._nearest(wanted)]
            text += f"; no row has the category {asked}, there are {', '.join(told) or 'no categories'}"
        raise InputError(f"{text}: change the settings, or export the catalog again")

    def _nearest(self, wanted: Sequence[str]) -> list[str]:
        """Some of the categories that are there: first those with names like the wanted, then those of most rows."""
        folded = {name.casefold()[:_NAME_CHARS]: name for name in self.categories}
        near = [
            folded[found]
            for name in wanted
            for found in difflib.get_close_matches(name.casefold()[:_NAME_CHARS], folded, n=2)
        ]
        common = [name for name, _ in self.categories.most_common()]
        return list(dict.fromkeys(near + common))[:_TOLD_CATEGORIES]
