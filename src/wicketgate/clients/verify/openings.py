"""The overseer's arithmetic: openings against the seconds of a log, and its figures made again.

docs/overseer.md.
"""

from __future__ import annotations

import base64
import binascii
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from wicketgate.base.clock import SECOND_US, parse_rfc3339, rfc3339
from wicketgate.base.errors import (
    ConfigurationError,
    InputError,
    LedgerError,
    Unreachable,
    VerificationError,
)
from wicketgate.base.signing import canonical, parse_json
from wicketgate.clients.verify.entries import EntryFold
from wicketgate.clients.verify.log import TrustedLog
from wicketgate.clients.verify.opened import FactRight
from wicketgate.clients.verify.report import Check, Findings
from wicketgate.clients.verify.sums import least_shown
from wicketgate.clients.verify.tallies import FactTally, Hits, stepped_cells
from wicketgate.ledger.facts import SecondTree, second_entry, second_of
from wicketgate.ledger.sealing import Opener
from wicketgate.regime.charter import Charter

_ANY_TIME = 1 << 62
_MAX_LINE = 16 * 1024 * 1024
_SEED_BYTES = 32


def read_identity(path: Path) -> Opener:
    """Return what opens an overseer's openings, from an age identity file.

    Raises
    ------
    Unreachable
        Code `no-file`, if the file cannot be read.
    ConfigurationError
        If no identity is in it.
    """
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise Unreachable(f"`{path}` cannot be read", code="no-file") from error
    return Opener(text)


class FactReader(Protocol):
    """Whoever looks at the facts of each second, once they are found under the log."""

    def begin(self, charter: Charter) -> None:
        """Take the charter in force at the end of the log, before the first second."""
        ...

    def take(self, second_us: int, facts: Sequence[Mapping[str, Any]]) -> None:
        """Take the facts of a second, each of the form of its kind; seconds come as the files have them."""
        ...


