"""Traps of a charter for its own authors: what it demands and lets nobody do. Pure.

None of it is refused: a charter may mean it. `check` warns, because what is wrong is found out when it is needed, and a
charter that traps cannot always be amended. The question whether some signatures can ever suffice is asked of
admission's own rule, as if every office had signed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from wicketgate.base.errors import DocumentRefused
from wicketgate.base.signing import key_id
from wicketgate.regime.charter import Charter, Requirement, Rule, charter_requirements, covers
from wicketgate.regime.documents.signatures import require_keys

_MOST_CASES = 20_000
_SIDES = frozenset({"source", "recipient", "operator"})
_EXCUSING = ("notice", "marked")

_Case = tuple[str, str, str, str]
"""Instrument, purpose, mode and controller of authorities."""


def traps(charter: Charter) -> tuple[str, ...]:
    """Return a charter's traps, each as a sentence."""
    return tuple(
        dict.fromkeys((*_overseers(charter), *_amending(charter), *_stuck(charter), *_people(charter)))
    )


# --- overseers, keys, amendments ----------------------------------------------------------------------------


def _overseers(charter: Charter) -> Iterator[str]:
    overseers = charter.overseers()
    if len(overseers) == 1:
        yield (
            f"`{overseers[0]}` is the only office of an overseer: if its key is lost nobody can sign in its place, and "
            "it can never be replaced."
        )
    if len(charter.opening_keys()) == 1 and len(overseers) > 1:
        yield "Only one overseer has an `opening_key`: whoever loses it takes with it what only overseers can open."
    for office in overseers:
        organisation = charter.organisations[charter.offices[office].organisation]
        sides = sorted(organisation.roles & _SIDES)
        if sides:
            yield f"The overseer `{office}` oversees its own organisation, which is {' and '.join(sides)} too."


def _amending(charter: Charter) -> Iterator[str]:
    if charter.amendment is None:
        yield "It has no `amendment`: it can never be widened, whoever was consulted."
    (own,) = charter_requirements(charter)
    for lost in own.offices:
        left = {*own.offices, *charter.overseers()} - {lost}
        if len(left) < 2:
            yield f"If the key of `{lost}` is lost fewer than two offices are left, and nobody can replace it."
    for ended in charter.keys_ended:
        if ended.office not in charter.offices:
            yield f"The key of `{ended.office}` has ended and has no successor: the charter has that office no more."
    if charter.urgency is not None:
        why = _unmet(charter, [Requirement(offices=charter.urgency.offices, need="all")])
        if why:
            yield f"Nobody can make an authority urgent: {why}."


def _people(charter: Charter) -> Iterator[str]:
    for rule in charter.rules:
        if rule.kind != "people":
            continue
        for organisation in sorted(rule.organisations or ()):
            why = _unmet(charter, [_filled(rule, {"{organisation}": organisation})])
            if why:
                yield f"Nobody can say who the people of `{organisation}` are: {why}."


# --- what is stuck ------------------------------------------------------------------------------------------


def _stuck(charter: Charter) -> Iterator[str]:
    """Yield what nobody can do about authorities that the charter foresees."""
    found: dict[tuple[str, str], list[_Case]] = {}
    known: dict[tuple[tuple[int, ...], str], str] = {}
    for number, case in enumerate(_cases(charter)):
        if number == _MOST_CASES:
            yield "Its rules tell more authorities apart than can be looked at here: not every trap was looked for."
            break
        for kind, words in _looked_at(charter, case):
            applying = tuple(index for index, rule in enumerate(charter.rules) if _applies(rule, kind, case))
            key = (applying, case[3])
            if key not in known:
                known[key] = _why(charter, [charter.rules[index] for index in applying], case[3])
            if known[key]:
                why = known[key] if applying else f"no rule of kind {kind} applies"
                found.setdefault((words, why), []).append(case)
    for (words, why), cases in found.items():
        instrument, purpose, mode, controller = cases[0]
        more = f", and {len(cases) - 1} more of the kind" if len(cases) > 1 else ""
        yield (
            words.format(
                authority=f"an authority over `{controller}` ({instrument}, {purpose}, {mode}{more})", why=why
            )
        )


def _cases(charter: Charter) -> Iterator[_Case]:
    """Yield the authorities that rules name, once each."""
    sources = [one.id for one in charter.organisations.values() if "source" in one.roles]
    seen: set[_Case] = set()
    for rule in charter.rules:
        if rule.kind != "authority":
            continue
        for controller in sources if rule.controllers is None else sorted(rule.controllers):
            for instrument in sorted(rule.instruments or ()):
                for purpose in sorted(rule.purposes or ()):
                    for mode in sorted(rule.modes or ()):
                        case = (instrument, purpose, mode, controller)
                        if case not in seen:
                            seen.add(case)
                            yield case


def _looked_at(charter: Charter, case: _Case) -> Iterator[tuple[str, str]]:
    """Yield the kinds of documents that such an authority may come to need.

    Each comes with what is said if nobody can sign one.
    """
    yield "authority", "Nobody can sign {authority}: {why}."
    yield "suspension", "Nobody can suspend {authority}: {why}."
    yield "revocation", "Nobody can revoke {authority}: {why}."
    yield "resumption", "Once suspended {authority} can never go on: {why}."
    if case[0] in charter.limits.longest_review:
        yield "review", "Nobody can review {authority}, which lapses without: {why}."
    if not _excused(charter, case):
        yield "consultation", "Of {authority} a consultation is wanted, and nobody can open one: {why}."
        yield "decision", "Of {authority} a consultation is wanted, and nobody can decide one: {why}."


def _excused(charter: Charter, case: _Case) -> bool:
    """Return whether a rule lets all such authorities take effect without a consultation."""
    instrument, purpose, mode, controller = case
    return any(
        one.need in _EXCUSING
        and (one.instruments is None or instrument in one.instruments)
        and (one.modes is None or mode in one.modes)
        and (one.controllers is None or controller in one.controllers)
        and (one.purposes is None or any(covers(above, purpose) for above in one.purposes))
        and one.units is one.sources is one.groups is one.fields is None
        for one in charter.consultations
    )


def _applies(rule: Rule, kind: str, case: _Case) -> bool:
    instrument, purpose, mode, controller = case
    return (
        rule.kind == kind
        and not rule.annuls
        and rule.applies(instrument=instrument, purpose=purpose, mode=mode, controller=controller)
    )


def _why(charter: Charter, rules: list[Rule], controller: str) -> str:
    """Return why the signatures that some rules want can never be had, whoever the recipient is."""
    if not rules:
        return "no rule applies"
    why = ""
    recipients = [one.id for one in charter.organisations.values() if one.units] or [controller]
    for recipient in recipients:
        parties = {"{controller}": controller, "{recipient}": recipient}
        why = _unmet(charter, [_filled(rule, parties) for rule in rules])
        if not why:
            return ""
    return why


def _filled(rule: Rule, parties: dict[str, str]) -> Requirement:
    offices = []
    for office in rule.offices:
        place, _, post = office.partition("/")
        offices.append(f"{parties.get(place, place)}/{post}")
    return Requirement(offices=tuple(dict.fromkeys(offices)), need=rule.need)


def _unmet(charter: Charter, wanted: Iterable[Requirement]) -> str:
    """Return why some requirements would not be met if every office had signed, or an empty text."""
    everybody = frozenset(key_id(office.public) for office in charter.offices.values())
    try:
        require_keys(wanted, everybody, charter)
    except DocumentRefused as error:
        return error.detail
    return ""
