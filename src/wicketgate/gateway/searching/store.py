"""Answers, each in a file of its own under a key of its own, which ends with it.

The key lies in another folder than the answer: whoever copied the one reads nothing once the other is gone.
docs/spec/searches.md, section 5.
"""

from __future__ import annotations

import json
import os
import re
import struct
import threading
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import BinaryIO, Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from wicketgate.base.errors import InputError, StreamError
from wicketgate.base.files import write_durably
from wicketgate.base.packing import pack, unpack
from wicketgate.base.parts import private_folder

ANSWER_FORM: Final = 2
"""The form of stored answers that this version writes, and the latest that it reads."""
CHUNK: Final = 500
"""Rows that are encrypted together."""
_MARK: Final = b"wicketgate answer 1\n"
_LENGTH: Final = struct.Struct(">I")
_AT: Final = struct.Struct(">Q")
_NONCE: Final = 12
_FOREVER_US: Final = 1 << 61
_ID: Final = re.compile(r"[0-9a-f]{32}")


class StoredRow(msgspec.Struct, frozen=True, array_like=True):
    """A row of an answer.

    Attributes
    ----------
    line : bytes
        Without LF; of an erased row what says so.
    leaf : bytes
        Its leaf hash, as it was when the root was made.
    read_id : int
        The read that it shows; 0 of an erased one.
    end_us : int
        When its source keeps the read no longer.
    """

    line: bytes
    leaf: bytes
    read_id: int
    end_us: int

    def without(self, seq: int) -> StoredRow:
        """Return what is left of it: its number, and its leaf hash."""
        return StoredRow(erased_line(seq, self.leaf), self.leaf, 0, _FOREVER_US)


class AnswerMembers(msgspec.Struct, frozen=True, kw_only=True):
    """What an answer says of itself.

    Attributes
    ----------
    form : int
        In form 1 references to images are those of the authority's feed, from form 2 on the answer's own.
    fields : tuple of str
        That its authority showed.
    gaps : tuple of (int, int, int or None)
        From when, until when, and how many reads the history lacked.
    chunks : tuple of (int, int)
        Where each chunk begins, and how many rows it has.
    end_us : int
        When the first of its rows is past its source's retention.
    covered_us : int
        The time of the last transaction that it covers; 0 where that is not known.
    """

    form: int = ANSWER_FORM
    rows: int
    fields: tuple[str, ...]
    gaps: tuple[tuple[int, int, int | None], ...]
    chunks: tuple[tuple[int, int], ...]
    end_us: int
    covered_us: int = 0


def refs_of(id_: str) -> str:
    """Return whose the references to images in an answer are: its own.

    No authority has a name with `/`: none of them is good at a feed, in another answer, or once this one has ended.
    """
    return f"search/{id_}"


def erased_line(seq: int, leaf: bytes) -> bytes:
    """Return the line of a row that is shown no longer: `verify` still makes the root of it."""
    return b'{"seq":%d,"erased":"%s"}' % (seq, leaf.hex().encode())


