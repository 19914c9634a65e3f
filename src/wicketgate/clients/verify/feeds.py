"""Batches in a recipient's hands: whole, promised, unbroken, and authorised.

Each must be of an authority in force, in one unbroken row.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from wicketgate.base.clock import parse_rfc3339
from wicketgate.base.errors import InputError, VerificationError
from wicketgate.clients.verify.logged import Logged, apply
from wicketgate.feeds.batches import Batch, check_batch
from wicketgate.ledger.facts import check_delay, check_promise
from wicketgate.reads.columns import SAID
from wicketgate.regime.documents.authority import Authority
from wicketgate.regime.documents.fields import shows_position
from wicketgate.regime.fold import Regime
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.parsed import Parsed

_REFERENCE = re.compile(r"([a-z0-9][a-z0-9-]{0,63})@([1-9][0-9]{0,6})", re.ASCII)
_SEQ = re.compile(rb'\{"seq":(0|[1-9][0-9]{0,17}),')
_MEMBERS = {
    "plate": "plate",
    "confidence": "plate",
    "marks": "plate",
    "captured_at": "time",
    "source": "place",
    "camera": "place",
    "camera_name": "place",
    "position": "place",
    "patch_image": "patch-image",
    "overview_image": "overview-image",
} | {column.name: column.shown_by for column in SAID}
"""The members that a released read may have, and the field that shows each."""
_IMAGES = frozenset({"patch_image", "overview_image"})
_PLACED = frozenset({"camera_name", "position"})
"""The members of `place` that an authority shows if it names its log."""
_decode = msgspec.json.Decoder(dict[str, Any]).decode


@dataclass(slots=True)
class Last:
    """The last batch of a feed."""

    batch: int
    seq: int
    commit: int
    released_at: str
    released_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenBatch:
    """A batch's authority, the time of its release, and the merge delay that its promise names, microseconds."""

    name: str
    version: int
    released_us: int
    delay_us: int


class FeedChain:
    """The batches of feeds, taken in order.

    Parameters
    ----------
    origin : str
        The log's origin, which promises name.
    public : bytes
        The log's public key, raw.
    """

    def __init__(self, origin: str, public: bytes) -> None:
        self._origin = origin
        self._public = public
        self.last: dict[str, Last] = {}

    def take(self, batch: Batch) -> TakenBatch:
        """Check a batch, and return what it says of itself.

        It must be whole, promised and next.

        Raises
        ------
        VerificationError
            Naming the batch, and the row if it is one.
        """
        header = batch.header
        number, commit = _number(header, "batch"), _number(header, "commit")
        where = f"batch {number}"
        match = _REFERENCE.fullmatch(str(header.get("authority")))
        if match is None:
            raise VerificationError(f"{where}: it names no authority")
        check_batch(batch)
        delay_us = check_promise(self._origin, header, self._public)
        name, released_us = match[1], _time(header, "released_at", where)
        last = self.last.get(name)
        first = _seq(batch.lines[0], where, 0)
        if last is not None:
            if number != last.batch + 1:
                raise VerificationError(f"{where} of `{name}` follows on batch {last.batch}")
            if first != last.seq + 1:
                raise VerificationError(f"{where}: row 1 has the number {first} and follows on {last.seq}")
            if commit <= last.commit or released_us < last.released_us:
                raise VerificationError(f"{where}: it is of an earlier commit than batch {last.batch}")
        for offset, line in enumerate(batch.lines):
            if _seq(line, where, offset) != first + offset:
                raise VerificationError(
                    f"{where}: row {offset + 1} does not have the number {first + offset}"
                )
        self.last[name] = Last(
            batch=number,
            seq=first + len(batch.lines) - 1,
            commit=commit,
            released_at=str(header["released_at"]),
            released_us=released_us,
        )
        return TakenBatch(name=name, version=int(match[2]), released_us=released_us, delay_us=delay_us)


