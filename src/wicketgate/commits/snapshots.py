"""The snapshots of the fold on disk.

With them COMMITS need not be kept for ever.
"""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from wicketgate.base.errors import ConfigurationError
from wicketgate.base.files import write_durably
from wicketgate.base.forms import FIRST, split_form, with_form
from wicketgate.base.hour_keys import HourKeys
from wicketgate.base.parts import FolderPart
from wicketgate.commits.state import STATE_FORM, State, dump_state, load_state

_NAME = re.compile(r"(\d{20})\.snapshot")
_KEPT = 2
_DIGEST = 32
_APPENDED: Final = ("camera_log", "months", "periods", "targeting_periods")
"""Lists of a state that are appended to, with items that never change; of `periods` a closed month is taken away."""
_encoder = msgspec.msgpack.Encoder()


class StateDump:
    """The snapshots of one state as it grows, encoded without what was encoded before.

    A month of hourly figures takes 4 ms to encode, and the loop stands meanwhile: they are encoded once.
    """

    def __init__(self) -> None:
        self._encoded = {name: bytearray() for name in _APPENDED}
        self._items = dict.fromkeys(_APPENDED, 0)
        self._first: dict[str, object] = dict.fromkeys(_APPENDED)

    def of(self, state: State) -> bytes:
        """Return what `dump_state` does; the state is always the same one, with what has become of it."""
        fields = state.__struct_fields__
        pieces: list[bytes | bytearray] = [_head(0xDE, len(fields))]
        for name in fields:
            value = getattr(state, name)
            pieces.append(_encoder.encode(name))
            pieces += self._appended(name, value) if name in self._items else [_encoder.encode(value)]
        return with_form(STATE_FORM, b"".join(pieces))

    def _appended(self, name: str, items: Sequence[object]) -> tuple[bytes, bytearray]:
        first = items[0] if items else None
        if first is not self._first[name]:
            self._first[name], self._items[name] = first, 0
            self._encoded[name] = bytearray()
        encoded, known = self._encoded[name], self._items[name]
        for item in items[known:]:
            _encoder.encode_into(item, encoded, len(encoded))
        self._items[name] = len(items)
        return _head(0xDC, len(items)), encoded


def _head(sixteen: int, items: int) -> bytes:
    """Return the head of a MessagePack map (0xDE) or array (0xDC) as short as it can be."""
    if items < 16:
        return bytes([(0x80 if sixteen == 0xDE else 0x90) | items])
    if items < 1 << 16:
        return struct.pack(">BH", sixteen, items)
    return struct.pack(">BI", sixteen + 1, items)


class Snapshots:
    """A folder of snapshots, kept to the last two.

    A snapshot is the SHA-256 of the rest, then two bytes for its form, then the state, encrypted. It is written aside,
    synced and renamed: a crash leaves the former ones and perhaps a `.new` file, which the next snapshot overwrites.

    Parameters
    ----------
    keys : HourKeys
        Under which each lies, by the hour of its last commit. Those of the hours before the older one end.
    """

    def __init__(self, folder: Path, keys: HourKeys) -> None:
        self.part = FolderPart(folder)
        self._keys = keys
        self._folder = folder

    def latest(self) -> State | None:
        """Return the state of the latest whole snapshot, or None.

        None if there is no snapshot at all.

        Raises
        ------
        ConfigurationError
            If there are snapshots and none is whole.
        """
        found = self._found()
        for path in reversed(found):
            body = self._open(path)
            if body is not None:
                return load_state(body)
        if found:
            raise ConfigurationError(
                "no snapshot of the fold is whole, or their keys are missing: restore `snapshots/` and "
                "`content-keys/` as they were at one time"
            )
        return None

    def newest(self) -> tuple[int, bytes] | None:
        """Return the sequence of the latest whole snapshot and its state, as `dump_state` made it; None without one.

        Runs in any thread: one that is removed meanwhile is passed over.
        """
        for path in reversed(self._found()):
            try:
                body = self._open(path)
            except FileNotFoundError:
                continue
            if body is not None:
                return int(path.stem), body
        return None

    def save(self, state: bytes, sequence: int, at_us: int) -> int:
        """Write a snapshot of `dump_state` at `sequence` of COMMITS, which was made at `at_us`.

        Returns
        -------
        int
            The sequence of the oldest snapshot kept: nothing behind it may leave COMMITS.
        """
        path = self._folder / f"{sequence:020d}.snapshot"
        self._write(path, state, at_us)
        kept = self._found()
        # A crash in here leaves older snapshots too many: the next one removes them.
        for old in kept[:-_KEPT]:
            old.unlink()
        hours = [self._keys.hour_us(_sealed(old)) for old in kept[-_KEPT:]]
        self._keys.end_before(min(at_us if hour is None else hour for hour in hours))
        return int(kept[-_KEPT:][0].stem)

    def rewrite(self) -> None:
        """Write the snapshots of an earlier form in this one, the latest first.

        An earlier version refuses to start by what it finds then. Where there is no snapshot, one of nothing is
        written: COMMITS is folded from its beginning.

        Raises
        ------
        ConfigurationError
            If none is whole: restore them first.
        """
        found = self._found()
        if not found:
            # A crash in here leaves none, as before.
            self._write(self._folder / f"{0:020d}.snapshot", dump_state(State()), 0)
            return
        self.latest()
        for path in reversed(found):
            # A crash in here leaves each of them whole in one of the two forms. What is not whole stays what it is.
            body = self._open(path)
            if body is not None and split_form(body)[0] < STATE_FORM:
                state = load_state(body)
                self._write(path, dump_state(state), state.at_us)

    def _write(self, path: Path, state: bytes, at_us: int) -> None:
        form, packed = split_form(state)
        body = with_form(form, self._keys.seal(bytes(packed), at_us))
        write_durably(path, hashlib.sha256(body).digest() + body, aside=self._folder / "next.new")

    def _open(self, path: Path) -> bytes | None:
        """Return the state in a snapshot's file, or None where the file is not whole or its key has ended."""
        body = _whole(path)
        form, sealed = split_form(b"" if body is None else body)
        if body is None or form == FIRST:
            return body
        packed = self._keys.open(bytes(sealed))
        return None if packed is None else with_form(form, packed)

    def _found(self) -> list[Path]:
        return _snapshots_in(self._folder)


def stored_forms(folder: Path) -> set[int]:
    """Return the forms of the snapshots in a folder, whole or not; none where there is no folder."""
    forms = set()
    for path in _snapshots_in(folder) if folder.is_dir() else ():
        with path.open("rb") as file:
            forms.add(split_form(file.read(_DIGEST + 2)[_DIGEST:])[0])
    return forms


def _snapshots_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name))


def _sealed(path: Path) -> bytes:
    with path.open("rb") as file:
        return bytes(split_form(file.read(_DIGEST + 64)[_DIGEST:])[1])


def _whole(path: Path) -> bytes | None:
    """Return what is behind the hash of a snapshot's file, or None where the file is not whole."""
    data = path.read_bytes()
    body = data[_DIGEST:]
    return body if hashlib.sha256(body).digest() == data[:_DIGEST] else None
