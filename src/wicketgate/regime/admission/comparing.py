"""The comparison of a new charter with the one in force.

It tells what the new charter widens, and what it may not touch. Pure. docs/spec/charter.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from wicketgate.base.errors import DocumentRefused
from wicketgate.base.periods import Period, describe_period, never_longer
from wicketgate.base.signing import format_public
from wicketgate.regime.admission.named_signers import people_changes, scheme_changes
from wicketgate.regime.admission.signers import LETTING, STOPPING, Case, Cases, Shift
from wicketgate.regime.charter import Charter, Limits, Office, Organisation, Rule, SearchRules
from wicketgate.regime.charter.excluding import excluded_no_more
from wicketgate.regime.charter.witnesses import witness_changes

_CONSULTING = ("charter", "consultation", "objection", "decision")
"""Kinds of rules that are clauses on charters and consultation: any change of them is entrenched, either way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Amended:
    """The result of comparing an amendment.

    Attributes
    ----------
    wider : tuple of str
        What it widens, in words: it needs a closed consultation.
    entrenched : tuple of str
        What it changes in the clauses on overseers, witnesses and consultation: that needs a consultation of twice the
        length, and every overseer's signature.
    offices : tuple of str
        Offices that are new, gone, or have another title, holder or key.
    overseers : tuple of str
        Those of them that were an overseer's and still are: that needs every overseer's signature.
    """

    wider: tuple[str, ...]
    entrenched: tuple[str, ...]
    offices: tuple[str, ...]
    overseers: tuple[str, ...] = ()


def compare(old: Charter, new: Charter) -> Amended:
    """Return the changes made by a new charter.

    Raises
    ------
    DocumentRefused
        `version-not-next`; `purpose-redefined`; `unsupported` for another name, origin, rhythm of figures, or the
        turning of a demonstration into the real thing; `malformed` where it does not say what became of a key, or
        gives one to another holder.
    """
    _refuse(old, new)
    cases = Cases((old, new))
    found = _changes(old, new, cases)
    return _amended(old, new, cases, found)


def compare_with_draft(old: Charter, new: Charter, *, base: Charter, draft: Charter) -> Amended:
    """Return a new charter's changes not consulted on.

    Parameters
    ----------
    base, draft : Charter
        The charter that was in force when the consultation was published, and what was proposed then. The consultation
        covers what the draft changed in `base`, as far as the new charter does not go beyond the draft there.
    """
    cases = Cases((old, new, base, draft))
    found = _changes(old, new, cases)
    proposed = _changes(base, draft, cases)
    beyond = _changes(draft, new, cases, drafted=True)
    entrenched = proposed.entrenched.keys() - beyond.entrenched.keys() - beyond.wider.keys()
    covered = (
        entrenched
        | (proposed.wider.keys() | proposed.entrenched.keys())
        - beyond.wider.keys()
        - beyond.entrenched.keys()
    )
    left = _Changes(
        wider={key: value for key, value in found.wider.items() if key not in covered},
        entrenched={key: value for key, value in found.entrenched.items() if key not in entrenched},
    )
    return _amended(old, new, cases, left)


# --- what cannot be ---------------------------------------------------------------------------------------


def _refuse(old: Charter, new: Charter) -> None:
    if new.version != old.version + 1:
        raise DocumentRefused(f"`charter.version`: the next is {old.version + 1}", code="version-not-next")
    for member in ("name", "origin", "demonstration"):
        if getattr(old, member) != getattr(new, member):
            raise DocumentRefused(f"`charter.{member}` cannot change", code="unsupported")
    if old.limits.figures_every != new.limits.figures_every:
        raise DocumentRefused("`limits.figures_every` cannot change", code="unsupported")
    for purpose, title in old.purposes.items():
        if new.purposes.get(purpose) != title:
            raise DocumentRefused(
                f"`purposes`: `{purpose}` is taken out or has another title; purposes are added, never redefined",
                code="purpose-redefined",
            )
    if new.keys_ended[: len(old.keys_ended)] != old.keys_ended:
        raise DocumentRefused("`keys_ended`: what it says already stays as it is, and first")
    ended = {(one.office, one.public) for one in new.keys_ended}
    for name, office in old.offices.items():
        now = new.offices.get(name)
        if now is not None and now.public != office.public and (name, office.public) not in ended:
            raise DocumentRefused(
                f"`keys_ended` does not say what became of the key `{format_public(office.public)}` of `{name}`"
            )
    refuse_foreign_keys((old,), new)


def refuse_foreign_keys(earlier: Iterable[Charter], new: Charter) -> None:
    """Refuse a charter that gives an office a key of another holder.

    The key was another holder's in an earlier charter.

    Else a predecessor could sign as the successor, or one person could be counted as two.
    """
    holders: dict[bytes, set[str]] = {}
    for charter in earlier:
        for office in charter.offices.values():
            holders.setdefault(office.public, set()).add(office.holder_key)
    for office in new.offices.values():
        if office.holder_key not in holders.get(office.public, {office.holder_key}):
            raise DocumentRefused(f"`offices`: `{office.id}` has a key that was another holder’s")


