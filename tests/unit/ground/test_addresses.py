"""Secrets in addresses: what is said and written has none, what is opened has them."""

import json

import pytest

from dedup_pipeline.addresses import secrets_in, showable, with_secrets_of, without_person
from dedup_pipeline.cli.settings import show_settings
from dedup_pipeline.config import Settings, TrackingSettings
from dedup_pipeline.errors import StoreError
from dedup_pipeline.store import Store
from dedup_pipeline.store.manifests import Done, run_stage
from dedup_pipeline.tracking.runs import Tracking

ADDRESSES = [
    ("http://ann:s3cret@mlflow:5000/x", "http://mlflow:5000/x"),
    (
        "postgresql+psycopg2://ann:s3%2Fcret@db/mlflow?sslmode=require",
        "postgresql+psycopg2://db/mlflow?sslmode=require",
    ),
    ("http://ann:s3@cret@mlflow", "http://mlflow"),
    ("s3://AKIA7:s3/cret+x=@bucket/prefix", "s3://bucket/prefix"),
    ("sftp://s3cret@host/dumps/{dump_id}.csv", "sftp://host/dumps/{dump_id}.csv"),
    (
        "https://b.test/d.csv?X-Amz-Credential=s3cret&X-Amz-Date=1&X-Amz-Signature=s3cret#part",
        "https://b.test/d.csv?X-Amz-Credential=***&X-Amz-Date=1&X-Amz-Signature=***#part",
    ),
    ("https://a.blob.test/c/d.csv?sv=1&sig=s3cret%3D", "https://a.blob.test/c/d.csv?sv=1&sig=***"),
    ("https://h.test/d.csv?token=s3cret", "https://h.test/d.csv?token=***"),
]


@pytest.mark.parametrize(("address", "shown"), ADDRESSES)
def test_an_address_is_shown_without_its_secrets(address, shown):
    assert showable(address) == shown
    assert showable(shown) == shown
    text = f"GET '{address}' failed (see \"{address}\"); try http://help.test/a@b"
    assert showable(text) == f"GET '{shown}' failed (see \"{shown}\"); try http://help.test/a@b"
    assert any(secret in address for secret in secrets_in(text))
    assert showable(address).count("s3") == shown.count("s3")


@pytest.mark.parametrize(
    "text",
    [
        "/data/store@2/x.csv?token=1",
        "ann@shop.test",
        "http://127.0.0.1:8907/photos/a@2x.jpg",
        "http://shop.test/a:b@2x.jpg?w=400",
        "s3://bucket/prefix/{dump_id}.csv",
        "sqlite:////data/mlflow.db",
    ],
)
def test_what_has_no_secret_stays(text):
    assert showable(text) == text
    assert secrets_in(text) == []


@pytest.mark.parametrize(("address", "shown"), ADDRESSES)
def test_what_was_made_showable_is_opened_whole(address, shown):
    assert with_secrets_of(shown, address) == address
    assert with_secrets_of(shown.replace("://", "://other-"), address) == shown.replace("://", "://other-")
    dump = "https://ann:s3cret@h.test/d/{dump_id}.csv?sig=s3cret"
    assert with_secrets_of("https://h.test/d/1.csv?sig=***", dump) == dump.replace("{dump_id}", "1")
    assert with_secrets_of("/dumps/1.csv", "/dumps/{dump_id}.csv") == "/dumps/1.csv"


def test_user_and_password_are_taken_apart():
    assert without_person("http://ann:s3%40cret@h:1/x") == ("http://h:1/x", "ann", "s3@cret")
    assert without_person("http://h:1/x") == ("http://h:1/x", "", "")


def test_errors_manifests_and_the_list_of_settings_have_no_secret(tmp_path, capsys):
    uri = "http://ann:s3cret@mlflow:5000"
    assert str(StoreError(f"{uri}/a is away")) == "http://mlflow:5000/a is away"
    settings = Settings(store=str(tmp_path), tracking=TrackingSettings(uri=uri))
    store = Store(settings.store)

    def stage():
        return run_stage(
            store, "d", "record", inputs={"uri": [uri]}, version=1, work=lambda: Done({}, {"run_url": f"{uri}/#/1"})
        )

    first = stage()
    manifest = store.read_json("dumps/d/record/manifest.json")
    assert (manifest["inputs"], manifest["counts"]) == (
        {"uri": ["http://mlflow:5000"]},
        {"run_url": "http://mlflow:5000/#/1"},
    )
    assert stage().reused  # the inputs are known by their digest
    assert stage().key == first.key
    show_settings(settings)
    shown = capsys.readouterr().out
    assert "mlflow:5000" in shown.replace("\n", "")
    assert "s3cret" not in shown + json.dumps(manifest)


def test_a_remote_store_is_named_without_its_secret():
    store = Store("memory://ann:s3cret@place/prefix")
    store.write_bytes("a", b"1")
    assert store.read_bytes("a") == b"1"
    assert store.url("a") == "memory://place/prefix/a"


def test_mlflow_is_not_given_the_password_in_its_address(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "")
    settings = Settings(store=str(tmp_path), tracking=TrackingSettings(uri="http://ann:s3%40cret@127.0.0.1:9"))
    tracking = Tracking.connect(settings)
    creds = tracking.client._tracking_client.store.get_host_creds()
    assert (creds.host, creds.username, creds.password) == ("http://127.0.0.1:9", "ann", "s3@cret")
    assert "s3" not in repr(tracking)
