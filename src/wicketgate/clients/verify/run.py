"""The checks of `wicketgate verify`, against a gateway or a folder.

They stand here in their order.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wicketgate.base.clock import SECOND_US, Clock, SystemClock, rfc3339
from wicketgate.base.errors import (
    ConfigurationError,
    LedgerError,
    Unreachable,
    VerificationError,
    WicketgateError,
)
from wicketgate.clients.verify.auditing import Auditing
from wicketgate.clients.verify.entries import EntryFold
from wicketgate.clients.verify.feedfile import FeedFile
from wicketgate.clients.verify.fetched import fetch_month, fetch_register
from wicketgate.clients.verify.fresh import check_fresh, check_not_ahead
from wicketgate.clients.verify.heard import HeardCheckpoints, contradict
from wicketgate.clients.verify.kept import KeptCheckpoints, Remembered, SeenCheckpoint, signed_notes
from wicketgate.clients.verify.keys import key_within, shown_key
from wicketgate.clients.verify.log import TrustedLog
from wicketgate.clients.verify.months import FetchMonth, check_months
from wicketgate.clients.verify.openings import FactReader, OpeningsFile
from wicketgate.clients.verify.register import Register, check_register
from wicketgate.clients.verify.remote import Remote
from wicketgate.clients.verify.report import Check, Report
from wicketgate.ledger.audit import NOT_EXTENDED, AuditReport, Progress
from wicketgate.ledger.notes import NoteVerifier, open_checkpoint
from wicketgate.ledger.sealing import Opener
from wicketgate.ledger.tiles import Fetch, fetch_checkpoint, folder_fetch
from wicketgate.regime.charter import Charter

_CATCH_UP_S = 10.0

_NEVER_CHECKED = (
    "what the HTML pages say: no page was looked at",
    "that nobody was shown another log under the same key: compare the checkpoint with what others see, and give "
    "theirs with --seen (this version has no witnesses)",
    "the software and settings that starts name, and the lists of cameras under their roots",
    "the numbers of reads repeated and quarantined, of images fetched, and of rows that recipients say they passed on: "
    "nothing else that is public bounds them, but that there can have been some",
    "that what the cameras sent was all taken in, and what the facts under the seconds say: the overseer can "
    "open them",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """Files of openings as `/v1/openings` gives it, one after the other, and the overseer's identity."""

    paths: tuple[Path, ...]
    opener: Opener
    reader: FactReader | None = None


def verify_url(
    url: str,
    *,
    key: NoteVerifier | None = None,
    feed_file: Path | None = None,
    openings: Opened | None = None,
    seen: Sequence[SeenCheckpoint] = (),
    kept: KeptCheckpoints | None = None,
    whole: bool = False,
    progress: Progress | None = None,
    file_progress: Callable[[int, int], None] | None = None,
    clock: Clock | None = None,
    shown: Callable[[Mapping[str, Any]], None] | None = None,
) -> Report:
    """Check a gateway as any member of the public can.

    A feed file is checked too, if one is given. The report's `ok` is false if anything does not agree.

    Parameters
    ----------
    key : NoteVerifier, optional
        The log's key, got another way than from the gateway. Without it the gateway's own is taken, and the
        report says so.
    openings : Opened, optional
        A file of openings, and what opens them.
    seen : sequence of SeenCheckpoint
        Signed checkpoints that somebody saw of this log: it must extend each.
    kept : KeptCheckpoints, optional
        What was kept here at an earlier look: the log must extend it, and its checkpoint is kept in its place.
    whole : bool
        Read again what an earlier look from here verified.
    progress, file_progress : callable, optional
        Called with how much is done, and of how much.
    shown : callable, optional
        Called with the register that was compared with the log.

    Raises
    ------
    ConfigurationError, InputError
        If the address or a file of `seen` cannot be used at all.
    """
    clock = clock or SystemClock()
    with Remote(url) as remote:
        run = _Run(remote.log(), remote.base_url, kept, whole=whole)
        try:
            run.take_key(key, lambda: shown_key(remote))
        except WicketgateError as error:
            return run.end("key", error)
        run.take_seen(seen)
        # Before the log, which must cover it. Where it cannot be had the log is looked at all the same: whoever
        # withholds it must not hide what is false elsewhere.
        register = fetch_register(remote)
        fetched_s, fetched_us = time.monotonic(), clock.now_us()
        if (fault := _covered(run, register)) is not None:
            return run.end("log", fault)
        if isinstance(register, Register):
            run.heard.hear(register.checkpoint)
        if not run.audit(progress):
            return run.report()
        log, entries = run.log, run.entries
        if not isinstance(register, Register):
            run.miss_register(register)
        if entries.charter is None:
            return run.report()
        as_of_us = entries.last_us or fetched_us
        if isinstance(register, Register):
            as_of_us = register.as_of_us
            run.check_register(
                register, fetched_us, entries.charter, shown, lambda month: fetch_month(remote, month)
            )
        if feed_file is not None:

            def now_us() -> int:
                return as_of_us + round((time.monotonic() - fetched_s) * SECOND_US)

            held = FeedFile(remote, log, entries.charter, entries, run.verifier.public, now_us)
            run.check_file(held, feed_file, file_progress)
        if openings is not None:
            run.check_openings(openings)
        return run.report()


