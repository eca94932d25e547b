"""Settings: where a value comes from, and what is said of a wrong one."""

import pytest

from dedup_pipeline.config import load_settings, setting_names
from dedup_pipeline.errors import SettingsError


@pytest.fixture(autouse=True)
def _no_settings_of_the_machine(monkeypatch):
    monkeypatch.delenv("DEDUP_CONFIG", raising=False)


@pytest.mark.parametrize(
    "name",
    ["embedder", "embedder v2", "it's", "é", "a.b", ".a", "", " ", ".", "..", "..a", "a/b", "a:b", "/a", "a/", "./a"],
)
def test_names_of_models_are_those_that_mlflow_takes(name):
    from mlflow.exceptions import MlflowException
    from mlflow.utils.validation import _validate_model_name

    try:
        _validate_model_name(name)
    except MlflowException:
        with pytest.raises(SettingsError, match=r"tracking\.model_name"):
            load_settings(values={"tracking.model_name": name})
    else:
        assert load_settings(values={"tracking.model_name": name}).tracking.model_name == name


def test_flag_beats_environment_beats_file_beats_default(tmp_path, monkeypatch):
    file = tmp_path / "dedup.toml"
    file.write_text("[fetch]\nthreads = 2\nretries = 2\nmax_redirects = 2\n")
    monkeypatch.setenv("DEDUP_FETCH__THREADS", "3")
    monkeypatch.setenv("DEDUP_FETCH__RETRIES", "3")
    fetch = load_settings(["fetch.threads=4"], file=file).fetch
    assert (fetch.threads, fetch.retries, fetch.max_redirects, fetch.connections_per_host) == (4, 3, 2, 8)


def test_the_file_named_in_the_environment_is_read(tmp_path, monkeypatch):
    file = tmp_path / "dedup.toml"
    file.write_text('store = "elsewhere"\n')
    monkeypatch.setenv("DEDUP_CONFIG", str(file))
    assert load_settings().store == "elsewhere"


def test_lists_and_mappings_come_as_text():
    settings = load_settings(["fetch.allow_hosts=a.test, b.test:80", "ingest.columns=id=sku,image=photo"])
    assert settings.fetch.allow_hosts == ("a.test", "b.test:80")
    assert settings.ingest.columns == {"id": "sku", "image": "photo"}


def test_a_category_may_hold_a_comma():
    settings = load_settings(values={"ingest.categories": ("Shirts, Tops & Tunics",)})
    assert settings.ingest.categories == ("Shirts, Tops & Tunics",)


def test_a_band_comes_as_two_numbers(monkeypatch):
    assert load_settings(["export.review_band=0.2, 0.75"]).export.review_band == (0.2, 0.75)
    monkeypatch.setenv("DEDUP_EXPORT__REVIEW_BAND", "0.3,0.4")
    assert load_settings().export.review_band == (0.3, 0.4)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("fetch.thread=3", ("fetch.thread'", "'fetch.threads'")),
        ("target_precision=0.9", ("match.target_precision",)),
        ("fetch.threads=many", ("fetch.threads", "'many'", "integer")),
        ("match.target_precision=1.5", ("match.target_precision", "less than 1")),
        ("fetch.threads", ("name=value",)),
        ("export.review_band=0.9,0.1", ("export.review_band", "lower probability first")),
        ("export.review_band=0.1,1.5", ("export.review_band", "between 0 and 1")),
        ("export.review_band=0.1", ("export.review_band",)),
        ("train.model=best", ("train.model", "'best'", "auto, champion, train or the number")),
        ("train.backbone=hf-hub:someone/net", ("train.backbone", "an architecture of timm")),
        ("train.backbone=hf_hub:someone/net", ("train.backbone", "an architecture of timm")),
        ("train.backbone=local-dir:/tmp/net", ("train.backbone", "an architecture of timm")),
        ("train.backbone=timm/resnet18", ("train.backbone", "an architecture of timm")),
        ("train.backbone=resnet18@main", ("train.backbone", "an architecture of timm")),
        ("train.backbone=", ("train.backbone", "an architecture of timm")),
        ("tracking.experiment=", ("tracking.experiment", "1 to 256 characters")),
        ("tracking.runs_experiment=" + "x" * 257, ("tracking.runs_experiment", "1 to 256 characters")),
    ],
)
def test_a_wrong_flag_is_refused_in_words_that_help(text, words):
    with pytest.raises(SettingsError) as error:
        load_settings([text])
    for word in words:
        assert word in str(error.value)


def test_an_unknown_environment_variable_is_refused(monkeypatch):
    monkeypatch.setenv("DEDUP_FETCH__THREAD", "3")
    with pytest.raises(SettingsError, match=r"DEDUP_FETCH__THREAD is unknown: did you mean 'fetch\.threads'"):
        load_settings()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[fetch]\nthread = 1\n", "did you mean 'fetch.threads'"),
        ("store = ", "not valid TOML"),
        (None, "does not exist"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path, content, words):
    file = tmp_path / "dedup.toml"
    if content is not None:
        file.write_text(content)
    with pytest.raises(SettingsError, match=words):
        load_settings(file=file)


def test_every_setting_is_described():
    assert [name for name, (_, _, description) in setting_names().items() if len(description) < 10] == []
