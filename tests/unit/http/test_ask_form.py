"""The form in which a person asks: any text becomes a question or faults, and times on the wall are exact."""

from __future__ import annotations

import doctest
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wicketgate.base.clock import parse_rfc3339
from wicketgate.base.errors import InputError
from wicketgate.base.hours import load_zone
from wicketgate.history.questions import KINDS, MAX_SCENES, parse_question
from wicketgate.http.site import written_times
from wicketgate.http.site.ask_form import (
    MOST_LINE,
    FormFault,
    ReadQuestion,
    WrittenQuestion,
    WrittenScene,
    read_question,
    written_of,
)
from wicketgate.http.site.written_times import TimeFault, read_moment

NOW_US = parse_rfc3339("2026-07-08T12:00:30Z")
LONDON = "Europe/London"
WHY = {"authority": "tfl-met-past", "offence": "OF61", "case": "CR/1", "reason": "a witness saw it leave"}
TIME = {"from_day": "7/7/2026", "from_time": "08:00", "to_day": "", "to_time": "9:15"}


def form(kind: str, **more: Any) -> WrittenQuestion:
    return WrittenQuestion(kind=kind, **{**WHY, **TIME, **more})


def asked(written: WrittenQuestion, zone: str = LONDON) -> dict[str, Any]:
    found = read_question(written, zone, NOW_US)
    assert isinstance(found, ReadQuestion), found
    assert found.question == parse_question(found.said["question"])
    return dict(found.said)


def faults(written: WrittenQuestion) -> list[str]:
    found = read_question(written, LONDON, NOW_US)
    assert not isinstance(found, ReadQuestion)
    return [fault.field for fault in found]


SPAN = {"from": "2026-07-07T07:00:00Z", "to": "2026-07-07T08:15:00Z"}
FITTING = [
    (form("plate", plate="ab12 cde"), {"plate": "ab12 cde", **SPAN}),
    (form("lookalikes", plate="AB12CDE"), {"plate": "AB12CDE", "lookalikes": True, **SPAN}),
    (
        form("plates", plates="AB12 CDE\nKK55KKK; EB21NNN,"),
        {"plates": ["AB12 CDE", "KK55KKK", "EB21NNN"], **SPAN},
    ),
    (
        form("pattern", pattern="AB1?C*", make="Ford"),
        {"pattern": "AB1?C*", "vehicle": {"make": "Ford"}, **SPAN},
    ),
    (
        form("place", groups=("ccz-boundary",), cameras="ccz-0001\ntfl/ccz-0002"),
        {"groups": ["ccz-boundary"], "cameras": ["ccz-0001", "tfl/ccz-0002"], **SPAN},
    ),
    (
        form("vehicle", colour="red", body="van", area="51.5, -0.1\n51.6 -0.1\n51.6;0.0"),
        {
            "vehicle": {"colour": "red", "kind": "van"},
            "area": {
                "type": "Polygon",
                "coordinates": [[[-0.1, 51.5], [-0.1, 51.6], [0.0, 51.6], [-0.1, 51.5]]],
            },
            **SPAN,
        },
    ),
    (
        form("plate", plate="AB12CDE", clock="utc"),
        {
            "plate": "AB12CDE",
            "from": "2026-07-07T08:00:00Z",
            "to": "2026-07-07T09:15:00Z",
        },
    ),
    (
        form("plate", plate="AB12CDE", to_time=""),
        {"plate": "AB12CDE", "from": SPAN["from"], "to": "2026-07-08T12:01:00Z"},
    ),
]


@pytest.mark.parametrize(("written", "question"), FITTING)
def test_a_form_becomes_what_the_api_takes(written: WrittenQuestion, question: dict[str, Any]) -> None:
    assert asked(written) == {**WHY, "question": question}


def test_scenes_are_read_each_with_its_place_and_time() -> None:
    scenes = (WrittenScene(group="a", **TIME), WrittenScene(cameras="x, y", **TIME), WrittenScene())
    question = asked(form("scenes", scenes=scenes, at_least="2", from_day="", from_time=""))["question"]
    assert question == {
        "scenes": [{"groups": ["a"], **SPAN}, {"cameras": ["x", "y"], **SPAN}],
        "at_least": 2,
    }


