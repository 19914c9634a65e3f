"""The checks of `wicketgate verify`, against a gateway or a folder.

They stand here in their order.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from wicketgate.base.clock import SECOND_US, Clock, SystemClock, rfc3339
from wicketgate.base.errors import (
    ConfigurationError,
    InputError,
    LedgerError,
    Unreachable,
    VerificationError,
    WicketgateError,
)
from wicketgate.base.signing import parse_canonical
from wicketgate.clients.verify.entries import EntryFold
from wicketgate.clients.verify.feedfile import FeedFile
from wicketgate.clients.verify.log import TrustedLog
from wicketgate.clients.verify.register import MAX_REGISTER_BYTES, STALE_US, Register, check_register
from wicketgate.clients.verify.remote import Remote
from wicketgate.clients.verify.report import Check, Findings, Report
from wicketgate.ledger.audit import AuditReport, Progress, audit, fsck
from wicketgate.ledger.notes import MAX_NOTE_BYTES, NoteVerifier, parse_vkey, unverified_checkpoint
from wicketgate.ledger.tiles import Fetch, folder_fetch, iterate_entries

MAX_KEY_BYTES = 2048
_CATCH_UP_S = 10.0

_NEVER_CHECKED = (
    "that nobody was shown another log under the same key: compare the checkpoint with what others see "
    "(this version has no witnesses)",
    "that what the cameras sent was all taken in, and what the facts under the seconds say: the overseer can "
    "open them",
)


def read_key(path: Path) -> NoteVerifier:
    """Return the log's key in a file.

    The file has the line that `/log/key` shows.

    Raises
    ------
    ConfigurationError
        If the file cannot be read or holds something else.
    """
    try:
        return parse_vkey(path.read_text().strip())
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"the key file `{path}` cannot be read") from error
    except InputError as error:
        raise ConfigurationError(f"`{path}`: {error.detail}") from error


def shown_key(remote: Remote) -> NoteVerifier:
    """Return the log's key as the gateway shows it.

    It proves nothing: whoever runs the gateway chose it.

    Raises
    ------
    VerificationError, InputError
        If it shows none.
    """
    data = remote.need("/log/key", most=MAX_KEY_BYTES)
    try:
        return parse_vkey(data.decode("ascii").removesuffix("\n"))
    except UnicodeDecodeError as error:
        raise InputError("`/log/key` is not a verifier key") from error
    except InputError as error:
        raise InputError(f"`/log/key`: {error.detail}") from error


def verify_url(
    url: str,
    *,
    key: NoteVerifier | None = None,
    feed_file: Path | None = None,
    progress: Progress | None = None,
    file_progress: Callable[[int, int], None] | None = None,
    clock: Clock | None = None,
) -> Report:
    """Check a gateway as any member of the public can.

    A feed file is checked too, if one is given.

    Parameters
    ----------
    key : NoteVerifier, optional
        The log's key, got another way than from the gateway. Without it the gateway's own is taken, and the
        report says so.
    progress, file_progress : callable, optional
        Called with how much is done, and of how much.

    Returns
    -------
    Report
        With `ok` false if anything does not agree.

    Raises
    ------
    ConfigurationError, InputError
        If the address or the feed file cannot be used at all.
    """
    clock = clock or SystemClock()
    with Remote(url) as remote:
        run = _Run(remote.log(), remote.base_url)
        try:
            run.take_key(key, lambda: shown_key(remote))
        except WicketgateError as error:
            return run.end("key", error)
        try:
            register = Register(remote.need("/register.json", most=MAX_REGISTER_BYTES))
            fetched_s = time.monotonic()
            _await_log(run, register.reach)
        except InputError as error:
            register, fetched_s = None, time.monotonic()
            run.register_fault = error.detail
        except WicketgateError as error:
            return run.end("log", error)
        if not run.audit(progress):
            return run.report()
        run.check_entries()
        log, entries = run.log, run.entries
        if entries.charter is None:
            return run.report()
        if register is None:
            run.checks.append(Check(name="register", ok=False, words=run.register_fault))
            as_of_us = clock.now_us()
        else:
            run.check_fresh(register, clock.now_us())
            as_of_us = register.as_of_us
            run.checks.append(
                check_register(register, entries, log, entries.charter, run.verifier.vkey).close(
                    f"charter, {len(register.authorities)} versions of authorities with their status at "
                    f"{rfc3339(as_of_us)}, acts and {len(register.figures)} periods of figures are what the "
                    "log says"
                )
            )
            run.not_checked.append(
                "the register's numbers of responses, and of cameras as they are now: who responded, and which "
                "camera stands where, is not in the log"
            )
        if feed_file is not None:

            def now_us() -> int:
                return as_of_us + round((time.monotonic() - fetched_s) * SECOND_US)

            held = FeedFile(remote, log, entries.charter, entries, run.verifier.public, now_us)
            run.check_file(held, feed_file, file_progress)
        return run.report()


def verify_folder(
    folder: Path,
    *,
    key: NoteVerifier | None = None,
    feed_file: Path | None = None,
    progress: Progress | None = None,
    file_progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Check a log in a folder.

    The folder is a deployment's, or the log itself. Parameters are as for `verify_url`.

    Raises
    ------
    Unreachable
        Code `no-log`, if there is no log in the folder.
    ConfigurationError
        If the feed file cannot be read.
    """
    if (folder / "log" / "checkpoint").is_file():
        folder = folder / "log"
    if not (folder / "checkpoint").is_file():
        raise Unreachable(
            f"`{folder}` holds no log: there is no `checkpoint` in it; name a deployment, a log or an address",
            code="no-log",
        )
    run = _Run(folder_fetch(folder), str(folder))
    try:
        run.take_key(key, lambda: _key_within(run.fetch))
    except WicketgateError as error:
        return run.end("key", error)
    run.folder = folder
    run.not_checked.append("the register: the gateway shows it, and only a folder was given")
    if not run.audit(progress):
        return run.report()
    run.check_entries()
    charter = run.entries.charter
    if feed_file is not None and charter is not None:
        last_us = run.entries.last_us or 0
        held = FeedFile(None, run.log, charter, run.entries, run.verifier.public, lambda: last_us)
        run.check_file(held, feed_file, file_progress)
    return run.report()


