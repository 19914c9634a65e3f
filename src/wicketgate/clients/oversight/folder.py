"""What an overseer keeps from day to day: openings as they came, sealed; what was drawn; and what people found.

Opened facts are never written, but for those that were drawn. Form 1: docs/overseer.md, "Each day".
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import msgspec

from wicketgate.base.clock import rfc3339
from wicketgate.base.errors import ConfigurationError
from wicketgate.base.files import write_durably
from wicketgate.clients.oversight.sampling import Sampled

FORM: Final = 1
_PIECE: Final = re.compile(r"[0-9]{12}\.ndjson")
_MOST_SAID: Final = 2000
VERDICTS: Final = ("good", "not-good")


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Openings that were fetched at once.

    Attributes
    ----------
    first, last : int
        Their numbers.
    until_us : int or None
        The last second among them, once they were opened.
    """

    first: int
    last: int
    until_us: int | None = None


class _FolderStored(msgspec.Struct, forbid_unknown_fields=True):
    form: int
    pieces: list[Piece]


class _Review(msgspec.Struct, forbid_unknown_fields=True):
    id: str
    verdict: str
    said: str
    at: str


class OverseerFolder:
    """The folder of one overseer and one gateway.

    Parameters
    ----------
    root : Path
        Made with mode 0700.

    Raises
    ------
    ConfigurationError
        If it cannot be made, or holds what a later version wrote.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.checkpoints = root / "checkpoints"
        try:
            for folder in (root, root / "openings", root / "drawn", root / "statements"):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(f"`{root}` cannot be made: {error.strerror}") from error
        self.pieces: list[Piece] = self._read_index()

    @property
    def last(self) -> int:
        """The number of the last opening that is here."""
        return self.pieces[-1].last if self.pieces else 0

    def add(self, numbers: Sequence[int], lines: bytes) -> None:
        """Add openings that were fetched.

        A crash leaves them out, or a file that is written again by the next run, under the same name.
        """
        piece = Piece(first=numbers[0], last=numbers[-1])
        self._write(self._path_of(piece), lines)
        self.pieces.append(piece)
        self._write_index()

    def within(self, since_us: int) -> tuple[list[Path], int]:
        """Return the files with seconds from `since_us` on, and the last second before those not opened yet, or 0."""
        found = [one for one in self.pieces if one.until_us is None or one.until_us >= since_us]
        known = [one.until_us for one in self.pieces if one.until_us is not None]
        return [self._path_of(one) for one in found], max(known, default=0)

    def mark_opened(self, until_us: int) -> None:
        """Note that everything here was opened, up to a second."""
        self.pieces = [
            one if one.until_us is not None else replace(one, until_us=until_us) for one in self.pieces
        ]
        self._write_index()

    # --- what was drawn, and what was found -------------------------------------------------------------------

    def write_drawn(self, name: str, drawn: Sequence[Sampled], proof: Mapping[str, Any]) -> None:
        """Keep what was drawn, with what anybody needs to draw it again."""
        lines = [msgspec.json.encode(proof)]
        lines += [
            msgspec.json.encode({"id": one.id, "second": rfc3339(one.second_us), "fact": one.fact})
            for one in drawn
        ]
        self._write(self.root / "drawn" / f"{name}.ndjson", b"\n".join(lines) + b"\n")

    def write_statement(self, name: str, note: bytes) -> Path:
        """Keep a signed statement; return its file, which may be shown to anybody."""
        path = self.root / "statements" / f"{name}.txt"
        self._write(path, note)
        return path

    def drawn(self) -> Iterator[Mapping[str, Any]]:
        """Yield everything that was ever drawn, the oldest first."""
        for path in sorted((self.root / "drawn").glob("*.ndjson")):
            for line in path.read_bytes().splitlines()[1:]:
                yield msgspec.json.decode(line)

    def reviews(self) -> dict[str, _Review]:
        """Return what was found of each fact that was drawn, by its id; the latest word counts."""
        try:
            data = (self.root / "reviews.ndjson").read_bytes()
        except FileNotFoundError:
            return {}
        try:
            found = [msgspec.json.decode(line, type=_Review) for line in data.splitlines()]
        except msgspec.DecodeError as error:
            raise ConfigurationError(f"`{self.root / 'reviews.ndjson'}` is damaged: restore it") from error
        return {one.id: one for one in found}

    def review(self, number: str, verdict: str, said: str, at_us: int) -> None:
        """Record what was found of a fact that was drawn.

        Raises
        ------
        ConfigurationError
            If none begins so, several do, or what is said is empty or too long.
        """
        known = {one["id"] for one in self.drawn() if one["id"].startswith(number)}
        if len(known) != 1 or len(number) < 8:
            raise ConfigurationError(
                f"{len(known)} facts that were drawn begin with `{number[:64]}`: give 8 letters and more of one id"
            )
        if not said.strip() or len(said) > _MOST_SAID:
            raise ConfigurationError(f"say what you found, in 1 to {_MOST_SAID} letters")
        review = _Review(id=known.pop(), verdict=verdict, said=said.strip(), at=rfc3339(at_us))
        path = self.root / "reviews.ndjson"
        before = path.read_bytes() if path.exists() else b""
        self._write(path, before + msgspec.json.encode(review) + b"\n")

    # --- files ------------------------------------------------------------------------------------------------

    def _path_of(self, piece: Piece) -> Path:
        return self.root / "openings" / f"{piece.first:012d}.ndjson"

    def _read_index(self) -> list[Piece]:
        path = self.root / "index.json"
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return []
        try:
            stored = msgspec.json.decode(data, type=_FolderStored)
        except msgspec.DecodeError as error:
            raise ConfigurationError(f"`{path}` is damaged: restore it, or begin another folder") from error
        if stored.form != FORM:
            raise ConfigurationError(
                f"`{self.root}` is of form {stored.form}: this version writes form {FORM}"
            )
        missing = [one for one in stored.pieces if not self._path_of(one).is_file()]
        if missing:
            raise ConfigurationError(
                f"`{self._path_of(missing[0])}` is missing: restore it, or begin another folder"
            )
        return stored.pieces

    def _write_index(self) -> None:
        self._write(
            self.root / "index.json", msgspec.json.encode(_FolderStored(form=FORM, pieces=self.pieces))
        )

    def _write(self, path: Path, data: bytes) -> None:
        try:
            write_durably(path, data, aside=path.with_name(f".{path.name}.{os.getpid()}"))
        except OSError as error:
            raise ConfigurationError(f"`{path}` cannot be written: {error.strerror}") from error
