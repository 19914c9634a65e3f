"""Hypothesis strategies for hotlists: plates that are easily confused, entries about edges in time, changes."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from wicketgate.hotlists import Change, Entry

START_US = 1_783_123_200_000_000  # 2026-07-04T00:00:00Z
STEPS_US = (0, 1, 999_999, 1_000_000, 1_000_001, 2_000_000)

moments = st.sampled_from([START_US + step for step in STEPS_US])

SEEDS = (
    "AB10CDE",
    "OB12SDE",
    "A101BCD",
    "AIZ1234",
    "BIG10",
    "Q12SOB",
    "1A",
    "O1OO",
    "8BQ",
    "GD6I20",
    "15SIZZ5",
)
_SWAPS = {character: alike for alike in ("0ODQ", "1I", "2Z", "5S", "6G", "8B") for character in alike}


@st.composite
def confused(draw: st.DrawFn) -> str:
    """Draw a plate that is some seed with a few characters confused, now and then one lost."""
    plate = list(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(plate) - 1))
        plate[place] = draw(st.sampled_from(_SWAPS.get(plate[place], plate[place] + "X")))
    if draw(st.integers(0, 12)) == 0 and len(plate) > 1:
        plate.pop()
    return "".join(plate)


odd_plates = st.sampled_from(["ŠKODA10", "ŠKODA1O", "A" * 13, "0" * 12, "O" * 12, "0" * 13, "O" * 13])
listed_plates = confused() | confused() | confused() | odd_plates
read_plates = listed_plates | st.just("")


@st.composite
def entries(draw: st.DrawFn, plate: st.SearchStrategy[str] = listed_plates) -> Entry:
    """Draw an entry; some end before they begin, and never count."""
    until_us = draw(moments | st.just(START_US + 10_000_000))
    return Entry(
        voi=draw(st.sampled_from("abcdef")),
        plate=draw(plate),
        kind="stolen",
        priority=draw(st.integers(1, 4)),
        reason="r",
        listed_us=draw(moments),
        until_us=until_us,
        expires_us=until_us,
        make=draw(st.none() | st.just("Ford")),
    )


lists = st.lists(entries(), max_size=12, unique_by=lambda entry: entry.plate)
"""Entries of one list: one a plate."""

changes = st.lists(
    st.one_of(entries().map(Change.put), listed_plates.map(lambda plate: Change(plate=plate))), max_size=6
)


@st.composite
def questions(draw: st.DrawFn) -> tuple[list[str], np.ndarray, int]:
    """Draw plates that were read, when, and the moment of the decision."""
    rows = draw(st.lists(st.tuples(read_plates, moments), max_size=10))
    return [plate for plate, _ in rows], np.array([at for _, at in rows], dtype=np.int64), draw(moments)


def uk_plates(count: int, seed: int) -> list[str]:
    """Return distinct plates of the form AA99AAA."""
    random = np.random.default_rng(seed)
    plates = []
    for number in random.choice(26**5 * 100, size=count, replace=False).tolist():
        rest, digits = divmod(number, 100)
        word = ""
        for _ in range(5):
            rest, letter = divmod(rest, 26)
            word += chr(ord("A") + letter)
        plates.append(f"{word[:2]}{digits:02d}{word[2:]}")
    return plates
