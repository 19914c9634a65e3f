"""Hits: deadlines, journeys that cannot be, and which outcome may be recorded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wicketgate.base.clock import DAY_US, HOUR_US, MINUTE_US, SECOND_US, parse_rfc3339
from wicketgate.base.distances import FASTEST_KMH, distance_km
from wicketgate.base.errors import HitRefused, InputError
from wicketgate.commits.cameras import Camera
from wicketgate.commits.hits import OpenHit, Sighting
from wicketgate.commits.transactions import HitRaised, Outcome
from wicketgate.hotlists.hits import DEADLINES_US, Hit, due_us, raised, with_outcome
from wicketgate.hotlists.journeys import impossible
from wicketgate.hotlists.outcomes import SECOND_READ_US, Comparison, judge_outcome

AT_US = parse_rfc3339("2026-07-08T12:00:00Z")
MARBLE_ARCH, TOWER, HEATHROW = (51.5134, -0.1588), (51.5081, -0.0760), (51.4700, -0.4543)
PLACES: Mapping[str, tuple[float, float]] = {"tfl/arch": MARBLE_ARCH, "tfl/tower": TOWER, "tfl/lhr": HEATHROW}


def raised_hit(**changes: Any) -> HitRaised:
    """Return a hit as the gate raised it."""
    members: dict[str, Any] = {
        "id": "h1",
        "authority": "tfl-met-wanted",
        "version": 1,
        "seq": 1,
        "voi": "v1",
        "kind": "murder",
        "priority": 2,
        "quality": "exact",
        "raised_us": AT_US,
        "due_us": AT_US + HOUR_US,
        "place": "tfl/arch",
        "taken_us": AT_US,
        "listed": "KLM3",
    }
    return HitRaised(**members | changes)


# --- deadlines ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("priority", "after_us"), [(1, 15 * MINUTE_US), (2, HOUR_US), (3, 4 * HOUR_US), (4, DAY_US)]
)
def test_a_deadline_follows_from_the_priority(priority: int, after_us: int) -> None:
    assert due_us(priority, AT_US) == AT_US + after_us


def test_every_priority_has_a_deadline_and_the_more_urgent_the_earlier() -> None:
    assert list(DEADLINES_US) == [1, 2, 3, 4]
    assert list(DEADLINES_US.values()) == sorted(DEADLINES_US.values())


# --- journeys -------------------------------------------------------------------------------------------------


def seen(place: str, before_s: float, *, exact: bool = True, hit: str = "before") -> Sighting:
    return Sighting(hit, place, AT_US - round(before_s * SECOND_US), exact)


def at_speed(one: tuple[float, float], other: tuple[float, float], kmh: float) -> float:
    """Return the seconds from one place to another."""
    return distance_km(one, other) / kmh * 3600


@pytest.mark.parametrize(
    ("one", "other", "km"),
    [
        (MARBLE_ARCH, MARBLE_ARCH, 0.0),
        (MARBLE_ARCH, TOWER, 5.76),
        (TOWER, HEATHROW, 26.5),
        ((0.0, 0.0), (0.0, 90.0), 10_007.5),
        ((90.0, 0.0), (-90.0, 0.0), 20_015.1),
        ((0.0, 0.0), (0.0, 180.0), 20_015.1),
    ],
)
def test_a_distance_is_that_over_the_ground(one: Any, other: Any, km: float) -> None:
    assert distance_km(one, other) == pytest.approx(km, rel=0.01, abs=1e-9)
    assert distance_km(other, one) == distance_km(one, other)


positions = st.tuples(st.floats(-90, 90), st.floats(-180, 180))


@given(positions, positions)
def test_every_distance_is_one(one: tuple[float, float], other: tuple[float, float]) -> None:
    assert 0 <= distance_km(one, other) <= 20_016


@pytest.mark.parametrize(
    ("kmh", "clone"), [(FASTEST_KMH - 1, False), (FASTEST_KMH + 1, True), (50, False), (2000, True)]
)
def test_faster_than_any_vehicle_is_impossible(kmh: float, clone: bool) -> None:
    before_s = at_speed(MARBLE_ARCH, TOWER, kmh)
    assert bool(impossible([seen("tfl/arch", before_s)], TOWER, AT_US, PLACES)) is clone


def test_the_words_say_how_far_and_how_long() -> None:
    said = impossible([seen("tfl/arch", 20)], TOWER, AT_US, PLACES)
    assert said == "read 5.8 km away 20 seconds earlier"
    said = impossible([seen("tfl/lhr", 180)], TOWER, AT_US, PLACES)
    assert said == "read 26.5 km away 3 minutes earlier"


def test_at_one_moment_nothing_is_at_two_places() -> None:
    assert impossible([seen("tfl/arch", 0)], TOWER, AT_US, PLACES).endswith("less than a second earlier")


def test_the_other_read_may_be_the_later_one() -> None:
    """A late read says as much of a journey as one in time."""
    assert impossible([seen("tfl/arch", -20)], TOWER, AT_US, PLACES).endswith("20 seconds later")
    assert not impossible([seen("tfl/arch", -600)], TOWER, AT_US, PLACES)


@pytest.mark.parametrize("metres", [0, 500, 999])
def test_less_than_a_kilometre_says_nothing(metres: float) -> None:
    near = {"tfl/near": (TOWER[0] + metres / 111_195, TOWER[1])}
    assert not impossible([seen("tfl/near", 0)], TOWER, AT_US, near)


def test_a_little_more_than_a_kilometre_does() -> None:
    near = {"tfl/near": (TOWER[0] + 1010 / 111_195, TOWER[1])}
    assert impossible([seen("tfl/near", 1)], TOWER, AT_US, near) == "read 1.0 km away 1 second earlier"
    assert not impossible([seen("tfl/near", 19)], TOWER, AT_US, near)


@pytest.mark.parametrize(
    ("sightings", "place"),
    [
        ([], TOWER),
        ([seen("tfl/arch", 1)], None),
        ([seen("tfl/unknown", 1)], TOWER),
        ([seen("tfl/arch", 1, exact=False)], TOWER),
        ([seen("tfl/tower", 0)], TOWER),
    ],
    ids=["first", "no-position-here", "no-position-there", "that-was-possible-alone", "the-same-camera"],
)
def test_what_says_nothing_of_a_journey(sightings: list[Sighting], place: Any) -> None:
    assert impossible(sightings, place, AT_US, PLACES) == ""


def test_every_earlier_hit_is_looked_at_the_newest_first() -> None:
    sightings = [seen("tfl/lhr", 60), seen("tfl/arch", 10), seen("tfl/tower", 5)]
    assert impossible(sightings, TOWER, AT_US, PLACES) == "read 5.8 km away 10 seconds earlier"
    sightings = [seen("tfl/lhr", 60), seen("tfl/arch", 10, exact=False), seen("tfl/unknown", 5)]
    assert impossible(sightings, TOWER, AT_US, PLACES) == "read 26.5 km away 60 seconds earlier"


# --- outcomes -------------------------------------------------------------------------------------------------


def open_hit(**changes: Any) -> OpenHit:
    """Return a hit that has not ended."""
    members: dict[str, Any] = {
        "authority": "tfl-met-wanted",
        "voi": "v1",
        "quality": "exact",
        "place": "tfl/arch",
        "due_us": AT_US + HOUR_US,
        "taken_us": AT_US,
    }
    return OpenHit(**members | changes)


ITSELF = Sighting("h1", "tfl/arch", AT_US, True)
POSSIBLE = {"quality": "possible"}


def judge(
    said: str,
    hit: OpenHit | None,
    *others: Sighting,
    reason: str = "",
    known: bool = True,
    by: str = "officer",
    compared: Comparison | None = None,
) -> str:
    return judge_outcome("h1", hit, known, [ITSELF, *others], said, reason, by, compared)


@pytest.mark.parametrize(
    ("hit", "compared", "code"),
    [
        (POSSIBLE | {"imaged": True}, None, None),
        (POSSIBLE | {"imaged": True}, ("officer", True), "needs-look"),
        (POSSIBLE | {"imaged": True, "lookers": ["other"]}, ("officer", True), "needs-look"),
        (POSSIBLE | {"imaged": True, "lookers": ["officer"]}, ("officer", None), "seen-missing"),
        (POSSIBLE | {"imaged": True, "lookers": ["officer"]}, ("officer", False), "seen-differs"),
        (POSSIBLE | {"imaged": True, "lookers": ["other", "officer"]}, ("officer", True), None),
        (POSSIBLE, ("officer", True), "needs-image"),
        ({"quality": "exact", "imaged": True}, ("officer", None), None),
    ],
)
def test_a_possible_hit_is_compared_before_it_is_confirmed(
    hit: dict[str, Any], compared: tuple[str, bool | None] | None, code: str | None
) -> None:
    how = None if compared is None else Comparison(looker=compared[0], agrees=compared[1])
    if code is None:
        assert judge("confirmed", open_hit(**hit), compared=how) == "confirmed"
    else:
        with pytest.raises(HitRefused) as caught:
            judge("confirmed", open_hit(**hit), compared=how)
        assert caught.value.code == code
    assert judge("misread", open_hit(**hit), compared=how) == "misread"


@pytest.mark.parametrize(
    ("said", "hit", "reason", "code"),
    [
        ("confirmed", {}, "", None),
        ("misread", {}, "", None),
        ("not-acted", {}, "no unit was near", None),
        ("not-acted", {}, "", "reason-missing"),
        ("not-acted", {}, "  ", "reason-missing"),
        ("acted", {}, "", "not-confirmed"),
        ("acted", {}, "we stopped it", "not-confirmed"),
        ("acted", {"confirmed": True}, "", None),
        ("misread", {"confirmed": True}, "", None),
        ("not-acted", {"confirmed": True}, "", "reason-missing"),
        ("not-acted", {"confirmed": True}, "it got away", None),
        ("confirmed", {"confirmed": True}, "", "already-ended"),
        ("confirmed", POSSIBLE, "", "needs-image"),
        ("confirmed", POSSIBLE | {"imaged": True}, "", None),
        ("misread", POSSIBLE, "", None),
        ("not-acted", POSSIBLE, "nobody could look", None),
        ("acted", POSSIBLE, "", "not-confirmed"),
        ("acted", POSSIBLE | {"imaged": True}, "", "not-confirmed"),
        ("acted", POSSIBLE | {"confirmed": True}, "", None),
    ],
)
def test_which_outcome_may_be_recorded(said: str, hit: dict[str, Any], reason: str, code: str | None) -> None:
    if code is None:
        assert judge(said, open_hit(**hit), reason=reason) == said
        return
    with pytest.raises(HitRefused) as caught:
        judge(said, open_hit(**hit), reason=reason)
    assert caught.value.code == code


@pytest.mark.parametrize(("known", "code"), [(True, "already-ended"), (False, "unknown-hit")])
@pytest.mark.parametrize("said", ["confirmed", "misread", "acted", "not-acted"])
def test_a_hit_that_has_ended_or_never_was(said: str, known: bool, code: str) -> None:
    with pytest.raises(HitRefused) as caught:
        judge(said, None, known=known, reason="x")
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("apart_us", "enough"),
    [(0, True), (1, True), (SECOND_READ_US, True), (SECOND_READ_US + 1, False), (-SECOND_READ_US, True),
     (-SECOND_READ_US - 1, False)],
)  # fmt: skip
def test_a_second_read_stands_for_an_image_if_it_is_near_in_time(apart_us: int, enough: bool) -> None:
    other = Sighting("h2", "tfl/tower", AT_US + apart_us, True)
    if enough:
        assert judge("confirmed", open_hit(**POSSIBLE), other) == "confirmed"
        return
    with pytest.raises(HitRefused) as caught:
        judge("confirmed", open_hit(**POSSIBLE), other)
    assert caught.value.code == "needs-image"


def test_a_second_read_that_contradicts_the_first_does_not_bear_it_out() -> None:
    other = Sighting("h2", "tfl/tower", AT_US - SECOND_US, True)
    with pytest.raises(HitRefused) as caught:
        judge("confirmed", open_hit(**POSSIBLE, clone=True), other)
    assert caught.value.code == "needs-image"
    assert judge("confirmed", open_hit(**POSSIBLE, clone=True, imaged=True), other) == "confirmed"
    assert judge("confirmed", open_hit(clone=True), other) == "confirmed"


def test_a_look_alike_is_not_borne_out_by_another_one() -> None:
    """Nor by an exact read that place, make, model or colour contradict: only its image shows it then."""
    exact, alike = (Sighting("h2", "tfl/tower", AT_US + SECOND_US, exact) for exact in (True, False))
    far = [
        Camera(source="tfl", id=name, groups=(), active=True, latitude=latitude, longitude=0.0)
        for name, latitude in (("arch", 51.5), ("tower", 51.7))
    ]
    said: list[tuple[Sighting, dict[str, Any]]] = [
        (alike, {}),
        (exact, {"contradicted": True}),
        (exact, {"cameras": far}),
    ]
    for other, how in said:
        for members, code in ((POSSIBLE, "needs-image"), (POSSIBLE | {"imaged": True}, None)):
            if code is None:
                judge_outcome("h1", open_hit(**members), True, [ITSELF, other], "confirmed", "", "", **how)
                continue
            with pytest.raises(HitRefused) as caught:
                judge_outcome("h1", open_hit(**members), True, [ITSELF, other], "confirmed", "", "", **how)
            assert caught.value.code == code
    assert judge("confirmed", open_hit(**POSSIBLE), exact) == "confirmed"


@pytest.mark.parametrize("said", ["", "unanswered", "Confirmed", "acted "])
def test_what_is_no_outcome_is_malformed(said: str) -> None:
    with pytest.raises(InputError) as caught:
        judge(said, open_hit())
    assert caught.value.code == "malformed"


@pytest.mark.parametrize(("reason", "by"), [("x" * 1001, "officer"), ("x", "y" * 81)])
def test_texts_that_are_too_long_are_malformed(reason: str, by: str) -> None:
    with pytest.raises(InputError):
        judge("misread", open_hit(), reason=reason, by=by)
    assert judge("misread", open_hit(), reason="x" * 1000, by="y" * 80) == "misread"


# --- what became of it ----------------------------------------------------------------------------------------


def outcome(said: Any, hit: str = "h1") -> Outcome:
    return Outcome(hit=hit, outcome=said, reason="", by="officer", at_us=AT_US)


def test_a_hit_begins_open_with_everything_that_was_raised() -> None:
    shown = raised(raised_hit(plate="KLM3", marks=("retransmitted",), entry={"reason": "wanted"}))
    assert isinstance(shown, Hit)
    assert (shown.status, shown.outcomes) == ("open", ())
    assert (shown.plate, shown.marks, shown.entry) == ("KLM3", ("retransmitted",), {"reason": "wanted"})


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (["confirmed"], "confirmed"),
        (["misread"], "ended"),
        (["not-acted"], "ended"),
        (["confirmed", "acted"], "ended"),
        (["confirmed", "not-acted"], "ended"),
        (["unanswered"], "unanswered"),
        (["confirmed", "unanswered"], "unanswered"),
    ],
)
def test_a_status_is_that_of_the_last_outcome(said: list[str], status: str) -> None:
    hit = raised(raised_hit())
    for word in said:
        hit = with_outcome(hit, outcome(word))
    assert hit.status == status
    assert [item.outcome for item in hit.outcomes] == said
