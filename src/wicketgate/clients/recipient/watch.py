"""A watch on the log that a recipient's batches are proved in.

It must extend what was seen, and its time must be that of this machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from wicketgate.base.clock import SECOND_US, Clock, parse_rfc3339, rfc3339
from wicketgate.base.errors import ConfigurationError, InputError, LedgerError, VerificationError
from wicketgate.base.signing import canonical, parse_canonical
from wicketgate.clients.verify.kept import KeptCheckpoints
from wicketgate.clients.verify.log import TrustedLog
from wicketgate.ledger.audit import NOT_EXTENDED
from wicketgate.ledger.facts import check_delay
from wicketgate.ledger.notes import NoteVerifier, open_checkpoint
from wicketgate.regime.charter import Charter
from wicketgate.regime.documents.document import open_document

SKEW_US = 60 * SECOND_US
"""How far the log's last second may be from this machine's clock."""
LOOK_EVERY_S = 15.0
STANDS_STILL_S = 60.0
"""For how long the log may have no new entry while the gateway answers."""
_SECOND_WITHIN = 4096
"""Among so many last entries an honest log has a second, if it is not too young to have one."""


class LogWatch:
    """The watch of one run.

    Parameters
    ----------
    seen : sequence of bytes
        Signed checkpoints that somebody saw: the log must extend each.
    kept : KeptCheckpoints or None
        What was kept at an earlier run or by `verify`; the last checkpoint is kept in its place.
    say : callable
        Told, in words, what people should know.
    """

    def __init__(
        self,
        verifier: NoteVerifier,
        seen: Sequence[bytes],
        kept: KeptCheckpoints | None,
        clock: Clock,
        say: Callable[[str], None],
    ) -> None:
        self.seen = list(seen)
        self._verifier = verifier
        self._kept = kept
        self._clock = clock
        self._say = say
        self._size = 0
        self._looked_s = self._grew_s = time.monotonic()
        self._simulated = False

    @property
    def due(self) -> bool:
        """Whether it is time for another look."""
        return time.monotonic() - self._looked_s >= LOOK_EVERY_S

    def begin(self, log: TrustedLog) -> None:
        """Look at the log for the first time.

        Raises
        ------
        LedgerError
            Code `not-extended` if it is shorter than what was seen; and as `TrustedLog.accept` if it forks.
        VerificationError
            If its time is not this machine's.
        """
        remembered = None if self._kept is None else self._kept.last(self._verifier)
        notes = [*self.seen, *(() if remembered is None else (remembered.note,))]
        for note in notes:
            _require_extended(log, self._verifier, note)
        if not notes:
            self._say(
                "NOTE: nothing was kept of this log before: whether it was rewritten before now is not known."
            )
        self.keep(log)
        self._simulated = _is_demonstration(log)
        if self._simulated:
            self._say(
                "NOTE: this is the log of a demonstration: vehicles and places are invented, and its time is not "
                "checked."
            )
        self._check_time(log)
        self._size = log.checkpoint.size
        self._looked_s = self._grew_s = time.monotonic()

    def look(self, log: TrustedLog) -> None:
        """Look again while the feed is followed: the log must grow, and its time go on.

        Raises
        ------
        LedgerError, VerificationError
            As `begin`; and if it has had no entry for `STANDS_STILL_S`.
        """
        log.advance()
        now_s = self._looked_s = time.monotonic()
        if log.checkpoint.size > self._size:
            self._size, self._grew_s = log.checkpoint.size, now_s
            self._check_time(log)
            self.keep(log)
        elif now_s - self._grew_s > STANDS_STILL_S:
            raise VerificationError(
                f"the log stands still: no entry for {now_s - self._grew_s:.0f} s, while the gateway answers"
            )

    def keep(self, log: TrustedLog) -> None:
        """Keep the log's checkpoint for the next run."""
        if self._kept is None:
            return
        try:
            self._kept.keep(self._verifier, log.note)
        except ConfigurationError as error:
            self._kept = None
            self._say(f"NOTE: nothing is kept for the next look: {error.detail}")

    def _check_time(self, log: TrustedLog) -> None:
        last_us, now_us = last_second_us(log), self._clock.now_us()
        if self._simulated or last_us is None or abs(now_us - last_us) <= SKEW_US:
            return
        raise VerificationError(
            f"the log's last second is {rfc3339(last_us)}, and this machine's clock says {rfc3339(now_us)}: the "
            "gateway's clock stands still or is wrong, and what ends by it does not end (or set this machine's clock)"
        )