# --- what changes -----------------------------------------------------------------------------------------

_Key = tuple[object, ...]
"""What a change is about, however far it goes: two comparisons speak of the same thing where the keys are equal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Changes:
    wider: dict[_Key, str | Shift] = field(default_factory=dict)
    entrenched: dict[_Key, str | Shift] = field(default_factory=dict)


def _changes(old: Charter, new: Charter, cases: Cases, *, drafted: bool = False) -> _Changes:
    """Return the changes from one charter to another.

    Parameters
    ----------
    drafted : bool
        `old` is a draft: whom it made an overseer counts as consulted on in name, holder and keys.
    """
    found = _Changes()
    for items in (
        _organisations(old, new),
        _purposes(old, new),
        _limits(old.limits, new.limits),
        _urgency(old, new),
        _redaction(old, new),
        _searching(old.searching, new.searching),
        excluded_no_more(old.excluded, new.excluded),
        witness_changes(old.witnesses, new.witnesses),
        people_changes(old, new),
        scheme_changes(old, new),
    ):
        found.wider.update(items)
    for items in (_tables(old, new), _overseers(old, new, drafted), _consulting_rules(old, new)):
        found.entrenched.update(items)
    _signatures(old, new, cases, found)
    return found


def _amended(old: Charter, new: Charter, cases: Cases, found: _Changes) -> Amended:
    offices = tuple(sorted(_changed_offices(old, new)))
    both = set(old.overseers()) & set(new.overseers())
    return Amended(
        wider=tuple(_words(found.wider, cases)),
        entrenched=tuple(_words(found.entrenched, cases)),
        offices=offices,
        overseers=tuple(office for office in offices if office in both),
    )


def _words(found: Mapping[_Key, str | Shift], cases: Cases) -> Iterator[str]:
    for words in found.values():
        if isinstance(words, str):
            yield words
    for direction in ("lets", "stops"):
        shifts: dict[Case, Shift] = {}
        for key, shift in found.items():
            if key[0] == direction and isinstance(shift, Shift):
                assert isinstance(key[1], Case)
                shifts[key[1]] = shift
        yield from cases.describe(shifts, stopping=direction == "stops")


def _changed_offices(old: Charter, new: Charter) -> Iterator[str]:
    for name in old.offices.keys() | new.offices.keys():
        if old.offices.get(name) != new.offices.get(name):
            yield name


# --- who there is, and what for ---------------------------------------------------------------------------


def _organisations(old: Charter, new: Charter) -> Iterator[tuple[_Key, str]]:
    for name, organisation in sorted(new.organisations.items()):
        concerned = bool(organisation.roles & {"source", "recipient", "overseer"}) or name == new.operator
        before = old.organisations.get(name)
        if before is None and concerned:
            yield ("name", name), f"`{name}` ({organisation.name}) is new"
        if before is not None and before.name != organisation.name:
            yield ("name", name), f"`{name}` is called {organisation.name}, before {before.name}"
        yield from _organisation(before, organisation)
    if new.operator != old.operator:
        yield ("operator",), f"`{new.operator}` runs the machine instead of `{old.operator}`"


def _organisation(before: Organisation | None, now: Organisation) -> Iterator[tuple[_Key, str]]:
    was = None if before is None else before.retention
    if now.retention is not None:
        keeps = f"`{now.id}` {now.keeping}"
        if was is None:
            yield ("retention", now.id), f"{keeps}, and was no source before"
        elif not never_longer(now.retention, was):
            yield (
                ("retention", now.id),
                f"{keeps}, before {describe_period(was) if was != Period() else 'none'}",
            )
    if "recipient" in now.roles and (before is None or "recipient" not in before.roles):
        yield ("recipient", now.id), f"`{now.id}` becomes a recipient"
    for unit in now.units.values():
        known = None if before is None else before.units.get(unit.id)
        if known is None:
            yield ("unit", now.id, unit.id), f"`{now.id}` has another unit, `{unit.id}` ({unit.name})"
        elif known.name != unit.name:
            yield (
                ("unit", now.id, unit.id),
                f"the unit `{unit.id}` of `{now.id}` is called {unit.name}, before {known.name}",
            )


def _purposes(old: Charter, new: Charter) -> Iterator[tuple[_Key, str]]:
    # Below another it would take part in all that was allowed, and consulted on, for that one.
    for purpose, title in sorted(new.purposes.items()):
        if old.purposes.get(purpose) != title:
            yield ("purpose", purpose), f"another purpose, `{purpose}` ({title})"
    for cause, title in sorted(new.causes.items()):
        if old.causes.get(cause) != title:
            yield ("cause", cause), f"keepers may be linked for another cause, `{cause}` ({title})"


# --- limits -----------------------------------------------------------------------------------------------


def _limits(old: Limits, new: Limits) -> Iterator[tuple[_Key, str]]:
    longer = (
        ("clock_ahead", old.clock_ahead_us, new.clock_ahead_us),
        ("too_old", old.too_old_us, new.too_old_us),
        ("late_after", old.late_after_us, new.late_after_us),
        ("feed_term", old.feed_term_us, new.feed_term_us),
    )
    for name, was_us, now_us in longer:
        if now_us > was_us:
            was, now = describe_period(Period(us=was_us)), describe_period(Period(us=now_us))
            yield ("limits", name), f"`limits.{name}` is {now}, before {was}"
    if new.merge_delay_us > old.merge_delay_us:
        was, now = (describe_period(Period(us=one.merge_delay_us)) for one in (old, new))
        yield (
            ("limits", "merge_delay"),
            f"a release may be without its proof in the log for {now}, before {was}: so much longer nobody can tell "
            "a promise that is late from one that is broken",
        )
    if new.small_cells != old.small_cells:
        # Fewer are suppressed: more shows of single people. More are suppressed: less is published.
        yield (
            ("limits", "small_cells"),
            f"public counts below {new.small_cells} are suppressed, before below {old.small_cells}",
        )
    if not never_longer(new.longest_recipient_retention, old.longest_recipient_retention):
        now = describe_period(new.longest_recipient_retention)
        was = describe_period(old.longest_recipient_retention)
        yield ("limits", "recipient_retention"), f"recipients may keep reads for {now}, before {was}"
    for kind, period in sorted(new.longest_validity.items()):
        before = old.longest_validity.get(kind)
        if before is None or not never_longer(period, before):
            was = "not at all" if before is None else describe_period(before)
            yield (
                ("validity", kind),
                f"an authority by `{kind}` may last {describe_period(period)}, before {was}",
            )
    for kind, period in sorted(old.longest_review.items()):
        rhythm = new.longest_review.get(kind)
        if rhythm is None or not never_longer(rhythm, period):
            now = "need not be reviewed" if rhythm is None else f"is reviewed every {describe_period(rhythm)}"
            yield (
                ("review", kind),
                f"an authority by `{kind}` {now}, before every {describe_period(period)}",
            )
    for kind in sorted(old.laid - new.laid):
        yield ("laid", kind), f"an authority by `{kind}` need not say any more where it was laid"
    if old.camera_growth is not None and (new.camera_growth is None or new.camera_growth > old.camera_growth):
        most = "without bound" if new.camera_growth is None else f"by {new.camera_growth} %"
        yield (
            ("limits", "camera_growth"),
            f"the cameras of an authority may grow {most}, before by {old.camera_growth} %",
        )


def _urgency(old: Charter, new: Charter) -> Iterator[tuple[_Key, str]]:
    urgency, before = new.urgency, old.urgency
    if urgency is not None and (
        before is None
        or not never_longer(urgency.longest, before.longest)
        or not never_longer(before.again_after, urgency.again_after)
        or not set(before.offices) <= set(urgency.offices)
    ):
        yield (
            ("urgency",),
            f"urgent authorities may last {describe_period(urgency.longest)}, come again after "
            f"{describe_period(urgency.again_after)}, and need {', '.join(sorted(urgency.offices))} besides",
        )


def _redaction(old: Charter, new: Charter) -> Iterator[tuple[_Key, str]]:
    if new.redaction is None:
        return
    shown = old.redaction.members if old.redaction else frozenset()
    for member in sorted(new.redaction.members - shown):
        yield ("redaction", member), f"`{member}` may be withheld from the public"
    if old.redaction is None or not never_longer(new.redaction.longest, old.redaction.longest):
        longest = describe_period(new.redaction.longest)
        yield ("redaction longest",), f"what is withheld from the public may stay so for {longest}"


def _searching(old: SearchRules, new: SearchRules) -> Iterator[tuple[_Key, str]]:
    before = None if old.approvers is None else set(old.approvers)
    if before is not None and (new.approvers is None or not set(new.approvers) <= before):
        who = "any office" if new.approvers is None else ", ".join(new.approvers)
        yield ("searching", "approvers"), f"questions to the past may be approved by {who}"
    if old.outside and not new.outside:
        yield ("searching", "outside"), "questions to the past may be approved by offices of the recipient"
    if not set(new.second) <= set(old.second):
        yield (
            ("searching", "second"),
            f"what is broader than its authority says is let by {' or '.join(new.second)}",
        )
    if old.custody and not new.custody:
        yield ("searching", "custody"), "what was got in bulk may be looked back at without a question"
    within, was = new.emergency_within, old.emergency_within
    if within is not None and (was is None or not never_longer(within, was)):
        yield (
            ("searching", "emergency"),
            f"where life is threatened a question is answered before it is approved, for {describe_period(within)}",
        )
    if old.overseer is not None and new.overseer not in (old.overseer, None):
        yield ("searching", "overseer"), f"`{new.overseer}` is told of what was not approved in time"


# --- who signs --------------------------------------------------------------------------------------------


def _signatures(old: Charter, new: Charter, cases: Cases, found: _Changes) -> None:
    """Add every case of other signatures, in the direction of the widening.

    In such a case other signatures count.
    """
    overseers = old.overseers()
    sources = _sources(new)
    for kind in LETTING:
        for case, shift in cases.shifts(kind, old, new, sources).items():
            if not shift.loosens:
                continue
            lost = (
                shift.before is not None
                and shift.now is not None
                and not shift.now.suffices_for(shift.before.naming(overseers))
            )
            decides = kind == "decision" and case.controller in _sources(old)
            (found.entrenched if lost or decides else found.wider)["lets", case] = shift
    for kind in STOPPING:
        for case, shift in cases.shifts(kind, old, new, sources & _sources(old)).items():
            if not shift.hampers:
                continue
            assert shift.before is not None
            clause = kind in ("objection", "annulment") or shift.before.names(overseers)
            (found.entrenched if clause else found.wider)["stops", case] = shift


def _sources(charter: Charter) -> set[str]:
    return {name for name, one in charter.organisations.items() if "source" in one.roles}


def describe_rule(rule: Rule) -> str:
    """Describe a rule on signatures in words."""
    parts = [
        f"{word} {', '.join(sorted(values))}"
        for word, values in (
            ("instrument", rule.instruments),
            ("purpose", rule.purposes),
            ("mode", rule.modes),
            ("controller", rule.controllers),
            ("organisation", rule.organisations),
        )
        if values is not None
    ]
    about = f" ({'; '.join(parts)})" if parts else ""
    annuls = ", which ends it" if rule.annuls else ""
    if rule.within is not None:
        annuls += f" within {describe_period(rule.within)}"
    return f"{rule.kind}{about}{annuls}: {rule.need} of {', '.join(sorted(rule.offices))}"


# --- entrenched clauses -----------------------------------------------------------------------------------


def _tables(old: Charter, new: Charter) -> Iterator[tuple[_Key, str]]:
    for table, words in (
        ("consultations", "the rules on consultations"),
        ("consulting", "the terms of consultations"),
        ("amendment", "the rule on amendments"),
        ("witnesses", "the clause on witnesses"),
    ):
        if old.document.get(table) != new.document.get(table):
            yield ("table", table), f"{words} change"
    was_us, now_us = old.limits.feed_term_us, new.limits.feed_term_us
    if now_us < was_us:
        now, was = describe_period(Period(us=now_us)), describe_period(Period(us=was_us))
        yield ("feed_term",), f"overseers can open what was committed for {now}, before for {was}"


def _overseers(old: Charter, new: Charter, drafted: bool) -> Iterator[tuple[_Key, str]]:
    before = {name: old.offices[name] for name in old.overseers()}
    now = {name: new.offices[name] for name in new.overseers()}
    for name in sorted(before.keys() | now.keys()):
        words = _overseer(before.get(name), now.get(name), drafted)
        if words:
            yield ("overseer", name), f"`{name}` {words}"


def _overseer(before: Office | None, now: Office | None, drafted: bool) -> str:
    if now is None:
        return "is no office of an overseer any more"
    if before is None:
        return f"becomes an office of an overseer, held by {now.holder}"
    if before.opening_key is None and now.opening_key is not None:
        return "can open what the ledger commits to"
    if before.opening_key is not None and now.opening_key is None:
        return "can no longer open what the ledger commits to"
    return "is not the one that was proposed" if drafted and before != now else ""


def _consulting_rules(old: Charter, new: Charter) -> Iterator[tuple[_Key, str]]:
    before, now = _clauses(old), _clauses(new)
    for rule, words in before.items():
        if rule not in now:
            yield ("rule gone", rule), f"a rule is gone: {words}"
    for rule, words in now.items():
        if rule not in before:
            yield ("rule", rule), f"another rule: {words}"


def _clauses(charter: Charter) -> dict[_Key, str]:
    """Return the rules on charters and consultations by their content, in any order."""
    found: dict[_Key, str] = {}
    for rule in charter.rules:
        if rule.kind in _CONSULTING:
            key = (
                rule.kind,
                rule.instruments,
                rule.purposes,
                rule.modes,
                rule.controllers,
                frozenset(rule.offices),
                rule.need,
                rule.annuls,
                rule.within,
            )
            found[key] = describe_rule(rule)
    return found
