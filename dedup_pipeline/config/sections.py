"""The settings of each stage: types, ranges, defaults and what they mean."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from dedup_pipeline.config.decode_limits import USUAL, Limits
from dedup_pipeline.config.kinds import (
    Backbone,
    Band,
    DumpsPattern,
    ExperimentName,
    Mapped,
    ModelName,
    WhichModel,
    Words,
)

_LENIENCE = 4  # times the seconds that fetch gave a picture


class Section(BaseModel):
    """A group of settings that belong to one stage."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def stored(self, *, include: set[str] | None = None, exclude: set[str] | None = None) -> dict[str, Any]:
        """Plain values for keys, manifests and MLflow, by the names that stores know.

        A setting that was renamed keeps its first name there (``serialization_alias``), so that what was done before
        the renaming stays done.

        Args:
            include: names of these settings alone; by default all.
            exclude: names of settings to leave out.
        """
        return self.model_dump(mode="json", by_alias=True, include=include, exclude=exclude)


class IngestSettings(Section):
    """Reading a dump."""

    dumps: DumpsPattern = Field(
        "catalogs/{dump_id}.csv",
        description="Where dumps lie: a path or URL in which `{dump_id}` stands for the id of a dump. Whoever may "
        "start a run may name any file below its folder.",
    )
    preset: Literal["flipkart", "google_merchant", "shopify", "columns"] = Field(
        "flipkart", description="Layout of the dump; `columns` takes its names from `ingest.columns` alone."
    )
    columns: Mapped = Field(
        default_factory=dict,
        description="Field to column name (`id=sku,image=photo`), overriding the preset. Fields: id, image, family, "
        "title, brand, category, seller, colour, price.",
    )
    categories: Words = Field(
        (),
        description="Keep listings whose most specific category is one of these, whatever the case; empty keeps all.",
    )
    rendition_px: int = Field(
        400, ge=64, le=4000, description="Of several sizes of a photo, take the one nearest to this."
    )
    delimiter: str = Field(",", min_length=1, max_length=1, description="Separator of the fields of a CSV file.")
    chunk_rows: int = Field(50_000, ge=100, description="Rows handled at a time; bounds the memory.")
    max_field_chars: int = Field(1_000_000, ge=1000, description="A longer field makes the row a reject.")


class FetchSettings(Section):
    """Fetching images."""

    threads: int = Field(16, ge=1, le=256, description="Requests in flight at once.")
    connections_per_host: int = Field(8, ge=1, le=256, description="At most so many of them to one host.")
    rate_per_host: float = Field(0.0, ge=0, description="Requests a second to one host; 0 sets no limit.")
    connect_timeout: float = Field(5.0, gt=0, description="Seconds to connect.")
    read_timeout: float = Field(15.0, gt=0, description="Seconds between two bytes.")
    total_timeout: float = Field(60.0, gt=0, description="Seconds for one answer in all.")
    host_seconds: float = Field(
        600.0,
        ge=0,
        description="Seconds, within one pack, that a host may go without completing any answer before it is given up; "
        "0 sets no limit.",
    )
    retries: int = Field(4, ge=0, le=20, description="Further tries after 429, 5xx, a reset or a timeout.")
    backoff: float = Field(0.5, ge=0, description="Seconds before the first further try; doubles each time, jittered.")
    max_backoff: float = Field(30.0, ge=0, description="Longest wait in seconds, a Retry-After included.")
    max_bytes: int = Field(20_000_000, ge=1000, description="A longer body is cut off and counted as too large.")
    max_pixels: int = Field(USUAL.pixels, ge=10_000, description="A picture with more pixels is refused undecoded.")
    decode_seconds: float = Field(
        USUAL.seconds, gt=0, le=3600, description="Seconds of a processor that decoding one picture may take."
    )
    decode_bytes: int = Field(
        USUAL.bytes,
        ge=16_000_000,
        description="Memory that a process may take for all pictures that it decodes at once.",
    )
    max_redirects: int = Field(5, ge=0, le=20, description="Redirects followed, each checked like the first URL.")
    max_failure_ratio: float = Field(
        0.2, ge=0, le=1, description="Share of a dump's photos that may fail before the run stops."
    )
    retry_failed_after_days: float = Field(7.0, ge=0, description="A later dump tries a failed URL again after this.")
    pack_images: int = Field(1000, ge=1, le=100_000, description="URLs in a pack, the unit of parallel work.")
    allow_hosts: Words = Field(
        (), description="Hosts (`name` or `name:port`) that may lie inside the network; all others must be public."
    )
    user_agent: str = Field("dedup-pipeline/0.1", description="The `User-Agent` of requests.")

    @property
    def limits(self) -> Limits:
        """What a picture that is fetched may take."""
        return Limits(self.max_pixels, self.decode_seconds, self.decode_bytes)

    @property
    def lenient_limits(self) -> Limits:
        """What one that the store holds may take: what was just within the limit must not fail on a busier machine."""
        return replace(self.limits, seconds=_LENIENCE * self.decode_seconds)


