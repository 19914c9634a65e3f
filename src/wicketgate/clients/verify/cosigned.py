"""Check who cosigned a log: by a policy that somebody trusts, or by what the log's own charter says of witnesses."""

from __future__ import annotations

from collections.abc import Iterable
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

BEHIND_S: Final = 60
"""How many seconds of a log may stand behind what the witnesses of a policy cosigned."""
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
    notes: Iterable[bytes],
    policy: WitnessPolicy | None,
) -> Check | None:
    """Return the check of witnesses; None where neither a policy nor the charter names any.

    Parameters
    ----------
    notes : iterable of bytes
        Checkpoints that the log showed: each must be of this log, whoever cosigned it.
    policy : WitnessPolicy, optional
        That of whoever verifies. Without one the charter's own is taken, and what it allows.

    Raises
    ------
    LedgerError
        Code `not-extended`, if a cosigned checkpoint is of another log under the same key.
    """
    if policy is not None:
        return _by_policy(entries, _newest(log, verifier, notes, policy), policy)
    rules = None if entries.charter is None else entries.charter.witnesses
    if rules is None:
        return None
    own = parse_policy(
        make_policy(verifier.vkey, [(one.id, one.url, one.keys) for one in rules.witnesses], rules.needed)
    )
    found = _newest(log, verifier, notes, own)
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


def _by_policy(entries: EntryFold, found: _Found, policy: WitnessPolicy) -> Check:
    if found.newest is None:
        return Check(name=NAME, ok=False, words=f"the policy does not hold: {found.why}")
    size = found.newest.checkpoint.size
    behind_s = _behind_s(entries, size)
    if policy.quorum == "none":
        return Check(name=NAME, ok=True, words="the policy demands no witness")
    words = f"the policy holds: {_who(found.newest)} cosigned {size} entries"
    if found.newest.at_s:
        last_s = max(found.newest.at_s.values())
        words += f", the last at {rfc3339(last_s * SECOND_US)}"
    if behind_s > BEHIND_S:
        return Check(
            name=NAME,
            ok=False,
            words=f"{words}; but {behind_s} s of the log stand behind that, and nobody has cosigned them",
        )
    return Check(name=NAME, ok=True, words=f"{words}; {behind_s} s of the log stand behind that")


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
