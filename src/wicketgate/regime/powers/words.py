"""Powers in words: a sentence for each maximal box.

Pure. docs/spec/powers.md, section 6.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from functools import reduce

from wicketgate.regime.charter import AS_BULK, Charter
from wicketgate.regime.documents.unlisted_terms import describe_share
from wicketgate.regime.powers.algebra import Powers, hull
from wicketgate.regime.powers.boxes import Box, sides
from wicketgate.regime.powers.meaning import (
    ALL_NUMBERS,
    AROUND,
    CONTAINED,
    EVERYWHERE,
    NO_LINK,
    NO_QUESTION,
    NONE_OF_IT,
)
from wicketgate.regime.powers.side_words import (
    amount,
    count,
    degrees,
    latitudes,
    length,
    listed,
    minutes,
    names_in_words,
    tree_in_words,
)
from wicketgate.regime.powers.sides import ALL_NAMES, EVERY_HOUR, WITHOUT_END, Names, Spans

_MODES = ("match", "search", "unlisted", "bulk")
_MODE_WORDS = {"match": "by match", "search": "by search", "unlisted": "by exclusion", "bulk": "in bulk"}
_MODE, _RETENTION = Box._fields.index("mode"), Box._fields.index("retention")
_CONDITIONS = frozenset(
    Box._fields.index(name)
    for name in (
        "age",
        "approval",
        "kind",
        "entries",
        "entry_life",
        "list_age",
        "shrink",
        "question",
        "camera_days",
        "plates",
        "answer_retention",
    )
)
"""The dimensions that bound a weaker mode and that a stronger one leaves open."""

_DOERS = {
    "": "named people",
    "viewer": "machines that see it",
    "confirmer": "machines that confirm",
    "hotlist-keeper": "machines that keep lists",
}
"""Who does something under an authority: named people, or machines in place of people of a role."""

_QUESTIONS = {
    "": "what a list hits",
    "plate": "one exact plate",
    "pattern": "part of a plate",
    "lookalikes": "look-alikes",
    "plates": "several plates",
    "place": "place and time alone",
    "vehicle": "what the camera said of the vehicle",
    "scenes": "several places and times",
}
"""What is asked by, of each kind of question."""

_FEW = 6
"""Names that a list has where it is written out even if the draft's own."""


def describe(powers: Powers, charter: Charter | None = None, *, within: Powers | None = None) -> list[str]:
    """Describe a set of powers in words.

    Equal sets, however they came about, have equal words.

    Parameters
    ----------
    powers : Powers
        What an authority allows, or what it allows beyond what is covered.
    charter : Charter or None
        Names and titles come from it. Without one, and for what it does not know, ids stand.
    within : Powers or None
        If `powers` are a part of a draft, the powers of all of it: terms and long lists that are the draft's own are
        then left out, as they tell nothing of the part.

    Returns
    -------
    list of str
        A sentence for each maximal box, without a full stop, in a fixed order. A box is left out if another sentence
        names the same powers in a mode that contains its own, or if it says of a bulk authority how far back it reaches
        where another says how long it is kept.

    Raises
    ------
    DocumentRefused
        As any comparison of powers.
    """
    boxes = [part for box in powers.maximal().boxes for part in _by_mode(box)]
    told = [box for box in boxes if not any(_implied(box, other) for other in boxes)]
    draft = reduce(hull, within.boxes) if within else None
    titles = _Titles(charter)
    return list(dict.fromkeys(_sentence(box, titles, draft) for box in told))


def _implied(box: Box, other: Box) -> bool:
    """Return whether a box needs no sentence beside that of another."""
    strongest = _strongest(box)
    if box == other or strongest not in CONTAINED[_strongest(other)]:
        return False
    if box.within(other):
        return True
    # In bulk, how far back follows from how long it is kept.
    follows = (
        strongest == _strongest(other)
        and strongest in AS_BULK
        and 0 not in box.age
        and 0 in other.age
        and box.retention.spans[-1][1] <= other.retention.spans[-1][1]
    )
    for place, (mine, theirs) in enumerate(zip(sides(box), sides(other), strict=True)):
        if place == _MODE or (place == _RETENTION and follows):
            continue
        if not (mine <= theirs if place in _CONDITIONS else mine == theirs):
            return False
    return True