class TrainSettings(Section):
    """Training the embedder and calibrating it on the dump."""

    model: WhichModel = Field(
        "auto", description="`champion`, `train`, a model version, or `auto`: champion, else train."
    )
    backbone: Backbone = Field(
        "tf_efficientnet_lite0",
        description="An architecture of timm, with or without the tag of its weights; the default needs no download.",
    )
    weights: str = Field("", description="Weights file of the backbone; empty takes the packaged or timm's own.")
    image_px: int = Field(160, ge=32, le=1024, description="Side of the square that the network sees, in pixels.")
    dimension: int = Field(128, ge=8, le=2048, description="Length of an embedding.")
    pooling: Literal["gem", "avg", "own"] = Field(
        "gem",
        description="Of the feature map: generalised mean, average, or the backbone's own; `own` where it has none.",
    )
    loss: Literal["triplet", "contrastive", "infonce"] = Field("triplet", description="Loss of the training.")
    margin: float = Field(
        0.2, gt=0, le=2, description="Margin of `triplet` and `contrastive`, in cosine distance; `infonce` has none."
    )
    temperature: float = Field(
        0.05, gt=0, le=10, description="Temperature of `infonce`: the smaller it is, the more the nearest pairs count."
    )
    koleo_weight: float = Field(
        1.0,
        serialization_alias="spread",
        ge=0,
        le=1000,
        description="Of `infonce`: weight of the KoLeo term, which spreads the embeddings; 0 leaves it out.",
    )
    miner: Literal["semihard", "hard", "all"] = Field(
        "semihard",
        description="Which negatives (photos of other families) `triplet` and `infonce` push away: those farther than "
        "the copy, those nearer, or both. Duplicates hidden in the dump are mostly among the nearer ones.",
    )
    recolours: float = Field(
        0.25, ge=0, le=0.5, description="Share of a batch's products that are recolours of others, as hard negatives."
    )
    reuploads: Literal["light", "usual", "strong"] = Field(
        "usual", description="How strongly the simulated re-uploads of the training are edited."
    )
    epochs: int = Field(4, ge=1, le=1000, description="Passes over the training families.")
    products_per_batch: int = Field(16, ge=2, le=4096, description="P of the P x K sampler.")
    views_per_product: int = Field(4, ge=2, le=64, description="K of the P x K sampler.")
    learning_rate: float = Field(3e-4, gt=0, le=1, description="Peak; it rises for a fifth of the steps, then falls.")
    backbone_rate: float = Field(
        0.1, ge=0, le=1, description="Learning rate of the backbone, as a share of `train.learning_rate`; 0 freezes it."
    )
    frozen_stages: int = Field(
        5, ge=0, description="First stages of the backbone that keep their weights, the stem being one; 0 trains all."
    )
    weight_decay: float = Field(1e-4, ge=0, le=1, description="Weight decay of AdamW.")
    max_photos: int = Field(2000, ge=16, description="Photos used for training, drawn by seed when there are more.")
    validation_share: float = Field(0.2, gt=0, lt=0.9, description="Share of the families held out.")
    precision: Literal["auto", "32", "16-mixed", "bf16-mixed"] = Field(
        "auto", description="Arithmetic; `auto` is 32 bit on CPU and mixed on GPU."
    )
    promote: bool = Field(True, description="Make the model champion when it beats the present one.")
    min_gain_kept: float = Field(
        0,
        serialization_alias="least_gain_kept",
        ge=0,
        le=1,
        description="`auto` trains on the dump instead of reusing a champion that keeps less than this share of what "
        "its training gained; 0 always reuses it, and the run only notes the share.",
    )


