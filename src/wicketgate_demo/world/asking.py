"""The authority of an invented London under which the past may be asked, and a month of invented reads to ask about."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import Any, Final

from wicketgate.base.clock import DAY_US, HOUR_US, MINUTE_US, rfc3339
from wicketgate_demo.world.charter import ORIGIN
from wicketgate_demo.world.places import BOUNDARY, ZONE
from wicketgate_demo.world.vehicles import plate_of

ASKED: Final = "tfl-met-questions"
SIGNERS: Final = (
    "home-office/secretary-of-state",
    "tfl/commissioner",
    "tfl/data-protection",
    "met/intelligence",
)
"""Who must sign it, by the charter's rules."""
PAST_READS: Final = 600_000
"""Reads of the month before, which are posted as late ones."""
PAST_POST: Final = 2_000
"""Reads of one post of them."""
VAN: Final = plate_of(7_000_001)
"""A vehicle that was seen in two places at once."""
_FIRST: Final = 7_000_000
_VEHICLES: Final = 40_000
_OLDEST_US: Final = 27 * DAY_US
_NEWEST_US: Final = DAY_US + 6 * HOUR_US


def question_authority(at_us: int) -> dict[str, Any]:
    """Return the authority, whose questions named people of the duty desk ask."""
    return {
        "authority": {
            "log": ORIGIN,
            "name": ASKED,
            "version": 1,
            "title": "Questions to the past about serious crime",
            "controller": "tfl",
            "recipient": "met",
            "unit": "duty-desk",
            "purpose": "policing/crime",
            "mode": "search",
            "instrument": {"kind": "data-sharing-agreement", "citation": "An invented agreement, 2026"},
            "valid_from": rfc3339(at_us - DAY_US),
            "valid_until": rfc3339(at_us + 300 * DAY_US),
            "review_every": "P3M",
            "recipient_retention": "P28D",
            "necessity": "Who drove to and from a crime is often known by its reads alone.",
            "proportionality": "Each question has a name, a reason, an approval and a limit.",
            "why_not_match": "The vehicle is not known before the crime.",
        },
        "scope": {
            "sources": ["tfl"],
            "groups": [BOUNDARY, ZONE],
            "fields": ["plate", "time", "place", "vehicle"],
        },
        "search": {
            "questions": ["plate", "lookalikes", "pattern", "place", "scenes"],
            "breadth": {"camera_days": 60_000, "plates": 200},
            "max_age": "P28D",
            "answer_retention": "P1D",
        },
    }


def past_posts() -> int:
    """Return how many posts the past has."""
    return PAST_READS // PAST_POST + 1


def past_reads(cameras: Mapping[str, object], at_us: int, post: int) -> Iterator[dict[str, Any]]:
    """Yield the reads of one post of the past, in no order: the same for the same cameras, time and post.

    The first one is a vehicle that was in two places at once.
    """
    names = sorted(cameras)
    if not post:
        seen_us = at_us - 2 * DAY_US
        for minutes, camera in ((0, names[0]), (1, names[-1]), (40, names[0])):
            yield _read(f"past-{at_us}-van-{minutes}", camera, seen_us + minutes * MINUTE_US, VAN, 0.95)
        return
    chance = random.Random(f"{at_us}-{post}")
    for number in range(PAST_POST):
        yield _read(
            f"past-{at_us}-{post}-{number}",
            chance.choice(names),
            at_us - chance.randrange(_NEWEST_US, _OLDEST_US),
            plate_of(_FIRST + chance.randrange(_VEHICLES)),
            round(chance.uniform(0.8, 1.0), 3),
        )


def _read(id_: str, camera: str, captured_us: int, plate: str, confidence: float) -> dict[str, Any]:
    return {
        "id": id_,
        "camera": camera,
        "captured_at": rfc3339(captured_us),
        "plate": plate,
        "confidence": confidence,
    }
