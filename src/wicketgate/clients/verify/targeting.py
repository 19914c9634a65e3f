"""The published figures of targeting, checked as far as anyone can.

Their periods must join and come in time, their rows must be those that the documents demand, and their numbers steps
that some true numbers can be rounded down to. docs/recipient.md lists what must hold.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Set
from typing import Any

from wicketgate.base.clock import parse_rfc3339, rfc3339
from wicketgate.base.errors import InputError
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.publishing import (
    CUSTODY_KINDS,
    ERRATA_KINDS,
    HIT_KINDS,
    OUTCOME_KINDS,
    QUESTION_KINDS,
    TARGETING_FORM,
    UNLISTED_KINDS,
    asked_names,
    causes_of,
    custody_names,
    hit_names,
    least_traffic,
    linking_names,
    onward_of,
    step_of,
    targeting_due,
    unlisted_names,
)

_FIRST_TABLES = ("hits", "outcomes", "disclosures", "disclosures_refused")
_SECOND_TABLES = (*_FIRST_TABLES, "errata", "searches")
_TABLES: Mapping[int, tuple[str, ...]] = {
    1: _FIRST_TABLES,
    2: _SECOND_TABLES,
    TARGETING_FORM: (*_SECOND_TABLES, "custody", "unlisted", "links"),
}
"""By form the tables that figures of it have."""
_MEMBERS = {"kind", "form", "from", "until", "step"}


class TargetingChain:
    """The figures of targeting of a log, in order.

    They begin with the first figures of traffic that have a form of their own.
    """

    def __init__(self) -> None:
        self._from_us = 0
        self._form = 1  # figures of the first form come before any of a later one
        self._compared: list[tuple[int, Mapping[str, int]]] = []
        self._hit: dict[str, int] = {}
        self.periods: list[tuple[int, Mapping[str, Any]]] = []
        """Those that can be added up, with their entries."""

    def count(self, from_us: int, compared: Mapping[str, int]) -> None:
        """Take in a period of traffic: when it began, and the most reads compared with each list."""
        self._from_us = self._from_us or from_us
        self._compared.append((from_us, compared))

    def count_hits(self, name: str, most: int) -> None:
        """Take in the most vehicles of an authority that can have had a hit in a period, in any form of figures."""
        self._hit[name] = self._hit.get(name, 0) + most

    def due(self, moment: RegimeAt, counted_us: int) -> int | None:
        """Return the end of the next period due at a moment, traffic being published until `counted_us`."""
        if not self._from_us:
            return None
        return targeting_due(moment.charter, self._from_us, counted_us, moment.at_us)

    def impossible_outcomes(self, outcomes: Mapping[str, Mapping[str, tuple[int, int]]]) -> list[str]:
        """Return the outcomes of figures of the first form that are none, or more than there were hits so far."""
        faults = [
            f"outcomes of `{name[:64]}` are of a kind that no hit has"
            for name, kinds in outcomes.items()
            if not kinds.keys() <= set(OUTCOME_KINDS)
        ]
        faults.extend(
            f"{least} hits of `{name[:64]}` with the outcome `{kind[:40]}`, of {self._hit.get(name, 0)} at most"
            for name, kinds in outcomes.items()
            for kind, (least, _) in kinds.items()
            if least > self._hit.get(name, 0)
        )
        return faults

    def take(
        self, index: int, body: Mapping[str, Any], moment: RegimeAt, counted_us: int, ever: Set[str]
    ) -> list[str]:
        """Take the figures of entry `index` at a moment, the end of the last second; return what is wrong.

        Parameters
        ----------
        ever : set of str
            The names under which something could leave so far.
        """
        where = f"entry {index}"
        said = body.get("form")
        # Once something is counted, figures without would hide some of it.
        form = said if type(said) is int and self._form <= said < TARGETING_FORM else TARGETING_FORM
        tables = _TABLES[form]
        if set(body) != {*_MEMBERS, *tables} or not all(isinstance(body[name], dict) for name in tables):
            return [f"{where}: figures of targeting without the members that they must have, or with others"]
        try:
            from_us, until_us = parse_rfc3339(str(body["from"])), parse_rfc3339(str(body["until"]))
        except InputError as error:
            return [f"{where}: {error.detail}"]
        faults = []
        if from_us != self._from_us:
            faults.append(
                f"from {body['from']}, and not from {rfc3339(self._from_us)}, where the last ones end"
            )
        if until_us != self.due(moment, counted_us):
            faults.append(f"until {body['until']}, which is not the end of a period that is due")
        self._from_us = max(self._from_us, until_us)
        step = step_of(moment.charter)
        self._form = max(self._form, form)
        if body["form"] != form or body["step"] != step or isinstance(body["form"], bool):
            faults.append(f"not of the form {form} in steps of {step}")
        else:
            try:
                faults += self._numbers(body, moment, step, self._compared_until(until_us))
                faults += [
                    f"rows of `{name}` were passed on, and no version of it was ever in force"
                    for name, to_whom in body["disclosures"].items()
                    if name not in ever and any(rows is not None for rows in to_whom.values())
                ]
            except InputError as error:
                faults.append(error.detail)
            else:
                self.periods.append((index, body))
        # The week of traffic behind a month, before its figures come, is the next month's.
        self._compared = [period for period in self._compared if period[0] >= until_us]
        return [f"{where}: figures of targeting: {fault}" for fault in faults]

    def _compared_until(self, until_us: int) -> Mapping[str, int]:
        """Return the most reads compared with each list in the periods of traffic that began before a time."""
        found: Counter[str] = Counter()
        for from_us, compared in self._compared:
            if from_us < until_us:
                found.update(compared)
        return found

    def _numbers(
        self, body: Mapping[str, Any], moment: RegimeAt, step: int, compared: Mapping[str, int]
    ) -> list[str]:
        everyone, listed = sorted(moment.regime.authorities), hit_names(moment)
        _demand_rows("hits", body["hits"], listed)
        _demand_rows("outcomes", body["outcomes"], listed)
        _demand_rows("disclosures", body["disclosures"], everyone)
        _demand_rows("disclosures_refused", body["disclosures_refused"], everyone)
        found: list[str] = []
        for name in listed:
            _demand_rows(f"hits of `{name}`", body["hits"][name], HIT_KINDS)
            _demand_rows(f"outcomes of `{name}`", body["outcomes"][name], OUTCOME_KINDS)
            hits = {kind: _cell(body["hits"][name][kind], step) for kind in HIT_KINDS}
            outcomes = {kind: _cell(body["outcomes"][name][kind], step) for kind in OUTCOME_KINDS}
            most = compared.get(name, 0)
            found += _impossible_hits(name, hits, step, most)
            # An outcome may be that of an earlier month's hit: all vehicles with hits so far are its bound.
            self.count_hits(name, hits["vehicles"] + step - 1 if most else 0)
            found += [
                f"{ended} vehicles of `{name}` with the outcome `{kind}`, of {self._hit[name]} with hits at most"
                for kind, ended in outcomes.items()
                if ended > self._hit[name]
            ]
        least = least_traffic(moment.charter)
        for name in everyone:
            to_whom = onward_of(moment, moment.regime.authorities[name])
            _demand_rows(f"disclosures of `{name}`", body["disclosures"][name], to_whom)
            for to in to_whom:
                _cell(body["disclosures"][name][to], least)
            _cell(body["disclosures_refused"][name], step)
        _demand_searches(body, moment, step)
        found += _impossible_custody(body, moment, least)
        found += _impossible_unlisted(body, unlisted_names(moment), least, compared)
        _demand_links(body, moment, step)
        return found + _impossible_errata(body, everyone, step)


def _demand_searches(body: Mapping[str, Any], moment: RegimeAt, step: int) -> None:
    if "searches" not in body:
        return
    asked = asked_names(moment)
    _demand_rows("searches", body["searches"], asked)
    for name in asked:
        _demand_rows(f"searches of `{name}`", body["searches"][name], QUESTION_KINDS)
        for kind in QUESTION_KINDS:
            _cell(body["searches"][name][kind], step)


def _impossible_custody(body: Mapping[str, Any], moment: RegimeAt, least: int) -> list[str]:
    """Return which figures of custody can be none; an answer may be looked at in a later month than it was made in."""
    if "custody" not in body:
        return []
    _demand_rows("custody", body["custody"], names := custody_names(moment))
    faults = []
    for name in names:
        _demand_rows(f"custody of `{name}`", body["custody"][name], CUSTODY_KINDS)
        cells = {kind: _cell(body["custody"][name][kind], least) for kind in CUSTODY_KINDS}
        if cells["listed"] > cells["rows"]:
            faults.append(f"more rows of `{name}` in custody would have left by a list than answers have")
    return faults


def _impossible_unlisted(
    body: Mapping[str, Any], names: Iterable[str], least: int, compared: Mapping[str, int]
) -> list[str]:
    """Return which figures of what is on no list can be none: more rows than were compared, or another share."""
    if "unlisted" not in body:
        return []
    _demand_rows("unlisted", body["unlisted"], names)
    faults = []
    for name, kinds in body["unlisted"].items():
        _demand_rows(f"unlisted of `{name}`", kinds, UNLISTED_KINDS)
        left, stayed = _cell(kinds["released"], least), _cell(kinds["withheld"], least)
        share = 100 * stayed // (left + stayed) if left or stayed else None
        if kinds["share"] != share or isinstance(kinds["share"], bool):
            faults.append(f"the share of `{name}` that stayed is not that of its numbers")
        if left + stayed > compared.get(name, 0):
            faults.append(
                f"{left + stayed} rows of `{name}`, of {compared.get(name, 0)} reads compared at most"
            )
    return faults


def _demand_links(body: Mapping[str, Any], moment: RegimeAt, step: int) -> None:
    if "links" not in body:
        return
    names = linking_names(moment)
    _demand_rows("links", body["links"], names)
    for name in names:
        causes = causes_of(moment, moment.regime.authorities[name])
        _demand_rows(f"links of `{name}`", body["links"][name], causes)
        for cause in causes:
            _cell(body["links"][name][cause], step)


def _impossible_errata(body: Mapping[str, Any], everyone: Iterable[str], step: int) -> list[str]:
    """Return which figures of errata can be none; an erratum may be taken in a later month than it was told in."""
    if "errata" not in body:
        return []
    _demand_rows("errata", body["errata"], everyone)
    faults = []
    for name, kinds in body["errata"].items():
        _demand_rows(f"errata of `{name}`", kinds, ERRATA_KINDS)
        cells = {kind: _cell(kinds[kind], step) for kind in ERRATA_KINDS}
        if cells["corrected"] > cells["vehicles"]:
            faults.append(f"more vehicles of `{name}` have a corrected read than have errata")
    return faults


def _demand_rows(what: str, table: object, names: Iterable[str]) -> None:
    """Refuse a table with other rows than it must always have: one that comes with a hit would tell of it."""
    if not isinstance(table, dict) or set(table) != set(names):
        raise InputError(f"`{what}` has other rows than it must have, whatever happened")


def _cell(value: object, step: int) -> int:
    """Return the least number that a cell stands for; it stands for `step` numbers from there."""
    if value is None:
        return 0
    if not isinstance(value, int) or isinstance(value, bool) or value < step or value % step:
        raise InputError(f"a number that is no step of {step}")
    return value


def _impossible_hits(name: str, hits: Mapping[str, int], step: int, compared: int) -> list[str]:
    faults = []
    if bool(hits["exact"]) != bool(hits["possible"]):
        faults.append(f"exact or possible hits of `{name}` are shown without the other, which tells of it")
    if any(hits[kind] > hits["vehicles"] for kind in HIT_KINDS):
        faults.append(f"more vehicles of `{name}` have hits of one kind than have hits")
    if hits["exact"] and hits["vehicles"] > hits["exact"] + hits["possible"] + 2 * (step - 1):
        faults.append(f"hits of `{name}` that are neither exact nor possible")
    if hits["vehicles"] > compared:
        faults.append(f"{hits['vehicles']} vehicles of `{name}`, of {compared} reads compared at most")
    return faults