def _covered(run: _Run, register: Register | WicketgateError) -> WicketgateError | None:
    """Wait until the log covers a register, and return why it cannot be looked at, where the audit does not say so."""
    try:
        _await_log(run, register.reach if isinstance(register, Register) else 0)
    except Unreachable:
        return None
    except WicketgateError as error:
        return None if error.code == NOT_EXTENDED else error
    return None


def verify_folder(
    folder: Path,
    *,
    key: NoteVerifier | None = None,
    feed_file: Path | None = None,
    openings: Opened | None = None,
    seen: Sequence[SeenCheckpoint] = (),
    kept: KeptCheckpoints | None = None,
    whole: bool = False,
    progress: Progress | None = None,
    file_progress: Callable[[int, int], None] | None = None,
    clock: Clock | None = None,
) -> Report:
    """Check a log in a folder.

    The folder is a deployment's, or the log itself. Parameters are as for `verify_url`.

    Raises
    ------
    Unreachable
        Code `no-log`, if there is no log in the folder.
    ConfigurationError
        If a file of `seen` cannot be used at all.
    """
    if (folder / "log" / "checkpoint").is_file():
        folder = folder / "log"
    if not (folder / "checkpoint").is_file():
        raise Unreachable(
            f"`{folder}` holds no log: there is no `checkpoint` in it; name a deployment, a log or an address",
            code="no-log",
        )
    run = _Run(folder_fetch(folder), str(folder), kept, whole=whole)
    try:
        run.take_key(key, lambda: key_within(run.fetch))
    except WicketgateError as error:
        return run.end("key", error)
    run.take_seen(seen)
    run.folder = folder
    run.not_checked.append("the register: the gateway shows it, and only a folder was given")
    if not run.audit(progress):
        return run.report()
    charter = run.entries.charter
    if charter is not None:
        last_us, now_us = run.entries.last_us, (clock or SystemClock()).now_us()
        if last_us is not None and not charter.demonstration:
            run.checks.append(check_not_ahead(last_us, now_us))
    if feed_file is not None and charter is not None:
        last_us = run.entries.last_us or 0
        held = FeedFile(None, run.log, charter, run.entries, run.verifier.public, lambda: last_us)
        run.check_file(held, feed_file, file_progress)
    if openings is not None and charter is not None:
        run.check_openings(openings)
    return run.report()


