"""The published figures, checked as far as anyone can.

Their periods must join, and what they say must be possible.

A cell is a number, or null where it is suppressed. In the second form, of traffic alone, null stands for every number
below the least that is shown. In the first form it stands for a number from 1 to one less than the charter's
`small_cells`, and among the rows of an authority also for one from which such a number could be worked out. The
arithmetic is that of intervals, so a relation fails only when no numbers that the cells can stand for satisfy it.
docs/recipient.md lists the relations.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wicketgate.base.clock import parse_rfc3339, rfc3339
from wicketgate.base.errors import InputError
from wicketgate.clients.verify.attested import Attested
from wicketgate.clients.verify.imaged import FollowedReads, again_without_images, impossible_images
from wicketgate.clients.verify.in_force import InForce, Range, Standing, left_by_nobody
from wicketgate.clients.verify.reasons import impossible_refusals
from wicketgate.clients.verify.targeting import TargetingChain
from wicketgate.reads.columns import MAX_ROWS
from wicketgate.regime.charter import Charter
from wicketgate.regime.fold import Regime
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.obligations.disclosures import rows_left
from wicketgate.regime.publishing import (
    NOT_TRAFFIC,
    TRAFFIC_FORM,
    bulk_names,
    least_traffic,
    rows_owed,
    targeted_names,
    traffic_until,
)
from wicketgate.regime.standing import in_force_from

_CELLS = ("taken", "repeated", "quarantined", "decided", "withheld")
_TABLES = {
    "released",
    "refused",
    "again",
    "hits",
    "outcomes",
    "disclosures",
    "disclosures_refused",
    "receipts",
}
_MEMBERS = {"kind", "from", "until", *_TABLES, *_CELLS}
_TRAFFIC_CELLS = ("taken", "repeated", "quarantined", "decided")
_BULK_TABLES = ("released", "again", "images", "fetched")
_TRAFFIC_TABLES = (*_BULK_TABLES, "compared")
_TRAFFIC_MEMBERS = {"kind", "form", "from", "until", "refused", "receipts", *_TRAFFIC_TABLES, *_TRAFFIC_CELLS}
_BY_NAME = ("released", "again", "disclosures_refused")
_BY_KIND = ("hits", "outcomes", "disclosures")
_HITS = {"exact", "possible", "late", "clone"}
_MOST = 1 << 53


class FiguresChain:
    """The figures of a log, taken in order."""

    def __init__(self, charter: Charter, from_us: int) -> None:
        self._limits = charter.limits
        self._from_us = from_us
        self._entry = 0
        self._taken = (0, 0)
        self._decided = (0, 0)
        self._attested = Attested()
        self._followed = FollowedReads()
        self._in_force = InForce(from_us)
        self.by_traffic = False
        """Whether the first form is given up."""
        self.targeting = TargetingChain()
        self.least: dict[int, int] = {}
        """The least count of traffic that is shown, as each entry of figures was published."""
        self.periods: list[tuple[int, Mapping[str, Any]]] = []
        """Those that can be added up, with their entries."""

    def amend(self, charter: Charter) -> None:
        """Take a charter now in force."""
        self._limits = charter.limits

    def look(self, moment: RegimeAt) -> None:
        """Look at what stood until a document takes effect at a moment, whose regime is without it."""
        self._in_force.look(moment)

    def end_first_form(self) -> None:
        """Take figures of the first form no longer: the gateway's software publishes none."""
        self.by_traffic = True

    def due(self, open_us: int) -> int | None:
        """Return the end of the next period due.

        Its figures must be published once seconds are closed to `open_us`.
        """
        boundary_us = traffic_until(self._limits.figures_every, open_us)
        return boundary_us if boundary_us > self._from_us else None

    def next_due(self, moment: RegimeAt) -> tuple[str, int] | None:
        """Return the kind of figures due at a moment, the end of the last second, and the end of their period."""
        until_us = self.due(moment.at_us)
        if until_us is not None:
            return "figures", until_us
        until_us = self.targeting.due(moment, self._from_us)
        return None if until_us is None else ("targeting", until_us)

    def take_targeting(self, index: int, body: Mapping[str, Any], moment: RegimeAt) -> list[str]:
        """Take the figures of targeting of entry `index` at a moment; return what is wrong."""
        self.least[index] = least_traffic(moment.charter)
        return self.targeting.take(index, body, moment, self._from_us, self._in_force.ever)

    def take(self, index: int, body: Mapping[str, Any], moment: RegimeAt) -> list[str]:
        """Take the figures of entry `index` at a moment, the end of the last second; return what is wrong."""
        where = f"entry {index}"
        self.least[index] = least_traffic(moment.charter)
        by_traffic = "form" in body
        if set(body) != (_TRAFFIC_MEMBERS if by_traffic else _MEMBERS):
            return [f"{where}: figures without the members that they must have, or with others"]
        faults = []
        try:
            from_us, until_us = parse_rfc3339(str(body["from"])), parse_rfc3339(str(body["until"]))
        except InputError as error:
            return [f"{where}: {error.detail}"]
        if _traffic_shaped(body) if by_traffic else _shaped(body):
            self.periods.append((index, body))
        if from_us != self._from_us:
            faults.append(
                f"{where}: figures from {body['from']}, but the last ones end at {rfc3339(self._from_us)}"
            )
        if until_us != self.due(moment.at_us):
            faults.append(
                f"{where}: figures until {body['until']}, which is not the end of a period that is over"
            )
        # Whatever is wrong with these figures, the next ones join their end: one fault does not become many.
        before, self._from_us, self._entry = self._entry, until_us, index
        self.by_traffic |= by_traffic
        if self.by_traffic and not by_traffic:
            faults.append(f"{where}: figures of a form that this log gave up before")
        take = self._take_traffic if by_traffic else self._take_first_form
        try:
            stood = self._in_force.close(moment, until_us)
            found = take(body, moment, before, (from_us, until_us), stood)
        except InputError as error:
            found = [error.detail]
        return [*faults, *(f"{where}: {fault}" for fault in found)]

    def _take_first_form(
        self,
        body: Mapping[str, Any],
        moment: RegimeAt,
        before: int,
        period: tuple[int, int],
        stood: Standing,
    ) -> list[str]:
        """Take figures of the first form, which had targeting in them; return what is wrong."""
        faults: list[str] = []
        cells = {name: self._cell(body[name], name) for name in _CELLS}
        most = cells["decided"][1]
        released = {
            name: self._cell(value, "released", most)
            for name, value in _table(body["released"], "released").items()
        }
        refused = self._refused(body["refused"], most)
        faults += impossible_refusals(refused, stood.refusals)
        again = {name: self._cell(value, "again") for name, value in _table(body["again"], "again").items()}
        faults += self._followed.too_often(again, cells["taken"][1], period)
        hits = self._by_name(body["hits"], "hits")
        outcomes = self._by_name(body["outcomes"], "outcomes")
        for name, kinds in hits.items():
            most_hits = sum(kinds.get(kind, (0, 0))[1] for kind in ("exact", "possible"))
            self.targeting.count_hits(name, most_hits if name in stood.live else 0)
        faults += self.targeting.impossible_outcomes(outcomes)
        passed_on = self._by_name(body["disclosures"], "disclosures")
        for name, value in _table(body["disclosures_refused"], "disclosures_refused").items():
            self._cell(value, "disclosures_refused", _MOST)
            if name not in moment.regime.authorities:
                faults.append(f"disclosures of `{name}`, which is not in the log")
        receipts = _table(body["receipts"], "receipts")
        faults += self._unknown(released, refused, moment.regime)
        faults += left_by_nobody("released", released, stood.live)
        faults += left_by_nobody("again", again, stood.live)
        faults += _possible(cells, released)
        for name in sorted({*released, *(reference.partition("@")[0] for reference, _ in refused)}):
            parts = [released.get(name, (0, 0))]
            parts.extend(cell for (ref, _), cell in refused.items() if ref.partition("@")[0] == name)
            faults += _accounted(name, _sum(parts), cells["decided"], self._stood(name, before, moment))
        faults += [
            f"hits or images of `{name}`, which is not in the log"
            for name in sorted({*again, *hits, *outcomes} - moment.regime.authorities.keys())
        ]
        faults += again_without_images(again, moment)
        left = {name: rows for name, rows in rows_left(body).items() if name in moment.regime.authorities}
        return [
            *faults,
            *self._attested.take_disclosures(passed_on, body, moment),
            *self._attested.take_receipts(receipts, left, period, moment),
            *_of_another_mode(released, hits, moment),
            *_raised(released, again, hits),
            *self._under_way(cells),
        ]

    def _take_traffic(
        self,
        body: Mapping[str, Any],
        moment: RegimeAt,
        before: int,
        period: tuple[int, int],
        stood: Standing,
    ) -> list[str]:
        """Take figures of traffic; return what is wrong."""
        if body["form"] != TRAFFIC_FORM or isinstance(body["form"], bool):
            raise InputError("figures of a form that this version does not know")
        least = least_traffic(moment.charter)
        cells = {name: _traffic_cell(body[name], name, least) for name in _TRAFFIC_CELLS}
        tables = {
            member: {
                name: _traffic_cell(value, member, least)
                for name, value in _table(body[member], member).items()
            }
            for member in _TRAFFIC_TABLES
        }
        faults = [
            f"`{member}` has other rows than the documents demand"
            for member in _TRAFFIC_TABLES
            if set(tables[member])
            != set(bulk_names(moment) if member in _BULK_TABLES else targeted_names(moment))
        ]
        refused = self._refused(body["refused"], 0, least)
        faults += [
            f"refusals as `{reason}`, which tell of a list" for _, reason in refused if reason in NOT_TRAFFIC
        ]
        faults += self._unknown({}, refused, moment.regime)
        faults += impossible_refusals(refused, stood.refusals)
        faults += self._followed.too_often(tables["again"], cells["taken"][1], period)
        faults += again_without_images(tables["again"], moment)
        faults += impossible_images(tables, moment)
        for member, table in tables.items():
            names = stood.fetchable if member == "fetched" else stood.live
            faults += left_by_nobody(member, table, names)
            table.update({name: (0, 0) for name, (low, _) in table.items() if not low and name not in names})
        for name, looked in {**tables["released"], **tables["compared"]}.items():
            parts = [looked, *(cell for (ref, _), cell in refused.items() if ref.partition("@")[0] == name)]
            faults += _accounted(name, _sum(parts), cells["decided"], self._stood(name, before, moment))
        from_us, until_us = period
        compared = {name: most for name, (_, most) in tables["compared"].items() if name in stood.live}
        self.targeting.count(from_us, compared)
        left = rows_owed(moment.at(until_us), _table(body["released"], "released"), from_us)
        receipts = _table(body["receipts"], "receipts")
        faults += self._attested.take_receipts(receipts, left, period, moment)
        return [*faults, *self._under_way(cells)]

    def _by_name(self, value: object, what: str) -> dict[str, dict[str, Range]]:
        return {
            name: {kind: self._cell(cell, what, _MOST) for kind, cell in _table(cells, what).items()}
            for name, cells in _table(value, what).items()
        }

    def _cell(self, value: object, name: str, most: int | None = None) -> Range:
        if value is None and self._limits.small_cells > 1:
            return 1, self._limits.small_cells - 1 if most is None else max(most, 1)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < _MOST:
            raise InputError(f"`{name}` is not a count")
        if 0 < value < self._limits.small_cells:
            raise InputError(
                f"`{name}` shows a count below {self._limits.small_cells}, which must be suppressed"
            )
        return value, value

    def _refused(self, value: object, most: int, least: int = 0) -> dict[tuple[str, str], Range]:
        if not isinstance(value, list):
            raise InputError("`refused` is not a list")
        found: dict[tuple[str, str], Range] = {}
        for item in value:
            if not isinstance(item, dict) or set(item) != {"authority", "reason", "rows"}:
                raise InputError("an item of `refused` has not the members that it must have")
            key = (str(item["authority"]), str(item["reason"]))
            if key in found:
                raise InputError(f"`refused` has `{key[0]}` twice for `{key[1]}`")
            found[key] = (
                _traffic_cell(item["rows"], "refused", least)
                if least
                else self._cell(item["rows"], "refused", most)
            )
        return found

    @staticmethod
    def _unknown(
        released: Mapping[str, Range], refused: Mapping[tuple[str, str], Range], regime: Regime
    ) -> list[str]:
        known = {
            f"{name}@{n}"
            for name, named in regime.authorities.items()
            for n in range(1, len(named.versions) + 1)
        }
        faults = [
            f"releases of `{name}`, which is not in the log"
            for name in released
            if name not in regime.authorities
        ]
        faults.extend(
            f"refusals of `{ref}`, which is not in the log" for ref, _ in refused if ref not in known
        )
        return faults

    def _stood(self, name: str, before: int, moment: RegimeAt) -> bool:
        """Say whether every decision of the period was also one on this authority.

        It was if the authority is older than the period, and not so long past that no read it covered could
        come.
        """
        named = moment.regime.authorities.get(name)
        if named is None or named.versions[0].entry >= before:
            return False
        reach_us = self._limits.too_old_us + self._limits.clock_ahead_us
        for number, version in enumerate(named.versions):
            authority = moment.authority(version)
            ended_us = authority.valid_until_us if version.revoked_us is None else version.revoked_us
            if (
                number == 0 or in_force_from(version, authority) <= moment.at_us
            ) and ended_us + reach_us < moment.at_us:
                return False
        return True

    def _under_way(self, cells: Mapping[str, Range]) -> list[str]:
        self._taken = _sum([self._taken, cells["taken"]])
        self._decided = _sum([self._decided, cells["decided"]])
        if self._decided[0] > self._taken[1]:
            return [f"{self._decided[0]} reads decided since the log began, of {self._taken[1]} taken"]
        if self._taken[0] - self._decided[1] > MAX_ROWS:
            return [
                f"{self._taken[0]} reads taken since the log began and only {self._decided[1]} decided: "
                f"no more than {MAX_ROWS} can be under way"
            ]
        return []


