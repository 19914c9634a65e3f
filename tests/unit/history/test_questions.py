"""Questions: their members, their kinds, their breadth, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wicketgate.base.clock import DAY_US
from wicketgate.base.errors import InputError
from wicketgate.history.places import CameraPlace, MapPolygon, parse_polygon
from wicketgate.history.questions import Question, SeenVehicle, parse_question, skeleton_of
from wicketgate.hotlists.skeletons import hashes
from wicketgate.reads.plates import pack_all

SPAN = {"from": "2026-07-04T00:00:00Z", "to": "2026-07-05T12:00:00Z"}
SQUARE = {"type": "Polygon", "coordinates": [[[0, 51], [1, 51], [1, 52], [0, 52], [0, 51]]]}
SCENES = [{"cameras": ["tfl/a"], **SPAN}, {"groups": ["g"], **SPAN}, {"area": SQUARE, **SPAN}]


@pytest.mark.parametrize(
    ("members", "kinds"),
    [
        ({"plate": "ab12 cde"}, {"plate"}),
        ({"plate": "AB12CDE", "cameras": ["tfl/a"]}, {"plate"}),
        ({"plate": "AB12CDE", "lookalikes": True}, {"plate", "lookalikes"}),
        ({"plates": ["AB12CDE"]}, {"plates"}),
        ({"plates": ["AB12CDE", "X1"], "vehicle": {"make": "VW"}}, {"plates", "vehicle"}),
        ({"pattern": "AB1?C*"}, {"pattern"}),
        ({"vehicle": {"colour": "red"}}, {"vehicle"}),
        ({"vehicle": {"colour": "red"}, "groups": ["g"]}, {"vehicle", "place"}),
        ({"area": SQUARE}, {"place"}),
        ({}, {"place"}),
    ],
)
def test_the_kinds_of_a_question(members: dict[str, Any], kinds: set[str]) -> None:
    question = parse_question({**members, **SPAN})
    assert question.kinds == kinds
    assert question.is_counted_first == (kinds != {"plate"})
    assert parse_question(question.as_json()) == question


def test_scenes() -> None:
    question = parse_question({"scenes": SCENES, "at_least": 2, "vehicle": {"kind": "Van"}})
    assert question.kinds == {"scenes", "vehicle"}
    assert question.vehicle == SeenVehicle(kind="van")
    assert parse_question(question.as_json()) == question
    assert parse_question({"scenes": SCENES}).at_least == 3


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (None, "malformed"),
        ([], "malformed"),
        ({**SPAN, "keeper": "x"}, "malformed"),
        ({"plate": "AB12CDE"}, "malformed"),
        ({"plate": "AB12CDE", "from": SPAN["to"], "to": SPAN["from"]}, "malformed"),
        ({"plate": "AB12CDE", "from": "2026-07-04T00:00:00", "to": SPAN["to"]}, "zone-missing"),
        ({"plate": "A" * 17, **SPAN}, "malformed"),
        ({"plate": "A%", **SPAN}, "malformed"),
        ({"plate": 1, **SPAN}, "malformed"),
        ({"plate": "A1", "pattern": "A1*", **SPAN}, "question-kind"),
        ({"pattern": "A?", **SPAN}, "malformed"),
        ({"pattern": "A%1", **SPAN}, "malformed"),
        ({"pattern": "A_1", **SPAN}, "malformed"),
        ({"pattern": "AB" + "?" * 15, **SPAN}, "malformed"),
        ({"pattern": "AB*", "lookalikes": True, **SPAN}, "question-kind"),
        ({"lookalikes": True, **SPAN}, "question-kind"),
        ({"plate": "A1", "lookalikes": 1, **SPAN}, "malformed"),
        ({"plates": [], **SPAN}, "malformed"),
        ({"plates": ["A1"] * 1001, **SPAN}, "malformed"),
        ({"vehicle": {}, **SPAN}, "malformed"),
        ({"vehicle": {"make": "--"}, **SPAN}, "malformed"),
        ({"vehicle": {"keeper": "x"}, **SPAN}, "malformed"),
        ({"cameras": [], **SPAN}, "malformed"),
        ({"cameras": ["a"] * 5001, **SPAN}, "malformed"),
        ({"groups": "g", **SPAN}, "malformed"),
        ({"area": {"type": "Point", "coordinates": [0, 0]}, **SPAN}, "malformed"),
        ({"area": {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [0, 0]]]}, **SPAN}, "malformed"),
        (
            {"area": {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1]]]}, **SPAN},
            "malformed",
        ),
        (
            {"area": {"type": "Polygon", "coordinates": [[[0, 0], [1e999, 1], [1, 0], [0, 0]]]}, **SPAN},
            "malformed",
        ),
        ({"at_least": 2, **SPAN}, "question-kind"),
        ({"scenes": SCENES, **SPAN}, "question-kind"),
        ({"scenes": SCENES[:1]}, "malformed"),
        ({"scenes": SCENES, "at_least": 1}, "malformed"),
        ({"scenes": SCENES, "at_least": True}, "malformed"),
        ({"scenes": SCENES, "plate": "A1"}, "question-kind"),
        ({"scenes": [{**SPAN}, *SCENES]}, "malformed"),
        ({"scenes": [{"cameras": ["a"], "groups": ["g"], **SPAN}, *SCENES]}, "malformed"),
    ],
)
def test_what_is_refused(said: Any, code: str) -> None:
    with pytest.raises(InputError) as refused:
        parse_question(said)
    assert refused.value.code == code


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.just("2026-07-04T00:00:00Z"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
members = st.sampled_from(
    ["plate", "plates", "pattern", "scenes", "at_least", "lookalikes", "vehicle", "cameras", "groups", "area"]
)


@given(st.dictionaries(members, json_values), st.booleans())
def test_anything_becomes_a_question_or_an_input_error(said: dict[str, Any], timed: bool) -> None:
    try:
        question = parse_question({**said, **SPAN} if timed else said)
    except InputError:
        return
    assert parse_question(question.as_json()) == question
    assert question.kinds


@given(st.text("0ODQ1I2Z5S6G8BAX", max_size=12), st.text("0ODQ1I2Z5S6G8BAX", max_size=12))
def test_skeletons_are_those_of_the_hotlists(one: str, other: str) -> None:
    first, second = hashes(pack_all([one, other]))
    assert (skeleton_of(one) == skeleton_of(other)) == (first == second)


def test_breadth_counts_cameras_times_days_begun() -> None:
    counts = {CameraPlace(cameras=("tfl/a",)): 1, CameraPlace(groups=("g",)): 7}

    def numbers(place: CameraPlace) -> int:
        return counts.get(place, 3)

    one = parse_question({"plate": "A1", **SPAN}).breadth(numbers)
    assert one == (3, 2, 6, 1)
    nobody = parse_question({"groups": ["g"], **SPAN}).breadth(numbers)
    assert nobody == (7, 2, 14, None)
    short = {"from": SPAN["from"], "to": "2026-07-04T00:00:01Z"}
    scenes = parse_question({"scenes": [{"cameras": ["tfl/a"], **short}, {"groups": ["g"], **SPAN}]})
    assert scenes.breadth(numbers) == (8, 2, 1 + 14, None)
    week = Question(plates=("A", "B"), many=True, from_us=0, until_us=7 * DAY_US)
    assert week.breadth(numbers) == (3, 7, 21, 2)


class Seen:
    """A camera of a place."""

    def __init__(self, name: str, groups: tuple[str, ...], at: tuple[float, float] | None) -> None:
        self.source, self.id = name.split("/")
        self.groups = groups
        self.longitude, self.latitude = at or (None, None)


def test_each_member_of_a_place_narrows() -> None:
    cameras = [
        Seen("tfl/a", ("g",), (0.5, 51.5)),
        Seen("tfl/b", ("g",), (2.5, 51.5)),
        Seen("tfl/c", (), None),
        Seen("eastholm/a", ("h",), (0.5, 51.5)),
    ]
    square = parse_polygon(SQUARE, "area")
    for place, expected in [
        (CameraPlace(), [0, 1, 2, 3]),
        (CameraPlace(cameras=("a",)), [0, 3]),
        (CameraPlace(cameras=("tfl/a", "tfl/c")), [0, 2]),
        (CameraPlace(groups=("g", "h")), [0, 1, 3]),
        (CameraPlace(area=square), [0, 3]),
        (CameraPlace(cameras=("tfl/a", "tfl/b"), groups=("g",), area=square), [0]),
    ]:
        assert place.numbers(cameras) == expected
        assert [n for n, camera in enumerate(cameras) if place.holds(camera)] == expected


def test_a_polygon_with_a_hole() -> None:
    outer = ((0.0, 0.0), (10.0, 0.0), (10.0, 10.0), (0.0, 10.0), (0.0, 0.0))
    hole = ((4.0, 4.0), (6.0, 4.0), (6.0, 6.0), (4.0, 6.0), (4.0, 4.0))
    polygon = MapPolygon((outer, hole))
    inside = [(1, 1), (0, 5), (10, 10), (4, 5), (5, 9)]
    outside = [(5, 5), (11, 5), (-1, 0), (5, 10.001)]
    assert all(polygon.holds(y, x) for x, y in inside)
    assert not any(polygon.holds(y, x) for x, y in outside)
    assert not polygon.holds(None, None)


def fits(pattern: str, plate: str) -> bool:
    """Return whether a plate fits a pattern, by trying every length of what `*` stands for."""
    if not pattern:
        return not plate
    if pattern[0] == "*":
        return any(fits(pattern[1:], plate[at:]) for at in range(len(plate) + 1))
    return bool(plate) and pattern[0] in ("?", plate[0]) and fits(pattern[1:], plate[1:])


@given(st.text("AB?*", min_size=1, max_size=6), st.text("ABC", min_size=1, max_size=7))
def test_a_pattern_means_the_plates_that_fit_it(pattern: str, plate: str) -> None:
    assert Question(pattern=pattern, from_us=0, until_us=1).means_plate(plate) == fits(pattern, plate)


@pytest.mark.parametrize(
    ("members", "meant"),
    [
        ({"plate": "AB12CDE"}, {"AB12CDE"}),
        ({"plate": "AB12CDE", "lookalikes": True}, {"AB12CDE", "A812CDE"}),
        ({"plates": ["X1", "A812CDE"]}, {"A812CDE"}),
        ({"groups": ["g"]}, {"AB12CDE", "A812CDE", "Y2"}),
        ({"vehicle": {"colour": "red"}}, {"AB12CDE", "A812CDE", "Y2"}),
    ],
)
def test_which_plates_a_question_means(members: dict[str, Any], meant: set[str]) -> None:
    question = parse_question({**members, **SPAN})
    assert {plate for plate in ("AB12CDE", "A812CDE", "Y2") if question.means_plate(plate)} == meant
    assert not parse_question({"scenes": SCENES}).means_plate("AB12CDE"), (
        "one read alone says nothing of scenes"
    )
