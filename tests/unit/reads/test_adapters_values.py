"""Times, confidences, colours and ids as devices write them."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.adapter_strategies import PATCH
from wicketgate.base.errors import InputError
from wicketgate.reads.adapters.moments import first_moment, moment
from wicketgate.reads.adapters.values import (
    MAX_IMAGE,
    base64_image,
    confidence,
    event_id,
    lane,
    names,
    vehicle,
    with_channel,
    without_colour,
)

AT = "2026-07-04T07:15:02"

TIMES = {
    "seconds": (1783149302, f"{AT}+00:00"),
    "milliseconds": (1783149302252, f"{AT}.252000+00:00"),
    "microseconds": (1783149302252001, f"{AT}.252001+00:00"),
    "nanoseconds": (1783149302252001999, f"{AT}.252001+00:00"),
    "fractions of a second": (1783149302.25, f"{AT}.250000+00:00"),
    "seconds as a text": ("1783149302", f"{AT}+00:00"),
    "nanoseconds as a text": ("1783149302252001999", f"{AT}.252001+00:00"),
    "fractions as a text": (" 1783149302.25 ", f"{AT}.250000+00:00"),
    "2034": ("2034-07-04T07:15:02Z", "2034-07-04T07:15:02+00:00"),
    "zone of China": ("2026-07-04T07:15:02+08:00", f"{AT}+08:00"),
    "zone without a colon": ("2026-07-04 07:15:02.252 -0330", f"{AT}.252000-03:30"),
    "zone of hours": ("2026-07-04T07:15:02+03", f"{AT}+03:00"),
    "no zone": ("2026-07-04T07:15:02", AT),
    "a space and microseconds": ("2026-07-04 07:15:02.000001", f"{AT}.000001"),
    "beyond microseconds": ("2026-07-04T07:15:02.0000019Z", f"{AT}.000001+00:00"),
    "FF Group": ("20260704 071502252", f"{AT}.252000"),
    "FF Group with a zone": ("20260704 071502252+0300", f"{AT}.252000+03:00"),
    "Hikvision's absTime": ("20260704071502252", f"{AT}.252000"),
    "nothing between": ("20260704071502", AT),
    "slashes, year first": ("2026/07/04 07:15:02", AT),
    "month first, no doubt": ("07-14-2026 07:15:02 PM", "2026-07-14T19:15:02"),
    "day first, no doubt": ("14/07/2026 12:15:02 am", "2026-07-14T00:15:02"),
    "day and month the same": ("07/07/2026 07:15:02", "2026-07-07T07:15:02"),
}

NO_TIMES: dict[str, tuple[Any, str]] = {
    "day or month first": ("04/07/2026 07:15:02", "time-ambiguous"),
    "month or day first, am": ("07-04-2026 07:15:02 AM", "time-ambiguous"),
    "twenty digits of a recorder's bug": ("18445822972087551616", "malformed"),
    "uptime in nanoseconds": (155131902113266, "malformed"),
    "before the clock was set": (17, "malformed"),
    "year two digits": ("04-07-26 07:15:02", "malformed"),
    "a date alone": ("2026-07-04", "malformed"),
    "no such day": ("2026-02-30T00:00:00Z", "malformed"),
    "no such month": ("13/14/2026 00:00:00", "malformed"),
    "no such hour": ("2026-07-04 13:00:00 PM", "malformed"),
    "no such zone": ("2026-07-04T07:15:02+23:59", "malformed"),
    "year of a broken clock": ("0001-01-01T00:00:00Z", "malformed"),
    "words": ("yesterday", "malformed"),
    "digits of another script": ("٢٠٢٦-٠٧-٠٤T07:15:02Z", "malformed"),
    "true": (True, "malformed"),
    "nothing": (None, "malformed"),
    "empty": ("", "malformed"),
    "a list": ([1783149302], "malformed"),
}


@pytest.mark.parametrize(("value", "expected"), TIMES.values(), ids=TIMES)
def test_times(value: Any, expected: str) -> None:
    assert moment(value).isoformat() == expected


@pytest.mark.parametrize(("value", "code"), NO_TIMES.values(), ids=NO_TIMES)
def test_times_that_are_none(value: Any, code: str) -> None:
    with pytest.raises(InputError) as caught:
        moment(value)
    assert caught.value.code == code
    assert not isinstance(value, str) or not value or value not in caught.value.detail


def test_the_first_time_that_can_be_read_is_taken() -> None:
    assert first_moment("0", None, "18445822972087551616", 1783149302).isoformat() == f"{AT}+00:00"
    with pytest.raises(InputError):
        first_moment("0", None, "")


CONFIDENCES: dict[str, tuple[Any, str, float | None, str]] = {
    "fraction": (0.871, "fraction", 0.871, ""),
    "fraction as a text": ("0.719034", "fraction", 0.719034, ""),
    "fraction, certain": (1, "fraction", 1.0, ""),
    "very small": (1e-7, "fraction", 1e-7, ""),
    "percents where fractions are documented": (95.5, "fraction", None, "confidence-off-scale"),
    "percent": ("97", "percent", 0.97, ""),
    "percent with decimals": (97.5, "percent", 0.975, ""),
    "0": ("0", "percent", 0.0, ""),
    "a fraction where percents are documented": ("0.97", "percent", None, "confidence-off-scale"),
    "0 to 999": ("997", "percent", None, "confidence-off-scale"),
    "negative": (-1, "percent", None, "confidence-off-scale"),
    "percent sign": ("93.5%", "fraction", 0.935, ""),
    "percent sign and a space": ("93 %", "undocumented", 0.93, ""),
    "more than all": ("101%", "percent", None, "confidence-off-scale"),
    "each character": ("99,98,93", "percent", 0.93, ""),
    "each character, a list": ([0.9, 0.5], "fraction", 0.5, ""),
    "each character, one off the scale": ("99,997", "percent", None, "confidence-off-scale"),
    "each of none": (",,", "percent", None, "confidence-unknown"),
    "undocumented fraction": ("0.95", "undocumented", 0.95, "confidence-scale-assumed"),
    "undocumented percent": (95, "undocumented", 0.95, "confidence-scale-assumed"),
    "undocumented 1": (1, "undocumented", None, "confidence-off-scale"),
    "undocumented 997": (997, "undocumented", None, "confidence-off-scale"),
    "not said": (None, "fraction", None, "confidence-unknown"),
    "empty": (" ", "fraction", None, "confidence-unknown"),
    "a word": ("high", "fraction", None, "confidence-unknown"),
    "true": (True, "fraction", None, "confidence-unknown"),
}


@pytest.mark.parametrize(("value", "scale", "expected", "mark"), CONFIDENCES.values(), ids=CONFIDENCES)
def test_confidences(value: Any, scale: Any, expected: float | None, mark: str) -> None:
    read, marks = confidence(value, scale)
    assert read == (None if expected is None else pytest.approx(expected))
    assert marks == ((mark,) if mark else ())


PLATES = {
    "blue, in Chinese": ("蓝A12345", "", "A12345"),
    "yellow, in Chinese": ("黄B99999", "", "B99999"),
    "with the word colour": ("绿色A12345", "", "A12345"),
    "province kept": ("蓝京A12345", "", "京A12345"),
    "the colour alone": ("蓝", "", "蓝"),
    "a word in small letters": ("blueAB12CDE", "", "AB12CDE"),
    "a word with a space": ("Yellow AB12CDE", "", "AB12CDE"),
    "a word and a dash": ("WHITE-AB12CDE", "", "AB12CDE"),
    "a word that the device says elsewhere": ("RED 1234", "red", "1234"),
    "a plate of that form": ("RED 123A", "", "RED 123A"),
    "a plate that is a word": ("WHITE1", "white", "WHITE1"),
    "small letters throughout": ("red12ab", "", "red12ab"),
    "none": ("AB12CDE", "white", "AB12CDE"),
    "empty": ("", "blue", ""),
}


@pytest.mark.parametrize(("plate", "colour", "expected"), PLATES.values(), ids=PLATES)
def test_colours_before_plates(plate: str, colour: str, expected: str) -> None:
    removed = () if plate == expected else ("colour-prefix-removed",)
    assert without_colour(plate, colour) == (expected, removed)


def test_names_are_once_each_without_what_says_nothing() -> None:
    assert names("s-1", None, "s-1", " ", "unknown", "Network Camera", 7) == ("s-1", "Network Camera", "7")
    assert (with_channel("m", 2), with_channel("m", None), with_channel("", 2)) == ("m-2", "", "")


def test_ids_are_of_the_device_and_bounded() -> None:
    assert event_id("axis", "one", "17") == "axis:one:17"
    assert event_id("axis", "two", "17") != event_id("axis", "one", "17")
    assert event_id("axis", "", "17") is None
    long = event_id("hikvision", "m" * 40, "u" * 40)
    assert long is not None
    assert len(long) <= 64
    assert long != event_id("hikvision", "m" * 41, "u" * 39)


def test_lanes() -> None:
    assert [lane(value) for value in (2, "2", "north", "0", None, "unknown", "12345", "x" * 40)] == [
        *(2, 2, "north", None, None, None, "12345", None)
    ]


def test_a_vehicle_of_nothing_known_is_none() -> None:
    assert vehicle(make="unknown", model="", colour=None, kind="Unknown") is None
    assert vehicle(make="Porsche", model="911") == {"make": "Porsche", "model": "911"}


def test_images_in_base64() -> None:
    text = base64.b64encode(PATCH).decode()
    assert base64_image(text) == PATCH
    assert base64_image(base64.encodebytes(PATCH).decode()) == PATCH
    assert base64_image(f"data:image/jpeg;base64,{text}") == PATCH
    for other in ("BASE64_JPEG_OVERVIEW_IMAGE", "", None, 7, "é" * 40, "A" * 17):
        assert base64_image(other) is None
    assert base64_image(base64.b64encode(PATCH + bytes(MAX_IMAGE)).decode()) is None
