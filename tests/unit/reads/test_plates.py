"""Plates: normal form, what cannot be one, keys, UK syntax."""

from __future__ import annotations

import hashlib
import string
import unicodedata

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.strategies import ascii_plates, plate_texts, plates
from wicketgate.base.errors import ShapeError
from wicketgate.reads import plates as module
from wicketgate.reads.plates import (
    ALIKE,
    CONFUSED,
    MAX_PLATE,
    MAX_TEXT,
    PLACEHOLDERS,
    PlateFault,
    UkKind,
    kind,
    normal_form,
    pack,
    pack_all,
    position_decides,
    read_plate,
    unpack,
)

EMPTY, UNREADABLE = PlateFault.EMPTY, PlateFault.UNREADABLE


@pytest.mark.parametrize(
    ("text", "plate"),
    [
        ("AB12CDE", "AB12CDE"),
        ("ab12 cde", "AB12CDE"),
        ("  AB12\tCDE\r\n", "AB12CDE"),
        ("AB-12-CDE", "AB12CDE"),
        ("AB.12.CDE", "AB12CDE"),
        ("AB·12•CDE", "AB12CDE"),
        ("AB–12—CDE‑F", "AB12CDEF"),
        ("AB\u00ad12\u200bCDE\ufeff", "AB12CDE"),
        ("AB\u00a012\u3000CDE", "AB12CDE"),
        ("ＡＢ１２ＣＤＥ", "AB12CDE"),
        ("1", "1"),
        ("00", "00"),
        ("m ä 123", "MÄ123"),
        ("ma\u0308 1", "MÄ1"),  # the mark comes together with its letter
        ("straße", "STRASSE"),
        ("łódź 1", "ŁÓDŹ1"),
        ("A" * MAX_PLATE, "A" * MAX_PLATE),
        ("A " * MAX_PLATE, "A" * MAX_PLATE),
        ("A" + " " * (MAX_TEXT - 1), "A"),
    ],
)
def test_what_is_a_plate(text: str, plate: str) -> None:
    assert read_plate(text) == plate
    assert normal_form(text) == plate


@pytest.mark.parametrize("text", ["", " ", "-", " - . · ", "\u200b", "\ufeff", "\t\n"])
def test_nothing_but_separators_is_empty(text: str) -> None:
    assert read_plate(text) is EMPTY


@pytest.mark.parametrize(
    "text",
    [
        "Unknown",
        "no plate",
        "N/A",
        "n.a.",
        "UN-READ",
        "AB_2CDE",
        "AB12CD?",
        "AB*",
        "###",
        "А123ВС",  # Cyrillic
        "A123ВС",  # mixed with Latin
        "京A12345",
        "ΑΒΕ1234",  # Greek
        "١٢٣",  # digits of another script
        "AB\u030812",  # a mark that no letter takes up
        "AB\0",
        "AB\ud800",
        "AB\u202e12",  # bidirectional override
        "½",
        "ĸ",  # a Latin letter without a capital
        "AB12CDE\u20dd",
        "{}",
        "A" * (MAX_PLATE + 1),
        "Ä" * (MAX_PLATE + 1),
        "A" + " " * MAX_TEXT,
        "ﷺ" * MAX_TEXT,
    ],
)
def test_what_cannot_be_read(text: str) -> None:
    assert read_plate(text) is UNREADABLE


@pytest.mark.parametrize("text", sorted(PLACEHOLDERS))
def test_placeholders_are_in_normal_form_and_unreadable(text: str) -> None:
    assert normal_form(text) == text
    assert read_plate(text) is UNREADABLE
    assert read_plate(text.lower()) is UNREADABLE
    assert read_plate(text + "1") == text + "1" or len(text) >= MAX_PLATE


def test_the_codes_are_those_of_the_quarantine() -> None:
    assert [fault.value for fault in PlateFault] == ["plate-empty", "plate-unreadable"]


def test_a_long_text_is_not_normalised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(module, "normal_form")
    assert read_plate(" " * (MAX_TEXT + 1)) is UNREADABLE
    assert read_plate("AB12CDE") == "AB12CDE"


