"""A full disk: a retryable error that names the store, whichever library meets it."""

import errno
import subprocess
import sys

import pytest

from dedup_pipeline.errors import InputError, ModelError, StoreError
from dedup_pipeline.store import Store, room_in
from dedup_pipeline.store.manifests import Done, result_of, run_stage

# a limit on the size of files is the full disk that needs no rights to be made
FILL = """
import resource, sys
from dedup_pipeline.store.manifests import Done, run_stage
from dedup_pipeline.store import Store

resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
store = Store(sys.argv[1])

def work():
    {work}
    return Done({{"out": "dumps/d/x/out"}}, {{}})

run_stage(store, "d", "x", inputs={{}}, version=1, work=work)
"""


@pytest.mark.parametrize(
    "work",
    [
        'store.write_bytes("dumps/d/x/out", bytes(200_000))',
        'open(sys.argv[1] + "/scratch", "wb").write(bytes(200_000))',
        'import pyarrow as pa; store.write_table("dumps/d/x/out", pa.table({{"a": list(range(100_000))}}))',
    ],
)
def test_it_is_an_error_of_the_store_and_leaves_nothing_half_done(tmp_path, work):
    root = tmp_path / "store"
    done = subprocess.run(
        [sys.executable, "-c", FILL.replace("{work}", work).replace("{{", "{").replace("}}", "}"), str(root)],
        capture_output=True,
        text=True,
        check=False,
    )
    last = done.stderr.splitlines()[-1]
    assert last.startswith("dedup_pipeline.errors.StoreError: ")
    assert str(root) in last
    assert "File too large" in last
    store = Store(str(root))
    assert not store.exists("dumps/d/x/out")
    result = run_stage(store, "d", "x", inputs={}, version=1, work=lambda: Done({}, {}))
    assert result_of(store, "d", "x").key == result.key
    assert not list(root.glob("dumps/**/.tmp-*"))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_it_is_seen_behind_another_librarys_error(tmp_path, number):
    def save():
        try:
            raise OSError(number, "full")
        except OSError as error:
            raise ModelError("cannot save") from error

    message = r"no room left for .*store: cannot save"
    with pytest.raises(StoreError, match=message) as caught, room_in(Store(str(tmp_path / "store"))):
        save()
    assert caught.value.retryable


def test_other_errors_stay_what_they_are(tmp_path):
    for error in (InputError("no"), OSError(errno.EACCES, "denied"), RuntimeError("bug")):
        with pytest.raises(type(error)) as caught, room_in(Store(str(tmp_path))):
            raise error
        assert caught.value is error