class _Run:
    """One verification on its way."""

    def __init__(self, fetch: Fetch, place: str) -> None:
        self.fetch = fetch
        self.place = place
        self.folder: Path | None = None
        self.checks: list[Check] = []
        self.not_checked: list[str] = []
        self.counts: dict[str, int] = {}
        self.trusted = "nothing: no key was found"
        self.register_fault = ""
        self.verifier: NoteVerifier
        self.log: TrustedLog
        self.entries: EntryFold

    def take_key(self, given: NoteVerifier | None, shown: Callable[[], NoteVerifier]) -> None:
        """Settle the key for all checks."""
        try:
            found = shown()
        except WicketgateError:
            if given is None or self.place.startswith("http"):
                raise
            found = given
        self.verifier = given or found
        if given is None:
            self.trusted = (
                f"the log's key {found.vkey}, WHICH {self.place} ITSELF SHOWS. Whoever runs it chose it: "
                "compare it with the key that was published another way, and give that with --key"
            )
            return
        self.trusted = f"the log's key {given.vkey}, as given"
        if found != given:
            raise VerificationError(f"{self.place} shows another key than the one given: {found.vkey}")
        self.checks.append(Check(name="key", ok=True, words="the key shown is the key given"))

    def audit(self, progress: Progress | None) -> bool:
        """Recompute the log, and return whether it holds.

        Only then can what it says be looked at.
        """
        self.entries = EntryFold(self.verifier.vkey)
        take = self.entries.take
        try:
            if self.folder is None:
                report = audit(self.fetch, self.verifier, on_entry=take, progress=progress)
            else:
                report = fsck(self.folder, self.verifier, on_entry=take, progress=progress)
        except WicketgateError as error:
            unreached = isinstance(error, Unreachable)
            self.checks.append(Check(name="log", ok=False, words=error.detail, unreached=unreached))
            self.not_checked.append(
                "anything else: the rest of the log could not be had"
                if unreached
                else "anything else: what a log says that does not hold proves nothing"
            )
            return False
        self.log = TrustedLog(self.fetch, self.verifier, report.checkpoint, report.note)
        self.checks.append(Check(name="log", ok=True, words=_audit_words(report)))
        self.counts |= {"tiles": report.tiles, "bundles": report.bundles}
        return True

    def check_entries(self) -> None:
        """Add the checks of documents, seconds and figures."""
        self.checks.extend(self.entries.checks(self.log.checkpoint.origin))
        self.counts |= self.entries.counts()

    def check_fresh(self, register: Register, now_us: int) -> None:
        """Refuse a stale log.

        Its last second may not be older than the register allows.
        """
        last_us = self.entries.last_us
        as_of_us = register.as_of_us
        found = Findings("fresh")
        age_us = as_of_us - (last_us or 0)
        if last_us is None:
            found.add("the log has no second yet, so nothing says that it goes on")
        elif age_us > STALE_US:
            found.add(
                f"the last second ends at {rfc3339(last_us)}, {age_us // SECOND_US} s before the register's "
                "own time"
            )
        own_s = (now_us - as_of_us) / SECOND_US
        self.checks.append(
            found.close(
                f"the last second ends at {rfc3339(last_us or 0)}, {max(age_us, 0) / SECOND_US:.1f} s before "
                f"the register's time {rfc3339(as_of_us)}; this machine's clock is {own_s:+.0f} s from that"
            )
        )

    def check_file(
        self, feed_file: FeedFile, path: Path, progress: Callable[[int, int], None] | None
    ) -> None:
        """Add the checks of a feed file."""
        self.checks.extend(feed_file.check(path, progress))
        self.not_checked.extend(feed_file.not_checked())
        self.counts |= feed_file.counts()

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
        return Report(
            trusted=self.trusted,
            checked=tuple(self.checks),
            not_checked=(*self.not_checked, *_NEVER_CHECKED),
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


def _key_within(fetch: Fetch) -> NoteVerifier:
    """Return the log's key in its own entry of `init`.

    It proves nothing by itself.
    """
    try:
        size = unverified_checkpoint(fetch("checkpoint")[: MAX_NOTE_BYTES + 1]).size
        for number, entry in enumerate(iterate_entries(fetch, min(size, 2**40))):
            if number == 1:
                return parse_vkey(str(parse_canonical(entry).get("log_key")))
    except (InputError, LedgerError) as error:
        raise VerificationError(f"the log names no key: {error.detail}; give it with --key") from error
    raise VerificationError("the log names no key; give it with --key")
