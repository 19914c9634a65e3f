"""Keys by the hour: what is encrypted under one is gone when the key is.

What lies in COMMITS cannot be taken out of it, and COMMITS is kept for as long as a feed needs it. What ends sooner
stands there encrypted. docs/decisions/0029-one-copy.md.
"""

from __future__ import annotations

import os
import struct
import threading
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from wicketgate.base.clock import HOUR_US
from wicketgate.base.errors import ConfigurationError, InputError, StreamError
from wicketgate.base.files import write_durably
from wicketgate.base.packing import pack, unpack
from wicketgate.base.parts import FolderPart, private_folder

_MARK = b"\x00hour-1"
_HOUR = struct.Struct(">Q")
_NONCE = 12
_BEGIN = len(_MARK) + _HOUR.size + _NONCE


def hour_of(sealed: bytes) -> int | None:
    """Return the hour of what was sealed, since the epoch; None for what stands in the open."""
    if not sealed.startswith(_MARK) or len(sealed) < _BEGIN:
        return None
    return int(_HOUR.unpack_from(sealed, len(_MARK))[0])


def open_sealed(key: ChaCha20Poly1305, sealed: bytes) -> bytes:
    """Return what was sealed under the key of its hour.

    InputError if it was changed, or another key made it.
    """
    try:
        return key.decrypt(sealed[_BEGIN - _NONCE : _BEGIN], sealed[_BEGIN:], _MARK)
    except InvalidTag as error:
        raise InputError("what is sealed was changed, or is of another key") from error