class OpeningsFile:
    """The checks of files of openings, as `/v1/openings` gives it.

    Parameters
    ----------
    opener : Opener
        The overseer's identity.
    reader : FactReader, optional
        Who looks at the facts besides.
    """

    def __init__(
        self, log: TrustedLog, entries: EntryFold, opener: Opener, reader: FactReader | None = None
    ) -> None:
        self._log = log
        self._entries = entries
        self._opener = opener
        self._reader = reader
        self._roots = Findings("openings")
        self._figures = Findings("opened-figures")
        self._tallies: dict[int, FactTally] = defaultdict(FactTally)
        self._seen: set[int] = set()
        self._hits: Hits = {}
        self._right = FactRight(entries)
        self._least = least_shown(entries)
        self._whole: dict[int, int] = {}
        self._periods = [
            (parse_rfc3339(body["from"]), parse_rfc3339(body["until"]), entry, body)
            for entry, body in entries.figures
        ]
        self.opened = self.facts = self.compared = 0
        self.cells = self.hidden = self.strangers = self.unattested = 0

    def check(self, *paths: Path) -> tuple[Check, ...]:
        """Return the checks of every second in the files, and of the periods that they cover whole.

        Raises
        ------
        ConfigurationError
            If the identity opens nothing in one.
        """
        if self._reader is not None and self._entries.charter is not None:
            self._reader.begin(self._entries.charter)
        try:
            for path in paths:
                self._read(path)
        except Unreachable as error:
            self._roots.add(error.detail, unreached=True)
        if not self.opened and not self._roots.total:
            self._roots.add("the file holds no opening")
        self._check_gaps()
        for from_us, until_us, entry, body in self._periods:
            self._compare(from_us, until_us, entry, body)
        for entry, body in self._entries.targeting:
            self._compare_targeting(entry, body)
        self._check_strangers()
        self._check_receipts()
        checks = [self._roots.close(self._root_words())]
        if self.compared or self._figures.total:
            checks.append(self._figures.close(self._figure_words()))
        return tuple(checks)

    def _read(self, path: Path) -> None:
        sealed, before = 0, self.opened
        for number, data in _lines(path):
            try:
                opened = self._opener.open(_sealed(data))
            except ConfigurationError:
                sealed += 1
                self._roots.add(f"line {number}: it is not sealed to this identity")
                continue
            except InputError as error:
                self._roots.add(f"line {number}: {error.detail}")
                continue
            try:
                self._take(opened)
            except (InputError, LedgerError, VerificationError) as error:
                self._roots.add(f"line {number}: {error.detail}")
        if sealed and self.opened == before:
            raise ConfigurationError(f"the identity opens none of the {sealed} openings in `{path}`")

    def _take(self, data: bytes) -> None:
        """Build a second's root again, compare it with its entry, and count its facts."""
        second_us, entry, seed, facts = _opening(data)
        where = f"the second {rfc3339(second_us)}"
        if second_us in self._seen:
            raise InputError(f"{where} is opened twice")
        tree = SecondTree([canonical(one) for one in facts], seed)
        if self._log.entry(entry) != second_entry(second_us, tree.root):
            raise VerificationError(f"{where}: its facts are not under entry {entry} of the log")
        self._seen.add(second_us)
        self.opened += 1
        self.facts += len(facts)
        self._right.check(second_us, facts)
        tally = self._tallies[self._period_of(second_us)]
        tally.take(facts, self._hits)
        if self._reader is not None:
            self._reader.take(second_us, facts)

    def _period_of(self, second_us: int) -> int:
        for from_us, until_us, entry, _ in self._periods:
            if second_of(from_us) <= second_us < until_us:
                return entry
        return -1

    def _compare(self, from_us: int, until_us: int, entry: int, body: Mapping[str, Any]) -> None:
        """Compare the figures of a period of traffic with its facts.

        Where a second of it is not opened, the facts can only come to too much.
        """
        begin_us = second_of(from_us)
        if not any(begin_us <= second_us < until_us for second_us in self._seen):
            return
        whole = self._opens_all(begin_us, until_us)
        if whole:
            self.compared += 1
            self._whole[from_us] = entry
        cells = self._tallies[entry].against(body, self._least[entry], self._hits)
        for what, (lowest, highest), (least, most) in cells:
            self.cells += whole
            self.hidden += whole and least != most
            if lowest > most or (whole and highest < least):
                published = least if least == most else f"between {least} and {most}"
                self._differs(entry, body, what, published, lowest if whole else f"{lowest} at least")

    def _missing_us(self, from_us: int, until_us: int) -> int:
        """Return how much of a time the log says to have no seconds of."""
        return sum(
            max(0, min(end_us, until_us) - max(start_us, from_us)) for start_us, end_us in self._entries.gaps
        )

    def _check_gaps(self) -> None:
        """Refuse a file with seconds left out: openings are numbered without gaps."""
        if not self._seen:
            return
        first_us, end_us = min(self._seen), max(self._seen) + SECOND_US
        left_out = (end_us - first_us - self._missing_us(first_us, end_us)) // SECOND_US - len(self._seen)
        if left_out > 0:
            self._roots.add(f"{left_out} seconds between the first and the last one are not in the file")

    def _compare_targeting(self, entry: int, body: Mapping[str, Any]) -> None:
        """Compare the figures of targeting with the facts of the periods of traffic that began in their period.

        Where a second of it is not opened, the facts can only come to too much.
        """
        from_us, until_us = parse_rfc3339(body["from"]), parse_rfc3339(body["until"])
        within = [
            (begin_us, traffic) for begin_us, _, traffic, _ in self._periods if from_us <= begin_us < until_us
        ]
        whole = bool(within) and all(begin_us in self._whole for begin_us, _ in within)
        self.compared += whole
        tallies = [self._tallies[traffic] for _, traffic in within]
        for cell in stepped_cells(body, tallies, self._least[entry], self._hits, whole=whole):
            self.cells += whole
            self.hidden += whole and not cell.shown
            if cell.least > cell.shown or (whole and cell.most < cell.shown):
                counted = cell.most if cell.most < cell.shown else cell.least
                shown = cell.shown or f"fewer than {cell.step}"
                self._differs(entry, body, cell.what, shown, counted or "fewer than that")

    def _check_strangers(self) -> None:
        """Refuse outcomes of hits that no fact raised, where the file opens every second before its last one."""
        strangers = [hit for tally in self._tallies.values() for hit, _ in tally.strangers(self._hits)]
        if not strangers:
            return
        if self._opens_all(self._entries.first_us or 0, max(self._seen) + SECOND_US):
            self._figures.add(
                f"{len(strangers)} outcomes are of hits that no fact raised, the first of `{strangers[0][:40]}`"
            )
        else:
            self.strangers = len(strangers)

    def _check_receipts(self) -> None:
        """Compare until when deletions are attested, in each period, with the facts of receipts.

        A receipt counts on. Where a period is not opened whole, one may have come that is not here: until the figures
        say a time they can then say any that is not earlier than those of the facts.
        """
        least: dict[str, int] = defaultdict(int)
        most: dict[str, int] = {}
        others = 0
        for from_us, until_us, entry, body in self._periods:
            whole = self._opens_all(second_of(from_us), until_us)
            if not whole:
                most, others = {}, _ANY_TIME
            attested = self._tallies[entry].attested if entry in self._tallies else {}
            for name, at_us in attested.items():
                least[name] = max(least[name], at_us)
                most[name] = max(most.get(name, others), at_us)
            for name, one in body["receipts"].items():
                shown_us = _attested_us(one)
                if shown_us is None:
                    continue  # the check of the figures says so
                lowest, highest = least[name], most.get(name, others)
                self.unattested += lowest < highest
                if not lowest <= shown_us <= highest:
                    what, counted = f"receipts of {name}, attested_until", _time(lowest)
                    counted += " at least" if lowest < highest else ""
                    self._differs(entry, body, what, _time(shown_us), counted)
                least[name] = most[name] = shown_us

    def _opens_all(self, from_us: int, until_us: int) -> bool:
        """Return whether each second of a time is opened but for those that the log says to be missing."""
        opened = sum(from_us <= second_us < until_us for second_us in self._seen)
        return opened * SECOND_US >= until_us - from_us - self._missing_us(from_us, until_us)

    def _differs(
        self, entry: int, body: Mapping[str, Any], what: str, published: object, counted: object
    ) -> None:
        self._figures.add(
            f"entry {entry}, the figures from {body['from']} until {body['until']}: `{what}` is "
            f"published as {published}, and the facts come to {counted}"
        )

    def _root_words(self) -> str:
        return (
            f"{self.opened} seconds were opened; the root of each, made again from its {self.facts} facts in all, is "
            "the one in the log"
        )

    def _figure_words(self) -> str:
        return (
            f"{self.compared} periods of figures were made again from their facts: {self.cells - self.hidden} "
            f"numbers agree, and {self.hidden} more are hidden, and are bounded"
        )

    def not_checked(self) -> list[str]:
        """Return what the openings leave open."""
        words = [
            "what else facts say: who asked, looked, attested or was given a token, the cameras of a list but for "
            "their number, and the rows under the roots of releases, which only their recipients hold"
        ]
        left = len(self._periods) + len(self._entries.targeting) - self.compared
        if left:
            words.append(f"{left} periods of figures: the file does not open every second of them")
        if self.unattested:
            words.append(
                f"{self.unattested} times of receipts (`attested_until`): the file does not open every second before "
                "them, and the receipts that it holds bound them"
            )
        if self.strangers:
            words.append(
                f"whose {self.strangers} outcomes are: the file does not open the seconds of their hits, and the "
                "figures of outcomes are bounded"
            )
        return words

    def counts(self) -> dict[str, int]:
        """Return the amounts looked at."""
        return {"opened": self.opened, "facts": self.facts, "periods_opened": self.compared}