class AnswerWriter:
    """An answer on its way to its file; nothing of it is found before `finish`."""

    def __init__(self, path: Path, id_: str, key: bytes) -> None:
        self._path, self._id = path, id_
        self._cipher = ChaCha20Poly1305(key)
        self._aside = path.with_suffix(".new")
        self._file = open(os.open(self._aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")  # noqa: SIM115
        self._file.write(_MARK)
        self._chunks: list[tuple[int, int]] = []
        self._waiting: list[StoredRow] = []
        self._end_us = _FOREVER_US
        self.rows = 0

    def add(self, rows: Iterable[StoredRow]) -> None:
        """Append rows."""
        for row in rows:
            self._waiting.append(row)
            self.rows += 1
            self._end_us = min(self._end_us, row.end_us)
            if len(self._waiting) == CHUNK:
                self._flush()

    def _flush(self) -> None:
        if self._waiting:
            self._chunks.append((self._file.tell(), len(self._waiting)))
            self._frame(len(self._chunks) - 1, msgspec.msgpack.encode(self._waiting))
            self._waiting = []

    def _frame(self, number: int, data: bytes) -> None:
        nonce = os.urandom(_NONCE)
        sealed = self._cipher.encrypt(nonce, pack(data), _bound(self._id, number))
        self._file.write(_LENGTH.pack(len(sealed) + _NONCE) + nonce + sealed)

    def finish(
        self,
        fields: Iterable[str],
        gaps: Iterable[tuple[int, int, int | None]],
        covered_us: int = 0,
        *,
        form: int = ANSWER_FORM,
    ) -> AnswerMembers:
        """Make it durable, and to be found; return what it says of itself.

        Parameters
        ----------
        form : int
            Of its lines: one that is written anew keeps that in which they were made.
        """
        self._flush()
        begins = self._file.tell()
        members = AnswerMembers(
            form=form,
            rows=self.rows,
            fields=tuple(sorted(fields)),
            gaps=tuple(gaps),
            chunks=tuple(self._chunks),
            end_us=self._end_us,
            covered_us=covered_us,
        )
        self._frame(-1, msgspec.msgpack.encode(members))
        self._file.write(_AT.pack(begins))
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        # A crash from here on leaves an answer of which no run was committed: the next start destroys it.
        self._aside.replace(self._path)
        _sync(self._path.parent)
        return members

    def abandon(self) -> None:
        """Leave nothing of it."""
        self._file.close()
        self._aside.unlink(missing_ok=True)


class AnswerStore:
    """The answers of one gateway. Its methods run in any thread.

    Parameters
    ----------
    folder, keys : Path
        Private: of the answers, and of their keys.
    """

    def __init__(self, folder: Path, keys: Path) -> None:
        for one in (folder, keys):
            private_folder(one)
        self._folder, self._keys = folder, keys
        self._known: dict[str, AnswerMembers] = {}
        self._lock = threading.RLock()

    def begin(self, id_: str) -> AnswerWriter:
        """Begin an answer under a key of its own, instead of one that was left."""
        with self._lock:
            self.end(id_)
            return self._writer(id_)

    def _writer(self, id_: str) -> AnswerWriter:
        key = ChaCha20Poly1305.generate_key()
        # Durable before anything is encrypted under it.
        write_durably(self._key(id_), key, aside=self._keys / f"{id_}.part")
        return AnswerWriter(self._path(id_), id_, key)

    def ids(self) -> set[str]:
        """Return which answers, or keys of some, there are."""
        paths = [*self._folder.iterdir(), *self._keys.iterdir()]
        return {path.stem for path in paths if _ID.fullmatch(path.stem)}

    def end(self, id_: str) -> None:
        """Destroy an answer: first its key."""
        _checked(id_)
        with self._lock:
            self._known.pop(id_, None)
            for folder, names in (
                (self._keys, (".key", ".next", ".part")),
                (self._folder, (".answer", ".new")),
            ):
                for name in names:
                    (folder / f"{id_}{name}").unlink(missing_ok=True)
                _sync(folder)

    def note(self, id_: str, members: AnswerMembers) -> None:
        """Know what an answer says of itself that was just written."""
        self._known[id_] = members

    def known_members(self, id_: str) -> AnswerMembers | None:
        """Return what an answer says of itself where that is known already; it waits for no disk."""
        return self._known.get(id_)

    def members(self, id_: str) -> AnswerMembers | None:
        """Return what an answer says of itself; None where it is not here.

        Raises
        ------
        StreamError
            If it is damaged.
        """
        with self._lock:
            known = self._known.get(id_)
            if known is None:
                try:
                    found = self._read(id_, [(self._last_frame(id_), -1)])
                except FileNotFoundError:
                    return None
                known = self._known[id_] = msgspec.msgpack.decode(found[0], type=AnswerMembers)
            return known

    def page(
        self, id_: str, after: int, limit: int, now_us: int, hidden: Collection[int] = ()
    ) -> list[StoredRow] | None:
        """Return rows behind a number; those past their term, or hidden, without what they show.

        None where the answer is not here.
        """
        with self._lock:
            members = self.members(id_)
            if members is None:
                return None
            first, wanted = 0, []
            for number, (begins, rows) in enumerate(members.chunks):
                if first + rows > after and first < after + limit:
                    wanted.append((number, begins, first))
                first += rows
            found: list[StoredRow] = []
            chunks = self._read(id_, [(begins, number) for number, begins, _ in wanted])
        for data, (_, _, before) in zip(chunks, wanted, strict=True):
            for at, row in enumerate(msgspec.msgpack.decode(data, type=list[StoredRow])):
                seq = before + at + 1
                if after < seq <= after + limit:
                    gone = row.end_us <= now_us or (row.read_id and row.read_id in hidden)
                    found.append(row.without(seq) if gone else row)
        return found

    def is_here(self, id_: str) -> bool:
        """Return whether an answer and its key are here; it waits for two looks at the disk."""
        return id_ in self._known or (self._path(id_).exists() and self._key(id_).exists())

    def row_of(self, id_: str, read: int, now_us: int) -> tuple[int, bytes] | None:
        """Return number and line of the row that shows a read; None where none does, or no longer.

        It reads the whole answer: some 10 ms for 10,000 rows.
        """
        with self._lock:
            members = self.members(id_)
            if members is None:
                return None
            chunks = self._read(id_, [(begins, at) for at, (begins, _) in enumerate(members.chunks)])
        seq = 0
        for data in chunks:
            for row in msgspec.msgpack.decode(data, type=list[StoredRow]):
                seq += 1
                if row.read_id == read and row.end_us > now_us:
                    return seq, row.line
        return None

    def past_term(self, id_: str, now_us: int) -> list[int]:
        """Return when the rows that `trim` would take out came to their terms, ascending."""
        with self._lock:
            members = self.members(id_)
            if members is None or members.end_us > now_us:
                return []
            chunks = self._read(id_, [(begins, at) for at, (begins, _) in enumerate(members.chunks)])
        ends = [row.end_us for data in chunks for row in msgspec.msgpack.decode(data, type=list[StoredRow])]
        return sorted(end_us for end_us in ends if end_us <= now_us)

    def trim(self, id_: str, now_us: int, hidden: Collection[int] = ()) -> bool:
        """Write an answer anew without rows past their term or hidden, under another key; return whether it was."""
        with self._lock:
            members = self.members(id_)
            if members is None or (members.end_us > now_us and not hidden):
                return False
            rows = self.page(id_, 0, members.rows, now_us, hidden) or []
            if members.end_us > now_us and not any(
                one.read_id == 0 for one in rows
            ):  # nothing of what is hidden
                return False
            key = ChaCha20Poly1305.generate_key()
            writer = AnswerWriter(self._path(id_), id_, key)
            writer.add(rows)
            # A crash from here on leaves both keys, of which one opens whichever answer there is.
            following = self._key(id_).with_suffix(".next")
            write_durably(following, key, aside=self._keys / f"{id_}.part")
            writer.finish(members.fields, members.gaps, members.covered_us, form=members.form)
            following.replace(self._key(id_))
            _sync(self._keys)
            self._known.pop(id_, None)
            return True

    def _last_frame(self, id_: str) -> int:
        with self._path(id_).open("rb") as file:
            try:
                file.seek(-_AT.size, os.SEEK_END)
                return int(_AT.unpack(file.read())[0])
            except (OSError, struct.error) as error:
                raise StreamError("an answer is damaged") from error

    def _read(self, id_: str, frames: Sequence[tuple[int, int]]) -> list[bytes]:
        keys = [path for path in (self._key(id_), self._key(id_).with_suffix(".next")) if path.exists()]
        if not keys:
            raise FileNotFoundError
        ciphers = [ChaCha20Poly1305(path.read_bytes()) for path in keys]
        with self._path(id_).open("rb") as file:
            return [self._open(id_, _frame_at(file, begins), number, ciphers) for begins, number in frames]

    @staticmethod
    def _open(id_: str, sealed: bytes, number: int, ciphers: Sequence[ChaCha20Poly1305]) -> bytes:
        for cipher in ciphers:
            try:
                return unpack(cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], _bound(id_, number)))
            except (InvalidTag, InputError, ValueError):
                continue
        raise StreamError("an answer is damaged, or was put in the place of another")

    def _path(self, id_: str) -> Path:
        return self._folder / f"{_checked(id_)}.answer"

    def _key(self, id_: str) -> Path:
        return self._keys / f"{_checked(id_)}.key"


def _checked(id_: str) -> str:
    if not _ID.fullmatch(id_):
        raise InputError("not the id of a question", code="unknown-search")
    return id_


def _frame_at(file: BinaryIO, begins: int) -> bytes:
    file.seek(begins)
    length = file.read(_LENGTH.size)
    if len(length) < _LENGTH.size:
        raise StreamError("an answer is damaged")
    return file.read(_LENGTH.unpack(length)[0])


def _bound(id_: str, number: int) -> bytes:
    return json.dumps([id_, number]).encode()


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
