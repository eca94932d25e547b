"""Settings: where a value comes from, and what is said of a wrong one."""

import logging

import pytest

from dedup_pipeline.config import IndexSettings, MatchSettings, Settings, TrainSettings, load_settings, setting_names
from dedup_pipeline.config.renamed import RENAMED, _warn
from dedup_pipeline.errors import SettingsError
from dedup_pipeline.store import digest
from training.run_key import run_key


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


@pytest.fixture
def warnings_told(caplog):
    _warn.cache_clear()
    caplog.set_level(logging.WARNING)
    return lambda: [record.getMessage() for record in caplog.records]


def of_name(settings, name):
    section, _, leaf = name.partition(".")
    return getattr(getattr(settings, section), leaf)


@pytest.mark.parametrize("source", ["flag", "environment", "file", "class alone"])
@pytest.mark.parametrize("earlier", sorted(RENAMED))
def test_an_earlier_name_counts_for_the_present_one_and_is_warned_of_once(
    earlier, source, tmp_path, monkeypatch, warnings_told
):
    section, _, leaf = earlier.partition(".")
    file = tmp_path / "dedup.toml"
    file.write_text(f"[{section}]\n{leaf} = 1\n" if source == "file" else "")
    if source in ("environment", "class alone"):
        monkeypatch.setenv(f"DEDUP_{section.upper()}__{leaf.upper()}", "1")
    for _ in range(2):
        texts = [f"{earlier}=1"] if source == "flag" else []
        settings = Settings() if source == "class alone" else load_settings(texts, file=file)
        assert of_name(settings, RENAMED[earlier]) == 1
    (told,) = warnings_told()
    assert earlier in told
    assert RENAMED[earlier] in told


def test_under_whatever_name_a_flag_beats_the_environment_and_that_a_file(tmp_path, monkeypatch):
    file = tmp_path / "dedup.toml"
    file.write_text("[index]\nnlist = 3\nprobes = 3\n[match]\nmin_probability = 0.6\n")
    monkeypatch.setenv("DEDUP_INDEX__CELLS", "2")
    monkeypatch.setenv("DEDUP_INDEX__NPROBE", "2")
    settings = load_settings(["index.nlist=1", "match.least_probability=0.8"], file=file)
    assert (settings.index.nlist, settings.index.nprobe, settings.match.min_probability) == (1, 2, 0.8)


def test_both_names_from_one_source_are_refused(tmp_path):
    with pytest.raises(SettingsError, match=r"'index\.cells' is now 'index\.nlist'"):
        load_settings(["index.cells=2", "index.nlist=3"])
    file = tmp_path / "dedup.toml"
    file.write_text("[index]\ncells = 2\nnlist = 3\n")
    with pytest.raises(SettingsError, match=r"'index\.cells' is now 'index\.nlist'"):
        load_settings(file=file)


def test_a_wrong_value_under_an_earlier_name_is_told_of_the_present_one():
    with pytest.raises(SettingsError, match=r"match\.min_probability = '2'"):
        load_settings(["match.least_probability=2"])


def test_no_earlier_name_is_listed_or_proposed():
    assert RENAMED.keys().isdisjoint(setting_names())
    assert set(RENAMED.values()) <= setting_names().keys()
    with pytest.raises(SettingsError, match=r"did you mean 'index\.nprobe'"):
        load_settings(["index.probe=1"])


def test_what_was_done_before_a_renaming_stays_done():
    for earlier, name in RENAMED.items():
        section, _, leaf = earlier.partition(".")
        stored = getattr(Settings(), section).stored()
        assert leaf in stored
        assert name.partition(".")[2] not in stored
    # what these were before any was renamed
    assert digest(IndexSettings().stored()) == "fe47c70a60761b99"
    assert digest(MatchSettings().stored()) == "b079fc0eca51df73"
    assert digest(TrainSettings().stored()) == "222bccab02834dee"
    assert run_key(Settings(), {"a": {"b": "c"}}) == "44b59d82c0d9eb46"
