"""The laws of powers: sets of boxes over small universes, and authorities, power by power."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import reduce
from itertools import chain, combinations, product
from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from tests.oracles.power_oracle import (
    DAYS,
    equivalent,
    holds,
    longest_us,
    minute_in,
    name_in,
    number_in,
    path_in,
)
from tests.vectors import make_documents as world
from wicketgate.regime.charter import MODES
from wicketgate.regime.documents.authority import parse_authority
from wicketgate.regime.documents.search_terms import QUESTION_KINDS
from wicketgate.regime.powers import (
    EVERYTHING,
    NOTHING,
    NOWHERE,
    Box,
    Power,
    Powers,
    describe,
    in_bulk_together,
    of_authority,
    region,
)
from wicketgate.regime.powers.boxes import sides
from wicketgate.regime.powers.sides import ALL_PATHS, WITHOUT_END, Names, Side, Spans, Tree, Week

NAMES = ("a", "b", "c", "never-drawn")
PATHS = ("x", "x/y", "x/y/z", "x/y/never", "x/w", "x/never", "v", "never")
DRAWN_PATHS = ("x", "x/y", "x/y/z", "x/w", "v")
NUMBERS = (0, 1, 2, 3, 4)
MINUTES = tuple(
    product(("here", "there", "never"), (0, 1, 2, 3))
)  # nothing drawn holds minute 3: only every hour does


@dataclass(frozen=True)
class Drawn:
    """A side, and its members among the points of its universe as the oracle has them."""

    side: Side
    points: frozenset[Any]


@st.composite
def names(draw: st.DrawFn) -> Drawn:
    members, others = draw(st.frozensets(st.sampled_from(NAMES[:3]))), draw(st.booleans())
    return Drawn(Names(members, others), frozenset(one for one in NAMES if name_in(members, others, one)))


@st.composite
def trees(draw: st.DrawFn) -> Drawn:
    marks = {"": draw(st.booleans())} | draw(st.dictionaries(st.sampled_from(DRAWN_PATHS), st.booleans()))
    tree = ALL_PATHS if marks[""] else Tree.below(())
    for path in sorted(marks, key=len)[1:]:
        tree = tree | Tree.below([path]) if marks[path] else tree - Tree.below([path])
    return Drawn(tree, frozenset(path for path in PATHS if path_in(marks, path)))


pairs = st.lists(st.tuples(st.integers(0, 4), st.sampled_from((1, 2, 3, 4, WITHOUT_END))), max_size=3)
minute_pairs = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=2)


@st.composite
def spans(draw: st.DrawFn) -> Drawn:
    drawn = draw(pairs)
    return Drawn(Spans.of(drawn), frozenset(one for one in NUMBERS if number_in(drawn, one)))


@st.composite
def weeks(draw: st.DrawFn) -> Drawn:
    zones = draw(st.dictionaries(st.sampled_from(("here", "there")), minute_pairs))
    elsewhere = draw(minute_pairs)
    side = Week.of({zone: Spans.of(drawn) for zone, drawn in zones.items()}, Spans.of(elsewhere))
    return Drawn(side, frozenset(one for one in MINUTES if minute_in(zones, elsewhere, *one)))


KINDS: dict[type[Side], tuple[st.SearchStrategy[Drawn], tuple[Any, ...]]] = {
    Names: (names(), NAMES),
    Tree: (trees(), PATHS),
    Spans: (spans(), NUMBERS),
    Week: (weeks(), MINUTES),
}

PLACES = {place: KINDS[type(side)] for place, side in enumerate(sides(EVERYTHING))}
FREE = [place for place, name in enumerate(Box._fields) if name not in ("mode", "latitude", "longitude")]
"""The dimensions that take any side: the others have a universe of their own."""


def _or_everything(place: int) -> Callable[[Drawn], Drawn]:
    """Return what makes an empty side everything: most boxes should hold something."""
    everything = Drawn(sides(EVERYTHING)[place], frozenset(PLACES[place][1]))
    return lambda drawn: drawn if drawn.points else everything


@dataclass(frozen=True)
class World:
    """Some dimensions in which boxes differ, all else being everything."""

    places: tuple[int, ...]

    def atoms(self, powers: Powers) -> set[tuple[Any, ...]]:
        """Return the powers of a set, by what they are in these dimensions."""
        return {
            atom
            for box in powers.boxes
            for atom in product(
                *([one for one in PLACES[place][1] if one in sides(box)[place]] for place in self.places)
            )
        }

    def sets(self) -> st.SearchStrategy[tuple[Powers, set[tuple[Any, ...]]]]:
        """Return a strategy for sets of boxes, with the powers that the oracle finds in them."""
        box = st.tuples(*(PLACES[place][0].map(_or_everything(place)) for place in self.places))
        return st.lists(box, max_size=3).map(self._built)

    def _built(self, drawn: Iterable[tuple[Drawn, ...]]) -> tuple[Powers, set[tuple[Any, ...]]]:
        listed = list(drawn)
        boxes = [self.box(tuple(one.side for one in box)) for box in listed]
        return Powers.of(boxes), set(
            chain.from_iterable(product(*(one.points for one in box)) for box in listed)
        )

    def box(self, those: tuple[Side, ...]) -> Box:
        found = list(sides(EVERYTHING))
        for place, side in zip(self.places, those, strict=True):
            found[place] = side
        return Box._make(found)


worlds = st.lists(st.sampled_from(FREE), min_size=1, max_size=3, unique=True).map(tuple).map(World)


@st.composite
def questions(draw: st.DrawFn, count: int = 2) -> tuple[World, list[tuple[Powers, set[tuple[Any, ...]]]]]:
    drawn = draw(worlds)
    return drawn, [draw(drawn.sets()) for _ in range(count)]


# --- sides ------------------------------------------------------------------------------------------------


@given(st.data(), st.sampled_from(list(KINDS)))
def test_a_side_is_the_set_that_the_oracle_has(data: st.DataObject, kind: type[Side]) -> None:
    strategy, universe = KINDS[kind]
    one, two = data.draw(strategy), data.draw(strategy)

    def points(side: Side) -> frozenset[Any]:
        return frozenset(value for value in universe if value in side)

    assert points(one.side) == one.points
    assert points(one.side & two.side) == one.points & two.points
    assert points(one.side | two.side) == one.points | two.points
    assert points(one.side - two.side) == one.points - two.points
    assert (one.side <= two.side) == (one.points <= two.points)
    assert one.side.meets(two.side) == bool(one.points & two.points)
    assert bool(one.side) == bool(one.points)
    # One value for each set, whichever way it was made.
    assert (one.side == two.side) == (one.points == two.points)
    assert (one.side - two.side) | (one.side & two.side) == one.side
    assert (one.side.key == two.side.key) == (one.side == two.side)


@given(trees())
def test_a_whole_tree_has_all_of_each_first_step_or_nothing(drawn: Drawn) -> None:
    assert isinstance(drawn.side, Tree)
    whole = drawn.side.whole()
    touched = {path.partition("/")[0] for path in drawn.points}
    assert {path for path in PATHS if path in whole} == {
        path for path in PATHS if path.partition("/")[0] in touched
    }
    assert drawn.side <= whole == whole.whole()


# --- sets of boxes ----------------------------------------------------------------------------------------


@given(questions())
def test_the_operations_are_those_of_the_oracle(question: Any) -> None:
    drawn, ((one, mine), (two, theirs)) = question
    assert drawn.atoms(one) == mine
    assert drawn.atoms(one | two) == mine | theirs
    assert drawn.atoms(one & two) == mine & theirs
    assert drawn.atoms(one - two) == mine - theirs
    assert (one <= two) == (mine <= theirs)
    assert equivalent(one, two) == (mine == theirs)
    assert bool(one) == bool(mine)
    event(f"{len((one - two).boxes)} boxes are left")


@given(questions(3))
def test_containment_is_a_partial_order(question: Any) -> None:
    _, ((one, _), (two, _), (three, _)) = question
    assert one <= one
    assert NOTHING <= one <= Powers.of([EVERYTHING])
    if one <= two and two <= one:
        assert equivalent(one, two)
        assert describe(one) == describe(two)
    for middle in (two, one | two):
        if one <= middle and middle <= three:
            assert one <= three
    assert one <= one | two
    assert one & two <= one


@given(questions())
def test_a_difference_is_empty_exactly_when_it_is_contained(question: Any) -> None:
    _, ((one, _), (two, _)) = question
    left = one - two
    assert (not left) == (one <= two)
    assert not left & two
    assert equivalent(left | (one & two), one)
    assert left <= one
    assert left.boxes == Powers.of(left.boxes).maximal().boxes


@given(questions(3))
def test_union_and_intersection_obey_their_laws(question: Any) -> None:
    _, ((one, _), (two, _), (three, _)) = question
    assert equivalent(one | two, two | one)
    assert equivalent(one & two, two & one)
    assert equivalent((one | two) | three, one | (two | three))
    assert equivalent((one & two) & three, one & (two & three))
    assert equivalent(one & (two | three), (one & two) | (one & three))
    assert equivalent(one | (two & three), (one | two) & (one | three))
    assert equivalent(one - (two | three), (one - two) - three)
    assert equivalent(one - (two & three), (one - two) | (one - three))
    assert equivalent(one | (one & two), one)


@given(questions(3))
def test_what_a_set_is_made_of_does_not_show(question: Any) -> None:
    _, ((one, _), (two, _), (three, _)) = question
    same = [one, (one - two) | (one & two), (one - three) | (one & three), NOTHING | one, one & (one | two)]
    assert len({powers.maximal().boxes for powers in same}) == 1
    assert len({tuple(describe(powers)) for powers in same}) == 1
    assert len({(powers - two).boxes for powers in same}) == 1


def subsets(points: tuple[Any, ...]) -> list[frozenset[Any]]:
    return [frozenset(some) for size in range(1, len(points) + 1) for some in combinations(points, size)]


@settings(max_examples=50)
@given(st.data())
def test_the_boxes_are_all_maximal_ones(data: st.DataObject) -> None:
    tiny = World((Box._fields.index("field"), Box._fields.index("retention")))
    (one, mine), (two, theirs) = data.draw(tiny.sets()), data.draw(tiny.sets())
    for powers, atoms in ((one.maximal(), mine), (one - two, mine - theirs)):
        inside = [
            box
            for box in product(subsets(NAMES), subsets(NUMBERS))
            if all(atom in atoms for atom in product(*box))
        ]
        largest = {
            box
            for box in inside
            if not any(box != other and box[0] <= other[0] and box[1] <= other[1] for other in inside)
        }
        assert powers.all_maximal
        assert {
            (
                frozenset(name for name in NAMES if name in box.field),
                frozenset(number for number in NUMBERS if number in box.retention),
            )
            for box in powers.boxes
        } == largest


@settings(max_examples=300)
@given(
    st.data(), st.sampled_from(FREE), st.sampled_from((("match",), ("match", "search"), tuple(sorted(MODES))))
)
def test_boxes_that_differ_have_words_that_differ(
    data: st.DataObject, place: int, modes: tuple[str, ...]
) -> None:
    drawn = World((Box._fields.index("mode"), place))
    (one, two), mode = (data.draw(PLACES[place][0]).side for _ in range(2)), Names(frozenset(modes))
    words = [describe(Powers.of([drawn.box((mode, side))])) for side in (one, two)]
    assert (words[0] == words[1]) == (one == two)


# --- authorities ------------------------------------------------------------------------------------------

PERIODS = ("P7D", "P28D", "P31D", "P1M", "P90D", "P3M", "P1Y")
AREAS = (
    {"south": 51.3, "west": -0.5, "north": 51.6, "east": 0.3},
    {"south": 51.4, "west": -0.5, "north": 51.6, "east": 0.2},
    {"south": -90, "west": -180, "north": 90, "east": 180},
)
HOURS = (
    {"zone": "Europe/London", "days": ["mon", "tue"], "from": "07:00", "until": "18:00"},
    {"zone": "Europe/London", "days": ["sun"], "from": "22:00", "until": "06:00"},
    {"zone": "Europe/Paris", "days": ["mon"], "from": "00:00", "until": "24:00"},
    {
        "zone": "UTC",
        "days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
        "from": "12:00",
        "until": "12:00",
    },
)
Document = dict[str, Any]


def some(*values: str, least: int = 1) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(values), unique=True, min_size=least)


@st.composite
def documents(draw: st.DrawFn) -> Document:
    """Return documents of authorities in any mode, of few different members."""
    document: Document = copy.deepcopy(world.example("authority"))
    authority, scope = document["authority"], document["scope"]
    authority["mode"] = mode = draw(st.sampled_from(sorted(MODES)))
    authority["unit"] = draw(st.sampled_from(("national-security-units", "serious-crime")))
    authority["purpose"] = draw(st.sampled_from(("crime", "crime/serious", "national-security")))
    authority["recipient_retention"] = draw(st.sampled_from(PERIODS))
    authority["onward"] = draw(some("tfl", "home-office", least=0))
    scope["sources"] = draw(some("tfl", "westminster"))
    scope["groups"] = draw(some("ccz-boundary", "ulez", least=0))
    scope["fields"] = draw(some("plate", "time", "overview-image"))
    scope["hours"] = draw(st.lists(st.sampled_from(HOURS), max_size=2))
    if draw(st.booleans()):
        scope["area"] = draw(st.sampled_from(AREAS))
    if draw(st.booleans()):
        scope["max_cameras"] = draw(st.sampled_from((1, 100, 1000)))
    if mode == "match":
        document["match"] = {
            "kinds": draw(some("murder", "theft")),
            "max_entries": draw(st.sampled_from((1, 5000))),
            "entry_life": draw(st.sampled_from(PERIODS)),
        }
    if mode == "unlisted":
        document["unlisted"] = {
            "lists": draw(some("exempt", "paid")),
            "min_entries": draw(st.sampled_from((1, 5000))),
            "max_shrink": draw(st.sampled_from((0, 0.05, 0.5))),
            "stale_after": draw(st.sampled_from(PERIODS)),
        }
    doers = {"match": ("confirmer", "hotlist-keeper"), "unlisted": ("hotlist-keeper",)}.get(mode, ())
    if demanded := draw(some("viewer", *doers, least=0)):
        authority["demands"] = demanded
    if mode == "search" or (mode in ("bulk", "unlisted") and draw(st.booleans())):
        older = draw(st.lists(st.sampled_from(("P7D", "P28D", "P1M", "P90D")), unique=True, max_size=3))
        document["search"] = {
            "max_age": draw(st.sampled_from(PERIODS)),
            "tiers": [
                {
                    "older_than": text,
                    "approver": draw(st.sampled_from(("met/inspector", "met/superintendent"))),
                }
                for text in sorted(older, key=longest_us)
            ],
        }
        if draw(st.booleans()):
            document["search"] |= {
                "questions": draw(some(*QUESTION_KINDS)),
                "breadth": {
                    "camera_days": draw(st.sampled_from((0, 10, 300))),
                    "plates": draw(st.sampled_from((0, 1, 1000))),
                },
                "answer_retention": draw(st.sampled_from(PERIODS)),
            }
        if draw(st.booleans()):
            document["search"]["hours"] = [draw(st.sampled_from(scope["hours"] or HOURS))]
    if mode != "search" and draw(st.booleans()):
        document["keeper"] = {
            "causes": draw(some("unpaid-charge", "stolen")),
            "registers": draw(some("dvla", "elsewhere")),
            "per_day": draw(st.sampled_from((1, 500))),
            "not_before": draw(st.sampled_from(("P0D", "P3D", "P7D"))),
        }
    return document


lengths = st.builds(
    lambda text, more: max(0, longest_us(text) + more), st.sampled_from(PERIODS), st.sampled_from((-1, 0, 1))
) | st.just(0)
edges = st.sampled_from([round(degrees * 1_000_000) for area in AREAS for degrees in area.values()])
powers = st.builds(
    Power,
    unit=st.sampled_from(("met/national-security-units", "met/serious-crime", "met", "tfl/serious-crime")),
    purpose=st.sampled_from(("crime", "crime/serious", "crime/serious/arms", "crime-2", "national-security")),
    mode=st.sampled_from(sorted(MODES)),
    source=st.sampled_from(("tfl", "westminster")),
    group=st.sampled_from(("", "ccz-boundary", "ulez", "other")),
    latitude=st.just(NOWHERE)
    | st.builds(int.__add__, edges.filter(lambda edge: abs(edge) < 90_000_000), st.sampled_from((-1, 0, 1))),
    longitude=st.builds(
        int.__add__, edges.filter(lambda edge: abs(edge) < 90_000_000), st.sampled_from((-1, 0, 1))
    ),
    cameras=st.sampled_from((0, 1, 2, 100, 101, 1000, 1001, 10_000)),
    field=st.sampled_from(("plate", "time", "overview-image", "keeper")),
    hours=st.tuples(
        st.sampled_from(("Europe/London", "Europe/Paris", "UTC", "Asia/Tokyo")),
        st.sampled_from((0, 359, 360, 419, 420, 1079, 1080, 2879, 2880, 10_079)),
    ),
    age=lengths,
    approval=st.sampled_from(("", "met/inspector", "met/superintendent")),
    retention=lengths,
    onward=st.sampled_from(("", "tfl", "home-office", "met")),
    kind=st.sampled_from(("murder", "theft", "arson", "exempt", "paid")),
    entries=st.sampled_from((0, 1, 2, 4999, 5000, 5001)),
    entry_life=lengths,
    list_age=lengths,
    shrink=st.sampled_from((0, 1, 49_999, 50_000, 50_001, 500_000, 1_000_000)),
    doer=st.sampled_from(("", "viewer", "confirmer", "hotlist-keeper")),
    question=st.sampled_from(("", *QUESTION_KINDS, "never")),
    camera_days=st.sampled_from((0, 1, 10, 11, 300, 301)),
    plates=st.sampled_from((0, 1, 2, 1000, 1001)),
    answer_retention=lengths | st.sampled_from((3_600_000_000, 3_600_000_001)),
    cause=st.sampled_from(("", "unpaid-charge", "stolen", "never")),
    register=st.sampled_from(("dvla", "elsewhere", "never")),
    links=st.sampled_from((0, 1, 2, 500, 501)),
    linked_after=st.sampled_from([days * 86_400_000_000 + more for days in (0, 3, 7) for more in (0, 1)])
    | st.sampled_from((3 * 86_400_000_000 - 1, 7 * 86_400_000_000 - 1)),
)
counts = st.none() | st.sampled_from((0, 1, 100, 2000))


def powers_of(document: Document, cameras: int | None = None) -> Powers:
    return of_authority(parse_authority(document), cameras)


@settings(max_examples=200)
@given(documents(), counts, st.data())
def test_an_authority_has_the_powers_that_the_oracle_finds(
    document: Document, cameras: int | None, data: st.DataObject
) -> None:
    had = powers_of(document, cameras)
    assert had
    inside = _some_power_of(document, data)
    for power in (data.draw(powers), inside, inside._replace(**_one_member(data.draw(powers), data))):
        event(f"holds: {holds(document, cameras, power)}")
        assert (power in had) == holds(document, cameras, power)


def _some_power_of(document: Document, data: st.DataObject) -> Power:
    """Return a power that the authority mostly has, so that those beside it are tried."""
    authority, scope = document["authority"], document["scope"]
    return data.draw(powers)._replace(
        unit=f"met/{authority['unit']}",
        purpose=authority["purpose"],
        mode="unlisted" if authority["mode"] == "unlisted" else "match",
        source=scope["sources"][0],
        group=(scope["groups"] or [""])[0],
        latitude=51_500_000,
        longitude=0,
        cameras=0,
        field=scope["fields"][0],
        hours=data.draw(
            st.sampled_from(scope["hours"]).map(_begin) if scope["hours"] else st.just(("UTC", 0))
        ),
        age=0,
        retention=0,
        onward="",
        kind=document.get("match", {"kinds": ["murder"]})["kinds"][0],
        entries=document.get("unlisted", {"min_entries": 0})["min_entries"],
        entry_life=0,
        list_age=0,
        shrink=0,
        doer="",
        cause=data.draw(st.sampled_from(["", *document.get("keeper", {"causes": []})["causes"]])),
        register=document.get("keeper", {"registers": ["dvla"]})["registers"][0],
        links=0,
        linked_after=7 * 86_400_000_000,
    )


def _begin(hours: Document) -> tuple[str, int]:
    hour, minute = hours["from"].split(":")
    return hours["zone"], DAYS.index(hours["days"][0]) * 1440 + int(hour) * 60 + int(minute)


def _one_member(power: Power, data: st.DataObject) -> dict[str, Any]:
    name = data.draw(st.sampled_from(Power._fields))
    return {name: getattr(power, name)}


def fewer(values: list[Any], data: st.DataObject) -> list[Any]:
    return data.draw(st.lists(st.sampled_from(values), unique_by=str, min_size=1))


def shorter(text: str, data: st.DataObject) -> str:
    return data.draw(st.sampled_from([one for one in PERIODS if longest_us(one) <= longest_us(text)]))


def narrowed(document: Document, data: st.DataObject) -> Document:
    """Return the document with one member narrowed, or as it is where that member cannot be."""
    document = copy.deepcopy(document)
    authority, scope = document["authority"], document["scope"]
    match, search, unlisted = document.get("match"), document.get("search"), document.get("unlisted")
    steps: dict[str, Callable[[], Any]] = {
        "purpose": lambda: authority.update(purpose=authority["purpose"] + "/narrower"),
        "retention": lambda: authority.update(
            recipient_retention=shorter(authority["recipient_retention"], data)
        ),
        "onward": lambda: authority["onward"] and authority["onward"].pop(),
        "sources": lambda: scope.update(sources=fewer(scope["sources"], data)),
        "groups": lambda: scope.update(groups=fewer(scope["groups"] or ["ulez", "elsewhere"], data)),
        "fields": lambda: scope.update(fields=fewer(scope["fields"], data)),
        # Hours of searches lie within those of the scope, or it is refused.
        "hours": lambda: scope.update(
            hours=(search or {}).get("hours") or fewer(scope["hours"] or list(HOURS), data)
        ),
        "area": lambda: scope.update(area=AREAS[1] if scope.get("area") in (None, *AREAS) else scope["area"]),
        "cameras": lambda: scope.update(max_cameras=max(1, scope.get("max_cameras", 5) - 1)),
    }
    if match:
        steps["kinds"] = lambda: match.update(kinds=fewer(match["kinds"], data))
        steps["entries"] = lambda: match.update(max_entries=max(1, match["max_entries"] - 1))
        steps["life"] = lambda: match.update(entry_life=shorter(match["entry_life"], data))
    if unlisted:
        more = [*unlisted["lists"], *({"exempt", "paid", "compliant"} - set(unlisted["lists"]))]
        steps["one more list"] = lambda: unlisted.update(lists=more[: len(unlisted["lists"]) + 1])
        steps["more entries"] = lambda: unlisted.update(min_entries=unlisted["min_entries"] + 1)
        steps["less shrinking"] = lambda: unlisted.update(max_shrink=unlisted["max_shrink"] / 2)
        steps["fresher"] = lambda: unlisted.update(stale_after=shorter(unlisted["stale_after"], data))
    if authority["mode"] in ("bulk", "unlisted") and not search:
        steps["custody"] = lambda: document.update(search={"max_age": "P1Y"})
    if search:
        steps["age"] = lambda: search.update(max_age=shorter(search["max_age"], data))
        breadth = search.get("breadth", {"camera_days": 0, "plates": 0})
        steps["camera-days"] = lambda: search.update(
            breadth=breadth | {"camera_days": breadth["camera_days"] // 2}
        )
        steps["plates"] = lambda: search.update(breadth=breadth | {"plates": breadth["plates"] // 2})
        steps["no breadth"] = lambda: search.pop("breadth", None)
        steps["answers"] = lambda: search.pop("answer_retention", None)
        steps["questions"] = lambda: search.update(questions=fewer(search.get("questions", ["plate"]), data))
        steps["search hours"] = lambda: search.update(
            hours=search.get("hours") or fewer(scope["hours"] or list(HOURS), data)
        )
        if not search["tiers"]:
            steps["tier"] = lambda: search.update(tiers=[{"older_than": "P7D", "approver": "met/inspector"}])
    if keeper := document.get("keeper"):
        steps["no links"] = lambda: document.pop("keeper")
        steps["causes"] = lambda: keeper.update(causes=fewer(keeper["causes"], data))
        steps["registers"] = lambda: keeper.update(registers=fewer(keeper["registers"], data))
        steps["links"] = lambda: keeper.update(per_day=1)
        steps["not before"] = lambda: keeper.update(not_before="P7D")
    step = data.draw(st.sampled_from(sorted(steps)))
    event(f"narrowed: {step}")
    steps[step]()
    return document


@given(documents(), st.data())
def test_narrowing_any_member_never_adds_powers(document: Document, data: st.DataObject) -> None:
    wide, narrow = powers_of(document), powers_of(narrowed(document, data))
    assert narrow <= wide
    assert not narrow - wide
    assert describe(narrow - wide) == []
    assert equivalent(narrow | wide, wide)


@given(documents(), counts, counts)
def test_fewer_cameras_are_fewer_powers(document: Document, one: int | None, two: int | None) -> None:
    if two is None or (one is not None and one <= two):
        assert powers_of(document, one) <= powers_of(document, two)


@given(documents(), documents())
def test_the_words_of_a_difference_are_there_exactly_when_it_is(one: Document, two: Document) -> None:
    wider = powers_of(one) - powers_of(two)
    assert bool(describe(wider)) == bool(wider)
    assert bool(describe(wider, within=powers_of(one))) == bool(wider)


@given(documents())
def test_bulk_contains_search_and_search_contains_match(document: Document) -> None:
    retention = document["authority"]["recipient_retention"]

    def in_mode(mode: str, **tables: Any) -> Powers:
        other = copy.deepcopy(
            {
                name: table
                for name, table in document.items()
                if name not in ("match", "search", "unlisted", "keeper")
            }
        )
        other["authority"]["mode"] = mode
        if "demands" in other["authority"]:
            other["authority"]["demands"] = ["viewer"]  # the others are of a list
        return powers_of(other | tables)

    bulk = in_mode("bulk")
    # Search within hours of its own has no more than a match within those.
    terms = {name: value for name, value in document.get("search", {}).items() if name != "hours"}
    search = in_mode("search", search=terms | {"max_age": retention})
    match = in_mode("match", match={"kinds": ["murder"], "max_entries": 5, "entry_life": "P1Y"})
    unlisted = in_mode("unlisted", unlisted={"min_entries": 5, "max_shrink": 0.05})
    assert match <= search <= bulk
    # Bulk covers it, and it covers nothing but itself.
    assert unlisted <= bulk
    assert not bulk <= unlisted
    assert not (match | search) & unlisted
    together = in_bulk_together(unlisted, match)
    assert together
    assert together <= bulk
    assert not together & (unlisted | match | search)
    assert in_bulk_together(match, unlisted) <= bulk
    assert not bulk <= search
    assert not search <= match
    assert not in_mode("search", search={"max_age": "P2Y"}) <= bulk


@settings(max_examples=50)
@given(st.lists(documents(), max_size=8), documents())
def test_a_draft_is_what_is_covered_and_what_is_wider(consulted: list[Document], document: Document) -> None:
    draft = powers_of(document)
    covered = reduce(Powers.__or__, map(powers_of, consulted), NOTHING)
    wider = draft - covered
    assert equivalent(wider | (draft & covered), draft)
    assert not wider & covered
    assert draft <= covered | wider
    assert draft & region(purposes=["crime"]) <= draft <= region(units=["met"])
