"""All settings of a run: one typed model that makes the flags, the environment variables and the reference table."""

from __future__ import annotations

import os

from pydantic import Field
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from dedup_pipeline.config.renamed import Environment, TomlFile
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

ENVIRONMENT_PREFIX = "DEDUP_"
CONFIG_VARIABLE = "DEDUP_CONFIG"


class Settings(BaseSettings):
    """All settings of a run."""

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT_PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        nested_model_default_partial_update=True,
    )

    store: str = Field(".dedup/store", description="Folder or fsspec URL (`s3://bucket/prefix`) that holds all data.")
    seed: int = Field(7, ge=0, lt=2**31, description="Seed of everything random.")
    threads: int = Field(0, ge=0, le=256, description="Threads of decoding and arithmetic; 0 takes all cores.")
    ingest: IngestSettings = Field(default_factory=IngestSettings)
    fetch: FetchSettings = Field(default_factory=FetchSettings)
    train: TrainSettings = Field(default_factory=TrainSettings)
    embed: EmbedSettings = Field(default_factory=EmbedSettings)
    index: IndexSettings = Field(default_factory=IndexSettings)
    match: MatchSettings = Field(default_factory=MatchSettings)
    export: ExportSettings = Field(default_factory=ExportSettings)
    tracking: TrackingSettings = Field(default_factory=TrackingSettings)
    workflow: WorkflowSettings = Field(default_factory=WorkflowSettings)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order the sources: flags, environment, file."""
        return init_settings, Environment(settings_cls), TomlFile(settings_cls)

    @property
    def worker_threads(self) -> int:
        """The number of threads to use, at least 1."""
        return self.threads or os.cpu_count() or 1
