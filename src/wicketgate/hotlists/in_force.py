"""The hotlists in force.

Their changes are blobs in the vault; the gate asks the compiled lists. A blob is written durably before the commit
that names it; a crash between the two leaves a file that nothing names, which housekeeping removes. A blob that a
commit names and that is missing is a reason to refuse to start.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wicketgate.base.errors import ConfigurationError, InputError
from wicketgate.base.files import write_durably
from wicketgate.base.memory import give_back
from wicketgate.base.parts import STAMP_FILE, FolderPart
from wicketgate.base.shared_blobs import SharedBlobs
from wicketgate.commits.state import State
from wicketgate.commits.transactions import HotlistChanged
from wicketgate.hotlists import Hotlist, ListedRows, each_entry, load_changes
from wicketgate.hotlists.unlisted import Unlisted
from wicketgate.regime.documents.authority import MatchTerms
from wicketgate.regime.documents.unlisted_terms import UnlistedTerms

_KEPT = 4
"""Revisions in memory: decisions under way may still ask the one before."""
_ORPHAN_S = 3600.0


class Hotlists:
    """Every hotlist of the gateway.

    Parameters
    ----------
    folder : Path
        The vault's part for hotlists, mode 0700.
    now_s : callable
        Returns seconds that only ascend.
    shared : SharedBlobs, optional
        Where another gateway of the deployment finds the blobs too.
    """

    def __init__(
        self, folder: Path, now_s: Callable[[], float] = time.monotonic, shared: SharedBlobs | None = None
    ) -> None:
        self._shared = shared
        self.part = FolderPart(folder)
        self._folder = folder
        self._now_s = now_s
        self._known: dict[str, dict[int, Hotlist]] = {}
        self._empty = Hotlist.empty()
        self._unnamed_since_s: dict[str, float] = {}

    def load(self, state: State) -> None:
        """Compile every list of a fold.

        Raises
        ------
        ConfigurationError
            If a blob is missing or is not what was committed.
        """
        for name, known in state.hotlists.items():
            hotlist = self._empty
            for blob, whole in known.blobs:
                hotlist = self._changed(name, hotlist, blob, whole=whole)
            self._demand(name, hotlist, known.entries)
            self._known[name] = {known.revision: hotlist}
        give_back()

    def follow(self, change: HotlistChanged) -> None:
        """Compile the next revision of a list, which another gateway has committed. Runs in any one thread.

        Raises
        ------
        ConfigurationError
            As `load`.
        """
        name = change.authority
        before = self._known.get(name, {}).get(change.revision - 1, self._empty)
        hotlist = self._changed(name, before, change.blob, whole=change.whole)
        self._demand(name, hotlist, change.entries)
        self.prepare(name, change.revision, hotlist)

    def _changed(self, name: str, before: Hotlist, blob: str, *, whole: bool) -> Hotlist:
        data = self._read(name, blob)
        try:
            return Hotlist.of(each_entry(data)) if whole else before.changed(load_changes(data))
        except InputError as error:
            raise ConfigurationError(f"the vault's `{blob}`: {error.detail}") from error

    @staticmethod
    def _demand(name: str, hotlist: Hotlist, entries: int) -> None:
        if len(hotlist) != entries:
            raise ConfigurationError(
                f"the hotlist of `{name}` has {len(hotlist)} entries in the vault and {entries} in the commits"
            )

    def _read(self, name: str, blob: str) -> bytes:
        path = self._folder / blob
        if self._shared is not None and not path.exists():
            data = self._shared.get(blob)
            if data is not None and hashlib.sha256(data).hexdigest() == blob:
                write_durably(path, data, aside=self._folder / f".{blob}.{os.urandom(4).hex()}")
        try:
            data = path.read_bytes()
        except FileNotFoundError as error:
            raise ConfigurationError(
                f"the vault lacks `{blob}` of the hotlist of `{name}`: restore it"
            ) from error
        if hashlib.sha256(data).hexdigest() != blob:
            raise ConfigurationError(f"the vault's `{blob}` is not what was committed: restore it")
        return data

    def at(self, name: str, state: State) -> Hotlist:
        """Return the list of an authority's name in a state.

        It is empty if the name never had one.
        """
        known = state.hotlists.get(name)
        return self._empty if known is None else self._known[name][known.revision]

    def under(self, name: str, state: State, terms: MatchTerms | UnlistedTerms) -> Allowed | Unlisted:
        """Return the list of an authority's name in a state, as the gate asks it under some terms."""
        hotlist = self.at(name, state)
        if isinstance(terms, MatchTerms):
            return Allowed(hotlist, terms)
        known = state.hotlists.get(name)
        return Unlisted(hotlist, terms, {} if known is None else known.lists)

    def prepare(self, name: str, revision: int, hotlist: Hotlist) -> None:
        """Keep a revision at hand before its commit."""
        revisions = self._known.setdefault(name, {})
        revisions[revision] = hotlist
        for old in sorted(revisions)[:-_KEPT]:
            del revisions[old]

    def store(self, data: bytes) -> str:
        """Write a blob durably, and return its name.

        One that is there is not written again. Runs in any thread.
        """
        blob = hashlib.sha256(data).hexdigest()
        path = self._folder / blob
        # Its commit is still to come: `tidy` counts its hour from here on.
        self._unnamed_since_s.pop(blob, None)
        if self._shared is not None:
            self._shared.put(blob, data)
        if path.exists():
            return blob
        # A crash in here leaves a file aside, or a blob that no commit names: `tidy` removes either.
        write_durably(path, data, aside=self._folder / f".{blob}.{os.urandom(4).hex()}")
        return blob

    @staticmethod
    def named(*states: State) -> frozenset[str]:
        """Return the names of the blobs of states."""
        return frozenset(
            blob for state in states for known in state.hotlists.values() for blob, _ in known.blobs
        )

    def tidy(self, named: frozenset[str], everywhere: bool = True) -> None:
        """Remove the blobs found unnamed for an hour; `everywhere`: from the shared store too.

        The hour is counted from when one was first found: a file's own time is the machine's clock's, which may leap.
        Runs in any thread.
        """
        now_s, since_s = self._now_s(), self._unnamed_since_s
        unnamed = {
            path.name: path
            for path in self._folder.iterdir()
            if path.name not in named and path.name != STAMP_FILE
        }
        for name in since_s.keys() - unnamed.keys():
            since_s.pop(name, None)
        for name, path in unnamed.items():
            if now_s - since_s.setdefault(name, now_s) > _ORPHAN_S:
                path.unlink(missing_ok=True)
                if self._shared is not None and everywhere:
                    self._shared.delete(name)


@dataclass(frozen=True, slots=True)
class Allowed:
    """A list, as far as an authority's terms reach.

    Whoever changes a list is held to the terms of that day. A later version may allow less: an entry of a kind that it
    does not allow never hits, though it is still listed.
    """

    hotlist: Hotlist
    terms: MatchTerms

    def look(
        self,
        plate_key: NDArray[np.uint64],
        plate: Sequence[str],
        captured_us: NDArray[np.int64],
        at_us: int,
    ) -> ListedRows:
        """Return the reads with an entry (`Hotlist.look`).

        Raises
        ------
        InputError
            If the list is longer than the authority allows: nothing says which of its entries are meant.
        """
        if len(self.hotlist) > self.terms.max_entries:
            raise InputError("the list is longer than the authority allows", code="too-many-entries")
        hits = self.hotlist.look(plate_key, plate, captured_us, at_us)
        kept = [n for n, entry in enumerate(hits.entries) if entry.kind in self.terms.kinds]
        if len(kept) == len(hits):
            return hits
        return ListedRows(
            rows=hits.rows[kept],
            entries=tuple(hits.entries[n] for n in kept),
            exact=hits.exact[kept],
            substitutions=hits.substitutions[kept],
        )
