"""The overseer's arithmetic: openings against the seconds of a log, and its figures made again.

docs/overseer.md.
"""

from __future__ import annotations

import base64
import binascii
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
from wicketgate.clients.verify.report import Check, Findings
from wicketgate.clients.verify.sums import least_shown, traffic_range
from wicketgate.ledger.facts import SecondTree, second_entry, second_of
from wicketgate.ledger.sealing import Opener
from wicketgate.regime.publishing import NOT_TRAFFIC, stepped

_ODD = (KeyError, TypeError, ValueError, AttributeError)
"""What counting a fact raises that is not of its form."""
_MAX_LINE = 16 * 1024 * 1024
_SEED_BYTES = 32
_PLAIN = ("taken", "repeated", "quarantined", "decided", "withheld")


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


class OpeningsFile:
    """The checks of a file of openings, as `/v1/openings` gives it.

    Parameters
    ----------
    opener : Opener
        The overseer's identity.
    """

    def __init__(self, log: TrustedLog, entries: EntryFold, opener: Opener) -> None:
        self._log = log
        self._entries = entries
        self._opener = opener
        self._roots = Findings("openings")
        self._figures = Findings("opened-figures")
        self._tallies: dict[int, _Tally] = defaultdict(_Tally)
        self._seen: set[int] = set()
        self._hits: dict[str, tuple[str, str]] = {}
        self._least = least_shown(entries)
        self._whole: dict[int, int] = {}
        self._periods = [
            (parse_rfc3339(body["from"]), parse_rfc3339(body["until"]), entry, body)
            for entry, body in entries.figures
        ]
        self.opened = self.facts = self.compared = 0
        self.cells = self.hidden = 0

    def check(self, path: Path) -> tuple[Check, ...]:
        """Return the checks of every second in the file, and of the periods that they cover whole.

        Raises
        ------
        ConfigurationError
            If the identity opens nothing in it.
        """
        try:
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
        checks = [self._roots.close(self._root_words())]
        if self.compared or self._figures.total:
            checks.append(self._figures.close(self._figure_words()))
        return tuple(checks)

    def _read(self, path: Path) -> None:
        sealed = 0
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
        if sealed and not self.opened:
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
        tally = self._tallies[self._period_of(second_us)]
        tally.take(facts, self._hits)

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
        opened = sum(begin_us <= second_us < until_us for second_us in self._seen)
        if not opened:
            return
        whole = opened * SECOND_US >= until_us - begin_us - self._missing_us(begin_us, until_us)
        if whole:
            self.compared += 1
            self._whole[from_us] = entry
        for what, counted, (least, most) in self._tallies[entry].against(body, self._least[entry]):
            self.cells += whole
            self.hidden += whole and least != most
            if counted > most or (whole and counted < least):
                published = least if least == most else f"between {least} and {most}"
                self._differs(entry, body, what, published, counted if whole else f"{counted} at least")

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
        for cell in _targeting(body, [self._tallies[traffic] for _, traffic in within], self._least[entry]):
            self.cells += whole
            self.hidden += whole and cell.shown is None
            if cell.counted != cell.shown if whole else (cell.counted or 0) > (cell.shown or 0):
                shown = cell.shown or f"fewer than {cell.step}"
                self._differs(entry, body, cell.what, shown, cell.counted or "fewer than that")

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
        words = []
        left = len(self._periods) + len(self._entries.targeting) - self.compared
        if left:
            words.append(f"{left} periods of figures: the file does not open every second of them")
        return words

    def counts(self) -> dict[str, int]:
        """Return the amounts looked at."""
        return {"opened": self.opened, "facts": self.facts, "periods_opened": self.compared}


@dataclass(frozen=True, slots=True)
class _Decided:
    """The reads of a decision, and how many of them each authority refused."""

    reads: int
    refused: Counter[str]


