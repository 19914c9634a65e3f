"""What a front elsewhere sends is looked at again: what none makes is refused, before it joins what others sent."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest

from tests.unit.http.test_fronts import AT_US, checked, refused
from wicketgate.base.clock import DAY_US, HOUR_US
from wicketgate.base.errors import InputError
from wicketgate.commits.cameras import Camera
from wicketgate.http.fronts.messages import Take, TakeImaged, View, decode_taken, encode, take_of
from wicketgate.http.fronts.sound import sound
from wicketgate.reads.plates import pack_all

CAMERAS = [
    Camera(source="tfl" if n < 60 else "hackney", id=f"c{n}", groups=(), active=True) for n in range(90)
]
VIEW = View(
    number=3, at_us=AT_US, tokens={}, others=[], cameras=CAMERAS, clock_ahead_us=1_000_000, too_old_us=DAY_US
)


def sent(rows: int, bad: int = 0, *, few: bool = True) -> Take:
    take = decode_taken(encode(take_of(checked(rows, bad, few=few), 7, 3, "tfl")))
    assert isinstance(take, Take)
    return take


@pytest.mark.parametrize("few", [True, False])
@pytest.mark.parametrize(("rows", "bad"), [(1, 0), (0, 2), (3, 1), (40, 2)])
def test_what_a_front_makes_is_sound(rows: int, bad: int, few: bool) -> None:
    take = sent(rows, bad, few=few)
    found = sound(take, VIEW, AT_US)
    keys = None if few or not rows else pack_all(take.columns["plate"]).tobytes()
    told = take.columns if rows else {}
    assert found == msgspec.structs.replace(take, columns=told, plate_key=keys), "keys are made again"


def columns(take: Take, **other: Any) -> Take:
    return msgspec.structs.replace(take, columns={**take.columns, **other})


BAD = {
    "another source's camera": lambda take: columns(take, camera=[0, 61, 2]),
    "a camera that is none": lambda take: columns(take, camera=[0, 90, 2]),
    "a camera from behind": lambda take: columns(take, camera=[0, -1, 2]),
    "a column that is short": lambda take: columns(take, plate=["AB12CDE"] * 2),
    "numbers that are short": lambda take: columns(take, captured_us=np.array([AT_US] * 2).tobytes()),
    "a plate that is a number": lambda take: columns(take, plate=["AB12CDE", 5, "AB12CDE"]),
    "a plate that is missing": lambda take: columns(take, plate=["AB12CDE", None, "AB12CDE"]),
    "a time that is a text": lambda take: columns(take, captured_us=[AT_US, AT_US, "now"]),
    "a time long past": lambda take: columns(take, captured_us=[AT_US, AT_US - 2 * DAY_US, AT_US]),
    "a time to come": lambda take: columns(take, captured_us=[AT_US, AT_US + HOUR_US, AT_US]),
    "an image that is stored": lambda take: columns(take, patch=["x", None, None]),
    "a column that is none": lambda take: columns(take, again=[True] * 3),
    "text in bytes": lambda take: columns(take, plate=b"AB12CDE"),
    "arrays without keys": lambda take: columns(take, camera=np.array([0, 1, 2], np.int32).tobytes()),
    "keys without arrays": lambda take: msgspec.structs.replace(take, plate_key=bytes(24)),
    "too sure": lambda take: columns(take, confidence=[0.5, 1.5, 0.5]),
    "an index too few": lambda take: msgspec.structs.replace(take, index=[1]),
    "another's refused read": lambda take: msgspec.structs.replace(take, source="hackney"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_no_front_makes_is_refused(what: str) -> None:
    take = sent(3, 1)
    assert take.quarantined == [(1, refused(0))]
    with pytest.raises(InputError, match="no front"):
        sound(BAD[what](take), VIEW, AT_US)


def test_an_image_of_no_read_is_refused() -> None:
    good = TakeImaged(take=sent(3), bodies=[(2, "patch", 0, b"x")], left=[])
    assert sound(good, VIEW, AT_US) == good
    with pytest.raises(InputError):
        sound(msgspec.structs.replace(good, bodies=[(3, "patch", 0, b"x")]), VIEW, AT_US)