def _strongest(box: Box) -> str:
    return max(box.mode.members, key=_MODES.index)


def _by_mode(box: Box) -> tuple[Box, ...]:
    """Return a box as boxes whose strongest mode contains the others: unlisted contains none."""
    others = box.mode.members - {"unlisted"}
    if box.mode.members <= frozenset(CONTAINED[_strongest(box)]):
        return (box,)
    return box._replace(mode=Names(frozenset({"unlisted"}))), box._replace(mode=Names(others))


# --- names ------------------------------------------------------------------------------------------------


class _Titles:
    """A charter's names of organisations, units and purposes.

    What it calls alike has its id beside it.
    """

    __slots__ = ("_known", "organisations", "purposes", "units")

    def __init__(self, charter: Charter | None) -> None:
        self._known = charter is not None
        organisations = charter.organisations if charter else {}
        self.organisations = _distinct({id_: one.name for id_, one in organisations.items()})
        self.units = _distinct(
            {
                f"{id_}/{unit.id}": f"{unit.name} of {self.organisations[id_]}"
                for id_, one in organisations.items()
                for unit in one.units.values()
            }
        )
        purposes = charter.purposes if charter else {}
        self.purposes = _distinct({id_: f"“{title}”" for id_, title in purposes.items()})

    def organisation(self, id_: str) -> str:
        """Return an organisation's name."""
        return self.organisations.get(id_) or self._bare(id_)

    def unit(self, path: str) -> str:
        """Return the name of a unit, or of all units of a recipient."""
        if "/" in path:
            return self.units.get(path) or self._bare(path)
        return f"any unit of {self.organisation(path)}"

    def purpose(self, path: str) -> str:
        """Return a purpose's title."""
        return self.purposes.get(path) or self._bare(path)

    def _bare(self, id_: str) -> str:
        return f"`{id_}`" if self._known else id_


def _distinct(names: Mapping[str, str]) -> dict[str, str]:
    """Return names by id, with the id where ids share a name.

    Names are the same whatever their case and spacing.
    """
    plain = {id_: " ".join(name.split()) for id_, name in names.items()}
    counts = Counter(name.casefold() for name in plain.values())
    return {id_: f"{name} ({id_})" if counts[name.casefold()] > 1 else name for id_, name in plain.items()}


# --- sentences --------------------------------------------------------------------------------------------


def _sentence(box: Box, titles: _Titles, draft: Box | None) -> str:
    """Describe one box: the recipient, the purpose, the mode, the reads and the terms.

    The words say to whom, what for and how, then what of which reads, and under which terms.
    """
    mode = _strongest(box)
    who = tree_in_words(box.unit, titles.unit, "any recipient")
    purpose = tree_in_words(box.purpose, titles.purpose, "any purpose")
    reads = {
        "match": f"every read of {_vehicles(box, draft)},",
        "search": "the reads that answer its questions,",
        "unlisted": f"every read of {_unlisted_vehicles(box, draft)},",
        "bulk": "every read",
    }[mode]
    terms = [
        *([] if mode in {"match", "unlisted"} or box.kind == ALL_NAMES else [f"of {_vehicles(box, None)}"]),
        *_hours(box, draft),
        *_age(box, mode, draft),
        *_approval(box, draft),
        *_list_terms(box, draft),
        *_questions(box, mode, draft),
        *_retention(box, draft),
        *_onward(box, titles, draft),
        *_doer(box, draft),
        *_links(box),
    ]
    head = f"{who}, for {purpose} {_modes(box.mode)}: {_fields(box.field)} of {reads} from "
    head += _cameras(box, titles, draft)
    return ", ".join([head, *terms])


def _modes(modes: Names) -> str:
    """Return the strongest mode, and the weaker ones absent.

    In a difference, these are what is covered.
    """
    present = [mode for mode in _MODES if mode in modes]
    strongest = present[-1]
    missing = [mode for mode in _MODES if mode in CONTAINED[strongest] and mode not in modes]
    return _MODE_WORDS[strongest] + (f" (beyond {listed(reversed(missing), 'and')})" if missing else "")


def _fields(fields: Names) -> str:
    if fields.others:
        return f"everything but {_the(fields.members)}" if fields.members else "everything"
    return _the(fields.members)


