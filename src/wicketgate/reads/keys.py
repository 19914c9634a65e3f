"""The keys of repeats: what a read is recognised by, for all rows of a post at once.

Pure. docs/spec/repeats.md has the rule. A key says when a read was captured, and nothing else to whoever lacks the
deployment's secret.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from typing import Final, overload

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from numpy.typing import NDArray

from wicketgate.base.errors import ShapeError

DIGEST: Final = 16
CONTENT: Final = 8 + DIGEST
"""Bytes of a content key: the microsecond of capture, and a keyed digest."""

NO_ID: Final = bytes(DIGEST)
"""Stands for the id of a read without one."""

_PERSON: Final = b"wicketgate seen"
_PLATE: Final = 16  # bytes: a cipher block, and the characters of the longest plate
_TEXT, _HASHED = 0, 1
_SECOND_BLOCK: Final = np.dtype([("captured_us", "<i8"), ("camera", "<i4"), ("kind", "<u4")])
_WORDS: Final = np.dtype("<u8")
_second_block = struct.Struct("<qiI").pack
_time = struct.Struct("<q").pack

_Words = NDArray[np.uint64]


class JoinedKeys(Sequence[bytes]):
    """Content keys that lie one behind the other, `CONTENT` bytes each."""

    __slots__ = ("joined",)

    def __init__(self, joined: bytes) -> None:
        self.joined = joined

    def __len__(self) -> int:
        return len(self.joined) // CONTENT

    @overload
    def __getitem__(self, at: int) -> bytes: ...

    @overload
    def __getitem__(self, at: slice) -> JoinedKeys: ...

    def __getitem__(self, at: int | slice) -> bytes | JoinedKeys:
        if isinstance(at, slice):
            rows = range(len(self))[at]
            if rows.step != 1:
                raise ShapeError("a part of joined keys is taken as a whole")
            return JoinedKeys(self.joined[rows.start * CONTENT : rows.stop * CONTENT])
        start = range(len(self))[at] * CONTENT
        return self.joined[start : start + CONTENT]


class ReadKeys:
    """The keys of reads, in their order.

    Attributes
    ----------
    contents : bytes
        The content keys, joined.
    ids : bytes
        The keys of the source's own ids, joined, `NO_ID` for a read without one; empty where no read has one.
    former : mapping of int to bytes
        By row, the key under the rule of versions up to 0.3, of reads that their index may know.
    """

    __slots__ = ("contents", "former", "ids")

    def __init__(self, contents: bytes, ids: bytes = b"", former: dict[int, bytes] | None = None) -> None:
        self.contents = contents
        self.ids = ids
        self.former = former or {}

    def __len__(self) -> int:
        return len(self.contents) // CONTENT

    def of(self, rows: Sequence[int]) -> ReadKeys:
        """Return the keys of some rows, without those by a former rule."""
        if isinstance(rows, range):
            start, stop = rows.start, rows.stop
            if (start, stop) == (0, len(self)):
                return self
            return ReadKeys(
                self.contents[start * CONTENT : stop * CONTENT], self.ids[start * DIGEST : stop * DIGEST]
            )
        ids = b"".join([self.ids[row * DIGEST : (row + 1) * DIGEST] for row in rows])
        return ReadKeys(b"".join(map(self.content, rows)), ids)

    def content(self, row: int) -> bytes:
        """Return one read's content key."""
        return self.contents[row * CONTENT : (row + 1) * CONTENT]

    def read_id(self, row: int) -> bytes:
        """Return the key of one read's id, empty where it has none."""
        found = self.ids[row * DIGEST : (row + 1) * DIGEST]
        return b"" if found == NO_ID else found


