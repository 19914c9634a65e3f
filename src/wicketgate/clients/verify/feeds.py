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
from wicketgate.clients.verify.rows import RowRule, form_fault
from wicketgate.feeds.batches import Batch, check_batch
from wicketgate.ledger.facts import check_delay, check_promise
from wicketgate.regime.charter.values import Charter
from wicketgate.regime.documents.authority import Authority
from wicketgate.regime.fold import Regime
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.parsed import Parsed

_REFERENCE = re.compile(r"([a-z0-9][a-z0-9-]{0,63})@([1-9][0-9]{0,6})", re.ASCII)
_SEQ = re.compile(rb'\{"seq":(0|[1-9][0-9]{0,17}),')
_HEADER = frozenset({"batch", "commit", "authority", "rows", "root", "sha256", "released_at", "promise"})
_PROMISE = frozenset({"salt", "second", "merge_by", "signature"})
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

        It must be whole, promised and next, and have the members of its form alone.

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
        rows = check_batch(batch)
        promise = header.get("promise")
        if header.keys() != _HEADER or not isinstance(promise, dict) or promise.keys() != _PROMISE:
            raise VerificationError(f"{where}: its header has not the members of a header, or has others")
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
        for offset, (line, row) in enumerate(zip(batch.lines, rows, strict=True)):
            if _seq(line, where, offset) != first + offset:
                raise VerificationError(
                    f"{where}: row {offset + 1} does not have the number {first + offset}"
                )
            fault = "" if "erased" in row else form_fault(line, row)
            if fault:
                raise VerificationError(f"{where}: row {offset + 1} {fault}")
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
        self._rules: dict[str, RowRule] = {}
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
        authority, delays_us = self._in_force(
            where, taken.name, taken.version, taken.released_us, taken.delay_us
        )
        check_delay(batch.header, taken.delay_us, delays_us)
        if authority.reference not in self._rules:
            self._rules[authority.reference] = RowRule(authority)
        rule = self._rules[authority.reference]
        for offset, line in enumerate(batch.lines):
            fault = rule.fault(_decode(line))
            if fault:
                raise VerificationError(
                    f"{where}: row {offset + 1} {fault}, which `{authority.reference}` does not allow"
                )

    def authority(self, where: str, name: str, version: int, at_us: int) -> Authority:
        """Return a version of an authority that was in force at a time.

        Raises
        ------
        VerificationError
            If it was not in the log, or not in force, then.
        """
        return self._in_force(where, name, version, at_us)[0]

    def _in_force(
        self, where: str, name: str, version: int, at_us: int, delay_us: int | None = None
    ) -> tuple[Authority, set[int]]:
        """Return an authority in force at a time, and the merge delays of the charters that were in force then."""
        if self._next and self._documents[self._next - 1].at_us >= at_us:
            self._begin()
        standing, delays_us = "", set[int]()
        # A document of the same microsecond may have come before the release or after it.
        for before_us in (at_us, at_us + 1):
            self._fold(before_us)
            if self._regime.charter_envelope:
                delays_us.add(self._parsed.charter(self._regime).limits.merge_delay_us)
            standing = self._standing(name, version, at_us)
            if standing == "in-force" and (delay_us is None or delay_us in delays_us):
                break
        if not standing:
            raise VerificationError(f"{where}: `{name}@{version}` was not in the log when it was released")
        if standing != "in-force":
            raise VerificationError(
                f"{where}: `{name}@{version}` was not in force when it was released, but {standing}"
            )
        return self._parsed.authority(self._regime.authorities[name].versions[version - 1]), delays_us

    def versions(self, name: str, before_us: int) -> list[Authority]:
        """Return the versions of an authority that took effect before a time, whether they stand or not."""
        if self._next and self._documents[self._next - 1].at_us >= before_us:
            self._begin()
        self._fold(before_us)
        named = self._regime.authorities.get(name)
        return [] if named is None else [self._parsed.authority(version) for version in named.versions]

    def charters(self, *times_us: int) -> list[Charter]:
        """Return the charters that were in force before some times, ascending."""
        if self._next and self._documents[self._next - 1].at_us >= times_us[0]:
            self._begin()
        found = []
        for before_us in times_us:
            self._fold(before_us)
            if self._regime.charter_envelope:
                found.append(self._parsed.charter(self._regime))
        return found

    def not_checked(self) -> list[str]:
        """Return what of the authorities' scopes no row shows, in words."""
        return [words for rule in self._rules.values() for words in rule.not_checked()]

    def _fold(self, before_us: int) -> None:
        while self._next < len(self._documents) and self._documents[self._next].at_us < before_us:
            apply(self._regime, self._documents[self._next])
            self._next += 1

    def _standing(self, name: str, version: int, released_us: int) -> str:
        named = self._regime.authorities.get(name)
        if named is None or len(named.versions) < version:
            return ""
        return RegimeAt(self._regime, self._parsed, released_us).status(named, version - 1)


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