def _the(fields: Collection[str]) -> str:
    order = ("plate", "time", "place", "vehicle", "patch-image", "overview-image")
    known = [field for field in order if field in fields]
    return f"the {listed((name.replace('-', ' ') for name in [*known, *sorted(set(fields) - set(known))]), 'and')}"


def _vehicles(box: Box, draft: Box | None) -> str:
    if draft is not None and box.kind == draft.kind and len(box.kind.members) > _FEW:
        return f"vehicles listed for its {len(box.kind.members)} reasons"
    return f"vehicles listed for {names_in_words(box.kind, str, 'anything', 'or')}"


def _unlisted_vehicles(box: Box, draft: Box | None) -> str:
    """Describe vehicles by the lists that they are not on; in a difference perhaps by those that they are on."""
    kinds = box.kind
    if not kinds.others:
        return f"vehicles listed as {listed(sorted(kinds.members), 'or')}"
    if not kinds.members:
        return "any vehicle"
    if draft is not None and kinds == draft.kind and len(kinds.members) > _FEW:
        return f"vehicles on none of its {len(kinds.members)} lists"
    return f"vehicles not listed as {listed(sorted(kinds.members), 'or')}"


def _cameras(box: Box, titles: _Titles, draft: Box | None) -> str:
    words = "cameras"
    if not _same(box, draft, "cameras") and box.cameras != ALL_NUMBERS:
        words = f"{amount(box.cameras, count)} {'camera' if box.cameras.spans[-1][1] == 2 else 'cameras'}"
    words += f" of {names_in_words(box.source, titles.organisation, 'anybody', 'and')}"
    words += _groups(box, draft)
    if not _same(box, draft, "latitude") and box.latitude != EVERYWHERE:
        words += f" {latitudes(box.latitude)}"
    if not _same(box, draft, "longitude") and box.longitude != AROUND:
        words += f" at longitudes {degrees(box.longitude, AROUND)}"
    return words


def _groups(box: Box, draft: Box | None) -> str:
    groups = box.group
    members = sorted(groups.members - {""})
    if not members:
        if "" not in groups.members:
            return ""
        return " in any group" if groups.others else " in no group"
    if _same(box, draft, "group") and len(members) > _FEW:
        return f" in its {len(members)} groups"
    named = f"the group{'s' if len(members) > 1 else ''} {listed(members, 'and')}"
    if groups.others:
        return f" in any group but {named}" if "" in groups.members else f" outside {named}"
    return f" in {named}{' and in no group' if '' in groups.members else ''}"


def _hours(box: Box, draft: Box | None) -> list[str]:
    hours = box.hours
    if _same(box, draft, "hours") or hours == EVERY_HOUR:
        return []
    zones = dict(hours.zones)
    if not hours.elsewhere:
        return [" and ".join(f"{minutes(spans)} ({zone})" for zone, spans in zones.items())]
    excepted = " and ".join(
        f"{minutes(EVERY_HOUR.elsewhere - spans)} ({zone})" for zone, spans in zones.items()
    )
    rest = (
        "at any hour" if hours.elsewhere == EVERY_HOUR.elsewhere else f"{minutes(hours.elsewhere)} (anywhere)"
    )
    return [f"{rest} but {excepted}" if zones else rest]


def _age(box: Box, mode: str, draft: Box | None) -> list[str]:
    age = box.age
    held = Spans(((0, box.retention.spans[-1][1]),))
    plain = {"match": Spans.up_to(0), "search": ALL_NUMBERS}.get(mode, held)
    if age == plain or (_same(box, draft, "age") and _same(box, draft, "approval")):
        return []
    if age == ALL_NUMBERS:
        return ["looking back without a limit"]
    if age == Spans.up_to(0):
        return ["live only"]
    if age.spans[0][0] == 1:
        whole = Spans.of([(0, 1), *age.spans])
        return [
            "looking back" + ("" if whole == ALL_NUMBERS else f" {amount(whole, length)}") + " but not live"
        ]
    return [f"looking back {amount(age, length)}"]