class _Tally:
    """The facts of one period of traffic, counted as figures count them."""

    def __init__(self) -> None:
        self.plain: Counter[str] = Counter()
        self.rows: Counter[str] = Counter()
        """Rows released for the first time."""
        self.again: Counter[str] = Counter()
        self.refused: Counter[tuple[str, str]] = Counter()
        self.hits: Counter[tuple[str, str]] = Counter()
        self.vehicles: dict[tuple[str, str], set[str]] = defaultdict(set)
        self.outcomes: Counter[tuple[str, str]] = Counter()
        self.ended: dict[tuple[str, str], set[str]] = defaultdict(set)
        self.passed_on: Counter[tuple[str, str]] = Counter()
        self.not_passed_on: Counter[str] = Counter()
        self.strangers = 0

    def take(self, facts: Sequence[Mapping[str, Any]], hits: dict[str, tuple[str, str]]) -> None:
        """Count the facts of a second; `hits` knows of each hit its authority and its vehicle of interest.

        Raises
        ------
        InputError
            If one is not of the form that its kind has, or a release is not of its decision.
        """
        decided: dict[int, _Decided] = {}
        for one in facts:
            try:
                if one["kind"] == "decision":
                    decided[one["commit"]] = self._take_decision(one)
            except _ODD as error:
                raise InputError("a fact of kind `decision` is not as it should be") from error
        for one in facts:
            try:
                match one["kind"]:
                    case "release":
                        self._take_release(one, decided[one["commit"]])
                    case "disclosure" if one["refused"]:
                        self.not_passed_on[_name(one["authority"])] += 1
                    case "disclosure":
                        self.passed_on[_name(one["authority"]), one["to"]] += int(one["rows"])
                    case "hit":
                        self._take_hit(one, hits)
                    case "outcome":
                        self._take_outcome(one, hits)
            except _ODD as error:
                raise InputError(
                    f"a fact of kind `{str(one.get('kind'))[:40]}` is not as it should be"
                ) from error

    def _take_decision(self, one: Mapping[str, Any]) -> _Decided:
        self.plain["decided"] += int(one["reads"])
        self.plain["withheld"] += int(one["withheld"])
        self.plain["taken"] += int(one["accepted"])
        self.plain["repeated"] += int(one["repeated"])
        self.plain["quarantined"] += sum(map(int, one["quarantined"].values()))
        refused: Counter[str] = Counter()
        for refusal in one["refused"]:
            refused[refusal["authority"]] += int(refusal["rows"])
            self.refused[refusal["authority"], refusal["reason"]] += int(refusal["rows"])
        return _Decided(int(one["reads"]), refused)

    def _take_release(self, one: Mapping[str, Any], decided: _Decided) -> None:
        """Count a release: of the reads decided what its authority did not refuse, and what came again beside them."""
        reference, rows = one["authority"], int(one["rows"])
        first = decided.reads - decided.refused[reference]
        if not 0 <= first <= rows:
            raise InputError(
                f"a release of `{_name(reference)}` has {rows} rows, and its decision released {first} reads"
            )
        self.rows[_name(reference)] += first
        self.again[_name(reference)] += rows - first

    def _take_outcome(self, one: Mapping[str, Any], hits: Mapping[str, tuple[str, str]]) -> None:
        known = hits.get(one["hit"])
        if known is None:
            self.strangers += 1
            return
        self.outcomes[known[0], one["outcome"]] += 1
        self.ended[known[0], one["outcome"]].add(known[1])

    def _take_hit(self, one: Mapping[str, Any], hits: dict[str, tuple[str, str]]) -> None:
        name, voi = hits[one["hit"]] = _name(one["authority"]), str(one["voi"])
        for kind, counts in (
            (one["quality"], True),
            ("late", one["late"]),
            ("clone", one["clone"]),
        ):
            self.hits[name, kind] += bool(counts)
            if counts:
                self.vehicles[name, kind].add(voi)
        self.vehicles[name, "vehicles"].add(voi)

    def against(self, body: Mapping[str, Any], least: int) -> Iterator[_Cell]:
        """Yield each number of traffic by its name, with what the facts come to and what it stands for."""
        hidden = least - 1 if "form" in body else 1 << 62
        for name in _PLAIN:
            if name in body:
                cell = body[name]
                yield name, self.plain[name], (cell or 0, hidden if cell is None else cell)
        for table, counted in (("released", self.rows), ("again", self.again)):
            for name in sorted({*body[table]} | ({*counted} if "form" not in body else set())):
                yield f"{table} of {name}", counted[name], traffic_range(body, table, name, least)
        for name, cell in sorted(body.get("compared", {}).items()):
            unlisted = sum(
                rows
                for (reference, reason), rows in self.refused.items()
                if reason in NOT_TRAFFIC and _name(reference) == name
            )
            shown = cell or 0, hidden if cell is None else cell
            yield f"compared with the list of {name}", self.rows[name] + unlisted, shown
        told = {(one["authority"], one["reason"]): one["rows"] for one in body["refused"]}
        never = NOT_TRAFFIC if "form" in body else frozenset()
        for key in sorted({*told, *(one for one in self.refused if one[1] not in never)}):
            # A small count of the second form may have no row at all.
            cell = told.get(key, None if "form" in body else 0)
            shown = cell or 0, hidden if cell is None else cell
            yield f"refused of {key[0]} as {key[1]}", self.refused[key], shown
        if "form" not in body:
            yield from _first_form("hits", body, self.hits)
            yield from () if self.strangers else _first_form("outcomes", body, self.outcomes)


_Cell = tuple[str, int, tuple[int, int]]


def _first_form(
    what: str, body: Mapping[str, Any], counted: Mapping[tuple[str, str], int]
) -> Iterator[_Cell]:
    shown = {(name, kind): cell for name, cells in body[what].items() for kind, cell in cells.items()}
    for name, kind in sorted({*shown, *counted}):
        cell = shown.get((name, kind), 0)
        known = (0, 1 << 62) if cell is None else (cell, cell)
        yield f"{what} of {name}, {kind}", counted.get((name, kind), 0), known


@dataclass(frozen=True, slots=True)
class _Stepped:
    """A number of targeting: what the facts come to and what is published, both in its steps."""

    what: str
    counted: int | None
    shown: int | None
    step: int


def _targeting(body: Mapping[str, Any], tallies: Sequence[_Tally], least: int) -> Iterator[_Stepped]:
    """Yield each number of targeting; `least` is the step of rows that were passed on."""
    step = body["step"]
    known = not any(tally.strangers for tally in tallies)
    for what, table in (("hits", "vehicles"), ("outcomes", "ended")) if known else (("hits", "vehicles"),):
        for name, cells in body[what].items():
            counted = {
                kind: stepped(
                    len(set().union(*(getattr(tally, table)[name, kind] for tally in tallies))), step
                )
                for kind in cells
            }
            if what == "hits" and None in (counted["exact"], counted["possible"]):
                counted["exact"] = counted["possible"] = None
            for kind, cell in cells.items():
                yield _Stepped(f"{what} of {name}, {kind}", counted[kind], cell, step)
    for name, cells in body["disclosures"].items():
        for to, cell in cells.items():
            rows = sum(tally.passed_on[name, to] for tally in tallies)
            yield _Stepped(f"rows of {name} passed on to {to}", stepped(rows, least), cell, least)
    for name, cell in body["disclosures_refused"].items():
        attempts = sum(tally.not_passed_on[name] for tally in tallies)
        yield _Stepped(f"attempts to pass on rows of {name}", stepped(attempts, step), cell, step)


def _name(reference: str) -> str:
    return reference.partition("@")[0]


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
