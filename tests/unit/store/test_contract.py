"""The stores that the project promises, held to what every store must do."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from s3fs import S3FileSystem

from dedup_pipeline.store.testing import ObjectStoreTests, StoreTests
from s3_server import BUCKET, S3Server, environment_of


class TestFolder(StoreTests):
    """A folder of this machine."""

    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return str(tmp_path / "store")


@pytest.fixture(scope="module")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with S3Server(tmp_path_factory.mktemp("s3") / "server.log") as server:
        yield server


class TestS3(ObjectStoreTests):
    """A prefix in a bucket, on a server of S3's protocol."""

    @pytest.fixture
    def url(self, s3_server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            monkeypatch.delenv(name)
        for name, value in environment_of(s3_server.port).items():
            monkeypatch.setenv(name, value)
        S3FileSystem.clear_instance_cache()  # one that is kept would speak to another server
        yield f"s3://{BUCKET}/{tmp_path.parent.name}-{tmp_path.name}"
        S3FileSystem.clear_instance_cache()
