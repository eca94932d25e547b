"""Which dump is meant, and where its file lies."""

from __future__ import annotations

import os
import posixpath
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import fsspec
from fsspec.implementations.local import LocalFileSystem

from dedup_pipeline.config import IngestSettings
from dedup_pipeline.errors import InputError, SettingsError, StoreError
from dedup_pipeline.store import check_dump_id

_PLACE = "{dump_id}"
_DATE = re.compile(r"(?<!\d)\d{4}-\d{2}-\d{2}(?!\d)")
# of a file or folder and nothing else: no scheme, query, glob, escape or control character
_NAME = re.compile(r"[\w .,+=@()-]+")
_LONGEST_PATH = 1000  # characters
_LONGEST_NAME = 255  # bytes, as most file systems have it
_SHOWN = 80


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
        catalog: the dump's file, where the run names one: its name below the folder of ``dumps``, with or without the
            folder before it. Nothing is opened to see whether it is: whoever may start a run may not have any address
            asked, nor learn which files are there.

    Returns:
        The dump that is named; else the one whose date the file has in its name; else the newest that is there.

    Raises:
        InputError: two different dumps are named, the file lies elsewhere, or there is nothing to choose from.
        SettingsError: the folder of ``ingest.dumps`` is not for everyone, or cannot be opened by anyone.
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


def given_dump(settings: IngestSettings, catalog: str | None, dump_id: str | None, *, by: str) -> Dump:
    """The dump that is given by somebody who may open any file, which ``choose_dump`` does not let everyone do.

    Args:
        settings: ``dumps`` says where dumps lie.
        catalog: the dump's file; by default where ``dumps`` has that of the id.
        dump_id: its id; by default the date in the file's name.
        by: what an id is given with, for messages: ``--dump``.

    Raises:
        InputError: neither is given, or the name of the file has no date, or several, and there is no id.
    """
    if catalog is None and dump_id is None:
        raise InputError("what shall be read? Give a catalog, or the id of a dump that lies where ingest.dumps says")
    file = file_of(settings, str(dump_id)) if catalog is None else catalog
    dump_id = dump_id or date_in(file)
    if dump_id is None:
        raise InputError(f"'{file}' has no date in its name: say which dump it is with {by}, such as 2018-10-05")
    return Dump(dump_id, file)


def file_of(settings: IngestSettings, dump_id: str) -> str:
    """Where the file of a dump lies, whether or not it is there yet."""
    return settings.dumps.replace(_PLACE, dump_id)


def dumps_there(settings: IngestSettings) -> list[str]:
    """The ids of all dumps whose file is there, sorted: of dates the newest comes last.

    Raises:
        SettingsError: ``ingest.dumps`` has no scheme that can be opened here.
        StoreError: the place cannot be listed.
    """
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
        SettingsError: its scheme cannot be opened here.
        StoreError: the place cannot be asked.
    """
    files, path = _open(catalog)
    files.invalidate_cache()
    try:
        return bool(files.exists(path))
    except OSError as error:
        raise StoreError(f"{catalog} cannot be looked for: {error}") from error


def check_inside(settings: IngestSettings, catalog: str) -> None:
    """Make sure that a dump's file lies in the folder of the dumps with all links followed, before it is looked at.

    Raises:
        InputError: it lies elsewhere.
        SettingsError: its scheme cannot be opened here.
    """
    path, folder = _local(catalog), _local(_folder(settings))
    if path is None or folder is None:
        return
    if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder)):
        raise _elsewhere(settings, catalog)


def _open(url: str) -> tuple[fsspec.AbstractFileSystem, str]:
    try:
        files, path = fsspec.core.url_to_fs(url)
    except (ValueError, ImportError) as error:
        raise SettingsError(f"{url} cannot be opened: {error}; check ingest.dumps") from error
    return files, str(path)


def _folder(settings: IngestSettings) -> str:
    """The folder under which all dumps lie: the part of the pattern that no id changes."""
    return posixpath.dirname(settings.dumps.split(_PLACE)[0])


def _inside(settings: IngestSettings, catalog: str) -> str:
    """The file that a person names, by the text alone: in the folder of the dumps, or refused."""
    folder = _folder(settings)
    before = [f"{folder}/"]
    here = _local(folder)
    if here is not None:
        before.append(f"{here}/")
        if Path.cwd().is_relative_to(here):
            raise SettingsError(
                f"ingest.dumps = '{settings.dumps}' opens the working folder {Path.cwd()} to everyone who may start a "
                "run: give the dumps a folder of their own"
            )
    name = next((catalog.removeprefix(some) for some in before if catalog.startswith(some)), catalog)
    if len(name) > _LONGEST_PATH or not all(map(_plain, name.split("/"))):
        raise _elsewhere(settings, catalog)
    return f"{folder}/{name}"


def _plain(name: str) -> bool:
    """Whether a part of a path is a name: no way up, and no letters that a system may take for others."""
    name_only = name.strip(".") and _NAME.fullmatch(name) and unicodedata.is_normalized("NFKC", name)
    return bool(name_only and len(name.encode()) <= _LONGEST_NAME)


def _local(url: str) -> str | None:
    """The absolute path of what lies on this machine; None of what lies elsewhere."""
    files, path = _open(url)
    return path if isinstance(files, LocalFileSystem) else None


def _elsewhere(settings: IngestSettings, catalog: str) -> InputError:
    """The one answer for every file that is not in the folder, whether or not there is such a file."""
    shown = repr(catalog if len(catalog) <= _SHOWN else f"{catalog[:_SHOWN]}...")
    folder = _folder(settings)
    return InputError(f"file {shown} does not lie in {folder}, where ingest.dumps has the dumps: put it there")