def words(contents: bytes) -> _Words:
    """Return joined content keys as (n, 3) words: the microsecond of capture (signed), and two of the digest."""
    return np.frombuffer(contents, _WORDS).reshape(-1, CONTENT // 8)


class KeyMaker:
    """The maker of keys under one deployment's secret.

    Parameters
    ----------
    secret : bytes
        At most 64 bytes.
    """

    def __init__(self, secret: bytes) -> None:
        def derived(use: bytes, size: int = 32) -> bytes:
            return hashlib.blake2b(use, key=secret, digest_size=size, person=_PERSON).digest()

        self._encrypt = Cipher(algorithms.AES(derived(b"contents")), modes.ECB()).encryptor().update  # noqa: S305 - the block cipher itself, for the MAC below
        self._plates = hashlib.blake2b(key=derived(b"plates"), digest_size=_PLATE, person=_PERSON)
        self._ids = hashlib.blake2b(key=secret, digest_size=DIGEST)

    def contents(
        self, camera: Sequence[int] | NDArray[np.int32], captured_us: NDArray[np.int64], plate: Sequence[str]
    ) -> bytes:
        """Return the content keys of reads, joined.

        Parameters
        ----------
        camera : (n,) int32
            Numbers of cameras.
        captured_us : (n,) int64
            Times of capture, microseconds since the epoch.
        plate : (n,) sequence of str
            Plates in normal form.

        Notes
        -----
        CBC-MAC by AES-256 over two blocks, all rows at once: about 0.1 µs a read, most of it the plates' bytes.
        """
        n = len(plate)
        first, kind = self._first_blocks(plate)
        second = np.empty(n, _SECOND_BLOCK)
        second["captured_us"] = captured_us
        second["camera"] = camera
        second["kind"] = kind
        chained = np.frombuffer(self._encrypt(first), _WORDS) ^ second.view(_WORDS)
        keys = np.empty((n, CONTENT // 8), _WORDS)
        keys[:, 0] = second["captured_us"].view(_WORDS)
        keys[:, 1:] = np.frombuffer(self._encrypt(chained.tobytes()), _WORDS).reshape(n, 2)
        keys[:, 1] |= np.uint64(1)
        return keys.tobytes()

    def content(self, camera: int, captured_us: int, plate: str) -> bytes:
        """Return the content key of one read, as `contents` does; about 2 µs."""
        block, kind = self._first_block(plate)
        chained = int.from_bytes(self._encrypt(block), "little") ^ int.from_bytes(
            _second_block(captured_us, camera, kind), "little"
        )
        digest = int.from_bytes(self._encrypt(chained.to_bytes(16, "little")), "little") | 1
        return _time(captured_us) + digest.to_bytes(DIGEST, "little")

    def read_id(self, source: str, given: str) -> bytes:
        """Return the key of a source's own id for a read."""
        keyed = self._ids.copy()
        keyed.update(f"{source}\0\0{given}".encode())
        return keyed.digest()

    def read_ids(self, source: str, given: Sequence[str | None]) -> bytes:
        """Return the keys of a source's own ids, joined; empty where no read has one."""
        if not any(given):
            return b""
        return b"".join([NO_ID if one is None else self.read_id(source, one) for one in given])

    def former(self, source: str, camera: str, plate: str, captured_us: int) -> bytes:
        """Return a read's key under the rule of versions up to 0.3: the second of capture, then BLAKE2b."""
        keyed = self._ids.copy()
        keyed.update(f"{source}\0{camera}\0{plate}\0{captured_us}".encode())
        return (max(captured_us, 0) // 1_000_000).to_bytes(4, "big") + keyed.digest()

    def _first_blocks(self, plates: Sequence[str]) -> tuple[bytes, NDArray[np.uint32] | int]:
        try:
            blocks = np.array(plates, f"S{_PLATE}")
        except UnicodeEncodeError:
            pass
        else:
            # A longer plate was cut, and a zero at its end would be padding: either shows as a byte too few.
            data = blocks.tobytes()
            if len(data) - data.count(0) == sum(map(len, plates)):
                return data, _TEXT
        pairs = [self._first_block(plate) for plate in plates]
        return b"".join([block for block, _ in pairs]), np.array([kind for _, kind in pairs], np.uint32)

    def _first_block(self, plate: str) -> tuple[bytes, int]:
        if len(plate) <= _PLATE and plate.isascii() and "\0" not in plate:
            return plate.encode().ljust(_PLATE, b"\0"), _TEXT
        keyed = self._plates.copy()
        keyed.update(plate.encode("utf-8", "surrogatepass"))
        return keyed.digest(), _HASHED
