"""The facts of a period, counted as its figures count them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wicketgate.base.clock import parse_rfc3339
from wicketgate.base.errors import InputError
from wicketgate.clients.verify.sums import traffic_range
from wicketgate.regime.obligations.disclosures import receipt_counts
from wicketgate.regime.publishing import IMAGE_CODES, NOT_TRAFFIC, stepped, unlisted_cells

Hits = dict[str, tuple[str, str]]
"""Of each hit its authority and its vehicle of interest."""
_ODD = (KeyError, TypeError, ValueError, AttributeError)
"""What counting a fact raises that is not of its form."""
_ENDED_SEARCHES = {
    "search-stopped": "refused",
    "search-refused": "not-approved",
    "search-unapproved": "unapproved",
}
_PLAIN = ("taken", "repeated", "quarantined", "decided", "withheld")


@dataclass(frozen=True, slots=True)
class _Decided:
    """The reads of a decision, and how many of them each authority refused."""

    reads: int
    refused: Counter[str]


class FactTally:
    """The facts of one period of traffic, counted as figures count them."""

    def __init__(self) -> None:
        self.plain: Counter[str] = Counter()
        self.rows: Counter[str] = Counter()
        """Rows released for the first time."""
        self.again: Counter[str] = Counter()
        self.images: Counter[str] = Counter()
        """Images that rows name."""
        self.fetched: Counter[str] = Counter()
        self.refused: Counter[tuple[str, str]] = Counter()
        self.hits: Counter[tuple[str, str]] = Counter()
        self.vehicles: dict[tuple[str, str], set[str]] = defaultdict(set)
        self.vehicles_corrected: dict[tuple[str, str], set[str]] = defaultdict(set)
        """Vehicles with errata, by authority and kind."""
        self.outcomes: list[tuple[str, str]] = []
        """Hits and what came of each."""
        self.passed_on: Counter[tuple[str, str]] = Counter()
        self.not_passed_on: Counter[str] = Counter()
        self.searches: Counter[tuple[str, str]] = Counter()
        self.custody: Counter[tuple[str, str]] = Counter()
        """What became of an authority's questions."""
        self.attested: dict[str, int] = {}
        """Until when the recipient of an authority attested a deletion, at midnight."""

    def take(self, facts: Sequence[Mapping[str, Any]], hits: Hits) -> None:
        """Count the facts of a second, and add its hits to `hits`.

        Raises
        ------
        InputError
            If one is not of the form that its kind has, or a release is not of its decision.
        """
        decided: dict[int, _Decided] = {}
        corrected: set[tuple[int, str]] = set()
        for one in facts:
            try:
                if one["kind"] == "decision":
                    decided[one["commit"]] = self._take_decision(one)
                elif one["kind"] == "erratum":
                    corrected |= self._take_erratum(one)
            except _ODD as error:
                raise InputError(
                    f"a fact of kind `{str(one.get('kind'))[:40]}` is not as it should be"
                ) from error
        for one in facts:
            try:
                match one["kind"]:
                    case "release" if (one["commit"], one["authority"]) in corrected:
                        if one["rows"] != 1:
                            raise InputError("a release of an erratum has more than its own row")
                    case "errata-taken":
                        for soon in ("hour", "day", "later"):
                            self.vehicles_corrected[str(one["authority"]), soon].update(one[soon])
                    case "release":
                        self._take_release(one, decided[one["commit"]])
                    case "image-read":
                        self.fetched[str(one["authority"])] += 1
                    case "images-read":
                        self.fetched[str(one["authority"])] += len(one["images"])
                    case "disclosure" if one["refused"]:
                        self.not_passed_on[_name(one["authority"])] += 1
                    case "disclosure":
                        self.passed_on[_name(one["authority"]), one["to"]] += int(one["rows"])
                    case "hit":
                        self._take_hit(one, hits)
                    case "outcome":
                        self.outcomes.append((str(one["hit"]), str(one["outcome"])))
                    case "search-asked" if one.get("authority"):
                        self.searches[_name(one["authority"]), "refused" if "code" in one else "asked"] += 1
                    case "search-counted" if "code" in one:
                        self.searches[_name(one["authority"]), "refused"] += 1
                    case "search-run":
                        what = "emergency" if one["emergency"] else "answered"
                        self.searches[_name(one["authority"]), what] += 1
                    case "search-stopped" | "search-refused" | "search-unapproved" as kind:
                        self.searches[_name(one["authority"]), _ENDED_SEARCHES[kind]] += 1
                    case "answer-compared":
                        for what in ("rows", "listed"):
                            self.custody[_name(one["authority"]), what] += int(one[what])
                    case "answer-read" if one.get("authority"):
                        self.custody[_name(one["authority"]), "looked"] += int(one["rows"])
                    case "receipt":
                        name, until_us = one["authority"], receipt_counts(parse_rfc3339(one["deleted_until"]))
                        self.attested[name] = max(until_us, self.attested.get(name, 0))
                    case _:
                        pass  # of a kind that no figure counts; `opened` knows every kind
            except _ODD as error:
                raise InputError(
                    f"a fact of kind `{str(one.get('kind'))[:40]}` is not as it should be"
                ) from error

    def _take_erratum(self, one: Mapping[str, Any]) -> set[tuple[int, str]]:
        """Count an erratum; return its releases, each by commit and `name@version`."""
        found = set()
        for row in one["rows"]:
            self.vehicles_corrected[str(row["authority"]), "vehicles"].add(str(one["vehicle"]))
            if row["read"]:
                self.vehicles_corrected[str(row["authority"]), "corrected"].add(str(one["vehicle"]))
            if row["seq"]:
                found.add((int(one["commit"]), f"{row['authority']}@{row['version']}"))
        return found

    def _take_decision(self, one: Mapping[str, Any]) -> _Decided:
        self.plain["decided"] += int(one["reads"])
        self.plain["withheld"] += int(one["withheld"])
        self.plain["taken"] += int(one["accepted"])
        self.plain["repeated"] += int(one["repeated"])
        self.plain["quarantined"] += sum(
            int(count) for code, count in one["quarantined"].items() if code not in IMAGE_CODES
        )
        for reference, images in one.get("images", {}).items():
            self.images[_name(reference)] += int(images)
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

    def _take_hit(self, one: Mapping[str, Any], hits: Hits) -> None:
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

    def strangers(self, hits: Hits) -> Iterator[tuple[str, str]]:
        """Yield the outcomes of hits that no fact raised."""
        return (one for one in self.outcomes if one[0] not in hits)

    def against(self, body: Mapping[str, Any], least: int, hits: Hits) -> Iterator[Cell]:
        """Yield each number of traffic by its name, with what the facts come to and what it stands for.

        The facts come to between two numbers: whose an outcome is, is not known without its hit.
        """
        for what, count, shown in self._counted(body, least):
            yield what, (count, count), shown
        if "form" not in body:
            ended = Counter((hits[hit][0], kind) for hit, kind in self.outcomes if hit in hits)
            strangers = Counter(kind for _, kind in self.strangers(hits))
            for what, kind, count, shown in _first_form("outcomes", body, ended):
                yield what, (count, count + strangers[kind]), shown

    def _counted(self, body: Mapping[str, Any], least: int) -> Iterator[tuple[str, int, tuple[int, int]]]:
        hidden = least - 1 if "form" in body else 1 << 62
        for name in _PLAIN:
            if name in body:
                cell = body[name]
                yield name, self.plain[name], (cell or 0, hidden if cell is None else cell)
        for table, counted in (("released", self.rows), ("again", self.again)):
            for name in sorted({*body[table]} | ({*counted} if "form" not in body else set())):
                yield f"{table} of {name}", counted[name], traffic_range(body, table, name, least)
        for table, counted in (("images", self.images), ("fetched", self.fetched)):
            for name in sorted(body.get(table, {})):
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
            for what, _, count, shown in _first_form("hits", body, self.hits):
                yield what, count, shown


