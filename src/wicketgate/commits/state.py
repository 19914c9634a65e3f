"""The state of a gateway: a fold of COMMITS, and nothing else.

`State.apply` is the only way in which anything changes. It is deterministic, so that a replay from any snapshot
gives the same state, and it takes no decision: what may be committed is decided before (`gateway.filing`,
`regime.admission`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from wicketgate.base.clock import DAY_US, SECOND_US
from wicketgate.base.errors import InputError
from wicketgate.base.forms import FIRST, newer_form, split_form, with_form
from wicketgate.base.signing import canonical
from wicketgate.commits.cameras import Camera, CameraChange
from wicketgate.commits.errata import KnownErrata
from wicketgate.commits.feeds import FeedState
from wicketgate.commits.figures import ClosedFigures, Counts, JudgedHits, Targeted, judged_in, publish
from wicketgate.commits.handovers import HandedOver, kept_notes
from wicketgate.commits.hits import LOOKERS_KEPT, HotlistState, OpenHit, Sighting
from wicketgate.commits.keepers import KnownLinks
from wicketgate.commits.people import KnownPeople
from wicketgate.commits.searches import KnownSearches
from wicketgate.commits.transactions import (
    AlertRulesSet,
    CameraSet,
    HitRaised,
    HotlistChanged,
    Outcome,
    RowErased,
    Transaction,
    quarantine_batches,
)
from wicketgate.regime.charter import Charter
from wicketgate.regime.documents.admin import AdminReplaced
from wicketgate.regime.documents.authority import Authority
from wicketgate.regime.documents.people import People
from wicketgate.regime.figure_months import FiguresMonth
from wicketgate.regime.fold import Named, Regime
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.obligations.disclosures import Held, rows_left
from wicketgate.regime.obligations.values import CustodyCheckpoint, Disclosure
from wicketgate.regime.parsed import Parsed

STATE_FORM = 3
"""The form of snapshots that this version writes, and the latest that it reads.