def test_an_emergency_says_why() -> None:
    assert faults(form("plate", plate="AB12CDE", emergency="yes")) == ["emergency_reason"]
    said = asked(form("plate", plate="AB12CDE", emergency="yes", emergency_reason="a child was taken"))
    assert said["emergency"] == {"reason": "a child was taken"}
    assert "emergency" not in asked(form("plate", plate="AB12CDE", emergency_reason="not ticked"))


BAD = [
    (form("habit"), ["kind"]),
    (form("plate", plate=""), ["plate"]),
    (form("plate", plate="A" * 40), ["plate"]),
    (form("lookalikes", plate="!"), ["plate"]),
    (form("plates", plates=""), ["plates"]),
    (form("plates", plates="AB12CDE\n!!"), ["plates"]),
    (form("plates", plates="\n".join(f"AB{n}" for n in range(1001))), ["plates"]),
    (form("pattern", pattern="*"), ["pattern"]),
    (form("pattern", pattern="A?"), ["pattern"]),
    (form("place", area="51.5, -0.1\n51.6, -0.1"), ["area"]),
    (form("place", area="51.5, -0.1\nLondon"), ["area"]),
    (form("place", area='{"type":"Point"}'), ["area"]),
    (form("place", area="99, 0\n99, 1\n98, 1"), ["area"]),
    (form("vehicle"), ["make"]),
    (form("vehicle", colour="?"), ["colour"]),
    (form("plate", plate="AB12CDE", offence="", case="", reason=""), ["offence", "case", "reason"]),
    (form("plate", plate="AB12CDE", from_day=""), ["from_day", "to_day"]),
    (form("plate", plate="AB12CDE", from_time="noon"), ["from_time"]),
    (form("plate", plate="AB12CDE", to_time="07:59"), ["to_day"]),
    (form("scenes"), [f"scene-{n}-{one}" for n in (0, 1) for one in ("group", "from_day", "to_day")]),
    (
        form(
            "scenes", scenes=(WrittenScene(group="a", cameras="b", **TIME), WrittenScene(group="a", **TIME))
        ),
        ["scene-0-group"],
    ),
    (form("scenes", at_least="9", scenes=(WrittenScene(group="a", **TIME),) * 2), ["at_least"]),
    (form("scenes", at_least="x", scenes=(WrittenScene(group="a", **TIME),) * 2), ["at_least"]),
]


@pytest.mark.parametrize(("written", "wrong"), BAD)
def test_each_fault_names_its_field_and_nothing_that_was_written(
    written: WrittenQuestion, wrong: list[str] | None
) -> None:
    found = read_question(written, LONDON, NOW_US)
    assert not isinstance(found, ReadQuestion)
    if wrong is not None:
        assert [fault.field for fault in found] == wrong
    for fault in found:
        assert fault.words.endswith(".")
        assert "`" not in fault.words
        assert not re.search("AB12CDE|London|!!", fault.words)


def test_fields_are_bounded_and_what_is_not_known_is_left_out() -> None:
    assert written_of(
        [("plate", " AB12CDE "), ("nothing", "x"), ("scene-20-group", "x"), ("scene-0-x", "y")]
    ) == (WrittenQuestion(plate="AB12CDE"))
    for name in ("plate", "scene-3-group", "group"):
        with pytest.raises(InputError) as refused:
            written_of([(name, "A" * (MOST_LINE + 1))])
        assert "AAA" not in str(refused.value)
    assert written_of([("scene-19-group", "x")]).scenes[19] == WrittenScene(group="x")
    assert len(WrittenQuestion().with_scenes(99).scenes) == MAX_SCENES