def _approval(box: Box, draft: Box | None) -> list[str]:
    approval = box.approval
    if approval == ALL_NAMES or _same(box, draft, "approval"):
        return []
    if approval.others:
        return [f"without the approval of {listed(sorted(approval.members), 'or')}"]
    return [f"with the approval of {listed(sorted(approval.members), 'or')}"]


def _list_terms(box: Box, draft: Box | None) -> list[str]:
    terms = []
    if box.entries != ALL_NUMBERS and not _same(box, draft, "entries"):
        terms.append(f"{amount(box.entries, count)} listed at a time")
    if box.entry_life != ALL_NUMBERS and not _same(box, draft, "entry_life"):
        terms.append(f"each listed for {amount(box.entry_life, length)}")
    if box.list_age != ALL_NUMBERS and not _same(box, draft, "list_age"):
        terms.append(f"by lists put {amount(box.list_age, length)} ago")
    if box.shrink != ALL_NUMBERS and not _same(box, draft, "shrink"):
        terms.append(f"shrunk by {amount(box.shrink, _share)}")
    return terms


def _questions(box: Box, mode: str, draft: Box | None) -> list[str]:
    plain = mode == "match"
    terms = []
    if box.question != (NO_QUESTION if plain else ALL_NAMES) and not _same(box, draft, "question"):
        asked = names_in_words(box.question, lambda kind: _QUESTIONS.get(kind, kind), "anything", "or")
        terms.append(f"asked by {asked}")
    usual = NONE_OF_IT if plain else ALL_NUMBERS
    for name, say, words in (
        ("camera_days", count, "{} camera-days without a second approver"),
        ("plates", count, "{} plates without a second approver"),
        ("answer_retention", length, "answers kept for {}"),
    ):
        if getattr(box, name) != usual and not _same(box, draft, name):
            side = getattr(box, name)
            terms.append(words.format("no" if side == NONE_OF_IT else amount(side, say)))
    return terms


def _retention(box: Box, draft: Box | None) -> list[str]:
    if box.retention == ALL_NUMBERS or _same(box, draft, "retention"):
        return []
    return [f"kept for {amount(box.retention, length)}"]


def _onward(box: Box, titles: _Titles, draft: Box | None) -> list[str]:
    onward = box.onward
    if onward == Names(frozenset({""})) or (_same(box, draft, "onward") and "" in onward):
        return []
    others = Names(onward.members - {""}, onward.others)
    also = " too" if "" in onward else ""
    return [f"passed on to {names_in_words(others, titles.organisation, 'anybody', 'and')}{also}"]


def _doer(box: Box, draft: Box | None) -> list[str]:
    doer = box.doer
    if doer == ALL_NAMES or _same(box, draft, "doer"):
        return []
    return [
        f"by {names_in_words(doer, lambda role: _DOERS.get(role, f'machines as {role}'), 'anybody', 'and')}"
    ]


def _links(box: Box) -> list[str]:
    """Describe which keepers are linked. What is said of nobody's keeper stands in differences alone."""
    terms = []
    if box.cause != NO_LINK:
        causes = Names(box.cause.members - {""}, box.cause.others)
        alone = "" if "" in box.cause else " alone"
        terms.append(
            f"with the keeper{alone} of one row at a time, for {names_in_words(causes, str, 'anything', 'or')}"
        )
    if box.register != ALL_NAMES:
        terms.append(f"as {names_in_words(box.register, str, 'any register', 'or')} says")
    if box.links != ALL_NUMBERS:
        terms.append(f"{amount(box.links, count)} links a day")
    if box.linked_after != ALL_NUMBERS:
        terms.append(f"asked for {_after(box.linked_after)}")
    return terms


def _after(spans: Spans) -> str:
    """Describe how long after a capture."""

    def one(begin: int, end: int) -> str:
        parts = [f"from {length(begin)} on"] if begin else []
        parts += [f"before {length(end)}"] if end != WITHOUT_END else []
        return " and ".join(parts)

    return listed((f"{one(*span)} after the read" for span in spans.spans), "or")


def _same(box: Box, draft: Box | None, name: str) -> bool:
    """Return whether a box has in a dimension just its draft's own values.

    If so it need not be said.
    """
    return draft is not None and getattr(box, name) == getattr(draft, name)


def _share(ppm: int) -> str:
    return "nothing" if ppm == 0 else describe_share(ppm)