@given(plate_texts)
@example("A¨")
def test_reading_a_plate_again_gives_the_same(text: str) -> None:
    plate = read_plate(text)
    if not isinstance(plate, PlateFault):
        assert 1 <= len(plate) <= MAX_PLATE
        assert (
            read_plate(plate) == plate == normal_form(plate) == unicodedata.normalize("NFKC", plate).upper()
        )


@given(ascii_plates, st.lists(st.sampled_from(" -.·"), max_size=3), st.integers(0, 16))
def test_separators_and_case_do_not_matter(plate: str, separators: list[str], position: int) -> None:
    text = plate[:position].lower() + "".join(separators) + plate[position:]
    assert read_plate(text) == read_plate(plate)


def test_every_single_character() -> None:
    for code in range(0x20000):  # beyond are ideographs, tags and private use: no Latin letter
        plate = read_plate(chr(code))
        if isinstance(plate, PlateFault):
            continue
        assert read_plate(plate) == plate
        for character in plate:
            assert character in string.ascii_uppercase + string.digits or (
                unicodedata.name(character).startswith("LATIN CAPITAL LETTER ") and character.isupper()
            )


def test_keys_are_base_37_filled_up_to_twelve() -> None:
    assert pack("") == 0
    assert pack("0") == 37**11
    assert pack("01") == 37**11 + 2 * 37**10
    assert pack("Z" * 12) == 37**12 - 1 < 2**63


@given(st.text(string.ascii_uppercase + string.digits, max_size=12))
def test_short_plates_come_back(plate: str) -> None:
    assert unpack(pack(plate)) == plate


@given(st.lists(st.text(string.ascii_uppercase + string.digits, max_size=12), min_size=2, max_size=2))
def test_keys_have_the_order_of_the_texts(pair: list[str]) -> None:
    first, second = pair
    assert (pack(first) < pack(second)) == (first < second)


@given(plates, plates)
def test_keys_are_equal_exactly_when_plates_are(first: str, second: str) -> None:
    assert (pack(first) == pack(second)) == (first == second)
    assert 0 < pack(first) < 2**64


@pytest.mark.parametrize("text", ["A" * 13, "Ä", "ab", "A B", "A\0", "\0", "A\0B", "\ud800"])
def test_anything_else_has_the_top_bit_and_is_lost(text: str) -> None:
    assert pack(text) >= 2**63
    assert unpack(pack(text)) is None
    assert pack_all([text, "A", ""]).tolist() == [pack(text), pack("A"), 0]


def test_a_key_from_2_63_is_blake2b_of_the_text() -> None:
    digest = hashlib.blake2b("MÄ1".encode(), digest_size=8).hexdigest()
    assert digest == "0830c2672192e677"
    assert pack("MÄ1") == 0x8830_C267_2192_E677  # pinned: keys lie in the READS stream


@pytest.mark.parametrize("number", [-1, 37**12, 2**63 - 1, 2**64, 1, 37**10, 37**11 + 1, 37**11 * 2 + 5 * 37])
def test_numbers_that_are_no_key(number: int) -> None:
    with pytest.raises(ShapeError):
        unpack(number)


@given(st.lists(plates | st.just("") | st.text(max_size=4), max_size=12))
def test_many_keys_are_those_of_each(texts: list[str]) -> None:
    keys = pack_all(texts)
    assert keys.dtype == np.uint64
    assert keys.shape == (len(texts),)
    assert keys.tolist() == [pack(text) for text in texts]


