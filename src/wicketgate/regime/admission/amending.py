"""Amendments: new charters under the one in force.

It is judged whether a new charter may take effect, and who must sign it. Pure. docs/spec/charter.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from wicketgate.base.clock import rfc3339
from wicketgate.base.errors import DocumentRefused
from wicketgate.base.signing import key_id
from wicketgate.regime.admission.comparing import Amended, compare, compare_with_draft, refuse_foreign_keys
from wicketgate.regime.admission.limits import unknown_names
from wicketgate.regime.charter import Charter, KeyEnded, Requirement, charter_requirements
from wicketgate.regime.documents.signatures import require_keys
from wicketgate.regime.fold import ConsultationTaken
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.parsed import Parsed


def judge_amendment(
    moment: RegimeAt, new: Charter, *, next_entry: int
) -> tuple[Amended, tuple[str, ...], tuple[str, ...]]:
    """Judge a new charter, and return its changes, stopped authorities and voided consultations.

    It stops these authorities. Voided consultations cover no more.

    Parameters
    ----------
    next_entry : int
        The entry of the ledger that it will be.

    Raises
    ------
    DocumentRefused
        As `comparing.compare`; `malformed` if it holds from later on, or what it says of keys cannot be;
        `still-in-use`; `widening`, `consultation-open`, `consultation-does-not-cover`.
    """
    old = moment.charter
    amended = compare(old, new)
    refuse_foreign_keys((moment.parsed.charter_of(one.envelope) for one in moment.regime.charters), new)
    if new.valid_from_us > moment.at_us:
        raise DocumentRefused(f"`charter.valid_from`: submit it from {rfc3339(new.valid_from_us)} on")
    for ended in _newly_ended(old, new):
        if ended.from_entry > next_entry:
            raise DocumentRefused(f"`keys_ended`: there is no entry {ended.from_entry} yet")
        office = old.offices.get(ended.office)
        if office is None or office.public != ended.public:
            raise DocumentRefused(f"`keys_ended`: that was not the key of `{ended.office}`")
    _require_usable(moment, new)
    _require_consulted(moment, old, new, amended)
    is_void = _void(moment.parsed, old, new)
    void = tuple(
        name
        for name, taken in moment.regime.consultations.items()
        if taken.decision is not None and is_void(taken.decision.entry, taken.decision.envelope)
    )
    return amended, tuple(_stopped(moment, is_void, frozenset(void))), void


def _newly_ended(old: Charter, new: Charter) -> tuple[KeyEnded, ...]:
    return new.keys_ended[len(old.keys_ended) :]


def _require_usable(moment: RegimeAt, new: Charter) -> None:
    for named in moment.regime.authorities.values():
        for version in moment.to_come(named):
            authority = moment.authority(version)
            for fault in unknown_names(authority, new):
                raise DocumentRefused(
                    f"`{authority.reference}` is not over; revoke it first: {fault.detail}",
                    code="still-in-use",
                )


# --- what was consulted on --------------------------------------------------------------------------------


def _require_consulted(moment: RegimeAt, old: Charter, new: Charter, amended: Amended) -> None:
    """Refuse changes not covered by the consultation of the charter.

    It is the consultation that the charter names. One consultation covers one charter.
    """
    if not amended.wider and not amended.entrenched:
        return
    name = new.consultation
    if name is None:
        raise _refusal("no closed consultation covers it", amended, "widening")
    taken = moment.regime.consultations.get(name)
    why = _why_not(moment, name, taken)
    if why or taken is None:
        raise _refusal(f"the consultation `{name}` {why}", amended, "consultation-does-not-cover")
    if taken.decision is None:
        raise _refusal(f"the consultation `{name}` is not decided", amended, "consultation-open")
    draft = moment.consultation(taken).draft
    assert isinstance(draft, Charter)
    left = compare_with_draft(old, new, base=_in_force_at(moment, taken), draft=draft)
    if left.wider or left.entrenched:
        raise _refusal(f"the consultation `{name}` does not cover it", left, "consultation-does-not-cover")


def _why_not(moment: RegimeAt, name: str, taken: ConsultationTaken | None) -> str:
    """Return why a consultation covers no charter, or nothing if it may.

    It covers none whatever is decided. The text is empty if it covers one, or is not decided yet.
    """
    if taken is None:
        return "is not known"
    if not isinstance(moment.consultation(taken).draft, Charter):
        return "is on no charter"
    if not taken.covers or (taken.decision is not None and not taken.decision.approved):
        return "covers nothing"
    if taken.decision is not None and (taken.decision.until_us or 0) <= moment.at_us:
        return "covers nothing any more"
    if any(
        one.admitted.wider and moment.parsed.charter_of(one.envelope).consultation == name
        for one in moment.regime.charters
    ):
        return "has covered a charter, and covers no other"
    return ""


def _in_force_at(moment: RegimeAt, taken: ConsultationTaken) -> Charter:
    """Return the charter in force when a consultation was published."""
    before = [one for one in moment.regime.charters if one.entry < taken.entry] or moment.regime.charters[:1]
    return moment.parsed.charter_of(before[-1].envelope)


def _refusal(why: str, amended: Amended, code: str) -> DocumentRefused:
    return DocumentRefused.naming(why, (*amended.wider, *amended.entrenched), code=code)


# --- who signs --------------------------------------------------------------------------------------------


def _lost(old: Charter, new: Charter) -> frozenset[str]:
    """Return the offices with a key declared lost or compromised by the new charter."""
    return frozenset(one.office for one in _newly_ended(old, new) if one.reason != "rotated")


def _replaced(old: Charter, new: Charter) -> frozenset[str]:
    """Return the offices with a new key in place of another."""
    return frozenset(
        name
        for name, office in old.offices.items()
        if name in new.offices and new.offices[name].public != office.public
    )


def amendment_requirements(old: Charter, new: Charter, amended: Amended) -> tuple[Requirement, ...]:
    """Return the required signers of a new charter by the one in force.

    They sign with the keys of the charter in force.

    Raises
    ------
    DocumentRefused
        `not-entitled` where a key is declared lost and too few are left, or the charter does more than that.

    Notes
    -----
    The charter's own rule; the office whose key is replaced, so that nobody takes it over unasked; and every overseer
    where an entrenched clause or an overseer's office changes. Who lost a key cannot sign with it: then every overseer
    signs in its place.
    """
    lost = _lost(old, new)
    wanted = [tuple(name for name in one.offices if name not in lost) for one in charter_requirements(old)]
    wanted.append(tuple(sorted(_replaced(old, new) - lost)))
    if lost or amended.entrenched or amended.overseers:
        overseers = tuple(name for name in old.overseers() if name not in lost)
        wanted.append(overseers)
        if lost and not overseers:
            raise DocumentRefused(
                "no overseer is left to sign for a key that is lost: this charter cannot be amended",
                code="not-entitled",
            )
    if lost and len({name for names in wanted for name in names}) < 2:
        raise DocumentRefused("fewer than two offices are left that could sign it", code="not-entitled")
    if lost and (amended.wider or amended.entrenched):
        raise DocumentRefused(
            "a charter that declares a key lost or compromised widens nothing and touches no entrenched clause",
            code="not-entitled",
        )
    return tuple(Requirement(offices=names, need="all") for names in wanted if names)


def successor_requirements(old: Charter, new: Charter, amended: Amended) -> tuple[Requirement, ...]:
    """Return the required signers of a new charter by itself, with its own keys.

    Nobody is required where no office changes.

    Its own rule, and each new key that takes the place of another: so it is known that somebody holds it.
    """
    if not amended.offices:
        return ()
    replaced = tuple(sorted(_replaced(old, new)))
    fresh = (Requirement(offices=replaced, need="all"),) if replaced else ()
    return (*charter_requirements(new), *fresh)


def require_amendment_signed(old: Charter, new: Charter, amended: Amended, keys: frozenset[str]) -> None:
    """Refuse a charter unsigned under the old one, or under itself where offices change.

    Where offices change, it must be signed under both.

    Parameters
    ----------
    keys : frozenset of str
        The ids of the keys of either charter that signed it (`signatures.good_keys`).

    Raises
    ------
    DocumentRefused
        As `signatures.require_keys`; `signature-invalid` where a key signed that it declares lost.
    """
    lost = {key_id(old.offices[name].public) for name in _lost(old, new)}
    if keys & lost:
        raise DocumentRefused("a key signed that the charter itself declares lost", code="signature-invalid")
    require_keys(amendment_requirements(old, new, amended), keys, old)
    successors = successor_requirements(old, new, amended)
    if successors:
        require_keys(successors, keys, new)


# --- what an ended key had signed -------------------------------------------------------------------------


def stopped_by(moment: RegimeAt, new: Charter) -> tuple[str, ...]:
    """Return the authorities that a new charter stops for what a key had signed that it ends, decisions left aside."""
    is_void = _void(moment.parsed, moment.charter, new)
    return tuple(_stopped(moment, is_void, frozenset()))


def _void(parsed: Parsed, old: Charter, new: Charter) -> Callable[[int, bytes], bool]:
    """Return a test whether a document counts no more.

    The test looks at its entry, and at its envelope for a key that ended before.
    """
    from_entry = {key_id(one.public): one.from_entry for one in _newly_ended(old, new)}

    def is_void(entry: int, envelope: bytes) -> bool:
        if not from_entry:
            return False
        keys = {signature.key_id for signature in parsed.open(envelope).envelope.signatures}
        return any(entry >= first and key in keys for key, first in from_entry.items())

    return is_void


def _stopped(
    moment: RegimeAt,
    is_void: Callable[[int, bytes], bool],
    void: frozenset[str],
) -> Iterator[str]:
    """Yield the authorities in use by signatures of an ended key.

    They let something go, or still can, by a signature that does not count.

    It does not count if it stands at or behind the entry from which on its key has ended: under a version, under a
    review or a resumption, or under the decision on a consultation (`void`) that covered it.
    """
    for name, named in moment.regime.authorities.items():
        versions = list(moment.to_come(named))
        if versions and (
            any(
                is_void(one.entry, one.envelope) or not void.isdisjoint((*one.by, one.consulted_by))
                for one in versions
            )
            or any(
                act.kind in ("review", "resumption") and is_void(act.entry, act.envelope)
                for act in named.acts
            )
        ):
            yield name
