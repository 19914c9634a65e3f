"""Check who cosigned a log: by a policy that somebody trusts, or by what the log's own charter says of witnesses."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from wicketgate.base.clock import SECOND_US, rfc3339
from wicketgate.base.errors import InputError, LedgerError, VerificationError
from wicketgate.clients.verify.entries import EntryFold
from wicketgate.clients.verify.log import TrustedLog
from wicketgate.clients.verify.report import Check
from wicketgate.clients.verify.witnessed import overdue
from wicketgate.ledger.audit import NOT_EXTENDED
from wicketgate.ledger.notes import NoteVerifier
from wicketgate.ledger.policies import (
    CosignedCheckpoint,
    WitnessPolicy,
    demand_policy,
    make_policy,
    open_cosigned,
    parse_policy,
)
from wicketgate.regime.witnessing import witnessed_from

AWAIT_S: Final = 30.0
"""For so long a verification waits until the witnesses of a policy have cosigned all that it looked at."""
_LOOK_S: Final = 0.5
NAME: Final = "witnesses"


@dataclass(frozen=True, slots=True)
class _Found:
    """The newest checkpoint that a policy holds of, or why it holds of none."""

    newest: CosignedCheckpoint | None
    why: str


def check_cosigned(
    log: TrustedLog,
    verifier: NoteVerifier,
    entries: EntryFold,
    show: Callable[[], bytes | None],
    policy: WitnessPolicy | None,
    *,
    await_s: float = AWAIT_S,
) -> Check | None:
    """Return the check of witnesses; None where neither a policy nor the charter names any.

    Parameters
    ----------
    show : callable
        Returns the newest cosigned checkpoint that is shown, if any: it must be of this log, whoever cosigned it.
    policy : WitnessPolicy, optional
        That of whoever verifies. Without one the charter's own is taken, and what it allows.

    Raises
    ------
    LedgerError
        Code `not-extended`, if a cosigned checkpoint is of another log under the same key.
    """
    size, own = log.checkpoint.size, log.note
    if policy is not None:
        until_s = time.monotonic() + await_s
        while True:
            found = _newest(log, verifier, _shown(own, show), policy)
            reached = size if found.newest is None else found.newest.checkpoint.size
            # What stands behind a cosigned checkpoint may be another log than others see: it is waited for.
            if reached >= size or time.monotonic() > until_s:
                return _by_policy(entries, found, policy, size)
            time.sleep(_LOOK_S)
    rules = None if entries.charter is None else entries.charter.witnesses
    if rules is None:
        return None
    charters = parse_policy(
        make_policy(verifier.vkey, [(one.id, one.url, one.keys) for one in rules.witnesses], rules.needed)
    )
    found = _newest(log, verifier, _shown(log.note, show), charters)
    size = 0 if found.newest is None else found.newest.checkpoint.size
    behind_s = _behind_s(entries, max(size, witnessed_from(entries.regime, entries.parsed)))
    late = overdue(rules, entries.regime, behind_s)
    stopped = ", ".join(entries.regime.unwitnessed)
    said = (
        "no checkpoint is cosigned by as many of the charter's witnesses as must"
        if found.newest is None
        else f"{_who(found.newest)} of the charter's witnesses cosigned {size} entries"
    )
    words = f"{said}; {behind_s} s of the log stand behind that"
    if stopped:
        words += f", and {stopped} {'is' if ',' not in stopped else 'are'} stopped for it"
    if late:
        words += f": {', '.join(late)} should have stopped, and nothing says so"
    return Check(name=NAME, ok=not late, words=words)


def _by_policy(entries: EntryFold, found: _Found, policy: WitnessPolicy, size: int) -> Check:
    """Return the check of a policy, of a log of which `size` entries were looked at."""
    if found.newest is None:
        return Check(name=NAME, ok=False, words=f"the policy does not hold: {found.why}")
    if policy.quorum == "none":
        return Check(name=NAME, ok=True, words="the policy demands no witness")
    reached = found.newest.checkpoint.size
    last_s = max(found.newest.at_s.values())
    who = f"{_who(found.newest)} cosigned {reached} entries, the last at {rfc3339(last_s * SECOND_US)}"
    if reached < size:
        behind_s = _behind_s(entries, reached)
        return Check(
            name=NAME,
            ok=False,
            words=f"the policy does not hold of the {size - reached} entries at the end, {behind_s} s of the log: "
            f"{who}, and nobody more since",
        )
    return Check(name=NAME, ok=True, words=f"the policy holds of all that was looked at: {who}")


def _shown(own: bytes, show: Callable[[], bytes | None]) -> list[bytes]:
    cosigned = show()
    return [own] if cosigned is None else [own, cosigned]


def _newest(log: TrustedLog, verifier: NoteVerifier, notes: Iterable[bytes], policy: WitnessPolicy) -> _Found:
    newest: CosignedCheckpoint | None = None
    why = "no checkpoint is shown"
    for note in notes:
        try:
            log.accept(note)
            cosigned = open_cosigned(note, verifier, policy)
            demand_policy(cosigned, verifier, policy)
        except LedgerError as error:
            if error.code == NOT_EXTENDED:
                raise
            why = error.detail
        except (InputError, VerificationError) as error:
            why = error.detail
        else:
            if newest is None or cosigned.checkpoint.size > newest.checkpoint.size:
                newest = cosigned
    return _Found(newest, why)


def _behind_s(entries: EntryFold, size: int) -> int:
    return entries.seconds_of_log.between(size, entries.entries)


def _who(cosigned: CosignedCheckpoint) -> str:
    return ", ".join(cosigned.at_s) or "nobody"
