"""The photos of an ablation: what is learned from, and what is measured on, with the truth of a catalog."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from dedup_pipeline.augmentation.reuploads import Strength, generator_of, recolour, reupload
from dedup_pipeline.config import Settings
from dedup_pipeline.evaluate.splits import ALL, split_of
from dedup_pipeline.listings.images import listings_showing
from dedup_pipeline.model.preprocess import prepare
from dedup_pipeline.pictures.decode import Picture
from dedup_pipeline.sample import serving_catalog
from dedup_pipeline.stages.chain import run_stage
from dedup_pipeline.store import Store, digest
from dedup_pipeline.store.packs import images_of
from training.dataset import PhotoDataset, load_photos, subset
from training.false_negatives import components
from training.validation import ValidationSet

DUMP = "ablation"
HELD_OUT = 1 / 3
STRENGTHS: tuple[Strength, ...] = (1, 2, 3)
DRAWS, RECOLOURS = 2, 2
_SEED = 20_220_210  # of what is measured on: the same for every configuration and seed of it
_VIEWS, _COLOUR = 1, 2
Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Measured:
    """What a configuration is measured on.

    Attributes:
        validation: queries first: re-uploads of held-out photos, simulated ones and those of the catalog; then the
            gallery: the held-out photos, their recolours, and strangers. The strengths of the catalog's are its levels.
        own: (Q,) bool, the queries that are re-uploads of the catalog itself.
    """

    validation: ValidationSet
    own: npt.NDArray[np.bool_]


def prepare_store(settings: Settings, folder: Path, split: str) -> pd.DataFrame:
    """Run ingest, fetch and fingerprint on a catalog.

    Returns:
        What is known of the photos of a split, by image id: photo_group, level, family (all text), style.
    """
    Path(settings.store).mkdir(parents=True, exist_ok=True)
    catalog = Path(settings.store) / "catalog-local.csv"
    with serving_catalog(settings, folder, catalog) as served:
        for stage in ("ingest", "fetch", "fingerprint"):
            run_stage(served, stage, DUMP, catalog=str(catalog) if stage == "ingest" else None)
    store = Store(settings.store)
    shown = pa.Table.from_batches(listings_showing(store, DUMP, images_of(store, DUMP), ["listing_id"])).to_pandas()
    images = shown.set_index("listing_id")["image_id"]
    known = pd.read_csv(folder / "photos.csv", dtype=str, keep_default_na=False)
    known = known[(known["kind"] == "photo") & (known["scored"] == "1")]
    known = known.assign(image_id=known["productId"].map(images)).dropna(subset=["image_id"])
    known["style"] = known["style"].where(known["style"].ne(""), known["family"])
    known["family"] = _families(known, folder / "ignore.csv")
    known = known[[split in {ALL, split_of(style)} for style in known["style"]]]
    return known.sort_values("productId").drop_duplicates("image_id").set_index("image_id").sort_index()


def _families(known: pd.DataFrame, ignored: Path) -> Numbers:
    """The families of listings, joined where the truth says that two are neither duplicates nor others."""
    row_of = {listing: row for row, listing in enumerate(known["productId"])}
    first = known.groupby("family")["productId"].transform("first").map(row_of)
    pairs = list(enumerate(first))
    if ignored.exists():
        rows = pd.read_csv(ignored, dtype=str, keep_default_na=False)
        both = zip(rows["id_a"].map(row_of), rows["id_b"].map(row_of), strict=True)
        pairs += [(int(a), int(b)) for a, b in both if not np.isnan([a, b]).any()]
    return components(len(known), pairs)


def divided(settings: Settings, known: pd.DataFrame) -> tuple[PhotoDataset, PhotoDataset]:
    """The photos to learn from, as the train stage would see them, and those of the styles that are held out."""
    photos = load_photos(Store(settings.store), settings, [DUMP])
    photos = subset(photos, np.isin(photos.image_ids, known.index))
    styles = known.loc[list(photos.image_ids), "style"]
    order = sorted(set(styles), key=lambda style: digest("ablation", style))
    held_out = styles.isin(order[: round(HELD_OUT * len(order))]).to_numpy()
    same_family = np.isin(photos.families, photos.families[held_out])
    return subset(replace(photos, held_out=held_out), ~same_family), subset(photos, held_out)


def measured_on(strangers: PhotoDataset, held_out: PhotoDataset, known: pd.DataFrame, image_px: int) -> Measured:
    """Make the queries and the gallery; the truth says which photos are one, not the fingerprints.

    Args:
        strangers: the photos that are learned from; none of them shows a held-out style.
        held_out: the others.
        known: as of ``prepare_store``.
        image_px: side of the pictures.
    """
    facts = known.loc[list(held_out.image_ids)].assign(row=range(len(held_out)))
    sources = facts.sort_values(["level"], key=lambda level: level.replace("base", ""), kind="stable")
    sources = sources.drop_duplicates("photo_group").sort_values("row")
    number = {group: place for place, group in enumerate(sources["photo_group"])}
    queries, own, gallery = [], [], []

    def row(picture: Picture, label: int, family: int, *, origin: int, strength: int = 0) -> tuple[object, ...]:
        return prepare(picture, image_px), label, origin, family, strength

    for image_id, fact in facts.iterrows():
        picture, label, family = held_out.pictures[fact["row"]], number[fact["photo_group"]], int(fact["family"])
        if image_id not in sources.index:
            queries.append(row(picture, label, family, origin=label, strength=int(fact["level"].replace("base", "0"))))
            own.append(True)
            continue
        gallery.append(row(picture, label, family, origin=label))
        for strength in STRENGTHS:
            for draw in range(DRAWS):
                view = reupload(picture, strength, generator_of(_SEED, _VIEWS, label, strength, draw))
                queries.append(row(view, label, family, origin=label, strength=strength))
                own.append(False)
        for which in range(RECOLOURS):
            painted = recolour(picture, generator_of(_SEED, _COLOUR, label, which))
            if painted is not None:
                gallery.append(row(painted, -1 - RECOLOURS * label - which, family, origin=label))
    families_of_strangers = known.loc[list(strangers.image_ids), "family"].tolist()
    for place, (picture, family) in enumerate(zip(strangers.pictures, families_of_strangers, strict=True)):
        label = len(number) + place
        gallery.append(row(picture, label, family, origin=label))
    pictures, *columns = zip(*queries, *gallery, strict=True)
    labels, origins, families, strengths = (np.array(column, dtype=np.int64) for column in columns)
    validation = ValidationSet(np.stack(pictures), len(queries), labels, origins, families, strengths)
    return Measured(validation, np.array(own))