class EmbedSettings(Section):
    """Computing embeddings."""

    runtime: Literal["auto", "openvino", "torch"] = Field("auto", description="`auto`: torch on GPU, OpenVINO on CPU.")
    batch: int = Field(32, ge=1, le=4096, description="Pictures in one inference.")


class IndexSettings(Section):
    """The nearest-neighbour index."""

    library: Literal["auto", "annoy", "faiss"] = Field(
        "auto", description="What finds neighbours. `auto`: Annoy up to 10,000 pictures, faiss beyond: it finds more."
    )
    trees: int = Field(50, ge=1, le=1000, description="Annoy trees: more find more and take more memory.")
    search_k: int = Field(
        -1,
        serialization_alias="search_nodes",
        ge=-1,
        description="Nodes of Annoy that a query looks at, in each file; -1 is trees times neighbours.",
    )
    nlist: int = Field(
        0,
        serialization_alias="cells",
        ge=0,
        description="Cells of faiss's IVF index; 0 is 4 times the square root of the number of vectors.",
    )
    nprobe: int = Field(
        0,
        serialization_alias="probes",
        ge=0,
        le=10_000,
        description="Cells of faiss that a query looks at: more find more. 0 is 32 up to 300,000 vectors, and grows "
        "with their fourth root beyond.",
    )
    part_vectors: int = Field(
        4_000_000, ge=10, description="Vectors in a file of the index, the unit of parallel work; bounds the memory."
    )
    neighbours: int = Field(30, ge=1, le=1000, description="Nearest neighbours that become candidates.")
    recall_sample: int = Field(500, ge=1, description="Queries compared with exact search after each build.")


class MatchSettings(Section):
    """Candidates and verdicts."""

    target_precision: float = Field(0.99, gt=0.5, lt=1, description="Precision that the accepted pairs should reach.")
    min_probability: float = Field(
        0.9,
        serialization_alias="least_probability",
        ge=0.5,
        le=1,
        description="Lowest probability of an accepted pair, whatever the precision asked for.",
    )
    hash_radius: int = Field(8, ge=0, le=15, description="Hamming radius of the perceptual join, in bits of 64.")
    placeholder_families: int = Field(
        6, ge=3, description="A picture shared by so many families with nothing in common is a placeholder."
    )
    crowd_families: int = Field(
        50,
        ge=3,
        description="A picture shared by so many families, of one brand even, is a placeholder where their titles "
        "differ and with these their categories, colours or prices.",
    )
    crowded_hash: int = Field(
        200, ge=2, description="A perceptual hash shared by more nodes than this makes no candidates."
    )
    calibration_photos: int = Field(
        400,
        ge=20,
        description="Photos that the verdicts are calibrated on. What a smaller dump lacks of them is filled up with "
        "photos of made-up shops that come with the package.",
    )
    aligned_pairs_per_photo: int = Field(
        5,
        serialization_alias="laid_pairs",
        ge=1,
        le=100,
        description="Pairs of a photo that are aligned, at most and beside those of its re-uploads, by what decoys "
        "need. Fewer cost less, and lose re-uploads of kinds that nobody simulates.",
    )
    reprints: bool = Field(
        False,
        description="Whether the shop sells the same product with many motifs, as shops of printed garments, labelled "
        "bottles or cases do. Such pairs are ruled out anyway; where each product is expected to have them, the "
        "threshold is stricter.",
    )
    recalibrate_from: float = Field(
        0.1,
        ge=0,
        le=1,
        description="Share of the pictures, new or gone since an earlier dump, from which the verdicts are calibrated "
        "anew; below it they rest on what that dump was calibrated to. 0 always calibrates anew.",
    )
    texts: bool = Field(
        True,
        description="Let title, brand, colour, category, seller and price of listings count beside the pictures.",
    )
    part_nodes: int = Field(5_000, ge=10, description="Nodes in a part, the unit of parallel matching.")


