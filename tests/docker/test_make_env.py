"""docker/make-env.sh: the secrets of a cluster."""

import base64
import shutil
import stat
import subprocess

import pytest

from compose_file import FOLDER, ROOT, read_env


@pytest.fixture
def make_env(tmp_path):
    """Calls the script with a target of one's own; returns (status, what it said, the target)."""

    def call(name=".env", *words):
        target = tmp_path / name
        done = subprocess.run(
            [FOLDER / "make-env.sh", *(words or [tmp_path / "my dumps"])],
            capture_output=True,
            text=True,
            check=False,
            env={"ENV_FILE": str(target), "PATH": "/usr/bin:/bin"},
        )
        return done.returncode, done.stdout + done.stderr, target

    return call


def test_the_file_is_its_owners_alone(make_env, tmp_path):
    status, said, file = make_env()
    assert status == 0, said
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == [".env", "my dumps"]
    assert read_env(file)["DUMPS_FOLDER"] == str(tmp_path / "my dumps")


def test_it_never_overwrites(make_env):
    _, _, file = make_env()
    before = file.read_bytes()
    status, said, _ = make_env()
    assert status == 1
    assert "there already" in said
    assert file.read_bytes() == before


def test_no_two_secrets_are_alike(make_env):
    first, second = read_env(make_env("one")[2]), read_env(make_env("two")[2])
    secrets = [name for name in first if name.endswith(("_PASSWORD", "_KEY", "_SECRET"))]
    assert len(secrets) >= 14
    values = [file[name] for file in (first, second) for name in secrets]
    assert len(set(values)) == len(values)
    assert min(len(value) for value in values) >= 20


def test_secrets_can_stand_in_a_url(make_env):
    made = read_env(make_env()[2])
    for name in made:
        if name.endswith("_PASSWORD"):
            assert made[name].isalnum()
    assert len(base64.urlsafe_b64decode(made["FERNET_KEY"])) == 32


def test_git_ignores_it():
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("not a checkout")
    assert subprocess.run([git, "check-ignore", "--quiet", "docker/.env"], cwd=ROOT, check=False).returncode == 0
