"""The snapshots of the fold on disk.

With them COMMITS need not be kept for ever.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from wicketgate.base.errors import ConfigurationError
from wicketgate.base.files import write_durably
from wicketgate.base.parts import FolderPart
from wicketgate.commits.state import State, load_state

_NAME = re.compile(r"(\d{20})\.snapshot")
_KEPT = 2


class Snapshots:
    """A folder of snapshots, kept to the last two.

    A snapshot is the SHA-256 of the rest, then the state. It is written aside, synced and renamed: a crash leaves the
    former ones and perhaps a `.new` file, which the next snapshot overwrites.
    """

    def __init__(self, folder: Path) -> None:
        self.part = FolderPart(folder)
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
            data = path.read_bytes()
            if hashlib.sha256(data[32:]).digest() == data[:32]:
                return load_state(data[32:])
        if found:
            raise ConfigurationError("no snapshot of the fold is whole: restore the folder `snapshots`")
        return None

    def save(self, state: bytes, sequence: int) -> int:
        """Write a snapshot of `dump_state` at `sequence` of COMMITS.

        Returns
        -------
        int
            The sequence of the oldest snapshot kept: nothing behind it may leave COMMITS.
        """
        path = self._folder / f"{sequence:020d}.snapshot"
        write_durably(path, hashlib.sha256(state).digest() + state, aside=self._folder / "next.new")
        kept = self._found()
        # A crash in here leaves older snapshots too many: the next one removes them.
        for old in kept[:-_KEPT]:
            old.unlink()
        return int(kept[-_KEPT:][0].stem)

    def _found(self) -> list[Path]:
        return sorted(path for path in self._folder.iterdir() if _NAME.fullmatch(path.name))