class ExportSettings(Section):
    """The files that others read."""

    form: Literal["listing", "canonical", "separate"] = Field(
        "listing",
        description="duplicates.json: every listing with its duplicates; each group once under its canonical id; or "
        "the latter with each duplicate in a list of its own.",
    )
    minimum_score: float = Field(0.01, ge=0, le=1, description="Pairs below this probability are left out of pairs.*.")
    pairs_up_to: int = Field(
        100,
        ge=2,
        description="Listings of a group of which every pair is named in pairs.* and duplicates.json. A larger group "
        "is named as a star: each listing with the canonical one alone.",
    )
    review_band: Band = Field(
        (0.1, 0.9),
        description="Lowest and highest probability (`0.1,0.9`, both included) of the pairs of pictures in review.csv; "
        "one above that is not accepted is there too.",
    )
    review_rows: int = Field(2000, ge=0, le=1_000_000, description="Rows of review.csv at most, the most useful first.")


class TrackingSettings(Section):
    """MLflow."""

    uri: str = Field("", description="MLflow tracking URI; empty is a SQLite file inside a local store.")
    pages: str = Field("", description="Address of MLflow for links in a browser, if it is not `tracking.uri`.")
    experiment: ExperimentName = Field("catalog-dedup", description="MLflow experiment of the training runs.")
    runs_experiment: ExperimentName = Field(
        "catalog-dedup-runs", description="MLflow experiment of the runs over dumps."
    )
    model_name: ModelName = Field("embedder", description="Name of the registered model.")


class WorkflowSettings(Section):
    """The Airflow DAGs."""

    schedule: str = Field(
        "0 0 * * *", description="Cron expression (UTC) of the scheduled runs; each takes its day's dump."
    )
    missing_dump: Literal["wait", "skip"] = Field(
        "wait", description="What a scheduled run does while its dump is not there."
    )
    wait_hours: float = Field(20.0, gt=0, le=24 * 7, description="Hours that it waits before it fails.")
    poll_seconds: float = Field(300.0, ge=1, description="Seconds between two checks for the dump.")
    max_mapped_tasks: int = Field(
        64,
        serialization_alias="most_mapped_tasks",
        ge=1,
        le=1024,
        description="The packs and parts of a stage are divided into at most so many tasks.",
    )
    retries: int = Field(5, ge=0, le=100, description="Further tries of a task after an error that may pass.")
    retry_seconds: float = Field(
        15.0, ge=0, description="Seconds before the first of them; doubles each time, a quarter of an hour at most."
    )
    gpu_queue: str = Field("default", min_length=1, description="Celery queue of the tasks that a GPU makes faster.")
    fetch_queue: str = Field(
        "default",
        min_length=1,
        description="Celery queue of the tasks that fetch and first decode pictures.",
    )
    approve_promotion: bool = Field(False, description="Ask a person before a better model becomes champion.")
    approval_hours: float = Field(24.0, gt=0, description="Hours that the question stays open.")
    approval_default: Literal["Approve", "Reject"] = Field("Reject", description="The answer if nobody gives one.")
