"""Folders of one user: closed to others, and none that others made."""

import pytest

from dedup_pipeline.errors import InputError
from dedup_pipeline.model.encoder import cache_folder
from dedup_pipeline.private import private_folder
from dedup_pipeline.store import Store


def mode(path):
    return path.stat().st_mode & 0o777


def test_a_folder_is_made_for_its_user_alone(tmp_path):
    assert mode(private_folder(tmp_path / "a" / "b")) == 0o700
    (tmp_path / "a" / "b" / "kept").write_text("x")
    (tmp_path / "a" / "b").chmod(0o777)
    assert mode(private_folder(tmp_path / "a" / "b")) == 0o700
    assert (tmp_path / "a" / "b" / "kept").exists()


def test_what_others_made_is_refused(tmp_path, foreign_folder):
    link, file = tmp_path / "link", tmp_path / "file"
    link.symlink_to(foreign_folder)
    file.write_text("x")
    for path in (link, file, foreign_folder):
        before = path.stat().st_mode
        with pytest.raises(InputError, match=f"{path} is not a folder of this user"):
            private_folder(path)
        assert path.stat().st_mode == before


def test_a_link_of_the_user_is_followed(tmp_path):
    (tmp_path / "large-disk").mkdir(mode=0o755)
    (tmp_path / "link").symlink_to(tmp_path / "large-disk")
    private_folder(tmp_path / "link")
    assert mode(tmp_path / "large-disk") == 0o700


def test_models_of_a_remote_store_are_kept_where_only_the_user_writes(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert mode(cache_folder(Store("memory://anywhere"))) == 0o700
    assert cache_folder(Store(str(tmp_path / "store"))) == tmp_path / "store" / "cache"
