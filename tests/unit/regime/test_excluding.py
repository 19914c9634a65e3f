"""The charter's clauses on excluded places: their shape, and what of them an amendment may not let go unconsulted."""

from __future__ import annotations

from typing import Any

import pytest

from tests.vectors import make_documents as documents
from wicketgate.base.errors import DocumentRefused
from wicketgate.regime.admission.comparing import compare
from wicketgate.regime.charter import parse_charter

FRIDAYS = {"zone": "Europe/London", "days": ["fri"], "from": "11:00", "until": "15:00"}
NIGHTS = {"zone": "Europe/London", "days": ["sat"], "from": "22:00", "until": "04:00"}
PLACE = {
    "id": "mosque",
    "title": "A place of worship",
    "source": "tfl",
    "cameras": ["c1"],
    "hours": [FRIDAYS],
}


def charter(*places: dict[str, Any], version: int = 1) -> dict[str, Any]:
    document = documents.example("charter")
    document["charter"]["version"] = version
    return document | {"excluded": list(places)}


def wider(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> list[str]:
    found = compare(parse_charter(charter(*old)), parse_charter(charter(*new, version=2)))
    return list(found.wider)


def test_a_place_is_read_in_full() -> None:
    [place] = parse_charter(charter({**PLACE, "groups": ["worship"]})).excluded.values()
    assert (place.id, place.source, place.cameras, place.groups) == ("mosque", "tfl", {"c1"}, {"worship"})
    assert place.has("tfl", "c1", ())
    assert place.has("tfl", "c9", ("ccz", "worship"))
    assert not place.has("tfl", "c9", ("ccz",))
    assert not place.has("other", "c1", ("worship",))
    assert "fri 11:00 to 15:00" in place.words()
    assert parse_charter(documents.example("charter")).excluded == {}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"cameras": []}, "cameras"),
        ({"source": "met"}, "no source"),
        ({"source": "nobody"}, "no source"),
        ({"hours": [{**FRIDAYS, "zone": "Nowhere/Here"}]}, "zone"),
        ({"area": []}, "area"),
        ({"title": ""}, "title"),
    ],
)
def test_what_is_no_place_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(DocumentRefused, match=words):
        parse_charter(charter({**PLACE, **change}))


def test_a_place_without_a_camera_or_with_the_id_of_another_is_refused() -> None:
    with pytest.raises(DocumentRefused, match="neither"):
        parse_charter(charter({name: value for name, value in PLACE.items() if name != "cameras"}))
    with pytest.raises(DocumentRefused):
        parse_charter(charter(PLACE, PLACE))


def test_to_exclude_more_needs_nothing() -> None:
    assert wider([], [PLACE]) == []
    assert wider([PLACE], [PLACE]) == []
    assert wider([PLACE], [{**PLACE, "cameras": ["c1", "c2"], "title": "Two places"}]) == []
    assert wider([PLACE], [{**PLACE, "hours": [FRIDAYS, NIGHTS]}]) == []
    always = {name: value for name, value in PLACE.items() if name != "hours"}
    assert wider([PLACE], [always]) == []


@pytest.mark.parametrize(
    "new",
    [
        [],
        [{**PLACE, "id": "another"}],
        [{**PLACE, "cameras": ["c2"]}],
        [{**PLACE, "hours": [NIGHTS]}],
        [{**PLACE, "hours": [{**FRIDAYS, "from": "11:01"}]}],
    ],
)
def test_to_exclude_less_is_wider(new: list[dict[str, Any]]) -> None:
    [words] = wider([PLACE], new)
    assert "`mosque`" in words
    assert "excluded" in words


def test_hours_where_there_were_none_are_less() -> None:
    always = {name: value for name, value in PLACE.items() if name != "hours"}
    assert len(wider([always], [PLACE])) == 1