def _attested_us(shown: object) -> int | None:
    """Return until when deletions are published as attested: 0 where none is, None where it is no time."""
    at = shown.get("attested_until", "") if isinstance(shown, dict) else ""
    try:
        return 0 if at is None else parse_rfc3339(at)
    except (InputError, TypeError, AttributeError):
        return None


def _time(at_us: int) -> str:
    return rfc3339(at_us) if at_us else "none"


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    try:
        with path.open("rb") as file:
            number = 0
            while line := file.readline(_MAX_LINE + 1):
                number += 1
                if line.strip():
                    yield number, line
    except OSError as error:
        raise Unreachable(f"`{path}` cannot be read: {error.strerror}", code="no-file") from error


def _sealed(line: bytes) -> bytes:
    value = parse_json(line)
    sealed = value.get("sealed") if isinstance(value, dict) else None
    if not isinstance(sealed, str) or len(line) > _MAX_LINE:
        raise InputError("it is no opening")
    try:
        return base64.b64decode(sealed, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InputError("its `sealed` is not base64") from error


def _opening(data: bytes) -> tuple[int, int, bytes, list[Mapping[str, Any]]]:
    value = parse_json(data)
    if not isinstance(value, dict):
        raise InputError("it opens to nothing that an opening holds")
    second, entry, seed, facts = (value.get(name) for name in ("second", "entry", "seed", "facts"))
    if (
        not isinstance(second, str)
        or not isinstance(entry, int)
        or not isinstance(seed, str)
        or not isinstance(facts, list)
        or not all(isinstance(one, dict) for one in facts)
    ):
        raise InputError("it opens to nothing that an opening holds")
    try:
        raw = bytes.fromhex(seed)
    except ValueError as error:
        raise InputError("its seed is not in hexadecimal") from error
    if len(raw) != _SEED_BYTES:
        raise InputError("its seed is not of 32 bytes")
    return parse_rfc3339(second), entry, raw, facts
