"""Makes, models and colours as lists and cameras write them."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wicketgate.hotlists import vehicle_names
from wicketgate.hotlists.vehicle_names import COLOURS, MAKES, agree, make_of


def test_the_examples_hold() -> None:
    assert doctest.testmod(vehicle_names).failed == 0
    assert doctest.testmod(vehicle_names).attempted > 4


@pytest.mark.parametrize(
    ("what", "listed", "seen"),
    [
        ("model", "Golf", "VOLKSWAGEN_GOLF"),
        ("model", "VW Golf", "golf"),
        ("model", "Golf", "Golf GTI"),
        ("model", "3 Series", "BMW_3SERIES"),
        ("model", "C-Class", "mercedes-benz c class"),
        ("model", "Mini", "MINI"),
        ("model", "Range Rover", "LAND ROVER_RANGE_ROVER"),
        ("make", "VW", "Volkswagen"),
        ("make", "Merc", "MERCEDES-BENZ"),
        ("make", "Citroën", "CITROEN"),
        ("make", "Škoda", "skoda"),
        ("make", "Land Rover", "landrover"),
        ("make", "VOLKSWAGEN", "volkswagen_golf"),
        ("colour", "grey", "Dark Gray"),
        ("colour", "Blue", "BLUE"),
    ],
)
def test_what_means_the_same_agrees(what: str, listed: str, seen: str) -> None:
    assert agree(what, listed, seen)
    assert agree(what, seen, listed)


@pytest.mark.parametrize(
    ("what", "listed", "seen"),
    [
        ("model", "Golf", "Polo"),
        ("model", "Golf", "VOLKSWAGEN_POLO"),
        ("model", "A3", "A4"),
        ("model", "A", "A4"),
        ("model", "Golf", "VW"),
        ("make", "Volkswagen", "Volvo"),
        ("make", "Mini", "BMW"),
        ("colour", "grey", "blue"),
        ("colour", "silver", "grey"),
        ("other", "a", "b"),
    ],
)
def test_what_does_not_mean_the_same_differs(what: str, listed: str, seen: str) -> None:
    assert not agree(what, listed, seen)
    assert not agree(what, seen, listed)


def test_every_name_of_the_tables_stands_once_and_in_its_normal_form() -> None:
    for table in (MAKES, COLOURS):
        names = [name for one, others in table.items() for name in (one, *others)]
        assert len(names) == len(set(names))
        assert all(" ".join(vehicle_names.words_of(name)) == name for name in names)


@given(st.sampled_from(["make", "model", "colour"]), st.text(max_size=40))
def test_whatever_is_written_agrees_with_itself(what: str, text: str) -> None:
    assert agree(what, text, text)
    assert make_of(make_of(text)) == make_of(text)
