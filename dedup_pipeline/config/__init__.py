"""The settings: what each stage takes, and how flags, the environment and a file make them."""

from dedup_pipeline.config.load import load_settings
from dedup_pipeline.config.names import setting_names
from dedup_pipeline.config.sections import (
    EmbedSettings,
    ExportSettings,
    FetchSettings,
    IndexSettings,
    IngestSettings,
    MatchSettings,
    TrackingSettings,
    TrainSettings,
    WorkflowSettings,
)
from dedup_pipeline.config.settings import CONFIG_VARIABLE, ENVIRONMENT_PREFIX, Settings

__all__ = [
    "CONFIG_VARIABLE",
    "ENVIRONMENT_PREFIX",
    "EmbedSettings",
    "ExportSettings",
    "FetchSettings",
    "IndexSettings",
    "IngestSettings",
    "MatchSettings",
    "Settings",
    "TrackingSettings",
    "TrainSettings",
    "WorkflowSettings",
    "load_settings",
    "setting_names",
]
