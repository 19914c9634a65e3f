"""Lists of cameras from files: whole, or refused with the line and the reason."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wicketgate.base.errors import InputError
from wicketgate.clients.source.lists import COLUMNS, read_cameras
from wicketgate.commits.transactions import CameraSet

HEAD = "id,name,groups,latitude,longitude,heading,zone,aliases\n"
PLACES = "".join(f"c{number},,,51.{number},-1.2,,,\n" for number in range(5))


def point(id_: str, longitude: float, latitude: float, **more: Any) -> dict[str, Any]:
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [longitude, latitude]},
        "properties": {"id": id_, **more},
    }


def placed_twice() -> dict[str, Any]:
    feature = point("a", 1, 51)
    feature["properties"]["latitude"] = 3
    return feature


def collection(*features: Any) -> bytes:
    return json.dumps({"type": "FeatureCollection", "features": features}).encode()


def test_both_forms_say_the_same() -> None:
    table = HEAD + 'north,"North Road, top",ring;town,51.5,-1.2,90,Europe/London,SN1; SN2\nsouth,,,,,,,\n'
    features = collection(
        point(
            *("north", -1.2, 51.5),
            name="North Road, top",
            groups=["ring", "town"],
            heading=90.0,
            zone="Europe/London",
            aliases=["SN1", "SN2"],
        ),
        {"type": "Feature", "geometry": None, "properties": {"id": "south", "name": None}},
    )
    cameras = read_cameras(table.encode(), "csv")
    assert cameras == read_cameras(features, "geojson")
    assert cameras == read_cameras(b"\xef\xbb\xbf" + table.replace("\n", "\r\n").encode(), "csv")
    assert msgspec.convert(cameras, list[CameraSet])[0].aliases == ("SN1", "SN2")
    assert cameras[1] == {"id": "south"}


def test_a_spreadsheet_that_writes_semicolons_is_read() -> None:
    assert read_cameras(b"id;name\nnorth;North Road\n", "csv") == [{"id": "north", "name": "North Road"}]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1: the column `id` is missing"),
        ("name\nx\n", "line 1: the column `id` is missing"),
        ("id,colour\nx,blue\n", "line 1: there is no column `colour`"),
        ("id,id\nx,y\n", "line 1: the column `id` stands twice"),
        ("id\n", "the list has no camera"),
        ("id,name\na,A\n\nb\n", "line 4: 1 cells, but line 1 names 2 columns"),
        ("id,name\n,A\n", "line 2: it has no `id`"),
        ("id,latitude,longitude\na,51.5,\n", "line 2: a position has `latitude` and `longitude`"),
        (
            "id,latitude,longitude\na,51.5,1.2\nb,north,1\n",
            "line 3: `latitude` is `north`, which is no number",
        ),
        ("id,latitude,longitude\na,0,0\n", "line 2: 0,0 is no position"),
        ("id,latitude,longitude\na,91,0\n", "line 2: `latitude` lies between -90 and 90"),
        ("id,latitude,longitude\na,nan,0\n", "line 2: `latitude` lies between -90 and 90"),
        ("id,heading\na,361\n", "line 2: `heading` lies between 0 and 360 degrees"),
        ("id\na\nb\na\n", "line 4: `a` is named in line 2 already"),
        ("id,aliases\na,SN1\nb,a\n", "line 3: `a` is named in line 2 already"),
        (HEAD + PLACES + "x,,,-1.2,51.5,,,\n", "line 7: .* its latitude and longitude are swapped"),
        (HEAD + PLACES + "x,,,-51.2,-1.5,,,\n", "line 7: .* look at its signs"),
        ('id\n"a\n', "line 2: unexpected end of data"),
    ],
)
def test_a_csv_that_is_not_right_is_refused_with_its_line(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_cameras(text.encode(), "csv")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"{", "no JSON"),
        (b"[]", "no GeoJSON"),
        (collection(), "the list has no camera"),
        (collection(point("a", 1, 51), point("", 1, 51)), "feature 2: it has no `id`"),
        (collection({"type": "Feature"}), "feature 1: it has no `properties`"),
        (collection(point("a", 1, 51, colour="blue")), "feature 1: there is no property `colour`"),
        (collection(placed_twice()), "feature 1: there is no property `latitude`"),
        (collection(point("a", 1, 51, groups=[1])), "feature 1: `groups` is no list of texts"),
        (collection(point("a", 1, 51, name=1)), "feature 1: `name` is no text"),
        (collection(point("a", 1, 51, heading=True)), "feature 1: `heading` is no number"),
        (
            collection({**point("a", 1, 51), "geometry": {"type": "LineString"}}),
            "feature 1: its geometry is no Point",
        ),
        (
            collection({**point("a", 1, 51), "geometry": {"type": "Point", "coordinates": ["1", 2]}}),
            "no numbers",
        ),
    ],
)
def test_a_geojson_that_is_not_right_is_refused_with_its_number(data: bytes, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_cameras(data, "geojson")


def test_what_the_gateway_would_refuse_is_refused_with_its_line() -> None:
    def check(camera: Any) -> None:
        if camera["id"] == "b":
            raise InputError("ids are otherwise")

    with pytest.raises(InputError, match=r"^line 3: ids are otherwise$"):
        read_cameras(b"id\na\nb\n", "csv", check)


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode), st.sampled_from(["csv", "geojson"]))
def test_arbitrary_bytes_are_cameras_or_an_input_error(data: bytes, form: Any) -> None:
    try:
        cameras = read_cameras(data, form)
    except InputError:
        return
    assert all(camera["id"] and camera.keys() <= set(COLUMNS) for camera in cameras)


@given(
    st.lists(
        st.sampled_from(["id", "latitude", "aliases", "1", "nan", '"', ",", ";", "\n", "é"]), max_size=40
    )
)
def test_what_looks_like_a_table_is_cameras_or_an_input_error(parts: list[str]) -> None:
    try:
        cameras = read_cameras("".join(["id", *parts]).encode(), "csv")
    except InputError:
        return
    assert len({camera["id"] for camera in cameras}) == len(cameras)


def test_what_a_camera_is_registered_with_beside_its_place() -> None:
    table = b"id,ignore_offset,words\nc1,yes,No\nc2,,\n"
    first, second = read_cameras(table, "csv")
    assert (first["ignore_offset"], first["words"]) == (True, False)
    assert second == {"id": "c2"}
    with pytest.raises(InputError, match="line 2: `words`"):
        read_cameras(b"id,words\nc1,perhaps\n", "csv")
    point = {"type": "Feature", "id": "c3", "geometry": None, "properties": {"words": True}}
    value = {"type": "FeatureCollection", "features": [point]}
    assert read_cameras(json.dumps(value).encode(), "geojson") == [{"id": "c3", "words": True}]
    point["properties"] = {"words": "yes"}
    with pytest.raises(InputError, match="true or false"):
        read_cameras(json.dumps(value).encode(), "geojson")