class ReleaseRight:
    """The right to each release, by the documents in the log.

    Batches come in the order of their release, or the documents are folded again from the first.
    """

    def __init__(self, documents: list[Logged], parsed: Parsed) -> None:
        self._documents = documents
        self._parsed = parsed
        self._begin()

    def _begin(self) -> None:
        self._regime = Regime()
        self._next = 0

    def check(self, batch: Batch, taken: TakenBatch) -> None:
        """Check a batch against its authority, and its promise against the charter.

        Both must have been in force at the release; the authority must let each row and field of it go.

        Raises
        ------
        VerificationError
            Naming the batch, and the row if it is one; never what the row holds.
        """
        where = f"batch {batch.number}"
        name, version, released_us = taken.name, taken.version, taken.released_us
        if self._next and self._documents[self._next - 1].at_us >= released_us:
            self._begin()
        standing, delays_us = "", set[int]()
        # A document of the same microsecond may have come before the release or after it.
        for before_us in (released_us, released_us + 1):
            self._fold(before_us)
            if self._regime.charter_envelope:
                delays_us.add(self._parsed.charter(self._regime).limits.merge_delay_us)
            standing = self._standing(name, version, released_us)
            if standing == "in-force" and taken.delay_us in delays_us:
                break
        if not standing:
            raise VerificationError(f"{where}: `{name}@{version}` was not in the log when it was released")
        if standing != "in-force":
            raise VerificationError(
                f"{where}: `{name}@{version}` was not in force when it was released, but {standing}"
            )
        check_delay(batch.header, taken.delay_us, delays_us)
        authority = self._parsed.authority(self._regime.authorities[name].versions[version - 1])
        for offset, line in enumerate(batch.lines):
            fault = _row_fault(_decode(line), authority)
            if fault:
                raise VerificationError(
                    f"{where}: row {offset + 1} {fault}, which `{name}@{version}` does not allow"
                )

    def _fold(self, before_us: int) -> None:
        while self._next < len(self._documents) and self._documents[self._next].at_us < before_us:
            apply(self._regime, self._documents[self._next])
            self._next += 1

    def _standing(self, name: str, version: int, released_us: int) -> str:
        named = self._regime.authorities.get(name)
        if named is None or len(named.versions) < version:
            return ""
        return RegimeAt(self._regime, self._parsed, released_us).status(named, version - 1)


def _row_fault(row: Mapping[str, Any], authority: Authority) -> str:
    if "erased" in row:
        return ""
    read = row.get("read")
    if not isinstance(read, dict):
        return "has no read"
    for member in read:
        if _MEMBERS.get(member) not in authority.scope.fields:
            return f"has the member `{member}`" if member in _MEMBERS else "has a member that no field has"
        if member in _PLACED and not shows_position(authority.log):
            return f"has the member `{member}` beyond the camera's id"
    if ("hit" in row) != (authority.match is not None):
        return "is a hit" if "hit" in row else "is no hit"
    if "again" in row and (row["again"] is not True or read.keys().isdisjoint(_IMAGES)):
        return "comes again without an image"
    if authority.match is not None:
        hit = row["hit"]
        if not isinstance(hit, dict) or hit.get("kind") not in authority.match.kinds:
            return "is a hit of another kind"
    if "source" in read and read["source"] not in authority.scope.sources:
        return "is of another source"
    if "captured_at" in read:
        try:
            captured_us = parse_rfc3339(str(read["captured_at"]))
        except InputError:
            return "has no time of capture that can be read"
        if not authority.valid_from_us <= captured_us < authority.valid_until_us:
            return "was captured outside the validity"
    return ""


def _seq(line: bytes, where: str, offset: int) -> int:
    match = _SEQ.match(line)
    if match is None:
        raise VerificationError(f"{where}: row {offset + 1} does not begin with its number")
    return int(match[1])


def _time(header: Mapping[str, Any], name: str, where: str) -> int:
    try:
        return parse_rfc3339(str(header.get(name)))
    except InputError as error:
        raise VerificationError(f"{where}: `{name}`: {error.detail}") from error


def _number(header: Mapping[str, Any], name: str) -> int:
    value = header.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise VerificationError(f"a batch whose header has no number `{name}`")
    return value
