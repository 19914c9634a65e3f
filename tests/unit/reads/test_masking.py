"""What is masked before the public's words are published: plates in any dress, addresses and numbers; nothing else."""

from __future__ import annotations

import doctest
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wicketgate.reads import masking
from wicketgate.reads.masking import EMAIL, PHONE, PLATE, mask
from wicketgate.reads.plates import UkKind, kind

BY_KIND = {
    UkKind.CURRENT: ("AB12 CDE", "LO07 TFL"),
    UkKind.SUFFIX: ("ABC 123D", "KLM 9P"),
    UkKind.PREFIX: ("A123 BCD", "P9 KLM"),
    UkKind.DATELESS: ("KLM 3", "123 ABC", "AB 1234", "1 XY"),
    UkKind.Q: ("Q123 ABC",),
    UkKind.NORTHERN_IRELAND: ("AIZ 1234", "BIL 77"),
    UkKind.DIPLOMATIC: ("123 D 456", "123X456"),
    UkKind.TRADE: ("12345",),
    UkKind.MILITARY: ("12 AB 34", "AB 12 CD"),
}
PLATES = [(found, written) for found, all_written in BY_KIND.items() for written in all_written]
SEPARATORS = ["", " ", "-", ".", "  ", "\u200b", "\u2013", "_", "\n"]
LETTER, DIGIT = st.sampled_from("ABCDEFGHJKLMNOPRSTUVWXY"), st.sampled_from("123456789")


def test_the_examples_in_the_docstrings_hold() -> None:
    result = doctest.testmod(masking)
    assert (result.attempted > 0, result.failed) == (True, 0)


def test_the_table_has_every_kind() -> None:
    assert set(BY_KIND) == set(UkKind)
    for found, written in PLATES:
        assert kind(re.sub(r"\W", "", written)) is found, written


@pytest.mark.parametrize(("found", "written"), PLATES, ids=[written for _, written in PLATES])
def test_every_kind_of_plate_is_masked_as_it_is_written(found: UkKind, written: str) -> None:
    for text in {written, re.sub(r"\s", "", written), re.sub(r"\s", "", written).lower()}:
        assert mask(f"Mine is {text}, I think.") == f"Mine is {PLATE}, I think."
        assert mask(text) == PLATE


@given(
    st.tuples(LETTER, LETTER, DIGIT, DIGIT, LETTER, LETTER, LETTER),
    st.sampled_from(SEPARATORS),
    st.booleans(),
)
def test_a_current_plate_is_masked_however_it_is_parted(
    parts: tuple[str, ...], gap: str, lower: bool
) -> None:
    plate = "".join(parts[:4]) + gap + "".join(parts[4:])
    assert PLATE in mask(f"I drive {plate.lower() if lower and gap not in (' ', '  ') else plate} there.")
    assert "".join(parts[:4]) not in mask(f"I drive {plate} there.")


@pytest.mark.parametrize(
    "text",
    [
        "a b 1 2 c d e",
        "ab 12 cde",
        "ＡＢ１２ ＣＤＥ",
        "A\u200bB\u00ad12CDE",
        "ABI2 CDE",
        "AB12\u00a0CDE",
        "AB12\u2011CDE",
        "AB12/CDE",
        "ab12 the",
    ],
)
def test_plates_in_disguise_are_masked(text: str) -> None:
    assert PLATE in mask(f"It was {text}!")
    assert "12" not in mask(f"It was {text}!").translate(str.maketrans("１２", "12"))


@pytest.mark.parametrize(
    "text",
    [
        "In 2007 the reads of 1,500 cameras were passed on, and by 28 May 2026 they are to be kept for 28 days.",
        "At 10 per cent; I 100 per cent agree. A 28 day limit. On the 28th, 30mph, 5pm, the 3D map.",
        "From 1 to 3 p.m. on the M25 and the A406; section s.28 of the DPA 1998; Article 8 ECHR; c-2026-002.",
        "17,669,059,123 reads by 10 000 cameras, 09:00-17:00, from 2026-07-04 12:00 to 2027-07-04.",
        "Its 40 cameras, all 3 men, 1 in 7 cars, under 18s, 90% of us.",
        "",
    ],
)
def test_what_people_write_of_numbers_is_left_alone(text: str) -> None:
    assert mask(text) == text


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("to me@example.org.", f"to {EMAIL}."),
        ("a.b+c@mail.example.co.uk", EMAIL),
        ("<me@example.org>", f"<{EMAIL}>"),
        ("ring 020 7946 0123 or +44 (0)20 7946 0123", f"ring {PHONE} or {PHONE}"),
        ("07700 900123 in 2026", f"{PHONE} in 2026"),
        ("(020) 7946-0123", PHONE),
        ("0044 20 7946 0123", PHONE),
        ("02079460123", PHONE),
        ("at @ home", "at @ home"),
        ("to A123 BCD now", f"to {PLATE} now"),
        ("M25 and A40", f"{PLATE} and {PLATE}"),
    ],
)
def test_addresses_and_numbers_are_masked(text: str, masked: str) -> None:
    assert mask(text) == masked


PIECES = st.sampled_from(
    ["AB12", "CDE", "ab", "12", "in", "2007", "A", "I", "1", "O", "0", "KLM", "3", " ", "-", ".", ","]
)


@given(
    st.one_of(
        st.text(max_size=200),
        st.lists(PIECES, max_size=40).map("".join),
        st.lists(PIECES, max_size=40).map(" ".join),
    )
)
def test_masking_again_changes_nothing_and_no_unbroken_plate_is_left(text: str) -> None:
    once = mask(text)
    assert mask(once) == once
    for found in re.finditer(r"(?<![^\W_])[A-Z]{2}[0-9]{2}[A-Z]{3}(?![^\W_])", once):
        raise AssertionError(found)


@pytest.mark.parametrize(
    "text",
    [
        "AB 1 " * 2000,
        "a" * 10_000,
        "a." * 5000 + "@",
        "@a." * 3000,
        "a@" * 5000,
        "+1 " * 3000,
        "1I0O1I0 " * 1250,
    ],
    ids=["windows", "letters", "dots", "ats", "users", "numbers", "confused"],
)
def test_no_text_takes_long(text: str) -> None:
    # Not a benchmark: what is wrong here takes minutes.
    began = time.process_time()
    mask(text)
    assert time.process_time() - began < 20
