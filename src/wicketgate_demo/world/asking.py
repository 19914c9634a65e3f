"""The authority of an invented London under which the past may be asked, and a week of invented reads to ask about."""

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
PAST_READS: Final = 6_000
"""Reads of the days before, which are posted as late ones."""
VAN: Final = plate_of(7_000_001)
"""A vehicle that was seen in two places at once."""
_FIRST: Final = 7_000_000
_VEHICLES: Final = 400
_OLDEST_US: Final = 6 * DAY_US
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
            "breadth": {"camera_days": 20_000, "plates": 200},
            "max_age": "P7D",
            "answer_retention": "P1D",
        },
    }


def past_reads(cameras: Mapping[str, object], now_us: int) -> Iterator[dict[str, Any]]:
    """Yield reads of the days before, in no order: the same for the same cameras and time."""
    chance = random.Random(now_us)
    names = sorted(cameras)
    for number in range(PAST_READS):
        yield {
            "id": f"past-{now_us}-{number}",
            "camera": chance.choice(names),
            "captured_at": rfc3339(now_us - chance.randrange(_NEWEST_US, _OLDEST_US)),
            "plate": plate_of(_FIRST + chance.randrange(_VEHICLES)),
            "confidence": round(chance.uniform(0.8, 1.0), 3),
        }
    seen_us = now_us - 2 * DAY_US
    for minutes, camera in ((0, names[0]), (1, names[-1]), (40, names[0])):
        captured_at = rfc3339(seen_us + minutes * MINUTE_US)
        yield {
            "id": f"past-{now_us}-van-{minutes}",
            "camera": camera,
            "captured_at": captured_at,
            "plate": VAN,
            "confidence": 0.95,
        }
