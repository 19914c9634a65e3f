"""The signers of documents under a charter, case by case.

They are found so that the rules of two charters can be compared. Pure.

A rule that is read by itself says little: all rules that apply must be met, a rule may stand for offices that its
charter does not have, and two rules may come to the same as one. So every case is looked at that the rules tell apart.
docs/spec/charter.md, section 5.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from wicketgate.base.errors import DocumentRefused
from wicketgate.base.periods import Period, describe_period, never_longer
from wicketgate.regime.charter import INSTRUMENTS, MODES, Charter, Rule, named_by

LETTING: Final = ("authority", "review", "resumption", "challenge", "decision")
"""Kinds of documents that let something go, or go on: they widen where fewer, or others, must sign than before. A
challenge is among them because who stays an authority also lifts the stay."""

STOPPING: Final = ("revocation", "suspension", "challenge", "quashed", "objection", "annulment")
"""Kinds of documents that stop something: they widen where more, or others, must sign than before. An annulment is an
objection that ends its authority."""

_MOST_CASES = 50_000

_WORDS: Final = {
    "authority": "an authority",
    "review": "a review",
    "resumption": "a resumption",
    "decision": "a decision",
    "revocation": "a revocation",
    "suspension": "a suspension",
    "challenge": "a challenge",
    "quashed": "a quashing",
    "objection": "an objection",
    "annulment": "an objection that annuls",
}


@dataclass(frozen=True, slots=True)
class SignaturesNeeded:
    """The signatures needed by a document.

    Attributes
    ----------
    every : frozenset of str
        Offices that all must sign; `{recipient}/x` stands for the office x of whoever the recipient is.
    choices : frozenset of frozenset of str
        Of each of these one must sign.
    within : Period or None
        Of an annulment: for how long it can come; None is always.
    """

    every: frozenset[str]
    choices: frozenset[frozenset[str]]
    within: Period | None = None

    def suffices_for(self, other: SignaturesNeeded) -> bool:
        """Return whether signatures enough for this are enough for `other` too.

        Whatever signatures meet this must meet `other`, and in no shorter a time.
        """
        if other.within is not None and (self.within is None or not never_longer(self.within, other.within)):
            return False
        return other.every <= self.every and all(
            one & self.every or any(mine <= one for mine in self.choices) for one in other.choices
        )

    def naming(self, offices: Collection[str]) -> SignaturesNeeded:
        """Return the part naming one of some offices."""
        some = frozenset(offices)
        return SignaturesNeeded(self.every & some, frozenset(one for one in self.choices if one & some))

    def names(self, offices: Collection[str]) -> bool:
        """Return whether one of some offices is named."""
        part = self.naming(offices)
        return bool(part.every or part.choices)

    def __str__(self) -> str:
        parts = [f"any of {', '.join(sorted(one))}" for one in sorted(self.choices, key=sorted)]
        if self.every:
            parts.insert(0, f"all of {', '.join(sorted(self.every))}")
        within = "" if self.within is None else f", within {describe_period(self.within)}"
        return " and ".join(parts) + within


class Case(NamedTuple):
    """A case: documents of one kind about authorities alike to every rule.

    No rule tells these authorities apart. Each member is the first of those it means.
    """

    kind: str
    instrument: str
    purpose: str
    mode: str
    controller: str


@dataclass(frozen=True, slots=True)
class Shift:
    """The required signers of a case, before and now.

    None: nobody can sign.
    """

    before: SignaturesNeeded | None
    now: SignaturesNeeded | None

    @property
    def loosens(self) -> bool:
        """Whether signatures suffice now, but did not before."""
        return self.now is not None and (self.before is None or not self.now.suffices_for(self.before))

    @property
    def hampers(self) -> bool:
        """Whether signatures sufficed before, but do not now."""
        return self.before is not None and (self.now is None or not self.before.suffices_for(self.now))


class Cases:
    """The cases told apart by the rules of some charters.

    Parameters
    ----------
    charters : iterable of Charter
        All that will be compared with one another.
    """

    def __init__(self, charters: Iterable[Charter]) -> None:
        self._charters = tuple(charters)
        self._purposes = sorted({purpose for charter in self._charters for purpose in charter.purposes})
        self._named = {
            office.partition("/")[0]
            for charter in self._charters
            for rule in charter.rules
            for office in rule.offices
        }
        self._controllers = self._group_controllers()
        self._groups: dict[str, tuple[Mapping[str, tuple[str, ...]], ...]] = {}

    def shifts(
        self, kind: str, old: Charter, new: Charter, controllers: Collection[str]
    ) -> dict[Case, Shift]:
        """Return every case of a kind, over some sources, with other signatures than before.

        Other signatures count in it than before.

        Raises
        ------
        DocumentRefused
            `malformed` if the rules tell more cases apart than can be looked at while a gateway waits.
        """
        instruments, purposes, modes, sources = self._grouped(kind)
        chosen = [first for first in sources if first in controllers]
        if len(instruments) * len(purposes) * len(modes) * len(chosen) > _MOST_CASES:
            raise DocumentRefused(
                f"`signatures`: the rules of kind {kind} tell more than {_MOST_CASES} cases apart"
            )
        before, now = _Rulings(kind, old, self._named), _Rulings(kind, new, self._named)
        found = {}
        for controller in chosen:
            for instrument in instruments:
                for mode in modes:
                    for purpose in purposes:
                        case = Case(kind, instrument, purpose, mode, controller)
                        shift = Shift(before.who(case), now.who(case))
                        if shift.before != shift.now:
                            found[case] = shift
        return found

    def _group_controllers(self) -> Mapping[str, tuple[str, ...]]:
        """Return the sources by the first of their group.

        A group is of those that no rule and no office tells apart.
        """
        posts = {
            office.partition("/")[2]
            for charter in self._charters
            for rule in charter.rules
            for office in rule.offices
            if office.startswith("{controller}/")
        }
        selecting = {
            rule.controllers
            for charter in self._charters
            for rule in charter.rules
            if rule.controllers is not None
        }
        rules = sorted(selecting, key=sorted)
        groups: dict[object, list[str]] = {}
        for name in sorted({name for charter in self._charters for name in charter.organisations}):
            known = [charter.organisations.get(name) for charter in self._charters]
            if not any(one is not None and "source" in one.roles for one in known):
                continue
            signature = (
                name if name in self._named else "",
                tuple(name in chosen for chosen in rules),
                tuple(one is not None and "source" in one.roles for one in known),
                tuple(
                    tuple(sorted(post for post in posts if f"{name}/{post}" in charter.offices))
                    for charter in self._charters
                ),
            )
            groups.setdefault(signature, []).append(name)
        return {group[0]: tuple(group) for group in groups.values()}

    def describe(self, shifts: Mapping[Case, Shift], *, stopping: bool) -> Iterator[str]:
        """Describe each shift in words.

        Cases that differ in nothing else are told in one sentence.
        """
        alike: dict[tuple[str, Shift], set[Case]] = {}
        for case, shift in shifts.items():
            alike.setdefault((case.kind, shift), set()).add(case)
        for (kind, shift), cases in alike.items():
            for box in _boxes(cases):
                yield self._sentence(kind, shift, box, stopping)

    def _sentence(self, kind: str, shift: Shift, box: tuple[frozenset[str], ...], stopping: bool) -> str:
        groups = self._grouped(kind)
        sources = [name for group in groups[3].values() for name in group]
        known: tuple[Collection[str], ...] = (INSTRUMENTS, self._purposes, MODES, sources)
        about = []
        for word, chosen, group, every in zip(
            ("instrument", "purpose", "mode", "controller"), box, groups, known, strict=True
        ):
            meant = sorted(name for first in chosen for name in group[first])
            if len(meant) < len(every):
                meant = _told_modes(meant) if word == "mode" else meant
                about.append(f"{word} {', '.join(meant)}")
        words = "the lifting of a court’s stay" if kind == "challenge" and not stopping else _WORDS[kind]
        can = "needs" if stopping else "can be signed by"
        now = "nobody" if shift.now is None else str(shift.now)
        before = "nobody" if shift.before is None else str(shift.before)
        of = f"{words} ({'; '.join(about)})" if about else words
        if stopping and shift.now is None:
            return f"{of} is open to nobody, before to {before}"
        return f"{of} {can} {now}, before {before}"

    def _grouped(self, kind: str) -> tuple[Mapping[str, tuple[str, ...]], ...]:
        """Group instruments, purposes, modes and sources alike to every rule of a kind.

        They are returned by the first of those that no rule of the kind tells apart.
        """
        if kind not in self._groups:
            rules = [rule for charter in self._charters for rule in _of_kind(kind, charter)]
            self._groups[kind] = (
                _alike(INSTRUMENTS, rules, _APPLIES["instrument"]),
                _alike(self._purposes, rules, _APPLIES["purpose"]),
                _alike(MODES, rules, _APPLIES["mode"]),
                self._controllers,
            )
        return self._groups[kind]


class _Rulings:
    """The rulings of one charter on the signers of one kind of document.

    Rules are bits, so that many cases are soon looked at.
    """

    def __init__(self, kind: str, charter: Charter, named: Collection[str]) -> None:
        self._rules = _of_kind(kind, charter)
        self._named = named
        self._offices = charter.offices.keys()
        self._masks: dict[tuple[str, str], int] = {}
        self._known: dict[tuple[int, str], SignaturesNeeded | None] = {}

    def who(self, case: Case) -> SignaturesNeeded | None:
        applying = (
            self._mask("instrument", case.instrument)
            & self._mask("purpose", case.purpose)
            & self._mask("mode", case.mode)
            & self._mask("controller", case.controller)
        )
        key = applying, case.controller
        if key not in self._known:
            rules = [rule for number, rule in enumerate(self._rules) if applying >> number & 1]
            self._known[key] = self._who(rules, case.controller)
        return self._known[key]

    def _mask(self, axis: str, value: str) -> int:
        key = axis, value
        if key not in self._masks:
            applies = _APPLIES[axis]
            self._masks[key] = sum(1 << n for n, rule in enumerate(self._rules) if applies(rule, value))
        return self._masks[key]

    def _who(self, rules: list[Rule], controller: str) -> SignaturesNeeded | None:
        if not rules:
            return None
        every: set[str] = set()
        choices: set[frozenset[str]] = set()
        within: Period | None = None
        for rule in rules:
            offices = {self._filled(office, controller) for office in rule.offices}
            there = frozenset(office for office in offices if office)
            if not there or (rule.need == "all" and len(there) < len(offices)):
                return None
            if rule.need == "all" or len(there) == 1:
                every |= there
            else:
                choices.add(there)
            if rule.within is not None and (within is None or never_longer(rule.within, within)):
                within = rule.within
        return SignaturesNeeded(
            frozenset(every), frozenset(choice for choice in choices if not choice & every), within
        )

    def _filled(self, office: str, controller: str) -> str:
        """Return an office of a rule, empty where the charter does not have it.

        A controller stays unnamed where no rule names it by its own name: then all such are one case.
        """
        place, _, post = office.partition("/")
        if place == "{recipient}":
            return office
        name = f"{controller}/{post}" if place == "{controller}" else office
        if name not in self._offices:
            return ""
        return office if place == "{controller}" and controller not in self._named else name


def _of_kind(kind: str, charter: Charter) -> list[Rule]:
    wanted, annuls = ("objection", True) if kind == "annulment" else (kind, False)
    return [rule for rule in charter.rules if rule.kind == wanted and rule.annuls == annuls]


def _in(chosen: frozenset[str] | None, one: str) -> bool:
    return chosen is None or one in chosen


def _told_modes(modes: list[str]) -> list[str]:
    """Return modes as they are told: what counts as bulk is named where it is alone, or is left out."""
    if "bulk" not in modes:
        return modes
    bulk = "bulk" if "unlisted" in modes else "bulk (but not unlisted)"
    return [bulk if mode == "bulk" else mode for mode in modes if mode != "unlisted"]


def _about(rule: Rule, purpose: str) -> bool:
    """Return whether a rule is about a purpose, as `Rule.applies` does.

    It is so however many purposes the rule names.
    """
    if rule.purposes is None:
        return True
    parts = purpose.split("/")
    return any("/".join(parts[: n + 1]) in rule.purposes for n in range(len(parts)))


_APPLIES: Final[Mapping[str, Callable[[Rule, str], bool]]] = {
    "instrument": lambda rule, one: _in(rule.instruments, one),
    "purpose": _about,
    "mode": lambda rule, one: any(_in(rule.modes, name) for name in named_by(one)),
    "controller": lambda rule, one: _in(rule.controllers, one),
}


def _alike(
    names: Iterable[str], rules: list[Rule], applies: Callable[[Rule, str], bool]
) -> Mapping[str, tuple[str, ...]]:
    groups: dict[tuple[bool, ...], list[str]] = {}
    for name in sorted(names):
        groups.setdefault(tuple(applies(rule, name) for rule in rules), []).append(name)
    return {group[0]: tuple(group) for group in groups.values()}


def _boxes(cases: set[Case]) -> Iterator[tuple[frozenset[str], ...]]:
    """Yield the cases as products of instruments, purposes, modes and controllers.

    They are those cases, no more and no fewer.
    """
    axes = tuple(frozenset(case[axis] for case in cases) for axis in range(1, 5))
    size = 1
    for values in axes:
        size *= len(values)
    if size == len(cases):
        yield axes
        return
    axis = next(number for number in (4, 2, 1, 3) if len(axes[number - 1]) > 1)
    for value in sorted(axes[axis - 1]):
        yield from _boxes({case for case in cases if case[axis] == value})
