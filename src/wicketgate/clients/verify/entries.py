"""Read the entries of a log in order: documents by their signatures, seconds by their succession, figures.

Nothing here trusts the gateway: the fold is made anew from what was logged, by the charter in entry 0.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from wicketgate.base.clock import SECOND_US, rfc3339
from wicketgate.base.errors import DocumentRefused, InputError, ShapeError
from wicketgate.base.forms import FIRST
from wicketgate.base.signing import canonical, parse_canonical
from wicketgate.clients.verify.figures import FiguresChain
from wicketgate.clients.verify.figures_kept import FiguresKept, keep_figures
from wicketgate.clients.verify.listed import CamerasListed, cameras_in
from wicketgate.clients.verify.logged import Logged, apply
from wicketgate.clients.verify.members import SECOND, is_count, open_logged, parse_time
from wicketgate.clients.verify.months import MonthsOfLog
from wicketgate.clients.verify.operations import Operations
from wicketgate.clients.verify.report import Check, Findings
from wicketgate.clients.verify.telling import TELL_WITHIN_S, Telling
from wicketgate.clients.verify.witnessed import SecondsOfLog, take_witnessing
from wicketgate.ledger.facts import second_entry, second_of
from wicketgate.regime.admission.admit import admit, entry_members, scope_of
from wicketgate.regime.charter import Charter
from wicketgate.regime.documents.binding import log_named
from wicketgate.regime.documents.signatures import verify_charter
from wicketgate.regime.fold import Regime
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.parsed import Parsed
from wicketgate.regime.standing import described

_HEX64 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_NO_ROOT = bytes(32)


class DueFigures(NamedTuple):
    """Figures that the next entry must be, the end of their period, and the entry that made them due."""

    kind: str
    until_us: int
    since: int


class EntryFold:
    """The fold of a log's entries, with their faults.

    Parameters
    ----------
    vkey : str
        The log's key; the entry of `init` must name it.
    """

    def __init__(self, vkey: str) -> None:
        self.operations = Operations(vkey)
        self._documents = Findings("documents")
        self._seconds = Findings("seconds")
        self._figures = Findings("figures")
        self._kinds: dict[str, int] = {}
        self._widenings = 0
        self._at_us = 0
        self._owed: DueFigures | None = None
        self._missed: set[tuple[str, int]] = set()
        self._bound = False
        self.since_04: int | None = None
        """The first entry that no gateway of version 0.3 wrote, which then shows no register any more."""
        self.since_04_us = 0
        self.unbound = 0
        self._expected = b""
        self.charter: Charter | None = None
        self.parsed = Parsed()
        self.regime = Regime()
        self._telling = Telling(self.at)
        self.documents: list[Logged] = []
        self.chain: FiguresChain | None = None
        self.months = MonthsOfLog()
        self.seconds_of_log = SecondsOfLog()
        self.changed_us: list[int] = []
        self.open_us = 0
        self.first_us: int | None = None
        self.seconds = 0
        self.gaps: list[tuple[int, int]] = []
        self.listed: list[CamerasListed] = []
        self.entries = 0

    def at(self, at_us: int) -> RegimeAt:
        """Return the regime of the entries so far at a moment."""
        return RegimeAt(self.regime, self.parsed, at_us)

    # --- one entry after another --------------------------------------------------------------------------

    def take(self, index: int, entry: bytes) -> None:
        """Take the entry at `index`; they come in order. It never raises for what an entry holds."""
        self.entries = index + 1
        self._take(index, entry)
        self._look_at_form(index)

    def _look_at_form(self, index: int) -> None:
        if self.since_04 is None and (self._bound or self.operations.form > FIRST or self._by_traffic()):
            self.since_04, self.since_04_us = index, self.open_us

    def take_seconds(self, index: int, count: int) -> None:
        """Take so many seconds from the entry at `index` on, which were judged before and had no fault.

        What they make due hangs on their first and on their last: nothing can have been due between.
        """
        self.take(index, second_entry(self.open_us, _NO_ROOT))
        between = count - 2
        if between > 0:
            self.seconds += between
            self.open_us += between * SECOND_US
        if count > 1:
            self.take(index + count - 1, second_entry(self.open_us, _NO_ROOT))

    def figures_kept(self) -> FiguresKept:
        """Return what the figures so far came to."""
        return keep_figures(self._ruling()[1], self.months, self._owed)

    @property
    def is_good(self) -> bool:
        """Whether nothing was wrong with any entry so far."""
        return not (self._documents.total or self._seconds.total or self._figures.total)

    def _by_traffic(self) -> bool:
        return self.chain is not None and self.chain.by_traffic

    def _take(self, index: int, entry: bytes) -> None:
        if self.charter is None:
            if index == 0:
                self._take_first(entry)
                self.seconds_of_log.take_other(0)
            return
        match = SECOND.fullmatch(entry)
        if match is not None:
            self._demand_owed(index, {})
            self._take_second(index, match[1])
            return
        self.seconds_of_log.take_other(index)
        try:
            body = parse_canonical(entry)
        except InputError as error:
            self._demand_owed(index, {})
            self._documents.add(f"entry {index}: {error.detail}")
            return
        self._demand_owed(index, body)
        kind = body.get("kind")
        try:
            if kind in ("figures", "targeting"):
                self._take_figures(index, body, targeting=kind == "targeting")
                if kind == "figures":
                    self.months.take(index, body, entry)
                return
            if kind == "second":
                raise InputError("a second that is not of the form that every second has")
            if kind not in ("document", "operation", "cameras", "standing", "witnessing"):
                raise InputError(f"a kind `{str(kind)[:40]}` that this version does not know")
            at_us = self._time(index, body)
        except InputError as error:
            self._documents.add(f"entry {index}: {error.detail}")
            return
        self._count(kind)
        self.changed_us.append(self._at_us)
        try:
            if kind == "document":
                self._take_document(index, body, at_us)
            elif kind == "cameras":
                self._take_cameras(index, body)
            elif kind == "standing":
                self._take_standing(index, body, at_us)
            elif kind == "witnessing":
                self._telling.go_on(at_us)
                self._ruling()[1].look(self.at(at_us))
                take_witnessing(body, index, at_us, self.regime, self.parsed, self.seconds_of_log)
                self._telling.look(at_us)
            else:
                self.operations.take(index, body)
                if self.operations.bound:
                    self._bound = True
                    self._ruling()[1].end_first_form()
        except (InputError, DocumentRefused) as error:
            self._documents.add(f"entry {index}: {error.detail}")

    def _ruling(self) -> tuple[Charter, FiguresChain]:
        if self.charter is None or self.chain is None:
            raise ShapeError("there is no charter yet")
        return self.charter, self.chain

    def _count(self, kind: str) -> None:
        self._kinds[kind] = self._kinds.get(kind, 0) + 1

    def _take_first(self, entry: bytes) -> None:
        try:
            body = parse_canonical(entry)
            if body.get("kind") != "document":
                raise InputError("the log does not begin with a charter")
            at_us = parse_time(body, "at")
            document = open_logged(body)
            charter = verify_charter(document.envelope)
        except (InputError, DocumentRefused) as error:
            self._documents.add(f"entry 0: {error.detail}")
            return
        self.charter = charter
        self._at_us = at_us
        self.open_us = second_of(at_us)
        self.chain = FiguresChain(charter, at_us)
        self._count("document")
        self._log(Logged(entry=0, at_us=at_us, document=document, envelope=canonical(body["envelope"])))

    def _log(self, logged: Logged) -> None:
        named = log_named(logged.document) is not None
        # Whoever has once said for which log they sign never signs for any log again.
        self._bound = self._bound or named
        self.unbound += not named
        self.parsed.keep(logged.envelope, logged.document)
        self._telling.go_on(logged.at_us)
        self._ruling()[1].look(self.at(logged.at_us))
        apply(self.regime, logged)
        self.documents.append(logged)
        self._telling.look(logged.at_us)

    def _time(self, index: int, body: Mapping[str, Any]) -> int:
        """Return the time of an entry.

        It must lie in the second that is open, or begin another.
        """
        at_us = parse_time(body, "at")
        if at_us < self._at_us:
            self._seconds.add(f"entry {index}: of {body['at']}, earlier than an entry before it")
        # One entry out of order is one fault: those behind it are not judged by its time.
        self._at_us = max(self._at_us, at_us)
        if "missing_from" in body or "missing_until" in body:
            self._take_gap(index, body, at_us)
        elif second_of(at_us) != self.open_us:
            self._seconds.add(
                f"entry {index}: of {body['at']}, between the seconds before and at {rfc3339(self.open_us)}"
            )
        return at_us

    def _take_gap(self, index: int, body: Mapping[str, Any], at_us: int) -> None:
        from_us, until_us = parse_time(body, "missing_from"), parse_time(body, "missing_until")
        if body.get("operation") != "start" or from_us != self.open_us or until_us != second_of(at_us):
            self._seconds.add(f"entry {index}: explains a gap from {rfc3339(from_us)} that is not there")
        if until_us <= from_us:
            self._seconds.add(f"entry {index}: explains a gap that ends before it begins")
            return
        self.gaps.append((from_us, until_us))
        self._telling.be_away(self.open_us, max(self.open_us, until_us))
        self.open_us = max(self.open_us, until_us)
        self._owe(index)

    def _take_figures(self, index: int, body: Mapping[str, Any], *, targeting: bool) -> None:
        self._count("targeting" if targeting else "figures")
        chain, moment = self._ruling()[1], self.at(self.open_us)
        try:
            take = chain.take_targeting if targeting else chain.take
            faults = take(index, body, moment)
            due = chain.next_due(moment)
            self._owed = DueFigures(*due, index) if due is not None and due[0] == "targeting" else None
        except InputError as error:
            faults = [f"entry {index}: {error.detail}"]
        for fault in faults:
            self._figures.add(fault)

    def _take_second(self, index: int, at: bytes) -> None:
        if at != self._expected:
            try:
                at_us = parse_time({"at": at.decode()}, "at")
            except InputError as error:
                self._seconds.add(f"entry {index}: {error.detail}")
                return
            if at_us > self.open_us:
                self._seconds.add(
                    f"entry {index}: the seconds from {rfc3339(self.open_us)} until {rfc3339(at_us)} are "
                    "missing, and no start explains it"
                )
            elif at_us < self.open_us:
                self._seconds.add(
                    f"entry {index}: the second {rfc3339(at_us)} stands twice or out of its order"
                )
                return
            self.open_us = at_us
        if self.first_us is None:
            self.first_us = self.open_us
        self.seconds += 1
        self.open_us += SECOND_US
        self._expected = rfc3339(self.open_us).encode()
        self._owe(index)
        try:
            self._telling.go_on(self.open_us)
        except InputError as error:
            self._documents.add(f"entry {index}: {error.detail}")
        if self._bound:  # a gateway of 0.3 told in one go what came while it stood still
            self._telling.hold(self.open_us)
            self._check_told(f"entry {index}: ")

    def _owe(self, index: int) -> None:
        """Find what the end of a second, or of a gap, in entry `index` makes due; what was due before stays so."""
        due = self._ruling()[1].next_due(self.at(self.open_us))
        since = index if self._owed is None else self._owed.since
        self._owed = None if due is None else DueFigures(*due, since)

    def _demand_owed(self, index: int, body: Mapping[str, Any]) -> None:
        """Refuse an entry before figures that are due.

        Only a start behind which seconds are missing may come before them, and they stay due.
        """
        owed = self._owed
        if owed is None or body.get("kind") == owed.kind:
            return
        if body.get("operation") == "start" and body.get("kind") == "operation" and "missing_from" in body:
            return
        self._miss(owed, f"entry {index}", "before it")
        self._owed = None

    def _miss(self, owed: DueFigures, where: str, when: str) -> None:
        if (owed.kind, owed.until_us) not in self._missed:
            self._missed.add((owed.kind, owed.until_us))
            what = "figures" if owed.kind == "figures" else "figures of targeting"
            self._figures.add(f"{where}: the {what} until {rfc3339(owed.until_us)} are missing {when}")

    def _check_owed(self) -> None:
        """Check that nothing is owed at the log's end, but for what its last entry made due."""
        if self._owed is not None and self._owed.since < self.entries - 1:
            self._miss(self._owed, f"entry {self.entries - 1}", "behind it")

    def _take_document(self, index: int, body: Mapping[str, Any], at_us: int) -> None:
        document = open_logged(body)
        cameras = body.get("cameras", 0)
        if not is_count(cameras):
            raise InputError("a document's entry that does not count cameras")
        scope = scope_of(document)
        most = cameras if scope is None else cameras_in(scope.scope, self.listed)[1]
        if cameras > most:
            raise InputError(
                f"it counts {cameras} cameras in its scope, where the sources have registered {most} at most"
            )
        admitted = admit(
            self.at(at_us),
            document,
            cameras=cameras,
            next_entry=index,
            figures=(figures for _, figures in (*self.figures, *self.targeting)),
            log_needed=self._bound,
        )
        if body.keys() - {"kind", "at", "envelope"} != entry_members(document.kind, admitted).keys():
            raise InputError("a document's entry without the members that it must have, or with others")
        for member, value in entry_members(document.kind, admitted).items():
            if canonical({"": body[member]}) != canonical({"": value}):
                raise InputError(
                    f"the entry of a {document.kind} says another `{member}` than follows from the log"
                )
        self._widenings += bool(admitted.wider)
        envelope = canonical(body["envelope"])
        # Of a log that goes back in time, which is a fault of its own, no document takes effect before another.
        effect_us = max(at_us, self.documents[-1].at_us)
        self._log(
            Logged(entry=index, at_us=effect_us, document=document, envelope=envelope, admitted=admitted)
        )
        if document.kind == "charter":
            self.charter = self.parsed.charter(self.regime)
            self._ruling()[1].amend(self.charter)

    def _take_standing(self, index: int, body: Mapping[str, Any], at_us: int) -> None:
        """Take how things stand from an entry on.

        What it says must follow from the documents before it.
        """
        changes = body.get("changes")
        if set(body) != {"kind", "at", "changes"} or not isinstance(changes, list) or not changes:
            raise InputError("a change of standing without the members that it must have, or with others")
        self._telling.go_on(at_us)
        stand = self.at(at_us).untold()
        known = {canonical(change): one for one, change in zip(stand, described(stand), strict=True)}
        for change in changes:
            stood = known.pop(canonical(change), None) if isinstance(change, dict) else None
            if stood is None:
                raise InputError("it tells of a change of standing that does not follow from the documents")
            self.regime.tell(stood, at_us=at_us, entry=index)
        self._telling.look(at_us)

    def _check_told(self, where: str) -> None:
        """Check that what the seconds closed so far made due was told, each change once."""
        for one in self._telling.late(self.open_us):
            self._documents.add(
                f"{where}`{one.about}` is {one.status}, and no entry tells so within {TELL_WITHIN_S} s"
            )

    def _take_cameras(self, index: int, body: Mapping[str, Any]) -> None:
        if set(body) != {"kind", "at", "source", "count", "groups", "root"}:
            raise InputError("a camera register without the members that it must have, or with others")
        source, count, groups = body["source"], body["count"], body["groups"]
        organisation = self._ruling()[0].organisations.get(source) if isinstance(source, str) else None
        if organisation is None or "source" not in organisation.roles:
            raise InputError("cameras of no source of the charter")
        if not is_count(count) or not isinstance(groups, dict):
            raise InputError("a camera register without counts")
        if not all(is_count(number) and number <= count for number in groups.values()):
            raise InputError("a group of more cameras than there are")
        if not isinstance(body["root"], str) or not _HEX64.fullmatch(body["root"]):
            raise InputError("a camera register without a hash of its list")
        self.listed.append(
            CamerasListed(entry=index, source=source, count=count, groups=groups, root=body["root"])
        )

    # --- what came of it ----------------------------------------------------------------------------------

    @property
    def last_us(self) -> int | None:
        """The end of the last second in the log."""
        return self.open_us if self.seconds else None

    @property
    def figures(self) -> list[tuple[int, Mapping[str, Any]]]:
        """Each published period with its entry."""
        return [] if self.chain is None else self.chain.periods

    @property
    def targeting(self) -> list[tuple[int, Mapping[str, Any]]]:
        """Each published period of targeting with its entry."""
        return [] if self.chain is None else self.chain.targeting.periods

    def checks(self, origin: str) -> list[Check]:
        """Return the checks of documents, seconds and figures.

        `origin` is named by the checkpoint of the log.
        """
        if self.charter is None:
            if not self._documents.total:
                self._documents.add("the log is empty: it has no charter")
            return [self._documents.close("")]
        if self.charter.origin != origin:
            self._documents.add(f"entry 0: the charter is of the log `{self.charter.origin}`, not `{origin}`")
        if self.entries > 1 and not self.operations.begun:
            self._documents.add(
                "entry 1: it is not that of `init`, which says with which key the log was begun"
            )
        self._check_told("")
        self._check_owed()
        return [
            self._documents.close(self._document_words()),
            self._seconds.close(self._second_words()),
            self._figures.close(self._figure_words()),
        ]

    def _document_words(self) -> str:
        charter = self._ruling()[0]
        versions = sum(len(named.versions) for named in self.regime.authorities.values())
        acts = sum(len(named.acts) for named in self.regime.authorities.values())
        consultations = len(self.regime.consultations)
        unbound = (
            f" {self.unbound} of them, of version 0.3, DO NOT SAY FOR WHICH LOG they were signed."
            if self.unbound
            else ""
        )
        demonstration = " It says that it is a demonstration." if charter.demonstration else ""
        return (
            f"the charter `{charter.name}`, {versions} versions of {len(self.regime.authorities)} authorities, "
            f"{acts} acts on them and {consultations} consultations are signed by the offices that the charter "
            f"demands, each at its time; {self._widenings} documents widen what consultations covered, and say "
            "so; "
            f"{self._kinds.get('operation', 0)} operations and {self._kinds.get('cameras', 0)} camera "
            f"registers can be read.{unbound}{demonstration}"
        )

    def _second_words(self) -> str:
        if self.first_us is None:
            return "no second is closed yet"
        missing = sum(until_us - from_us for from_us, until_us in self.gaps) // SECOND_US
        gaps = (
            f"{missing} s are missing in {len(self.gaps)} gaps, each explained by a start"
            if self.gaps
            else "none is missing"
        )
        return (
            f"{self.seconds} seconds from {rfc3339(self.first_us)} until {rfc3339(self.open_us)}, each once "
            f"and in order; {gaps}{self.operations.clock_words()}"
        )

    def _figure_words(self) -> str:
        if not self.figures:
            return "no period is over yet"
        return (
            f"{len(self.figures)} periods of traffic and {len(self.targeting)} of targeting join without gap or "
            "overlap, small counts are suppressed, and the arithmetic of taken, decided, released, compared and "
            "refused can hold"
        )

    def counts(self) -> dict[str, int]:
        """Return the amounts looked at."""
        return {
            "entries": self.entries,
            "documents": len(self.documents),
            "seconds": self.seconds,
            "seconds_missing": sum(until_us - from_us for from_us, until_us in self.gaps) // SECOND_US,
            "figures": len(self.figures),
        }
