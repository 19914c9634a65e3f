"""The files of a deployment on their way into a backup: what stands there, and what is new."""

from __future__ import annotations

import os
import re
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Final

import lmdb

from wicketgate.base.errors import ConfigurationError
from wicketgate.gateway.backup.manifest import (
    CHUNK_BYTES,
    FoundFile,
    KeptFile,
    ObjectPiece,
    unchanged_files,
)
from wicketgate.gateway.backup.objects import ObjectWriter, Packing

BLOCK_BYTES: Final = 1 << 20
"""Of an environment: what did not change in one is not written again."""
_PART: Final = re.compile(r".+_\d+_\d+_\d+(_\d+)?")
_PASSING: Final = ("tmp_", "delete_tmp_")
_CLEAR: Final = ("tmp/", "engine/tmp/")
"""Where an engine lays down rows for a moment, in the clear."""
_TRIES: Final = 50


def found_below(folder: Path, root: Path) -> dict[str, FoundFile]:
    """Return the files below a folder by their paths from `root`; none where it is missing."""
    found: dict[str, FoundFile] = {}
    for at, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith((".", *_PASSING)))
        for name in names:
            if name.endswith(".new") or name.startswith("."):
                continue
            path = Path(at, name)
            try:
                if path.is_file() and not path.is_symlink():
                    found[path.relative_to(root).as_posix()] = found_at(path)
            except FileNotFoundError:
                continue
    return found


def found_at(path: Path) -> FoundFile:
    """Return a file as it is found. Its time is compared with itself alone, and dates nothing."""
    stat = path.lstat()
    return FoundFile(stat.st_size, stat.st_mtime_ns)


def links_below(folder: Path, root: Path) -> dict[str, str]:
    """Return the symbolic links below a folder by their paths from `root`: a history's engine names tables so."""
    found: dict[str, str] = {}
    for at, folders, names in os.walk(folder):
        for path in (Path(at, name) for name in (*folders, *names)):
            if path.is_symlink():
                found[path.relative_to(root).as_posix()] = os.readlink(path)
    return found


def chunks_of(path: Path) -> Iterator[bytes]:
    """Yield a file's bytes, `CHUNK_BYTES` at a time."""
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


def copy_files(
    objects: ObjectWriter,
    before: Iterable[KeptFile],
    found: Mapping[str, FoundFile],
    where: Callable[[str], Path],
    group: Callable[[str], str],
) -> list[KeptFile]:
    """Return files as a backup keeps them: those of before that did not change, and the others written.

    Parameters
    ----------
    where : callable
        Returns from where a path is read.
    group : callable
        Returns what a path ends with: files of one group may share an object.

    Raises
    ------
    FileNotFoundError
        If one is gone meanwhile.
    """
    same = unchanged_files(before, found)
    kept = [objects.keep_file(file) for file in same.values()]
    new = sorted((path for path in found if path not in same), key=lambda path: (group(path), path))
    for _, paths in groupby(new, key=group):
        packing = Packing(objects)
        for path in paths:
            packing.add(path, found[path].mtime_ns, chunks_of(where(path)))
        kept += packing.end()
    return kept


def copy_lasting(
    objects: ObjectWriter, before: Iterable[KeptFile], folder: Path, root: Path, group: Callable[[str], str]
) -> list[KeptFile]:
    """Do as `copy_files` of a folder; what is gone before it is read has ended, and is left out."""
    known = list(before)
    for _ in range(_TRIES):
        try:
            return copy_files(objects, known, found_below(folder, root), root.joinpath, group)
        except FileNotFoundError:
            continue
    raise ConfigurationError(f"the files of `{folder.name}/` go faster than they can be read: try again")


def copy_environment(objects: ObjectWriter, before: KeptFile | None, folder: Path, path: str) -> KeptFile:
    """Return an environment of LMDB as it is at one moment, by its blocks.

    Another process writes on; it keeps the pages of this moment for as long as this takes.
    """
    former: tuple[ObjectPiece, ...] = before.pieces if before is not None else ()
    pieces: list[ObjectPiece] = []
    failed: list[BaseException] = []
    environment = lmdb.open(str(folder), readonly=True, create=False, max_dbs=64)
    reads, writes = os.pipe()

    def copy() -> None:
        try:
            environment.copyfd(writes)
        except (lmdb.Error, OSError) as error:
            failed.append(error)
        finally:
            os.close(writes)

    thread = threading.Thread(target=copy)
    thread.start()
    try:
        with open(reads, "rb", buffering=BLOCK_BYTES) as came:
            while block := came.read(BLOCK_BYTES):
                at = len(pieces)
                pieces.append(objects.write_block(block, former[at] if at < len(former) else None))
    finally:
        thread.join()
        environment.close()
    if failed:
        raise ConfigurationError(f"`{folder.name}/data.mdb` cannot be copied") from failed[0]
    return KeptFile(path, sum(piece.size for piece in pieces), 0, tuple(pieces))


def link_history(folder: Path, stage: Path) -> dict[str, FoundFile]:
    """Link the parts of a history below `stage`, and copy what else there is; return all by their paths below it.

    The caller keeps the history still: parts never change, but may be merged and removed meanwhile. Then all is linked
    again.
    """
    for _ in range(_TRIES):
        shutil.rmtree(stage, ignore_errors=True)
        stage.mkdir(mode=0o700, parents=True)
        linked: dict[str, FoundFile] = {}
        try:
            for path, one in found_below(folder, folder).items():
                if path.startswith(_CLEAR):
                    continue
                target = stage / path
                target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                if part_of(path):
                    _link(folder / path, target)
                else:
                    shutil.copyfile(folder / path, target)
                linked[path] = one
        except FileNotFoundError:
            continue
        return linked
    raise ConfigurationError("the parts of the history change faster than they can be linked: try again")


def part_of(path: str) -> str:
    """Return the folder of the part of a history that a file belongs to, or nothing."""
    folders = path.split("/")[:-1]
    for depth, name in enumerate(folders):
        if _PART.fullmatch(name):
            return "/".join(folders[: depth + 1])
    return ""


def _link(path: Path, target: Path) -> None:
    try:
        os.link(path, target)
    except FileNotFoundError:
        raise
    except OSError:  # another file system, or one without links
        shutil.copyfile(path, target)