def _require_extended(log: TrustedLog, verifier: NoteVerifier, note: bytes) -> None:
    try:
        seen = open_checkpoint(note, [verifier])
        if seen.size > log.checkpoint.size:
            log.advance()  # another program on this machine may have kept a later one meanwhile
        if seen.size > log.checkpoint.size:
            raise LedgerError(
                f"the log was shortened: it has {log.checkpoint.size} entries, and a checkpoint seen before "
                f"{seen.size}"
            )
        log.accept(note)
    except (InputError, VerificationError, LedgerError) as error:
        raise LedgerError(f"{error.detail}: somebody cut or rewrote it", code=NOT_EXTENDED) from error


def charter_at(log: TrustedLog, entry: int) -> Charter | None:
    """Return the charter in an entry of the log, or None where another thing stands there."""
    told = _told_at(log, entry)
    return None if told is None else told[1]


def _told_at(log: TrustedLog, entry: int) -> tuple[int, Charter] | None:
    """Return the charter in an entry of the log, with the time of the entry, or None where there is none."""
    body = parse_canonical(log.entry(entry))
    value = open_document(canonical(body["envelope"])).value if body.get("kind") == "document" else None
    return (parse_rfc3339(str(body.get("at"))), value) if isinstance(value, Charter) else None


class ToldCharters:
    """The charters of a log, as far as its gateway says where they stand; that they are charters, the log does.

    Parameters
    ----------
    ask : callable
        Returns the entries in which the register says that charters stand.
    """

    def __init__(self, log: TrustedLog, ask: Callable[[], Sequence[int]]) -> None:
        self._log = log
        self._ask = ask
        self._found: dict[int, tuple[int, Charter] | None] = {}

    def all(self) -> list[Charter]:
        """Ask once more, and return every charter."""
        self._look((0, *self._ask()))
        return [told[1] for _, told in sorted(self._found.items()) if told is not None]

    def check_delay(self, header: Mapping[str, Any], delay_us: int, released_us: int) -> None:
        """Check the merge delay of a promise against the charter that was in force at its release.

        Raises
        ------
        VerificationError
            If it is of none that the register tells of.
        """
        if delay_us not in self._delays_us(released_us):
            self.all()
            check_delay(header, delay_us, self._delays_us(released_us))

    def _delays_us(self, released_us: int) -> set[int]:
        if not self._found:
            self._look((0,))
        told = [one for _, one in sorted(self._found.items()) if one is not None]
        delays_us = set[int]()
        # A charter of the very microsecond of a release may have come before it or after it.
        for before_us in (released_us, released_us + 1):
            held = [charter for at_us, charter in told if at_us < before_us]
            delays_us |= {one.limits.merge_delay_us for one in held[-1:]}
        return delays_us

    def _look(self, entries: Sequence[int]) -> None:
        for entry in entries:
            if entry not in self._found and 0 <= entry < self._log.checkpoint.size:
                self._found[entry] = _told_at(self._log, entry)


def _is_demonstration(log: TrustedLog) -> bool:
    """Return whether the log's charter says so: then its clock may be simulated."""
    charter = charter_at(log, 0)
    return charter is not None and charter.demonstration


def last_second_us(log: TrustedLog) -> int | None:
    """Return the time of the last second in the log, or None where it is too young to have one.

    Raises
    ------
    VerificationError
        If its end is long and holds none: somebody fills it with other entries.
    """
    size = log.checkpoint.size
    for index in range(size - 1, max(size - 1 - _SECOND_WITHIN, -1), -1):
        body = parse_canonical(log.entry(index))
        if body.get("kind") == "second":
            return parse_rfc3339(str(body.get("at")))
    if size > _SECOND_WITHIN:
        raise VerificationError(
            f"the last {_SECOND_WITHIN} entries of the log hold no second: its time stands still"
        )
    return None