class HourKeys:
    """The keys of one kind of content, a file for each hour.

    Parameters
    ----------
    folder : Path
        Private; it lies beside the streams and never in them.

    Attributes
    ----------
    revision : int
        Another one whenever a key was made or has ended, in this life.
    """

    def __init__(self, folder: Path) -> None:
        private_folder(folder)
        self._folder = folder
        self._known: dict[int, ChaCha20Poly1305] = {}
        # Hours under which something was sealed, as far as this life knows: a key made ahead is not in use yet.
        self._used = {int(path.stem) for path in folder.glob("*.key") if path.stem.isdigit()}
        self._ended = 0  # hours before this one have no keys any more, and never will
        self._lock = threading.RLock()
        self.is_ahead = False
        """Whether the next hour's key is made ahead even where none is in use."""
        self.on_made: Callable[[int, bytes], None] = lambda hour, key: None
        """Told of each key that is made, in the thread that makes it, before anything is sealed under it."""
        self.on_ended: Callable[[int], None] = lambda hour: None
        """Told before which hour keys were destroyed."""
        self.revision = 0

    def seal(self, data: bytes, at_us: int) -> bytes:
        """Return bytes encrypted under the key of a time's hour, which is made if it is new.

        Raises
        ------
        StreamError
            If the keys of that hour have ended.
        """
        hour, nonce = at_us // HOUR_US, os.urandom(_NONCE)
        key = self._known.get(hour) or self._make(hour)
        self._used.add(hour)
        return _MARK + _HOUR.pack(hour) + nonce + key.encrypt(nonce, data, _MARK)

    def go_on(self, at_us: int) -> None:
        """Make the key of a time's hour where that of the hour before is in use.

        To make one waits for the disk. Runs in any thread, some minutes before the hour.
        """
        hour = at_us // HOUR_US
        if self.is_ahead or hour - 1 in self._used:
            self._make(hour)

    def adopt(self, hour: int, key: bytes) -> None:
        """Keep a key that another holder of the same content has made. Durable on return.

        Raises
        ------
        ConfigurationError
            If this hour has another key here: then one of the two holds another deployment's content.
        """
        with self._lock:
            if hour < self._ended:
                return
            path = self._path(hour)
            if path.exists():
                if path.read_bytes() != key:
                    raise ConfigurationError(
                        f"`{path.parent.name}/{path.name}` is another key than the others hold"
                    )
                return
            # A crash in here leaves no key, and it is asked for again.
            write_durably(path, key, aside=self._folder / "next.new")
            self._used.add(hour)

    def open(self, sealed: bytes) -> bytes | None:
        """Return what was sealed, or None where its key has ended.

        What version 0.3 kept in the open is returned as it is.

        Raises
        ------
        InputError
            If it was changed, or another key made it.
        """
        begun_us = self.hour_us(sealed)
        if begun_us is None:
            return sealed
        key = self._find(begun_us // HOUR_US)
        if key is None:
            return None
        return open_sealed(key, sealed)

    @staticmethod
    def hour_us(sealed: bytes) -> int | None:
        """Return when the hour of what was sealed began, or None for what stands in the open."""
        hour = hour_of(sealed)
        return None if hour is None else hour * HOUR_US

    def held(self, known: Collection[int] = ()) -> dict[int, bytes]:
        """Return the hours that have a key: with it, or with nothing where it is known already. Runs in any thread."""
        with self._lock:
            hours = [int(path.stem) for path in self._folder.glob("*.key") if path.stem.isdigit()]
            return {hour: b"" if hour in known else self._path(hour).read_bytes() for hour in sorted(hours)}

    def due_before(self, at_us: int) -> list[int]:
        """Return the hours whose keys `end_before` would destroy, ascending."""
        with self._lock:
            hours = (int(path.stem) for path in self._folder.glob("*.key") if path.stem.isdigit())
            return sorted(hour for hour in hours if hour < at_us // HOUR_US)

    def end_before(self, at_us: int) -> None:
        """Destroy the keys of hours that ended before a time."""
        # A crash in here leaves some of them to the next call.
        with self._lock:
            self._ended = max(self._ended, at_us // HOUR_US)
            for hour in [hour for hour in {*self._known, *self._used} if hour < self._ended]:
                self._known.pop(hour, None)
                self._used.discard(hour)
            gone = [
                path
                for path in self._folder.glob("*.key")
                if path.stem.isdigit() and int(path.stem) < self._ended
            ]
            for path in gone:
                path.unlink()
                self.revision += 1
        if gone:
            self.on_ended(self._ended)

    def _find(self, hour: int) -> ChaCha20Poly1305 | None:
        key = self._known.get(hour)
        if key is not None:
            return key
        path = self._path(hour)
        with self._lock:  # what ends meanwhile must not be known again
            try:
                data = path.read_bytes()
            except FileNotFoundError:
                return None
            try:
                key = self._known[hour] = ChaCha20Poly1305(data)
            except ValueError as error:
                raise ConfigurationError(
                    f"`{path.parent.name}/{path.name}` is no key: restore it from a backup of the keys"
                ) from error
        return key

    def _make(self, hour: int) -> ChaCha20Poly1305:
        with self._lock:
            if hour < self._ended:
                raise StreamError("the keys of this hour have ended")
            key = self._find(hour)  # another thread may have made it meanwhile
            if key is None:
                data = ChaCha20Poly1305.generate_key()
                # Durable before anything is encrypted under it: a crash from here on leaves a key that nothing needs.
                write_durably(self._path(hour), data, aside=self._folder / "next.new")
                self.on_made(hour, data)
                key = self._known[hour] = ChaCha20Poly1305(data)
                self.revision += 1
        return key

    def _path(self, hour: int) -> Path:
        return self._folder / f"{hour}.key"


class KeyRing:
    """The keys of several kinds of content, each in a folder of its own.

    Parameters
    ----------
    folder : Path
        Private; no backup of the rest holds it.

    Attributes
    ----------
    part : FolderPart
        It says whose they are.
    """

    def __init__(self, folder: Path, kinds: Iterable[str]) -> None:
        self.part = FolderPart(folder)
        self.part.is_fresh = not any(folder.rglob("*.key"))
        self._folder = folder
        self._kinds = {kind: HourKeys(folder / kind) for kind in kinds}
        self.on_kind: Callable[[str, HourKeys], None] = lambda kind, keys: None
        """Told of each kind that is new, before a key of it is made."""

    def kinds(self) -> dict[str, HourKeys]:
        """Return the keys of each kind that has a folder."""
        for path in sorted(self._folder.iterdir()):
            if path.is_dir():
                self.of(path.name)
        return dict(self._kinds)

    def seal(self, kind: str, data: bytes, at_us: int) -> bytes:
        """Return data packed, and encrypted under the key of its kind and of a time's hour."""
        return self._kinds[kind].seal(pack(data), at_us)

    def open(self, kind: str, sealed: bytes) -> bytes | None:
        """Return what `seal` was given, or None where its key has ended.

        Raises
        ------
        InputError
            If it was changed, another key made it, or it stands in the open.
        """
        if HourKeys.hour_us(sealed) is None:
            raise InputError("what is to be sealed stands in the open")
        packed = self._kinds[kind].open(sealed)
        return None if packed is None else unpack(packed)

    def open_former(self, kind: str, data: bytes) -> bytes | None:
        """Return as `open` does, and what version 0.3 kept in the open as it is."""
        return data if HourKeys.hour_us(data) is None else self.open(kind, data)

    def end_before(self, kind: str, at_us: int) -> None:
        """Destroy the keys of a kind's hours that ended before a time."""
        self._kinds[kind].end_before(at_us)

    def go_on(self, at_us: int) -> None:
        """Make the keys of a time's hour, of every kind that is in use. Runs in any thread."""
        for keys in list(self._kinds.values()):
            keys.go_on(at_us)

    def of(self, kind: str) -> HourKeys:
        """Return the keys of a kind, which is made if it is new."""
        if kind not in self._kinds:
            keys = HourKeys(self._folder / kind)
            self.on_kind(kind, keys)
            self._kinds[kind] = keys
        return self._kinds[kind]
