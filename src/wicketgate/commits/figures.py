"""The figures of the ledger.

They are counted here as they are published: by the rule of disclosure (`regime.publishing`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from wicketgate.commits.transactions import FeedBatch, IntakeCounts, TargetingClosed
from wicketgate.ledger.merkle import leaf_hash
from wicketgate.ledger.merkle import root as tree_hash
from wicketgate.regime.figure_months import ClosedFigures as ClosedFigures
from wicketgate.regime.figure_months import FiguresMonth, close_months
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.publishing import (
    CUSTODY_KINDS,
    ERRATA_KINDS,
    HIT_KINDS,
    IMAGE_CODES,
    NOT_TRAFFIC,
    OUTCOME_KINDS,
    QUESTION_KINDS,
    TARGETING_FORM,
    TRAFFIC_FORM,
    asked_names,
    bulk_names,
    causes_of,
    custody_names,
    hit_names,
    least_traffic,
    linking_names,
    onward_of,
    step_of,
    stepped,
    targeted_names,
    traffic_cell,
    unlisted_cells,
    unlisted_names,
)

JUDGED_KINDS = ("exact-confirmed", "exact-misread", "possible-confirmed", "possible-misread")
"""Hits by their quality and by what a person said of them."""


def public_traffic(counts: Counts, moment: RegimeAt) -> dict[str, Any]:
    """Return the figures of traffic of a period that ends at a moment, without its times.

    Nothing in them hangs on whether a read was listed: what an authority with a list let go is among the reads
    `compared` with that list, and no sum over all authorities has it.
    """
    least = least_traffic(moment.charter)
    bulk = bulk_names(moment)
    compared = {
        name: counts.released.get(name, 0) + _not_listed(counts, name) for name in targeted_names(moment)
    }
    return {
        "form": TRAFFIC_FORM,
        "taken": traffic_cell(counts.taken, least),
        "repeated": traffic_cell(counts.repeated, least),
        "quarantined": traffic_cell(counts.quarantined, least),
        "decided": traffic_cell(counts.decided, least),
        "released": {name: traffic_cell(counts.released.get(name, 0), least) for name in bulk},
        "again": {name: traffic_cell(counts.again.get(name, 0), least) for name in bulk},
        "images": {name: traffic_cell(counts.images.get(name, 0), least) for name in bulk},
        "fetched": {name: traffic_cell(counts.fetched.get(name, 0), least) for name in bulk},
        "compared": {name: traffic_cell(reads, least) for name, reads in compared.items()},
        "refused": [
            {"authority": reference, "reason": reason, "rows": traffic_cell(rows, least)}
            for reference, reasons in sorted(counts.refused.items())
            for reason, rows in sorted(reasons.items())
            if reason not in NOT_TRAFFIC
        ],
    }


def _not_listed(counts: Counts, name: str) -> int:
    return sum(
        rows
        for reference, reasons in counts.refused.items()
        if reference.partition("@")[0] == name
        for reason, rows in reasons.items()
        if reason in NOT_TRAFFIC
    )


def public_targeting(targeted: Targeted, moment: RegimeAt) -> dict[str, Any]:
    """Return the figures of targeting of a period that ends at a moment, without its times.

    The rows are the same whatever happened: one for each authority, each kind and each allowed recipient.
    """
    step, least = step_of(moment.charter), least_traffic(moment.charter)
    everyone = sorted(moment.regime.authorities.items())
    listed = hit_names(moment)
    return {
        "form": TARGETING_FORM,
        "step": step,
        "hits": {name: _public_hits(targeted.hits.get(name, {}), step) for name in listed},
        "outcomes": {
            name: {
                kind: stepped(len(targeted.outcomes.get(name, {}).get(kind, ())), step)
                for kind in OUTCOME_KINDS
            }
            for name in listed
        },
        "disclosures": {
            name: {
                to: stepped(targeted.disclosures.get(name, {}).get(to, 0), least)
                for to in onward_of(moment, named)
            }
            for name, named in everyone
        },
        "disclosures_refused": {
            name: stepped(targeted.disclosures_refused.get(name, 0), step) for name, _ in everyone
        },
        "errata": {
            name: {
                kind: stepped(len(targeted.errata.get(name, {}).get(kind, ())), step) for kind in ERRATA_KINDS
            }
            for name, _ in everyone
        },
        "searches": {
            name: {
                kind: stepped(targeted.searches.get(name, {}).get(kind, 0), step) for kind in QUESTION_KINDS
            }
            for name in asked_names(moment)
        },
        "custody": {
            name: {
                kind: stepped(targeted.custody.get(name, {}).get(kind, 0), least) for kind in CUSTODY_KINDS
            }
            for name in custody_names(moment)
        },
        "unlisted": {
            name: unlisted_cells(targeted.released.get(name, 0), targeted.listed.get(name, 0), least)
            for name in unlisted_names(moment)
        },
        "links": {
            name: {
                cause: stepped(targeted.links.get(name, {}).get(cause, 0), step)
                for cause in causes_of(moment, named)
            }
            for name, named in ((name, moment.regime.authorities[name]) for name in linking_names(moment))
        },
    }


def _public_hits(kinds: Mapping[str, Mapping[str, int]], step: int) -> dict[str, int | None]:
    """Return an authority's vehicles with hits as they are published.

    Each vehicle has an exact hit or a possible one, so the two are shown together or not at all: one of them alone
    would say of the other whether it is 0.
    """
    shown = {kind: stepped(len(kinds.get(kind, ())), step) for kind in HIT_KINDS}
    if None in (shown["exact"], shown["possible"]):
        shown["exact"] = shown["possible"] = None
    return shown


class Counts(msgspec.Struct, kw_only=True):
    """The figures of a period.

    `refused` is keyed by `name@version` and then by reason; the others by name. `images` are those that rows name,
    `fetched` those that recipients fetched. Hits are keyed then by quality (`exact`,
    `possible`) and `late`, `clone`, disclosures by to whom.
    """

    taken: int = 0
    repeated: int = 0
    quarantined: int = 0
    decided: int = 0
    withheld: int = 0
    released: dict[str, int] = {}
    refused: dict[str, dict[str, int]] = {}
    again: dict[str, int] = {}
    images: dict[str, int] = {}
    fetched: dict[str, int] = {}
    hits: dict[str, dict[str, int]] = {}
    outcomes: dict[str, dict[str, int]] = {}
    disclosures: dict[str, dict[str, int]] = {}
    disclosures_refused: dict[str, int] = {}

    def count_batch(self, batch: FeedBatch) -> None:
        """Count what a batch lets go."""
        name = batch.feed
        self.released[name] = self.released.get(name, 0) + batch.rows - batch.again - batch.errata
        if batch.again:
            self.again[name] = self.again.get(name, 0) + batch.again
        if batch.images:
            self.images[name] = self.images.get(name, 0) + batch.images

    def count_intake(self, intake: IntakeCounts) -> None:
        """Count what became of the reads of posts."""
        self.taken += sum(intake.accepted.values())
        self.repeated += sum(intake.repeated.values())
        self.quarantined += sum(
            reads
            for codes in intake.quarantined.values()
            for code, reads in codes.items()
            if code not in IMAGE_CODES
        )


class Targeted(msgspec.Struct, kw_only=True):
    """What lists and recipients did, counted to be published later.

    `hits` and `outcomes` are keyed by the authority's name, the kind, and the vehicle of interest (its `voi`), with how
    often: vehicles are published, so that one that passes many cameras is one. Hits have the kind `vehicles` besides.
    `errata` are keyed by the authority's name, the kind (`ERRATA_KINDS`), and a keyed hash of the plate as it was read.
    `judged` is keyed by camera (`source/id`), what a person said of a hit of which quality (`exact-misread`), and the
    vehicle under its authority. `searches` is keyed by the authority's name and what became of a question, `custody` by
    the name and what is counted of rows of answers in custody (`CUSTODY_KINDS`), `links` by the name and the cause.
    `released` and `listed` are the rows of traffic that left under an authority's name, and that stayed because they
    are listed.
    """

    hits: dict[str, dict[str, dict[str, int]]] = {}
    outcomes: dict[str, dict[str, dict[str, int]]] = {}
    disclosures: dict[str, dict[str, int]] = {}
    disclosures_refused: dict[str, int] = {}
    judged: dict[str, dict[str, dict[str, int]]] = {}
    errata: dict[str, dict[str, dict[str, int]]] = {}
    searches: dict[str, dict[str, int]] = {}
    custody: dict[str, dict[str, int]] = {}
    released: dict[str, int] = {}
    listed: dict[str, int] = {}
    links: dict[str, dict[str, int]] = {}

    def count_rows(self, counts: Counts) -> None:
        """Take the rows of a period of traffic that is closed, where some stayed or could have."""
        _add(self.released, counts.released)
        for reference, reasons in counts.refused.items():
            if reasons.get("listed"):
                _add(self.listed, {reference.partition("@")[0]: reasons["listed"]})

    def count_search(self, name: str, what: str, number: int = 1) -> None:
        """Count one more question of an authority of which something became, or rows of answers in its custody."""
        into = self.custody if what in CUSTODY_KINDS else self.searches
        _add(into.setdefault(name, {}), {what: number})

    def count_link(self, name: str, cause: str) -> None:
        """Count one more link of an authority for a cause."""
        _add(self.links.setdefault(name, {}), {cause: 1})

    def count(self, into: dict[str, dict[str, dict[str, int]]], name: str, kind: str, vehicle: str) -> None:
        """Count one more of a vehicle in `hits`, `outcomes`, `judged` or `errata`."""
        vehicles = into.setdefault(name, {}).setdefault(kind, {})
        vehicles[vehicle] = vehicles.get(vehicle, 0) + 1

    def add(self, other: Targeted) -> None:
        """Add what another period counted."""
        for into, more in (
            (self.hits, other.hits),
            (self.outcomes, other.outcomes),
            (self.judged, other.judged),
            (self.errata, other.errata),
        ):
            for name, kinds in more.items():
                for kind, vehicles in kinds.items():
                    _add(into.setdefault(name, {}).setdefault(kind, {}), vehicles)
        for name, by_recipient in other.disclosures.items():
            _add(self.disclosures.setdefault(name, {}), by_recipient)
        _add(self.disclosures_refused, other.disclosures_refused)
        for mine, theirs in (
            (self.searches, other.searches),
            (self.custody, other.custody),
            (self.links, other.links),
        ):
            for name, by_kind in theirs.items():
                _add(mine.setdefault(name, {}), by_kind)
        _add(self.released, other.released)
        _add(self.listed, other.listed)


def _add(into: dict[str, int], more: Mapping[str, int]) -> None:
    for key, number in more.items():
        into[key] = into.get(key, 0) + number


class JudgedHits(msgspec.Struct, frozen=True, kw_only=True):
    """How hits on a camera's reads were judged in the last published period of targeting, for the camera's source.

    Attributes
    ----------
    from_us, until_us : int
        The period; both 0 before the first.
    cameras : mapping
        Vehicles in steps by camera and kind; what comes to none is left out.
    """

    from_us: int = 0
    until_us: int = 0
    cameras: dict[str, dict[str, int]] = {}

    def of_camera(self, place: str) -> dict[str, int | None]:
        """Return the counts of a camera; none and few are None alike."""
        return {kind: self.cameras.get(place, {}).get(kind) for kind in JUDGED_KINDS}


def judged_in(targeted: Targeted, closed: TargetingClosed, step: int) -> JudgedHits:
    """Return how hits were judged in a period of targeting that is published now, in its steps."""
    cameras: dict[str, dict[str, int]] = {}
    for place, kinds in targeted.judged.items():
        for kind, vehicles in kinds.items():
            shown = stepped(len(vehicles), step)
            if shown is not None:
                cameras.setdefault(place, {})[kind] = shown
    return JudgedHits(from_us=closed.from_us, until_us=closed.until_us, cameras=cameras)


def publish(
    periods: list[ClosedFigures], months: list[FiguresMonth], entry: int, body: bytes
) -> dict[str, Any]:
    """Add the figures in an entry of the log to the open periods, close the months that they close, and return them."""
    figures: dict[str, Any] = msgspec.json.decode(body)
    periods.append(ClosedFigures(entry=entry, figures=figures, leaf=leaf_hash(body)))
    close_months(periods, months, tree_hash)
    return figures