1 is that of version 0.3; 1 and 2 hold every period of figures, and no month is closed in them.
"""
_BY_MONTH = 3
FOREVER_US = 1 << 61
SIGHTINGS_KEPT = 8
_SIGHTINGS_US = DAY_US
JUDGED_KEPT = 13
"""Published periods of targeting of which a source is told how hits on its reads were judged: a year of months."""


class State(msgspec.Struct, kw_only=True):
    """Everything in force, and the place of every stream."""

    sequence: int = 0
    at_us: int = 0
    directory_form: int = FIRST
    reads_to: int = 0
    reads_offset: int = 0
    regime: Regime = msgspec.field(default_factory=Regime)
    cameras: list[Camera] = []
    camera_log: list[CameraChange] = []
    tokens: dict[str, str] = {}
    feeds: dict[str, FeedState] = {}
    entries: int = 0
    seconds: int = 0
    quarantined: int = 0
    quarantine_batches: int = 0
    unkept: dict[str, int] = {}
    second_us: int = 0
    facts: list[bytes] = []
    counts: Counts = msgspec.field(default_factory=Counts)
    totals: Counts = msgspec.field(default_factory=Counts)
    counting_from_us: int = 0
    periods: list[ClosedFigures] = []
    months: list[FiguresMonth] = []
    targeting: Targeted = msgspec.field(default_factory=Targeted)
    targeted: dict[int, Targeted] = {}
    targeted_from_us: int = 0
    targeting_periods: list[ClosedFigures] = []
    camera_counts: dict[str, dict[str, int]] = {}
    revision: int = 0
    hotlists: dict[str, HotlistState] = {}
    open_hits: dict[str, OpenHit] = {}
    sightings: dict[str, dict[str, list[Sighting]]] = {}
    judged: JudgedHits = JudgedHits()
    held: dict[str, Held] = {}
    responses: dict[str, int] = {}
    responses_withheld: dict[str, int] = {}
    erased: dict[int, list[tuple[str, int]]] = {}
    people: KnownPeople = msgspec.field(default_factory=KnownPeople)
    alert_rules: dict[str, AlertRulesSet] = {}
    handovers: dict[str, list[HandedOver]] = {}
    heard_us: dict[str, int] = {}
    judged_before: list[JudgedHits] = []
    searches: KnownSearches = msgspec.field(default_factory=KnownSearches)
    errata: KnownErrata = msgspec.field(default_factory=KnownErrata)
    custody: dict[str, CustodyCheckpoint] = {}
    links: KnownLinks = msgspec.field(default_factory=KnownLinks)

    @property
    def charter_envelope(self) -> bytes:
        """The envelope of the charter in force, empty before there is one."""
        return self.regime.charter_envelope

    @property
    def authorities(self) -> dict[str, Named]:
        """Every signed authority, by name."""
        return self.regime.authorities

    def apply(self, transaction: Transaction, sequence: int, parsed: Parsed | None = None) -> None:
        """Apply the transaction at `sequence` of COMMITS.

        Parameters
        ----------
        parsed : Parsed, optional
            Where documents are kept opened; None opens those that are looked at for this call alone.

        Raises
        ------
        InputError
            If it does not follow on this state.
        """
        if sequence != self.sequence + 1:
            raise InputError(f"transaction {sequence} does not follow on {self.sequence}")
        if transaction.at_us < self.at_us:
            raise InputError(f"transaction {sequence} is earlier than the one before it")
        if transaction.entries and transaction.first_entry != self.entries:
            raise InputError(f"transaction {sequence} does not continue the ledger")
        if transaction.second is not None and transaction.second.number != self.seconds + 1:
            raise InputError(f"transaction {sequence} closes a second out of order")
        if transaction.quarantine_batch not in {0, self.quarantine_batches + 1}:
            raise InputError(f"transaction {sequence} does not continue the quarantine")
        for batch in transaction.batches:
            if batch.feed not in self.feeds or batch.number != self.feeds[batch.feed].batches + 1:
                raise InputError(f"transaction {sequence} does not continue the feed `{batch.feed}`")
        if transaction.hotlist is not None:
            known = self.hotlists.get(transaction.hotlist.authority)
            if transaction.hotlist.revision != (1 if known is None else known.revision + 1):
                raise InputError(f"transaction {sequence} does not continue a hotlist")
        raised = {hit.id for hit in transaction.hits}
        for outcome in transaction.outcomes:
            if outcome.hit not in self.open_hits and outcome.hit not in raised:
                raise InputError(f"transaction {sequence} has an outcome of no open hit")
        for number, response in enumerate(transaction.responses):
            given = sum(one.consultation == response.consultation for one in transaction.responses[:number])
            if response.number != self.responses.get(response.consultation, 0) + given + 1:
                raise InputError(f"transaction {sequence} does not continue the responses to a consultation")
        if not {one.id for one in transaction.errata} <= self.errata.due.keys():
            raise InputError(f"transaction {sequence} sends an erratum that waits for nothing")
        if not all(self._is_row(row, sequence) for row in transaction.erased):
            raise InputError(f"transaction {sequence} erases a row that is none")
        self.sequence = sequence
        self.at_us = transaction.at_us
        self.directory_form = transaction.directory_form or self.directory_form
        self.entries += len(transaction.entries)
        if transaction.second is not None:
            self.seconds = transaction.second.number
            self.second_us = transaction.second.second_us + SECOND_US
            self.facts = []
        self._close_figures(transaction)
        self._close_targeting(transaction)
        self.facts.extend(transaction.facts)
        self._count(transaction)
        for batch in transaction.batches:
            feed = self.feeds[batch.feed]
            feed.batches = batch.number
            feed.rows += batch.rows
        self._take_quarantined(transaction)
        self._take_hits(transaction)
        if transaction.hotlist is not None:
            self._take_list(transaction.hotlist)
        if transaction.reads_to is not None:
            self.reads_to = transaction.reads_to
            self.reads_offset = transaction.reads_offset
        if transaction.opens_us is not None:
            self.second_us = transaction.opens_us
        for stood in transaction.stood:
            self.regime.tell(stood, at_us=transaction.at_us, entry=transaction.first_entry)
        if transaction.document is not None:
            self._take_document(transaction, Parsed() if parsed is None else parsed)
        if transaction.cameras is not None:
            self._register(transaction.cameras.source, transaction.cameras.cameras)
        if transaction.token is not None:
            self._issue(transaction.token.name, transaction.token.sha256)
        self._take_responses(transaction)
        if transaction.disclosure is not None:
            self._take_disclosure(transaction.disclosure)
        self._take_erased(transaction)
        self._take_words(transaction)

    def _take_words(self, transaction: Transaction) -> None:
        """Take what people are said to be, by which rules they are told, what a recipient attests and witnesses did."""
        self.people.take(transaction.people, transaction.passkey)
        if transaction.handover is not None or (self.handovers and transaction.figures is not None):
            self.handovers = kept_notes(self.handovers, transaction.handover, transaction.at_us)
        if transaction.searches or (self.searches.held and transaction.figures is not None):
            for one in self.searches.take(transaction.searches, transaction.at_us):
                self.targeting.count_search(one.name, one.what, one.number)
        if transaction.links or transaction.figures is not None:
            for link in self.links.take(transaction.links, transaction.at_us):
                self.targeting.count_link(link.name, link.cause)
        if transaction.alert_rules is not None:
            self.alert_rules[transaction.alert_rules.who] = transaction.alert_rules
        if transaction.receipt is not None:
            self.held.setdefault(transaction.receipt.authority, Held()).take_receipt(transaction.receipt)
        if transaction.custody is not None:
            self.custody[transaction.custody.authority] = transaction.custody
        if (witnessing := transaction.witnessing) is not None:
            self.revision += 1  # the gate makes its tables anew
            self.regime.witness(witnessing, at_us=transaction.at_us)

    def _take_responses(self, transaction: Transaction) -> None:
        for one in transaction.responses:
            self.responses[one.consultation] = one.number
            if not one.publish:
                self.responses_withheld[one.consultation] = (
                    self.responses_withheld.get(one.consultation, 0) + 1
                )

    def _is_row(self, row: RowErased, sequence: int) -> bool:
        """Return whether a row can have been released, or a read taken, before a transaction."""
        feed = self.feeds.get(row.feed)
        known = row.row >= 0 if not row.feed else feed is not None and 0 < row.row <= feed.rows
        return known and 0 < row.number < sequence

    def _take_erased(self, transaction: Transaction) -> None:
        for name, kind, vehicle in self.errata.follow(transaction, self.sequence):
            self.targeting.count(self.targeting.errata, name, kind, vehicle)
        for row in transaction.erased:
            rows = self.erased.setdefault(row.number, [])
            if (row.feed, row.row) not in rows:
                rows.append((row.feed, row.row))
        if transaction.erased_from:
            self.erased = {
                number: rows for number, rows in self.erased.items() if number >= transaction.erased_from
            }

    def _take_document(self, transaction: Transaction, parsed: Parsed) -> None:
        taken = transaction.document
        assert taken is not None
        document = parsed.open(taken.envelope)
        value = document.value
        self.revision += 1
        first = not self.regime.charters
        if isinstance(value, Charter) and not first:
            self._withdraw_tokens(parsed.charter(self), value)
        self.regime.apply(
            document, taken.envelope, entry=taken.entry, at_us=transaction.at_us, admitted=taken.admitted
        )
        if first:
            self.counting_from_us = transaction.at_us
            self.second_us = transaction.at_us - transaction.at_us % SECOND_US
        if isinstance(value, AdminReplaced):
            self._issue("admin", "")
            self._issue("admin", value.sha256)
        if isinstance(value, People):
            self._name_people(value, parsed, transaction.at_us)
        if isinstance(value, Authority):
            self.feeds.setdefault(value.name, FeedState(recipient=value.recipient, unit=value.unit))

    def _name_people(self, people: People, parsed: Parsed, at_us: int) -> None:
        """Forget whom no version names that is in force or to come."""
        kept = list(RegimeAt(self.regime, parsed, at_us).people_standing(people.organisation))
        self.people.keep_only(people.organisation, {name for one in kept for name in one.commitments()})

    def _withdraw_tokens(self, old: Charter, new: Charter) -> None:
        """Withdraw the tokens of names gone from a new charter, and of an office that changes hands."""
        changed = {f"overseer:{name}" for name, one in old.offices.items() if new.offices.get(name) != one}
        self.tokens = {
            digest: name for digest, name in self.tokens.items() if new.knows(name) and name not in changed
        }

    def _take_quarantined(self, transaction: Transaction) -> None:
        self.quarantined += len(transaction.quarantined)
        if transaction.quarantine_batch:
            self.quarantine_batches += len(quarantine_batches(0, transaction.quarantined))

    def _take_hits(self, transaction: Transaction) -> None:
        for hit in transaction.hits:
            self.open_hits[hit.id] = OpenHit(
                authority=hit.authority,
                voi=hit.voi,
                quality=hit.quality,
                place=hit.place,
                due_us=hit.due_us,
                taken_us=hit.taken_us,
                clone=bool(hit.clone),
                imaged=hit.patch is not None or hit.overview is not None,
            )
            seen = self.sightings.setdefault(hit.authority, {}).setdefault(hit.voi, [])
            seen.append(Sighting(hit.id, hit.place, hit.taken_us, hit.quality == "exact"))
            del seen[:-SIGHTINGS_KEPT]
            self._count_hit(hit)
        for imaged in transaction.imaged:
            if imaged.hit in self.open_hits:
                self.open_hits[imaged.hit].imaged = True
        for looked in transaction.looked:
            held = self.open_hits.get(looked.hit)
            if held is not None and looked.by not in held.lookers:
                held.lookers = [*held.lookers[1 - LOOKERS_KEPT :], looked.by]
        for outcome in transaction.outcomes:
            self._take_outcome(outcome)

    def _count_hit(self, hit: HitRaised) -> None:
        said = [hit.quality, *(["late"] if hit.late else []), *(["clone"] if hit.clone else [])]
        for counts in (self.counts, self.totals):
            hits = counts.hits.setdefault(hit.authority, {})
            for name in said:
                hits[name] = hits.get(name, 0) + 1
        for kind in ("vehicles", *said):
            self.targeting.count(self.targeting.hits, hit.authority, kind, hit.voi)

    def _take_outcome(self, outcome: Outcome) -> None:
        hit = self.open_hits[outcome.hit]
        for counts in (self.counts, self.totals):
            outcomes = counts.outcomes.setdefault(hit.authority, {})
            outcomes[outcome.outcome] = outcomes.get(outcome.outcome, 0) + 1
        self.targeting.count(self.targeting.outcomes, hit.authority, outcome.outcome, hit.voi)
        if outcome.outcome in {"confirmed", "misread"}:
            what, vehicle = f"{hit.quality}-{outcome.outcome}", f"{hit.authority}/{hit.voi}"
            self.targeting.count(self.targeting.judged, hit.place, what, vehicle)
        if outcome.outcome == "confirmed":
            hit.confirmed = True
        else:
            del self.open_hits[outcome.hit]

    def _take_list(self, change: HotlistChanged) -> None:
        known = self.hotlists.setdefault(change.authority, HotlistState())
        known.revision = change.revision
        known.changed_us = self.at_us
        known.entries = change.entries
        known.lists = change.lists
        if change.whole:
            known.blobs = []
        known.blobs.append((change.blob, change.whole))

    def _take_disclosure(self, disclosure: Disclosure) -> None:
        name = disclosure.authority
        self.held.setdefault(name, Held()).take_disclosure(disclosure)
        for counts in (self.counts, self.totals, self.targeting):
            if disclosure.refused:
                counts.disclosures_refused[name] = counts.disclosures_refused.get(name, 0) + 1
            else:
                rows = counts.disclosures.setdefault(name, {})
                rows[disclosure.to] = rows.get(disclosure.to, 0) + disclosure.rows

    def _register(self, source: str, cameras: tuple[CameraSet, ...]) -> None:
        self.revision += 1
        known = {c.id: n for n, c in enumerate(self.cameras) if c.source == source}
        listed = {camera.id for camera in cameras}
        for camera in cameras:
            now = Camera(
                source=source,
                id=camera.id,
                groups=camera.groups,
                active=True,
                latitude=camera.latitude,
                longitude=camera.longitude,
                heading=camera.heading,
                zone=camera.zone,
                aliases=camera.aliases,
                name=camera.name,
                ignore_offset=camera.ignore_offset,
                words=camera.words,
            )
            self._set_camera(known.get(camera.id, len(self.cameras)), now)
        for camera_id, number in known.items():
            if camera_id not in listed:
                self._set_camera(number, msgspec.structs.replace(self.cameras[number], active=False))

    def _set_camera(self, number: int, camera: Camera) -> None:
        if number == len(self.cameras):
            self.cameras.append(camera)
        elif self.cameras[number] == camera:
            return
        else:
            self.cameras[number] = camera
        self.camera_log.append(CameraChange(self.entries, self.at_us, number, camera))

    def _issue(self, name: str, sha256: str) -> None:
        if sha256:
            self.tokens[sha256] = name
        else:
            self.tokens = {digest: owner for digest, owner in self.tokens.items() if owner != name}

    def _count(self, transaction: Transaction) -> None:
        for counts in (self.counts, self.totals):
            counts.decided += transaction.reads
            counts.withheld += transaction.withheld
            for batch in transaction.batches:
                counts.count_batch(batch)
            if (fetched := transaction.fetched) is not None:
                known = counts.fetched.get(fetched.authority, 0)
                counts.fetched[fetched.authority] = known + fetched.images
            for refused in transaction.refused:
                reasons = counts.refused.setdefault(refused.authority, {})
                reasons[refused.reason] = reasons.get(refused.reason, 0) + refused.rows
        intake = transaction.intake
        if intake is None:
            return
        for counts in (self.counts, self.totals):
            counts.count_intake(intake)
        for source, reads in intake.unkept.items():
            self.unkept[source] = self.unkept.get(source, 0) + reads
        self._count_cameras("accepted", intake.accepted)
        self._count_cameras("repeated", intake.repeated)
        for camera in intake.accepted:
            self.heard_us[camera] = transaction.at_us
        for camera, codes in intake.quarantined.items():
            for code, reads in codes.items():
                self._count_cameras(code, {camera: reads})

    def _count_cameras(self, what: str, by_camera: Mapping[str, int]) -> None:
        for camera, reads in by_camera.items():
            counts = self.camera_counts.setdefault(camera, {})
            counts[what] = counts.get(what, 0) + reads

    def _close_figures(self, transaction: Transaction) -> None:
        closed = transaction.figures
        if closed is None:
            return
        body = transaction.entries[closed.entry - transaction.first_entry]
        published = publish(self.periods, self.months, closed.entry, body)
        rows = rows_left(published) if closed.due else {}
        for name in sorted({*self.held, *closed.due}):
            held = self.held.setdefault(name, Held())
            held.close(closed.until_us, closed.due.get(name), rows.get(name))
        if closed.targeted_until_us:
            self.targeted_from_us = self.targeted_from_us or closed.from_us
            self.targeting.count_rows(self.counts)
            self.targeted.setdefault(closed.targeted_until_us, Targeted()).add(self.targeting)
        self.counts, self.targeting = Counts(), Targeted()
        self.counting_from_us = closed.until_us
        self._forget_sightings(transaction.at_us - _SIGHTINGS_US)

    def _close_targeting(self, transaction: Transaction) -> None:
        closed = transaction.targeting
        if closed is None:
            return
        body = transaction.entries[closed.entry - transaction.first_entry]
        published: dict[str, Any] = msgspec.json.decode(body)
        self.targeting_periods.append(ClosedFigures(entry=closed.entry, figures=published))
        targeted = self.targeted.pop(closed.until_us, Targeted())
        self.judged = judged_in(targeted, closed, published["step"])
        self.judged_before = [*self.judged_before, self.judged][-JUDGED_KEPT:]
        self.targeted_from_us = closed.until_us

    def _forget_sightings(self, before_us: int) -> None:
        for name, by_voi in self.sightings.items():
            self.sightings[name] = {
                voi: seen for voi, seen in by_voi.items() if seen[-1].taken_us >= before_us
            }


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(State)


def dump_state(state: State) -> bytes:
    """Return a snapshot of the fold: its form, then MessagePack."""
    return with_form(STATE_FORM, _encoder.encode(state))


def load_state(data: bytes) -> State:
    """Return the state of a snapshot of this form, or of an earlier one.

    InputError for anything else.
    """
    form, packed = split_form(data)
    if form > STATE_FORM:
        raise InputError(newer_form("a snapshot", form, STATE_FORM))
    try:
        state = _decoder.decode(packed)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError("a snapshot is not of this version") from error
    if state.entries and not state.regime.charters:
        raise InputError("a snapshot is not of this version: it holds no charter")
    if form < _BY_MONTH:
        # As the fold would have done; an entry of the log is canonical.
        held, state.periods = state.periods, []
        for one in held:
            publish(state.periods, state.months, one.entry, canonical(one.figures))
    return state
