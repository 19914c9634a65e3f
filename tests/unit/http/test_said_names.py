"""Names that callers give themselves are none that the gateway gives."""

from __future__ import annotations

import pytest

from wicketgate.base.errors import InputError
from wicketgate.http.said_names import said_name
from wicketgate.http.sessions import officer_name

OURS = [
    "person:" + "ab" * 32,
    "PERSON:x",
    " person :x",
    "\uff50erson:x",
    "person\uff1ax",
    "pe\u200brson:x",
    "\u202eperson:x",
    "person\u0301:x",
    "recipient:met/duty-desk",
    "source:tfl",
    "overseer:ico/commissioner",
    "office:met/intelligence",
    "duty:met/duty-desk",
    "Gateway",
    "admin",
    " admin ",
]


@pytest.mark.parametrize("name", OURS)
def test_no_caller_calls_somebody_as_the_gateway_does(name: str) -> None:
    with pytest.raises(InputError):
        said_name(name)


@pytest.mark.parametrize("name", ["person:x", "PERSON: x", "recipient:met/duty-desk", "gateway"])
def test_no_officer_calls_themselves_as_the_gateway_does(name: str) -> None:
    with pytest.raises(InputError):
        officer_name(name)


@pytest.mark.parametrize(
    "name", ["", "PC 4711", "A. Person", "Ada: duty desk", "Administrator", "Pers\u00f6nlich"]
)
def test_other_names_are_taken_as_they_are(name: str) -> None:
    assert said_name(name) == name