def _shaped(body: Mapping[str, Any]) -> bool:
    """Say whether complete figures have the right shape.

    Tables and cells must be where reviews add them up.
    """
    tables = [body[name] for name in (*_BY_NAME, *_BY_KIND, "receipts")]
    if not all(isinstance(table, dict) for table in tables):
        return False
    cells = [body[name] for name in _CELLS]
    cells.extend(cell for name in _BY_NAME for cell in body[name].values())
    for name in _BY_KIND:
        for kinds in body[name].values():
            if not isinstance(kinds, dict):
                return False
            cells.extend(kinds.values())
    return all(cell is None or (isinstance(cell, int) and not isinstance(cell, bool)) for cell in cells)


def _traffic_shaped(body: Mapping[str, Any]) -> bool:
    """Say whether figures of traffic have the right shape for reviews to add them up."""
    tables = [body[name] for name in (*_TRAFFIC_TABLES, "receipts")]
    if not all(isinstance(table, dict) for table in tables):
        return False
    cells = [body["decided"], *(cell for table in tables[:-1] for cell in table.values())]
    return all(cell is None or (isinstance(cell, int) and not isinstance(cell, bool)) for cell in cells)


def _traffic_cell(value: object, name: str, least: int) -> Range:
    if value is None and least > 0:
        return 0, least - 1
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < _MOST:
        raise InputError(f"`{name}` is not a count")
    if value < least:
        raise InputError(f"`{name}` shows a count below {least}, which must be left out")
    return value, value


