from __future__ import annotations

import pytest

from wicketgate.base.limits import ConnectionLimits, PlaceLimits


@pytest.mark.parametrize("connections", [64, 200, 1_000, 8_192, 100_000])
def test_nobody_can_have_all_the_places_however_few_there_are(connections: int) -> None:
    places = PlaceLimits.of(ConnectionLimits(), connections)
    assert places.known + places.strangers == connections
    assert places.strangers <= connections / 4
    assert 1 <= places.strangers_of_peer <= places.strangers / 2
    assert 1 <= places.of_source <= places.known * 3 / 4
    assert 1 <= places.of_peer <= places.known * 7 / 8
    assert 1 <= places.of_name <= places.known / 4


def test_the_defaults_fit_a_city_behind_one_address() -> None:
    over_http, over_mqtt = (
        PlaceLimits.of(ConnectionLimits(), 8_192),
        PlaceLimits.of(ConnectionLimits(), 20_000),
    )
    assert min(over_http.of_source, over_http.of_peer) >= 1_500
    assert min(over_mqtt.of_source, over_mqtt.of_peer) >= 4_096
