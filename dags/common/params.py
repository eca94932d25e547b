"""The trigger form: fields made from the settings, and the settings of a run made from what was filled in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.sdk import Param

from dedup_pipeline.addresses import showable
from dedup_pipeline.config import Settings, load_settings
from dedup_pipeline.errors import InputError, SettingsError

_READING, _MODEL, _RESULT = "Reading and fetching", "Model", "Verdicts and result"

# field -> (the setting that it sets, its section of the form, its title)
DEDUP_FIELDS: dict[str, tuple[str, str, str]] = {
    "preset": ("ingest.preset", _READING, "Layout of the dump"),
    "category": ("ingest.categories", _READING, "Categories, one a line"),
    "rendition_px": ("ingest.rendition_px", _READING, "Size of the photos in pixels"),
    "max_failure_ratio": ("fetch.max_failure_ratio", _READING, "Share of photos that may fail"),
    "model": ("train.model", _MODEL, "Model"),
    "target_precision": ("match.target_precision", _RESULT, "Precision asked for"),
    "form": ("export.form", _RESULT, "Form of duplicates.json"),
}
_TRAINING = "Training"
TRAINING_FIELDS: dict[str, tuple[str, str, str]] = {
    "backbone": ("train.backbone", _TRAINING, "Backbone"),
    "image_px": ("train.image_px", _TRAINING, "Side of the pictures in pixels"),
    "loss": ("train.loss", _TRAINING, "Loss"),
    "epochs": ("train.epochs", _TRAINING, "Epochs"),
    "learning_rate": ("train.learning_rate", _TRAINING, "Learning rate"),
    "max_photos": ("train.max_photos", _TRAINING, "Photos to train on"),
    "seed": ("seed", _TRAINING, "Seed"),
}
APPROVAL_FIELD: dict[str, tuple[str, str, str]] = {
    "approve_promotion": ("workflow.approve_promotion", _MODEL, "Ask a person before a model becomes champion"),
}
FIELDS = {**DEDUP_FIELDS, **TRAINING_FIELDS, **APPROVAL_FIELD}
# what the settings say in words
_PATTERNS: dict[str, dict[str, Any]] = {
    "train.model": {"pattern": "^(auto|champion|train|[0-9]+)$", "examples": ["auto", "champion", "train"]},
    "train.backbone": {"pattern": r"^[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)?$"},
}
_DUMP_ID = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"


def dump_fields() -> dict[str, Param]:
    """The fields that say which dump is meant."""
    where = showable(load_settings().ingest.dumps)
    return {
        "dump": Param(
            None,
            type=["null", "string"],
            pattern=_DUMP_ID,
            title="Dump",
            section="Dump",
            description_md="Id of the dump, such as `2018-10-05`. Left empty: the partition key of the run, the date "
            "in the name of the file below, or else the newest dump that is there.",
        ),
        "file": Param(
            None,
            type=["null", "string"],
            minLength=1,
            title="File",
            section="Dump",
            description_md=f"CSV, CSV.gz or Parquet, below the folder of `{where}`. Left empty: the dump's own file.",
        ),
    }


def dumps_field() -> dict[str, Param]:
    """The field that names the dumps of a training."""
    return {
        "dumps": Param(
            [],
            type="array",
            items={"type": "string", "pattern": _DUMP_ID},
            title="Dumps, one a line",
            section="Dumps",
            description_md="Ids of dumps that are fingerprinted already, such as `2018-10-05`. Left empty: the newest.",
        )
    }


def setting_fields(fields: Mapping[str, tuple[str, str, str]]) -> dict[str, Param]:
    """A field for each setting, with its limits and its help; prefilled with the value of this deployment.

    Raises:
        SettingsError: the settings of the deployment do not fit.
    """
    settings = load_settings()
    return {name: _field(settings, *described) for name, described in fields.items()}


def _field(settings: Settings, setting: str, section: str, title: str) -> Param:
    holder, _, leaf = setting.rpartition(".")
    owner = getattr(settings, holder) if holder else settings
    schema = dict(type(owner).model_json_schema()["properties"][leaf])
    schema.pop("default", None)
    help_text = f"{schema.pop('description', '')} Setting `{setting}`."
    schema |= _PATTERNS.get(setting, {})
    schema |= {"title": title, "section": section, "description_md": help_text}
    value = getattr(owner, leaf)
    return Param(list(value) if isinstance(value, tuple) else value, **schema)


def text_of(params: Mapping[str, Any], name: str) -> str | None:
    """What a field of ``dump_fields`` holds; Airflow's API has checked its type, what starts runs otherwise has not.

    Raises:
        InputError: no text.
    """
    value = params[name]
    if value is not None and not isinstance(value, str):
        raise InputError(f"field '{name}' takes text, not {_shown(value)}")
    return value


def settings_of(params: Mapping[str, Any]) -> Settings:
    """The settings of a run: those of the deployment under the fields of its form.

    Raises:
        SettingsError: a value does not fit.
    """
    for name in FIELDS.keys() & params.keys():
        value = params[name]
        texts = [text for text in (value if isinstance(value, list) else [value]) if isinstance(text, str)]
        if not all(text.isprintable() for text in texts):
            raise SettingsError(f"field '{name}' = {_shown(value)} holds control characters: write it anew")
    return load_settings(values={setting: params[name] for name, (setting, _, _) in FIELDS.items() if name in params})


def _shown(value: object) -> str:
    """A value in a message, of bounded length."""
    return ascii(value)[:80]