Cell = tuple[str, tuple[int, int], tuple[int, int]]
"""A number's name, what the facts come to at least and at most, and what is published at least and at most."""


def _first_form(
    what: str, body: Mapping[str, Any], counted: Mapping[tuple[str, str], int]
) -> Iterator[tuple[str, str, int, tuple[int, int]]]:
    shown = {(name, kind): cell for name, cells in body[what].items() for kind, cell in cells.items()}
    for name, kind in sorted({*shown, *counted}):
        cell = shown.get((name, kind), 0)
        known = (0, 1 << 62) if cell is None else (cell, cell)
        yield f"{what} of {name}, {kind}", kind, counted.get((name, kind), 0), known


@dataclass(frozen=True, slots=True)
class Stepped:
    """A number of targeting: what the facts come to, at least and at most, and what is published, in its steps.

    0 is what is not shown.
    """

    what: str
    least: int
    most: int
    shown: int
    step: int


def stepped_cells(
    body: Mapping[str, Any], tallies: Sequence[FactTally], least: int, hits: Hits, *, whole: bool
) -> Iterator[Stepped]:
    """Yield each number of targeting; `least` is the step of rows, `whole` whether no fact of the period is missing."""
    yield from _vehicles(body, tallies)
    yield from _ended(body, tallies, hits)
    step = body["step"]
    for name, cells in body["disclosures"].items():
        for to, cell in cells.items():
            rows = sum(tally.passed_on[name, to] for tally in tallies)
            yield _stepped(f"rows of {name} passed on to {to}", rows, rows, cell, least)
    for name, cells in body.get("errata", {}).items():
        for kind, cell in cells.items():
            vehicles = len(set().union(*(tally.vehicles_corrected[name, kind] for tally in tallies)))
            yield _stepped(f"errata of {name}, {kind}", vehicles, vehicles, cell, step)
    for name, cell in body["disclosures_refused"].items():
        attempts = sum(tally.not_passed_on[name] for tally in tallies)
        yield _stepped(f"attempts to pass on rows of {name}", attempts, attempts, cell, step)
    for name, cells in body.get("searches", {}).items():
        for kind, cell in cells.items():
            asked = sum(tally.searches[name, kind] for tally in tallies)
            yield _stepped(f"questions of {name}, {kind}", asked, asked, cell, step)
    for name, cells in body.get("custody", {}).items():
        for kind, cell in cells.items():
            rows = sum(tally.custody[name, kind] for tally in tallies)
            yield _stepped(f"rows in custody of {name}, {kind}", rows, rows, cell, least)

    for name, cells in body.get("unlisted", {}).items():
        yield from _unlisted(name, cells, tallies, least, whole=whole)