class _Run:
    """One verification on its way."""

    def __init__(self, fetch: Fetch, place: str, kept: KeptCheckpoints | None, *, whole: bool) -> None:
        self.fetch = self.heard = HeardCheckpoints(fetch)
        self.place = place
        self._seen: tuple[bytes, ...] = ()
        self._kept = kept
        self._whole = whole
        self._remembered: Remembered | None = None
        self.folder: Path | None = None
        self._read_from = 0
        self.checks: list[Check] = []
        self.not_checked: list[str] = []
        self.counts: dict[str, int] = {}
        self.trusted = "nothing: no key was found"
        self.kept = ""
        self.verifier: NoteVerifier
        self.log: TrustedLog
        self.entries: EntryFold

    def take_key(self, given: NoteVerifier | None, shown: Callable[[], NoteVerifier]) -> None:
        """Settle the key for all checks.

        One that was given is enough: a gateway that does not show its own is looked at all the same.
        """
        if given is None:
            self.verifier = shown()
            self.trusted = (
                f"the log's key {self.verifier.vkey}, WHICH {self.place} ITSELF SHOWS. Whoever runs it chose it: "
                "compare it with the key that was published another way, and give that with --key"
            )
            return
        self.verifier = given
        self.trusted = f"the log's key {given.vkey}, as given"
        try:
            found = shown()
        except Unreachable as error:
            words = f"{error.detail}: what follows is checked with the key given"
            self.checks.append(Check(name="key", ok=False, words=words, unreached=True))
            return
        except WicketgateError:
            if self.place.startswith("http"):
                raise
            return  # what is wrong with the log in a folder its audit says
        if found != given:
            raise VerificationError(f"{self.place} shows another key than the one given: {found.vkey}")
        self.checks.append(Check(name="key", ok=True, words="the key shown is the key given"))

    def take_seen(self, seen: Sequence[SeenCheckpoint]) -> None:
        """Take checkpoints that somebody saw; ConfigurationError for one that is not of this key."""
        self._seen = signed_notes(seen, self.verifier)

    def miss_register(self, error: WicketgateError) -> None:
        """Say why there is no register."""
        self.checks.append(
            Check(name="register", ok=False, words=error.detail, unreached=isinstance(error, Unreachable))
        )
        self.not_checked.append("whether the log goes on, and is of this time: a register would say its time")

    def audit(self, progress: Progress | None) -> bool:
        """Recompute the log, and return whether it holds.

        Only then can what it says be looked at.
        """
        if self._kept is not None:
            self._remembered = self._kept.last(self.verifier)
        try:
            note, shown = (None, []) if self.folder is not None else self._longest()
            seen = (*self._before(), *shown)
            auditing = Auditing(self.fetch, self.folder, self.verifier, seen, progress, note=note)
            before = None if self._whole or self._remembered is None else self._kept
            report = auditing.audit(before)
        except WicketgateError as error:
            # That of a register is held to the log later, but for what no tile is needed to know.
            if error.code == NOT_EXTENDED or contradict(self.heard.signed(self.verifier), self.verifier):
                self._not_extended(error)
                return False
            unreached = isinstance(error, Unreachable)
            evidence = "" if unreached else self._keep_evidence()
            self.checks.append(
                Check(name="log", ok=False, words=error.detail + evidence, unreached=unreached)
            )
            self.not_checked.append(
                "anything else: the rest of the log could not be had"
                if unreached
                else "anything else: what a log says that does not hold proves nothing"
            )
            if unreached and self._before():
                self.not_checked.append(
                    f"WHETHER THE LOG GOES ON FROM WHAT WAS SEEN BEFORE, {self._seen_words()}: what would show it is "
                    "withheld, or out of reach"
                )
            return False
        self.log = TrustedLog(self.fetch, self.verifier, report.checkpoint, report.note)
        self.checks.append(Check(name="log", ok=True, words=_audit_words(report)))
        self.counts |= {"tiles": report.tiles, "bundles": report.bundles}
        self.entries, self._read_from = auditing.entries, auditing.before
        self.not_checked.extend(auditing.not_checked(self.place))
        self._keep(report.note)
        if self._kept is not None:
            auditing.keep(self._kept)
        self._check_entries()
        return True

    def _before(self) -> tuple[bytes, ...]:
        return (*self._seen, *(() if self._remembered is None else (self._remembered.note,)))

    def _longest(self) -> tuple[bytes, list[bytes]]:
        """Return the longest checkpoint that the log showed in this run, and all others, which it must extend.

        Raises
        ------
        LedgerError
            Code `not-extended`, if two of one size are signed: no tile is needed to know it.
        """
        fetch_checkpoint(self.fetch, [self.verifier])
        notes = self.heard.fetched(self.verifier)
        if contradict(notes, self.verifier):
            raise LedgerError("the log forks: two checkpoints of one size are signed", code=NOT_EXTENDED)
        sizes = {note: open_checkpoint(note, [self.verifier]).size for note in notes}
        longest = max(notes, key=sizes.__getitem__)
        return longest, [note for note in notes if note != longest]

    def _not_extended(self, error: WicketgateError) -> None:
        """Say that the log is not the one that was seen, and keep the proof of it."""
        words = (
            f"{error.detail}. What was seen before: {self._seen_words()}. Somebody with the log's key cut or "
            f"rewrote it{self._keep_evidence()}"
        )
        self.checks.append(Check(name="kept", ok=False, words=words))
        self.not_checked.append("anything else: what a rewritten log says proves nothing")

    def _keep_evidence(self) -> str:
        """Keep every signed checkpoint that this run was shown and that was not kept before; say where they are."""
        if self._kept is None:
            return ""
        before = set() if self._remembered is None else {self._remembered.note}
        try:
            paths = [
                self._kept.keep_evidence(self.verifier, note)
                for note in self.heard.signed(self.verifier)
                if note not in before
            ]
        except WicketgateError:
            return "; what is shown now could not be kept"
        return f"; what it signed and showed now is in {', '.join(map(str, paths))}" if paths else ""

    def _hold_heard(self) -> None:
        """Hold to the log each checkpoint that it showed since it was audited."""
        try:
            for note in self.heard.signed(self.verifier):
                self.log.accept(note)
        except Unreachable as error:
            self.checks.append(Check(name="log", ok=False, words=error.detail, unreached=True))
        except WicketgateError as error:
            self._not_extended(error)

    def _keep(self, note: bytes) -> None:
        """Say which checkpoints the log extends, and keep its own for the next look."""
        size = self.log.checkpoint.size
        if self._remembered is None and not self._seen:
            others = 0 if self._kept is None else self._kept.others(self.verifier)
            another = f" OF {others} OTHER KEYS FOR THIS ORIGIN SOMETHING WAS KEPT." if others else ""
            self.not_checked.append(
                "WHETHER THE LOG WAS REWRITTEN BEFORE NOW: NOTHING WAS KEPT OF IT, this is the first look from here."
                f"{another} A checkpoint that somebody else kept can be given with --seen"
            )
        else:
            self.checks.append(
                Check(
                    name="kept",
                    ok=True,
                    words=f"its {size} entries go on from what was seen before: {self._seen_words()}",
                )
            )
        if self._kept is None:
            return
        try:
            self.kept = f"the checkpoint of {size} entries in {self._kept.keep(self.verifier, note)}, for the next look"
        except ConfigurationError as error:
            self.not_checked.append(
                f"NOTHING IS KEPT FOR THE NEXT LOOK: {error.detail}; give a folder with --state"
            )

    def _seen_words(self) -> str:
        words = [] if self._remembered is None else [self._remembered.words]
        if self._seen:
            words.append(f"{len(self._seen)} given with --seen")
        return ", and ".join(words) or "other checkpoints in this run"

    def _check_entries(self) -> None:
        """Add the checks of documents, seconds and figures."""
        self.checks.extend(self.entries.checks(self.log.checkpoint.origin))
        self.counts |= self.entries.counts()

    def check_register(
        self,
        register: Register,
        fetched_us: int,
        charter: Charter,
        shown: Callable[[Mapping[str, Any]], None] | None,
        fetch: FetchMonth,
    ) -> None:
        """Add the checks of a register that came when this machine's clock was at `fetched_us`, and show it.

        Shown it has the figures of every month: those of closed ones are the log's.
        """
        months = self.entries.months
        closed = months.named(register.value)
        if shown is not None:
            shown(months.complete(register.value, closed))
        self.checks.append(check_fresh(register.as_of_us, self.entries.last_us, fetched_us, charter))
        found = check_register(register, self.entries, self.log, charter, self.verifier.vkey)
        if register.by_month and not found.total:
            looked, left = check_months(found, months, closed, self._read_from, fetch)
            self.counts["months"] = looked
            self.not_checked.extend(left)
        self.checks.append(
            found.close(
                f"charter, {len(register.authorities)} versions of authorities with their status at "
                f"{rfc3339(register.as_of_us)}, acts, {len(register.figures)} periods of figures and {len(closed)} "
                "closed months of them are what the log says"
            )
        )
        self.not_checked.append(
            "the register's numbers of responses, and of cameras as they are now: who responded, and which "
            "camera stands where, is not in the log"
        )

    def check_file(
        self, feed_file: FeedFile, path: Path, progress: Callable[[int, int], None] | None
    ) -> None:
        """Add the checks of a feed file."""
        self.checks.extend(feed_file.check(path, progress))
        self.not_checked.extend(feed_file.not_checked())
        self.counts |= feed_file.counts()

    def check_openings(self, openings: Opened) -> None:
        """Add the checks of openings."""
        opened = OpeningsFile(self.log, self.entries, openings.opener, openings.reader)
        self.checks.extend(opened.check(*openings.paths))
        self.not_checked.extend(opened.not_checked())
        self.counts |= opened.counts()

    def end(self, name: str, error: WicketgateError) -> Report:
        """Return the report of an interrupted verification."""
        unreached = isinstance(error, Unreachable)
        self.checks.append(Check(name=name, ok=False, words=error.detail, unreached=unreached))
        self.not_checked.append(
            "anything else: it could not be reached, or there was no key to check it with"
        )
        return self.report()

    def report(self) -> Report:
        """Return the report."""
        if hasattr(self, "log"):
            self._hold_heard()
        return Report(
            trusted=self.trusted,
            checked=tuple(self.checks),
            not_checked=(*self.not_checked, *_NEVER_CHECKED),
            kept=self.kept,
            counts=self.counts,
        )


def _audit_words(report: AuditReport) -> str:
    head = report.checkpoint
    return (
        f"the checkpoint of `{head.origin}` with {head.size} entries is signed by the key; {report.bundles} "
        f"bundles of entries and {report.tiles} tiles of hashes were computed again and agree "
        f"(root {head.root.hex()[:16]}…)"
    )


def _await_log(run: _Run, reach: int) -> None:
    """Wait until the log covers the register.

    The log is written a moment later.
    """
    until_s = time.monotonic() + _CATCH_UP_S
    log = TrustedLog.open(run.fetch, run.verifier)
    while log.checkpoint.size < reach and time.monotonic() < until_s:
        time.sleep(0.25)
        log.advance()
