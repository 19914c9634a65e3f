"""The manifest of a backup, form 1: which object holds which piece of which file, and which messages. Pure."""

from __future__ import annotations

import posixpath
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from wicketgate.base.errors import InputError
from wicketgate.base.forms import newer_form

FORM: Final = 1
"""The form of manifests and key files that this version writes, and the latest that it reads."""
CHUNK_BYTES: Final = 8 << 20
"""How much of a file, or how many bytes of messages, one object holds."""
OBJECT: Final = re.compile(r"[0-9a-f]{32}")
_MOST_SIZE: Final = 1 << 50


class ObjectPiece(msgspec.Struct, frozen=True, array_like=True):
    """A piece of a file: where in which object it lies.

    Attributes
    ----------
    sha256 : bytes
        Of the piece.
    """

    object: str
    offset: int
    size: int
    sha256: bytes


class KeptFile(msgspec.Struct, frozen=True, array_like=True):
    """A file, by the pieces behind one another.

    Attributes
    ----------
    mtime_ns : int
        When it was last changed; 0 of what has no such time. With the size it says that a file is the same.
    """

    path: str
    size: int
    mtime_ns: int
    pieces: tuple[ObjectPiece, ...]


class Chunk(msgspec.Struct, frozen=True, array_like=True):
    """Messages of a stream that lie in one object: from `first` to `last`, of which there were `count`."""

    object: str
    first: int
    last: int
    count: int
    size: int


class KeptStream(msgspec.Struct, frozen=True, array_like=True):
    """A stream as it was: its first message, its last, and the chunks that hold what is between.

    Attributes
    ----------
    below : bool
        Whether its subjects lie below its name.
    together : bool
        Whether several messages may be appended at once.
    """

    name: str
    below: bool
    together: bool
    first: int
    last: int
    chunks: tuple[Chunk, ...]


class BackupManifest(msgspec.Struct, frozen=True, kw_only=True):
    """A backup: one cut through a deployment.

    Attributes
    ----------
    origin : str
        Of the log.
    taken_us : int
        The gateway's time at the cut.
    position : int
        The last transaction in it.
    entries : int
        How many entries the log has with those that its transactions name.
    checkpoint : bytes
        The log's, signed, as it stands in the backup.
    links : mapping of str to str
        The symbolic links of the history, by their paths; each leads to another place in it.
    elsewhere : list of str
        What is not in it, and where it is.
    """

    form: int = FORM
    origin: str
    taken_us: int
    position: int
    entries: int
    directory_form: int
    checkpoint: bytes
    files: list[KeptFile]
    streams: list[KeptStream]
    links: dict[str, str] = {}
    elsewhere: list[str] = []

    def objects(self) -> set[str]:
        """Return every object that it needs."""
        return {piece.object for file in self.files for piece in file.pieces} | {
            chunk.object for stream in self.streams for chunk in stream.chunks
        }


class KeyFile(msgspec.Struct, frozen=True, kw_only=True):
    """What lies in the store of keys, encrypted to the recipients: the keys of every object, and the deployment's own.

    Attributes
    ----------
    manifest : str
        The object that holds the manifest.
    objects : mapping of str to bytes
        The key of each object, by its name.
    secrets : mapping of str to bytes
        The deployment's keys that had not ended, by their paths.
    """

    form: int = FORM
    origin: str
    taken_us: int
    manifest: str
    objects: dict[str, bytes]
    secrets: dict[str, bytes]


class FoundFile(NamedTuple):
    """A file as it is found: its size, and when it was last changed."""

    size: int
    mtime_ns: int


def encode(value: BackupManifest | KeyFile) -> bytes:
    """Return a manifest or a key file in its stored form."""
    return msgspec.msgpack.encode(value)


