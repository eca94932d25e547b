import pytest

import faulty_server
from dedup_pipeline.config import FetchSettings, Settings
from dedup_pipeline.schemas import LISTINGS, conform
from dedup_pipeline.store import Store
from dedup_pipeline.store.manifests import Done, run_stage


@pytest.fixture
def server():
    with faulty_server.running() as running:
        yield running


@pytest.fixture
def make_settings(tmp_path, server):
    """Settings with short waits that may reach the local server."""

    def make(store="store", **fetch) -> Settings:
        given = {
            "threads": 8,
            "retries": 2,
            "backoff": 0.01,
            "max_backoff": 0.2,
            "connect_timeout": 1.0,
            "read_timeout": 0.5,
            "total_timeout": 1.0,
            "allow_hosts": (f"127.0.0.1:{server.port}",),
        }
        return Settings(store=str(tmp_path / store), fetch=FetchSettings(**(given | fetch)))

    return make


@pytest.fixture
def make_dump(server):
    """Pretend that a dump with these photos is ingested; a photo is its list of paths or URLs, or None."""

    def make(settings: Settings, dump_id: str, photos) -> None:
        photos = [urls and [server.url(url) if url.startswith("/") else url for url in urls] for urls in photos]
        store = Store(settings.store)
        rows = [
            {name: None for name in LISTINGS.names}
            | {"listing_id": f"L{number:05d}", "row": number + 2, "family_id": f"L{number:05d}"}
            | ({"photo_url": urls[0], "photo_urls": urls} if urls else {})
            for number, urls in enumerate(photos)
        ]
        path = store.dump(dump_id, "ingest", "listings.parquet")

        def work() -> Done:
            store.write_table(path, conform(rows, LISTINGS), group_rows=50)
            return Done({"listings": path}, {"listings": len(rows)})

        run_stage(store, dump_id, "ingest", inputs={"photos": photos}, version=1, work=work)

    return make
