"""Hits: how urgent they are, whether a journey was possible, and which outcome may be recorded. Pure.

docs/spec/hits.md has the rules. A hit that was only raised is never actionable: somebody confirms it first.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal, get_args

import msgspec

from wicketgate.base.clock import DAY_US, HOUR_US, SECOND_US
from wicketgate.base.errors import HitRefused, InputError
from wicketgate.commits.state import OpenHit, Sighting
from wicketgate.commits.transactions import HitRaised, Outcome

DEADLINES_US: Mapping[int, int] = {1: 900 * SECOND_US, 2: HOUR_US, 3: 4 * HOUR_US, 4: DAY_US}
"""How long after it was raised a hit of each priority must have an outcome."""
UNANSWERED_US = DAY_US
"""How long after its deadline the gateway itself ends a hit, as unanswered."""
SECOND_READ_US = 1800 * SECOND_US
"""How near in time another read of the same vehicle of interest must be to stand for an image."""

FASTEST_KMH = 200.0
"""No vehicle goes faster between two cameras: then one of the two plates is false."""
_NEAR_KM = 1.0
_EARTH_KM = 6371.0
_MOST_REASON = 1000
_MOST_BY = 80

Status = Literal["open", "confirmed", "ended", "unanswered"]
Said = Literal["confirmed", "misread", "acted", "not-acted"]


class Hit(HitRaised, frozen=True, kw_only=True):
    """A hit with what became of it; all that a recipient may be shown, but for `place`."""

    outcomes: tuple[Outcome, ...] = ()
    status: Status = "open"


def raised(hit: HitRaised) -> Hit:
    """Return a hit that has just been raised."""
    return Hit(**{name: getattr(hit, name) for name in HitRaised.__struct_fields__})


def with_outcome(hit: Hit, outcome: Outcome) -> Hit:
    """Return a hit with one more outcome."""
    status: Status = (
        "confirmed"
        if outcome.outcome == "confirmed"
        else "unanswered"
        if outcome.outcome == "unanswered"
        else "ended"
    )
    return msgspec.structs.replace(hit, outcomes=(*hit.outcomes, outcome), status=status)


def due_us(priority: int, raised_us: int) -> int:
    """Return when a hit of a priority (1 to 4) must have an outcome."""
    return raised_us + DEADLINES_US[priority]


def distance_km(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Return the distance of two positions (latitude, longitude in degrees) over the ground, kilometres."""
    north, far = math.radians(one[0]), math.radians(other[0])
    half = (
        math.sin((far - north) / 2) ** 2
        + math.cos(north) * math.cos(far) * math.sin(math.radians(other[1] - one[1]) / 2) ** 2
    )
    return 2 * _EARTH_KM * math.asin(min(1.0, math.sqrt(half)))


def impossible(
    seen: Sequence[Sighting],
    place: tuple[float, float] | None,
    taken_us: int,
    position: Mapping[str, tuple[float, float]],
) -> str:
    """Return why two reads of one plate cannot be of one vehicle, in words; empty where they can.

    Parameters
    ----------
    seen : sequence of Sighting
        Earlier hits for the same vehicle of interest; those that are possible alone are not looked at.
    place : (latitude, longitude) or None
        Where it was read now.
    position : mapping of str to (latitude, longitude)
        Positions of cameras, by `source/camera`.

    Notes
    -----
    Cameras less than a kilometre apart say nothing: clocks and positions are not that exact.
    """
    if place is None:
        return ""
    for before in reversed(seen):
        there = position.get(before.place)
        if there is None or not before.exact:
            continue
        away_km = distance_km(place, there)
        apart_s = abs(taken_us - before.taken_us) / SECOND_US
        if away_km > _NEAR_KM and away_km * 3600 > FASTEST_KMH * apart_s:
            order = "earlier" if taken_us >= before.taken_us else "later"
            return f"read {away_km:.1f} km away {_minutes(apart_s)} {order}"
    return ""


def _minutes(seconds: float) -> str:
    if seconds < 1:
        return "less than a second"
    if seconds < 119.5:
        return f"{seconds:.0f} second{'' if seconds < 1.5 else 's'}"
    return f"{seconds / 60:.0f} minutes"


def judge_outcome(
    hit_id: str, hit: OpenHit | None, known: bool, seen: Sequence[Sighting], said: str, reason: str, by: str
) -> Said:
    """Return an outcome that may be recorded.

    Parameters
    ----------
    hit : OpenHit or None
        The hit, if it has not ended.
    known : bool
        Whether it was ever raised.
    seen : sequence of Sighting
        The hits for the same vehicle of interest, itself among them.

    Raises
    ------
    InputError
        If it is no outcome, or a text is too long.
    HitRefused
        `unknown-hit`, `already-ended`, `reason-missing`, `not-confirmed`, `needs-image`.
    """
    if said not in get_args(Said):
        raise InputError(f"`outcome` is one of {', '.join(get_args(Said))}")
    if len(reason) > _MOST_REASON or len(by) > _MOST_BY:
        raise InputError(f"`reason` has at most {_MOST_REASON} characters and `by` at most {_MOST_BY}")
    if hit is None:
        if known:
            raise HitRefused("this hit has ended: an outcome is recorded once", code="already-ended")
        raise HitRefused("there is no such hit", code="unknown-hit")
    if said == "not-acted" and not reason.strip():
        raise HitRefused("say why nothing was done: `reason`", code="reason-missing")
    if said == "acted" and not hit.confirmed:
        raise HitRefused("only a confirmed hit can be acted on: confirm it first", code="not-confirmed")
    if said == "confirmed":
        if hit.confirmed:
            raise HitRefused("this hit is confirmed already", code="already-ended")
        if hit.quality == "possible" and not hit.imaged and not _read_again(hit_id, hit, seen):
            raise HitRefused(
                "a possible hit is confirmed against its image or a second read, and there is neither",
                code="needs-image",
            )
    return said  # type: ignore[return-value]  # looked at above


def _read_again(hit_id: str, hit: OpenHit, seen: Sequence[Sighting]) -> bool:
    # A read that another one contradicts is not borne out by it.
    return not hit.clone and any(
        other.hit != hit_id and abs(other.taken_us - hit.taken_us) <= SECOND_READ_US for other in seen
    )