@pytest.mark.parametrize(
    ("plate", "expected"),
    [
        ("AB12CDE", UkKind.CURRENT),
        ("ABC1D", UkKind.SUFFIX),
        ("ABC123D", UkKind.SUFFIX),
        ("A1BCD", UkKind.PREFIX),
        ("A123BCD", UkKind.PREFIX),
        ("Q1ABC", UkKind.Q),
        ("Q123ABC", UkKind.Q),
        ("AIB1", UkKind.NORTHERN_IRELAND),
        ("ABZ1234", UkKind.NORTHERN_IRELAND),
        ("IAB12", UkKind.NORTHERN_IRELAND),
        ("123D456", UkKind.DIPLOMATIC),
        ("123X456", UkKind.DIPLOMATIC),
        ("01234", UkKind.TRADE),
        ("12AB34", UkKind.MILITARY),
        ("QH56AA", UkKind.MILITARY),
        ("A1", UkKind.DATELESS),
        ("AB1234", UkKind.DATELESS),
        ("ABC123", UkKind.DATELESS),
        ("1A", UkKind.DATELESS),
        ("1234AB", UkKind.DATELESS),
        ("123ABC", UkKind.DATELESS),
        ("1ABC", UkKind.DATELESS),
        ("", None),
        ("ABC", None),
        ("1234", None),
        ("123456", None),
        ("A0BCD", None),
        ("ABC0123D", None),
        ("ABC1234", None),  # four digits after three letters are Northern Ireland's alone
        ("1234ABC", None),
        ("123E456", None),
        ("ab12cde", None),
        ("AB12CDE ", None),
        ("AB12CDE\n", None),
        ("AB1٢CDE", None),
        ("ÄB12CDE", None),
        ("AB12CDEF", None),
    ],
)
def test_uk_syntax(plate: str, expected: UkKind | None) -> None:
    assert kind(plate) is expected


def test_kinds_have_the_names_of_the_specification() -> None:
    assert {str(item) for item in UkKind} == {
        "current",
        "suffix",
        "prefix",
        "dateless",
        "q",
        "northern-ireland",
        "diplomatic",
        "trade",
        "military",
    }


@given(st.from_regex(module._UK_SYNTAX, fullmatch=True))
def test_every_kind_is_reached_by_a_plate(plate: str) -> None:
    assert read_plate(plate) == plate
    assert kind(plate) is not None


@pytest.mark.parametrize(
    ("plate", "expected"),
    [
        ("AB12CDE", "AB12CDE"),
        ("ABI2CDE", "AB12CDE"),
        ("A0IO000", "AO10OOO"),
        ("0000000", "OO00OOO"),
        ("HIBOB", "H1BOB"),
        ("H1B0B", "H1BOB"),
        ("Q10BCD", "Q10BCD"),
        ("QI0BCD", "Q10BCD"),
        ("A1Z1234", "AIZ1234"),
        ("0230", "O230"),
        ("I23D456", "123D456"),
        ("A101BCD", "A101BCD"),
        ("AI01BCD", "AI01BCD"),
        ("W999991", "W999991"),
        ("ABC", "ABC"),
        ("1", "1"),
        ("", ""),
        ("ŠI1", "ŠI1"),
        ("AB12CDE1", "AB12CDE1"),
        ("0" * MAX_PLATE, "0" * MAX_PLATE),
    ],
)
def test_what_uk_syntax_decides(plate: str, expected: str) -> None:
    ways = {way for way in ways_to_read(plate) if kind(way) is not None}
    assert position_decides(plate) == (len(ways) == 1)
    if expected != plate:
        assert ways == {expected}


def ways_to_read(plate: str) -> list[str]:
    """Return every text that looks the same on a UK plate."""
    ways = [""]
    for character in plate[:10]:
        glyph = next((pair for pair in ALIKE if character in pair), character)
        ways = [way + choice for way in ways for choice in glyph]
    return [way + plate[10:] for way in ways]


@given(st.text("O01IABQ28", max_size=8))
def test_what_is_decided_is_the_same_for_all_that_look_alike(plate: str) -> None:
    assert {position_decides(way) for way in ways_to_read(plate)} == {position_decides(plate)}


def test_classes_of_confusion() -> None:
    assert [set(alike) for alike in CONFUSED] == [
        {"0", "O", "D", "Q"},
        {"1", "I"},
        {"2", "Z"},
        {"5", "S"},
        {"6", "G"},
        {"8", "B"},
    ]