NAMES = st.sampled_from(
    [
        "authority",
        "kind",
        "plate",
        "plates",
        "pattern",
        "make",
        "colour",
        "body",
        "cameras",
        "area",
        "clock",
        "group",
        "from_day",
        "from_time",
        "to_day",
        "to_time",
        "offence",
        "case",
        "reason",
        "emergency",
        "at_least",
        "scene-0-group",
        "scene-1-area",
        "scene-1-from_day",
        "scene-19-to_time",
        "x",
    ]
)
VALUES = st.text(max_size=40) | st.sampled_from(
    [
        *KINDS,
        *["AB12CDE", "7/7/2026", "08:00", "utc", "25/10/2026", "01:30", "29/3/2026", "31/12/9999", "24:00"],
        '{"type":"Polygon","coordinates":[[[0,0],[0,1],[1,1],[0,0]]]}',
        '{"geometry":3}',
        "51.5, 0\n52, 0\n52, 1",
        "[" * 300,
    ]
)


@given(st.lists(st.tuples(NAMES, VALUES), max_size=30), st.sampled_from(["", LONDON, "America/St_Johns"]))
def test_any_fields_become_a_question_or_faults(pairs: list[tuple[str, str]], zone: str) -> None:
    written = written_of(pairs)
    found = read_question(written, zone, NOW_US)
    if isinstance(found, ReadQuestion):
        assert written.kind in found.question.kinds
        assert found.question.from_us < found.question.until_us
    else:
        assert found
        assert all(isinstance(one, FormFault) and one.words for one in found)


# --- times ------------------------------------------------------------------------------------------------


def test_the_examples_hold() -> None:
    assert doctest.testmod(written_times).attempted
    assert not doctest.testmod(written_times).failed


@given(st.integers(60 * 24, 4_200_000_000), st.sampled_from([LONDON, "Australia/Lord_Howe"]))
def test_a_time_on_the_wall_is_the_only_moment_at_which_the_clock_shows_it(minute: int, zone: str) -> None:
    at = datetime(1970, 1, 1, tzinfo=UTC).replace(tzinfo=None) + timedelta(minutes=minute)
    there = load_zone(zone)
    # A slow oracle: every moment of two days around it, by the half-hour offsets that there are.
    shown = [
        moment
        for quarter in range(-96, 97)
        if (moment := at.replace(tzinfo=UTC) + timedelta(minutes=15 * quarter))
        and moment.astimezone(there).replace(tzinfo=None) == at
    ]
    found = read_moment(f"{at.day}/{at.month}/{at.year:04d}", f"{at:%H:%M}", zone)
    if len(shown) == 1:
        assert found == round((shown[0] - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1))
    elif shown or at.year > 1971:  # before then offsets were not whole quarters
        assert isinstance(found, TimeFault)


@pytest.mark.parametrize(
    ("day", "time", "part"),
    [
        ("25/10/2026", "01:30", "time"),
        ("29/3/2026", "01:30", "time"),
        ("30/2/2026", "08:00", "day"),
        ("5/2026", "08:00", "day"),
        ("1/1/1969", "08:00", "day"),
        ("7/Foo/2026", "08:00", "day"),
        ("7/7/2026", "24:01", "time"),
        ("7/7/2026", "8", "time"),
        ("7/7/2026", "13pm", "time"),
        ("7/7/2026", "08:61", "time"),
    ],
)
def test_times_that_are_none_say_which_part(day: str, time: str, part: str) -> None:
    found = read_moment(day, time, LONDON)
    assert isinstance(found, TimeFault)
    assert found.part == part


@pytest.mark.parametrize(
    "day", ["7/7/2026", "07.07.2026", "7 July 2026", "7-jul-2026", "2026-07-07", "7 / 7 / 2026"]
)
@pytest.mark.parametrize("time", ["08:00", "8:00", "0800", "08.00", "8am", "8:00 AM", "08:00:00"])
def test_days_and_times_may_be_written_in_many_ways(day: str, time: str) -> None:
    assert read_moment(day, time, LONDON) == parse_rfc3339("2026-07-07T07:00:00Z")


def test_twelve_is_noon_or_midnight_and_24_the_end_of_the_day() -> None:
    assert read_moment("7/7/2026", "12pm", "") == parse_rfc3339("2026-07-07T12:00:00Z")
    assert read_moment("7/7/2026", "12am", "") == parse_rfc3339("2026-07-07T00:00:00Z")
    assert read_moment("7/7/2026", "24:00", "") == parse_rfc3339("2026-07-08T00:00:00Z")