def _table(value: object, what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise InputError(f"`{what}` is not a table")
    return value


def _raised(
    released: Mapping[str, Range], again: Mapping[str, Range], hits: Mapping[str, Mapping[str, Range]]
) -> list[str]:
    """Return the impossible hits.

    Each row that an authority with a hotlist releases is a hit, and nothing else is.
    """
    faults = []
    for name, kinds in hits.items():
        if set(kinds) != _HITS:
            faults.append(f"the hits of `{name}` have not the members that they must have")
            continue
        raised = _sum([kinds["exact"], kinds["possible"]])
        rows, later = released.get(name, (0, 0)), again.get(name, (0, 0))
        if raised[1] < rows[0] or raised[0] > rows[1] + later[1]:
            faults.append(f"`{name}` released {rows[0]} rows or more, and its hits do not come to as many")
        faults.extend(
            f"more hits of `{name}` are `{part}` than there are"
            for part in ("late", "clone")
            if kinds[part][0] > raised[1]
        )
    return faults


def _of_another_mode(
    released: Mapping[str, Range], hits: Mapping[str, Mapping[str, Range]], moment: RegimeAt
) -> list[str]:
    """Return the authorities with figures of another mode.

    They show hits and never matched, or only match and show rows without hits.
    """
    faults = []
    for name, named in moment.regime.authorities.items():
        modes = {moment.authority(version).mode for version in named.versions}
        if name in hits and "match" not in modes:
            faults.append(f"hits of `{name}`, which never matched")
        if name not in hits and modes == {"match"} and released.get(name, (0, 0))[0]:
            faults.append(f"`{name}` released rows, and shows no hits")
    return faults


def _sum(ranges: list[Range]) -> Range:
    return sum(low for low, _ in ranges), sum(high for _, high in ranges)


def _possible(cells: Mapping[str, Range], released: Mapping[str, Range]) -> list[str]:
    """Return the impossible relations of decided, withheld and released."""
    decided, withheld = cells["decided"], cells["withheld"]
    faults = []
    if withheld[0] > decided[1]:
        faults.append(f"{withheld[0]} reads withheld of {decided[1]} decided")
    left = decided[0] - withheld[1], decided[1] - withheld[0]  # reads that at least one authority released
    faults.extend(
        f"{rows[0]} rows released by `{name}`, of {left[1]} reads that were not withheld"
        for name, rows in released.items()
        if rows[0] > left[1]
    )
    together = _sum(list(released.values()))
    if together[1] < left[0]:
        faults.append(f"{left[0]} reads not withheld, but only {together[1]} rows released")
    return faults


def _accounted(name: str, rows: Range, decided: Range, stood: bool) -> list[str]:
    """Return the faults in an authority's released and refused rows together."""
    if rows[0] > decided[1]:
        return [f"`{name}` released and refused {rows[0]} rows, of {decided[1]} reads decided"]
    if stood and rows[1] < decided[0]:
        return [f"`{name}` released and refused {rows[1]} rows, but {decided[0]} reads were decided"]
    return []
