"""Which dump is meant, and where its file lies."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass

import fsspec

from dedup_pipeline.config import IngestSettings
from dedup_pipeline.errors import InputError, SettingsError, StoreError
from dedup_pipeline.store import check_dump_id

_PLACE = "{dump_id}"
_DATE = re.compile(r"(?<!\d)\d{4}-\d{2}-\d{2}(?!\d)")


@dataclass(frozen=True)
class Dump:
    """A dump and its file.

    Attributes:
        dump_id: its id.
        catalog: path or fsspec URL of its file.
    """

    dump_id: str
    catalog: str


def date_in(catalog: str) -> str | None:
    """The date in the name of a dump's file, such as 2018-10-05, if it has one.

    Raises:
        InputError: it has several.
    """
    name = posixpath.basename(catalog.replace("\\", "/"))
    dates = sorted(set(_DATE.findall(name)))
    if len(dates) > 1:
        raise InputError(f"'{name}' has several dates in its name ({', '.join(dates)}): say which dump it is")
    return dates[0] if dates else None


def choose_dump(settings: IngestSettings, named: dict[str, str | None], catalog: str | None = None) -> Dump:
    """Settle which dump a run is for.

    Args:
        settings: ``dumps`` says where dumps lie.
        named: what the run says about the dump, from whom: for example ``{"partition key": "2018-10-05"}``; None is
            silence. Of several the same id is expected.
        catalog: the dump's file, where the run names one: an absolute path or URL, or relative to the folder of
            ``dumps``. It must lie inside that folder: whoever may start a run may not read any file.

    Returns:
        The dump that is named; else the one whose date the file has in its name; else the newest that is there.

    Raises:
        InputError: two different dumps are named, the file lies elsewhere, or there is nothing to choose from.
        SettingsError: ``ingest.dumps`` is no pattern.
    """
    ids = {source: dump_id for source, dump_id in named.items() if dump_id}
    if catalog is not None:
        catalog = _inside(settings, catalog)
        date = date_in(catalog)
        if date and all(_DATE.fullmatch(dump_id) for dump_id in ids.values()):
            ids["file name"] = date
    if len(set(ids.values())) > 1:
        said = ", ".join(f"{dump_id} by its {source}" for source, dump_id in ids.items())
        raise InputError(f"the run names more than one dump ({said}): name one")
    if ids:
        dump_id = check_dump_id(next(iter(ids.values())))
        return Dump(dump_id, catalog or file_of(settings, dump_id))
    if catalog is not None:
        raise InputError(f"'{catalog}' has no date in its name: say which dump it is, such as 2018-10-05")
    there = dumps_there(settings)
    if not there:
        raise InputError(f"no dump is named and none lies at {settings.dumps}: name a dump or a file, or put one there")
    return Dump(there[-1], file_of(settings, there[-1]))


def file_of(settings: IngestSettings, dump_id: str) -> str:
    """Where the file of a dump lies, whether or not it is there yet.

    Raises:
        SettingsError: ``ingest.dumps`` is no pattern.
    """
    _folder(settings)
    return settings.dumps.replace(_PLACE, dump_id)


def dumps_there(settings: IngestSettings) -> list[str]:
    """The ids of all dumps whose file is there, sorted: of dates the newest comes last.

    Raises:
        SettingsError: ``ingest.dumps`` is no pattern.
        StoreError: the place cannot be listed.
    """
    _folder(settings)
    files, path = _open(settings.dumps)
    before, after, *more = (re.escape(part) for part in path.split(_PLACE))
    pattern = re.compile(before + "([A-Za-z0-9._-]+)" + after + "".join(r"\1" + part for part in more))
    try:
        found = files.glob(path.replace(_PLACE, "*"))
    except OSError as error:
        raise StoreError(f"{settings.dumps} cannot be listed: {error}") from error
    return sorted(match[1] for name in found if (match := pattern.fullmatch(str(name))))


def is_there(catalog: str) -> bool:
    """Whether a dump's file is there.

    Raises:
        StoreError: the place cannot be asked.
    """
    files, path = _open(catalog)
    files.invalidate_cache()
    try:
        return bool(files.exists(path))
    except OSError as error:
        raise StoreError(f"{catalog} cannot be looked for: {error}") from error


def _open(url: str) -> tuple[fsspec.AbstractFileSystem, str]:
    files, path = fsspec.core.url_to_fs(url)
    return files, str(path)


def _folder(settings: IngestSettings) -> str:
    """The folder under which all dumps lie: the part of the pattern that no id changes."""
    if _PLACE not in settings.dumps:
        raise SettingsError(
            f"ingest.dumps = '{settings.dumps}' has no {_PLACE} in it: write for example dumps/{_PLACE}.csv"
        )
    return posixpath.dirname(settings.dumps.split(_PLACE)[0])


def _inside(settings: IngestSettings, catalog: str) -> str:
    """The file, made absolute, when it lies in the folder of the dumps."""
    _, folder = _open(_folder(settings) or ".")
    absolute = catalog.startswith("/") or "://" in catalog
    given = catalog if absolute else posixpath.join(_folder(settings) or ".", catalog)
    files, path = _open(given)
    normal = posixpath.normpath(path)
    same_kind = files.protocol == _open(settings.dumps)[0].protocol
    if not same_kind or not normal.startswith(folder.rstrip("/") + "/"):
        raise InputError(f"file '{catalog}' does not lie in {folder}, where ingest.dumps has the dumps: put it there")
    return str(files.unstrip_protocol(normal)) if "://" in settings.dumps else normal
