"""What was shown, held against what the gateway holds itself: a row in its batch, or a confirmed hit.

A row counts while it stands in its feed, byte for byte as it was delivered: beyond that nobody could say whether it was
erased. docs/spec/keepers.md, section 2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from wicketgate.base.clock import parse_rfc3339
from wicketgate.base.errors import HitRefused, InputError
from wicketgate.commits.durable import Durable
from wicketgate.feeds.batches import first_row
from wicketgate.gateway.projections import Projections
from wicketgate.hotlists.hit_store import HitQueue
from wicketgate.ledger.merkle import HASH_BYTES, leaf_hash, verify_inclusion
from wicketgate.regime.keepers.rules import LinkCode, RowShown
from wicketgate.regime.moment import RegimeAt

MOST_LINE: Final = 64 * 1024
MOST_PATH: Final = 32
_HELD: Final = ("batch", "commit", "authority", "rows", "root", "released_at", "promise")
"""Members of a header that are shown and held against those in the feed; `sha256` is over rows of others too."""
_IMAGES: Final = ("patch_image", "overview_image")


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkRow:
    """A row as the gateway holds it, with what its register is asked about: kept for one request.

    Attributes
    ----------
    shown : RowShown or LinkCode
        What the law looks at, or the code that it is refused by.
    seq : int
        Its number in the feed; 0 where it is none.
    vehicle : str or None
        What the camera says of the vehicle, as JSON.
    """

    shown: RowShown | LinkCode
    seq: int = 0
    plate: str = ""
    vehicle: str | None = None
    hit: str = ""


_UNKNOWN: Final = LinkRow(shown="row-unknown")


class ShownRows:
    """Where shown rows and hits are looked up, over the feeds and hits of one gateway."""

    def __init__(self, commits: Durable, projections: Projections, hits: HitQueue) -> None:
        self._commits = commits
        self._projections = projections
        self._hits = hits

    async def row(
        self, name: str, header: Mapping[str, Any], line: bytes, path: Sequence[bytes], moment: RegimeAt
    ) -> LinkRow:
        """Return a row that was shown with its batch's header and its path to the root.

        Parameters
        ----------
        name : str
            Of the authority, which is one of the caller's unit.
        """
        feed, number = self._projections.feeds.get(name), header.get("batch")
        if feed is None or not isinstance(number, int) or isinstance(number, bool):
            return _UNKNOWN
        data = await feed.batch(number)
        if data is None:
            return _UNKNOWN
        held, *lines = data.rstrip(b"\n").split(b"\n")
        return self._found(
            name, msgspec.json.decode(held), header, lines, line, path, first_row(data), moment
        )

    def _found(
        self,
        name: str,
        held: Mapping[str, Any],
        header: Mapping[str, Any],
        lines: Sequence[bytes],
        line: bytes,
        path: Sequence[bytes],
        first: int,
        moment: RegimeAt,
    ) -> LinkRow:
        if any(header.get(one) != held[one] for one in _HELD):
            return _UNKNOWN
        row = _object(line)
        seq = row.get("seq")
        if not isinstance(seq, int) or isinstance(seq, bool) or not first <= seq < first + len(lines):
            return _UNKNOWN
        index, leaf = seq - first, leaf_hash(line)
        there = lines[index]
        if b'"erased":' in there[:40]:
            same = line == there or msgspec.json.decode(there)["erased"] == leaf.hex()
            return LinkRow(shown="erased", seq=seq) if same else _UNKNOWN
        if line != there or any(len(one) != HASH_BYTES for one in path):
            return _UNKNOWN
        if not verify_inclusion(leaf, index, len(lines), path, bytes.fromhex(held["root"])):
            return _UNKNOWN
        if self._is_corrected(name, seq):
            return _UNKNOWN
        return _of_row(row, held, moment)

    def hit(self, name: str, id_: str, moment: RegimeAt) -> LinkRow:
        """Return a hit of an authority, which is one of the caller's unit.

        Raises
        ------
        HitRefused
            `unknown-hit`.
        """
        hit = self._hits.get(id_)
        if hit is None or hit.authority != name:
            raise HitRefused("there is no such hit, or it is past its term", code="unknown-hit")
        if not any(one.outcome == "confirmed" for one in hit.outcomes):
            return LinkRow(shown="not-confirmed", seq=hit.seq, hit=id_)
        if hit.errata or self._is_corrected(name, hit.seq):
            return _UNKNOWN
        # Whoever confirmed a possible hit saw the listed plate, whatever was read.
        if hit.plate is None or hit.captured_us is None or hit.source is None:
            return _UNKNOWN
        shown = RowShown(
            released_by=moment.authority(moment.regime.authorities[name].versions[hit.version - 1]),
            released_us=hit.raised_us,
            captured_us=hit.captured_us,
            source=hit.source,
            images=frozenset(ref for ref in (hit.patch, hit.overview) if ref is not None),
        )
        return LinkRow(shown=shown, seq=hit.seq, plate=hit.listed, vehicle=hit.vehicle, hit=id_)

    def _is_corrected(self, name: str, seq: int) -> bool:
        """Return whether an erratum says that a row was wrong."""
        notices = self._commits.committed.errata.notices.get(name, ())
        return any(one.corrects == seq for one in notices)


def _of_row(row: Mapping[str, Any], held: Mapping[str, Any], moment: RegimeAt) -> LinkRow:
    """Return a row that its feed holds; one without plate, time or source shows too little, and an erratum no read."""
    read = row.get("read")
    if not isinstance(read, dict) or not all(read.get(one) for one in ("plate", "captured_at", "source")):
        return _UNKNOWN
    name, _, number = held["authority"].partition("@")
    shown = RowShown(
        released_by=moment.authority(moment.regime.authorities[name].versions[int(number) - 1]),
        released_us=parse_rfc3339(held["released_at"]),
        captured_us=parse_rfc3339(read["captured_at"]),
        source=read["source"],
        images=frozenset(read[one]["ref"] for one in _IMAGES if one in read),
    )
    vehicle = read.get("vehicle")
    return LinkRow(
        shown=shown,
        seq=row["seq"],
        plate=read["plate"],
        vehicle=None if vehicle is None else msgspec.json.encode(vehicle).decode(),
    )


def _object(line: bytes) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def hashes_in(path: Sequence[str]) -> list[bytes]:
    """Return the hashes of a path; InputError for anything else."""
    try:
        found = [bytes.fromhex(one) for one in path]
    except ValueError as error:
        raise InputError("`path` holds hashes in hexadecimal") from error
    if len(found) > MOST_PATH or any(len(one) != HASH_BYTES for one in found):
        raise InputError(f"`path` holds at most {MOST_PATH} hashes of 64 digits")
    return found