def decode_manifest(data: bytes) -> BackupManifest:
    """Return the manifest in bytes.

    InputError for anything else, and for a later form.
    """
    _demand_form(data, "the manifest")
    try:
        found = msgspec.msgpack.decode(data, type=BackupManifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError("it is no manifest of a backup") from error
    for file in found.files:
        _demand_path(file.path)
        if sum(piece.size for piece in file.pieces) != file.size or any(
            piece.offset < 0 or not 0 <= piece.size <= _MOST_SIZE for piece in file.pieces
        ):
            raise InputError("a file of the manifest is not the sum of its pieces")
    for path, target in found.links.items():
        _demand_path(path)
        leads = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
        if not (path.startswith("history/") and leads.startswith("history/")):
            raise InputError("a link of the backup leads elsewhere")
    for stream in found.streams:
        _demand_stream(stream)
    for name in found.objects():
        if OBJECT.fullmatch(name) is None:
            raise InputError("an object of the manifest has no name")
    return found


def decode_keys(data: bytes) -> KeyFile:
    """Return the key file in bytes.

    InputError for anything else, and for a later form.
    """
    _demand_form(data, "the file of keys")
    try:
        found = msgspec.msgpack.decode(data, type=KeyFile)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError("it is no file of a backup's keys") from error
    for path in found.secrets:
        _demand_path(path)
    if OBJECT.fullmatch(found.manifest) is None or any(len(key) != 32 for key in found.objects.values()):
        raise InputError("a key of the backup has not the length of one")
    return found


def _demand_form(data: bytes, what: str) -> None:
    try:
        said = msgspec.msgpack.decode(data, type=dict[str, msgspec.Raw]).get("form", msgspec.Raw(b"\x00"))
        form = msgspec.msgpack.decode(said, type=int)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{what} of a backup cannot be read") from error
    if form > FORM:
        raise InputError(newer_form(f"{what} of a backup", form, FORM))
    if form < 1:
        raise InputError(f"{what} of a backup does not say its form")


def _demand_path(path: str) -> None:
    parts = path.split("/")
    if len(path) > 1024 or "\x00" in path or any(part in ("", ".", "..") for part in parts):
        raise InputError("a path of the backup leads elsewhere")


def _demand_stream(stream: KeptStream) -> None:
    if re.fullmatch(r"[A-Za-z0-9_-]{1,200}", stream.name) is None:
        raise InputError("a stream of the manifest has no name")
    reached = stream.first - 1
    for chunk in stream.chunks:
        if not reached < chunk.first <= chunk.last <= stream.last or not 0 <= chunk.count <= (
            chunk.last - chunk.first + 1
        ):
            raise InputError("a stream of the manifest has chunks that do not follow one another")
        reached = chunk.last


# --- what is written again -------------------------------------------------------------------------------------------


def unchanged_files(before: Iterable[KeptFile], found: Mapping[str, FoundFile]) -> dict[str, KeptFile]:
    """Return the files that need not be written again.

    An object is kept as long as every file in it is what it was: of one that is gone or changed the key must end, and
    what else lay beside it is written anew.
    """
    known = list(before)
    same = {file.path for file in known if found.get(file.path) == (file.size, file.mtime_ns)}
    spoiled = {piece.object for file in known if file.path not in same for piece in file.pieces}
    return {
        file.path: file
        for file in known
        if file.path in same and not any(piece.object in spoiled for piece in file.pieces)
    }


def unchanged_chunks(chunks: Sequence[Chunk], first: int, deleted: Sequence[int]) -> list[Chunk]:
    """Return the chunks of whose messages none has gone.

    Parameters
    ----------
    first : int
        The first message that the stream still holds.
    deleted : sequence of int
        Those behind it that it holds no longer, ascending.

    Notes
    -----
    A last chunk that is less than half full is written again with what came since: many small backups leave few
    objects.
    """
    kept = [
        chunk
        for chunk in chunks
        if chunk.first >= first
        and chunk.last - chunk.first + 1 - _between(deleted, chunk.first, chunk.last) == chunk.count
    ]
    while kept and kept[-1].size < CHUNK_BYTES // 2:
        kept.pop()
    return kept


def lacking(kept: Sequence[Chunk], first: int, last: int) -> list[tuple[int, int]]:
    """Return the ranges from `first` to `last`, both included, that no kept chunk covers."""
    found: list[tuple[int, int]] = []
    begin = first
    for chunk in kept:
        if chunk.first > begin:
            found.append((begin, chunk.first - 1))
        begin = chunk.last + 1
    if begin <= last:
        found.append((begin, last))
    return found


def _between(numbers: Sequence[int], first: int, last: int) -> int:
    return bisect_right(numbers, last) - bisect_left(numbers, first)