def _unlisted(
    name: str, cells: Mapping[str, int | None], tallies: Sequence[FactTally], least: int, *, whole: bool
) -> Iterator[Stepped]:
    """Yield what left and what stayed under an authority that withholds what is listed."""
    left = sum(tally.rows[name] for tally in tallies)
    stayed = sum(
        rows
        for tally in tallies
        for (reference, reason), rows in tally.refused.items()
        if reason == "listed" and _name(reference) == name
    )
    yield _stepped(f"rows of {name} that left", left, left, cells["released"], least)
    exact = unlisted_cells(left, stayed, least)["withheld"] or 0
    # What stayed is rounded together with what left: of some of the facts it can come to a step too much.
    at_least = exact if whole else stayed
    yield _stepped(f"rows of {name} that stayed", at_least, exact, cells["withheld"], least)


def _stepped(what: str, least: int, most: int, cell: int | None, step: int) -> Stepped:
    return Stepped(what, stepped(least, step) or 0, stepped(most, step) or 0, cell or 0, step)


def _vehicles(body: Mapping[str, Any], tallies: Sequence[FactTally]) -> Iterator[Stepped]:
    """Yield the vehicles with hits; exact and possible ones are shown together or not at all."""
    step = body["step"]
    for name, cells in body["hits"].items():
        counted = {kind: len(set().union(*(one.vehicles[name, kind] for one in tallies))) for kind in cells}
        if min(counted["exact"], counted["possible"]) < step:
            counted["exact"] = counted["possible"] = 0
        for kind, cell in cells.items():
            yield _stepped(f"hits of {name}, {kind}", counted[kind], counted[kind], cell, step)


def _ended(body: Mapping[str, Any], tallies: Sequence[FactTally], hits: Hits) -> Iterator[Stepped]:
    """Yield the vehicles with outcomes; each stranger may be of any authority."""
    ended: dict[tuple[str, str], set[str]] = defaultdict(set)
    strangers: dict[str, set[str]] = defaultdict(set)
    for hit, kind in (one for tally in tallies for one in tally.outcomes):
        if hit in hits:
            ended[hits[hit][0], kind].add(hits[hit][1])
        else:
            strangers[kind].add(hit)
    for name, cells in body["outcomes"].items():
        for kind, cell in cells.items():
            known = len(ended[name, kind])
            most = known + len(strangers[kind])
            yield _stepped(f"outcomes of {name}, {kind}", known, most, cell, body["step"])


def _name(reference: str) -> str:
    return reference.partition("@")[0]
