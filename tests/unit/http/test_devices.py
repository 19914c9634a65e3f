"""Programs that ask to act for a person: told once, refused, too late; nobody fills up what others need."""

from __future__ import annotations

import pytest

from tests.simulator import HandClock
from wicketgate.base.errors import InputError
from wicketgate.http.people.devices import LIFE_US, Devices


def test_a_program_is_told_once_in_which_session_it_was_let_in() -> None:
    devices = Devices(HandClock().now_us)
    asked = devices.begin()
    assert devices.redeem(asked.device_code) == "authorization_pending"
    devices.answer(asked.user_code.lower(), "ada", lets=True)
    assert devices.redeem(asked.device_code) == "ada"
    assert devices.redeem(asked.device_code) == "authorization_pending"


def test_a_program_that_is_refused_or_too_late_gets_nothing() -> None:
    clock = HandClock()
    devices = Devices(clock.now_us)
    refused, late = devices.begin(), devices.begin()
    devices.answer(refused.user_code, "ada", lets=False)
    devices.answer(late.user_code, "ada", lets=True)
    assert devices.redeem(refused.device_code) == "access_denied"
    clock.at_us += LIFE_US
    assert devices.redeem(late.device_code) == "expired_token"
    for wrong in ("", "x", "é", late.device_code[:-4] + "AAAA"):
        assert devices.redeem(wrong) == "expired_token"


@pytest.mark.parametrize("lets", [True, False])
def test_one_person_keeps_no_other_from_letting_a_program_in(lets: bool) -> None:
    clock = HandClock()
    devices = Devices(clock.now_us)
    for _ in range(8):
        devices.answer(devices.begin().user_code, "ada", lets=lets)
    with pytest.raises(InputError) as full:
        devices.answer(devices.begin().user_code, "ada", lets=lets)
    assert full.value.code == "busy"
    devices.answer(devices.begin().user_code, "ben", lets=True)
    clock.at_us += LIFE_US
    devices.answer(devices.begin().user_code, "ada", lets=lets)
