"""Forms: what each member means, what is refused, and the bounds of paths and templates."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

import pytest

from tests.adapter_strategies import PATCH, form
from wicketgate.base.errors import InputError
from wicketgate.reads.adapters import ADAPTERS, Adapters
from wicketgate.reads.adapters.file_names import FileNameTemplate
from wicketgate.reads.adapters.forms import MAX_FORM, read_form
from wicketgate.reads.adapters.made import MADE
from wicketgate.reads.adapters.paths import compiled
from wicketgate.reads.observations import Gone, Keepalive, Observation, Payload, Unreadable

PLAIN = """
format = "json"
plate = "$.plate"
camera = ["$.serial", "$.name"]
lane = "$.lane"
id = "$.number"
[time]
paths = "$.at"
"""


def own(text: str) -> Adapters:
    return Adapters({"gate": text})


def read(text: str, body: bytes | str, content_type: str = "", query: bytes = b"") -> Any:
    data = body.encode() if isinstance(body, str) else body
    return own(text).parse("gate", Payload(content_type=content_type, body=data, query=query))


def test_json() -> None:
    (seen,) = read(
        PLAIN,
        '{"Plate": "AB12 CDE", "name": "North", "Lane": "2", "number": 7, "AT": "2026-07-04T08:15:02+1:00"}',
    )
    assert isinstance(seen, Observation)
    assert (seen.plate, seen.cameras, seen.lane, seen.confidence) == ("AB12 CDE", ("North",), 2, None)
    assert seen.captured_at == datetime.fromisoformat("2026-07-04T08:15:02+01:00")
    assert seen.id is not None


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ('{"plate": "AB12CDE", "name": "N"}', Unreadable),
        ('{"name": "N", "at": 1783149302}', Unreadable),
        ('{"plate": "", "name": "N", "at": 1783149302}', Observation),
        ("[1, 2]", Unreadable),
        ("plate=AB12CDE", Unreadable),
        ("", Keepalive),
    ],
)
def test_what_else_comes_leaves_a_trace(body: str, kind: type) -> None:
    (seen,) = read(PLAIN, body)
    assert isinstance(seen, kind)


def test_passages_of_which_some_hold_a_plate() -> None:
    text = (
        PLAIN.replace("[time]", '[[only]]\npaths = "$.kind"\nwords = ["plate"]\n[time]')
        .replace('"$.at"', '"$$.at"')
        .replace('format = "json"', 'format = "json"\neach = "$.seen[*]"')
    )
    body = (
        '{"at": 1783149302, "seen": [{"kind": "Plate", "plate": "AB12CDE", "name": "N"}, {"kind": "person"}, '
        '{"kind": "plate", "plate": "CD34EFG"}]}'
    )
    assert [one.plate for one in read(text, body)] == ["AB12CDE", "CD34EFG"]
    (sign,) = read(text, '{"at": 1783149302, "seen": [{"kind": "person", "name": "N"}]}')
    assert sign == Keepalive(cameras=("N",))
    (other,) = read(text, '{"at": 1783149302}')
    assert isinstance(other, Unreadable)


def test_followed_vehicles() -> None:
    text = PLAIN.replace(
        "[time]", 'tracked = "$.car"\nlast = { paths = "$.state", words = ["left"] }\n[time]'
    )
    body = '{"plate": "AB12CDE", "name": "N", "at": 1783149302, "car": 5, "state": "%s"}'
    (first,), (last,) = read(text, body % "new"), read(text, body % "LEFT")
    assert (first.tracked, first.final, last.final) == ("5", False, True)
    (gone,) = read(text, '{"name": "N", "at": 1783149302, "car": 5, "state": "left"}')
    assert gone == Gone(cameras=("N",), tracked="5")


@pytest.mark.parametrize(
    ("value", "most", "sure", "mark"),
    [
        (0.93, 1, 0.93, None),
        ("93", 100, 0.93, None),
        (204, 255, 0.8, None),
        (930, 1000, 0.93, None),
        (256, 255, None, "confidence-off-scale"),
        ("high", 255, None, "confidence-unknown"),
    ],
)
def test_confidences(value: Any, most: int, sure: float | None, mark: str | None) -> None:
    text = PLAIN + f'[confidence]\npaths = "$.sure"\nmost = {most}\n'
    said = f'"{value}"' if isinstance(value, str) else value
    (seen,) = read(text, f'{{"plate": "AB12CDE", "name": "N", "at": 1783149302, "sure": {said}}}')
    assert (seen.confidence, seen.marks) == (sure, () if mark is None else (mark,))


def test_times_of_two_members_in_a_zone_that_is_documented() -> None:
    text = PLAIN.replace(
        'paths = "$.at"',
        'paths = ["$.day", "$.hour"]\njoin = " "\nzone = "Europe/London"\norder = "day-first"',
    )
    (seen,) = read(text, '{"plate": "AB12CDE", "name": "N", "day": "04/07/2026", "hour": "08:15:02"}')
    assert seen.captured_at.isoformat() == "2026-07-04T08:15:02+01:00"
    (twice,) = read(text, '{"plate": "AB12CDE", "name": "N", "day": "25/10/2026", "hour": "01:30:00"}')
    assert (twice.code, twice.kept["plate"]) == ("time-ambiguous", "AB12CDE")
    (half,) = read(text, '{"plate": "AB12CDE", "name": "N", "day": "04/07/2026"}')
    assert half.code == "malformed"


def test_xml_form_query_and_lines() -> None:
    tail = 'camera = "Unit"\n[time]\npaths = "Seen"\n[direction]\npaths = "Way"\ntowards = ["in"]\naway = ["out"]\n'
    xml = read(
        'format = "xml"\neach = "//Passage"\nplate = "Plate/@text"\n' + tail,
        "<n:L><n:Passage><Plate text='AB12CDE'/><Unit>N & S</Unit>"
        "<Seen>2026-07-04T08:15:02Z</Seen><Way>OUT</Way></n:Passage></n:L>",
    )
    named = 'plate = "Plate"\n' + tail
    posted = read(
        'format = "form"\n' + named, "plate=AB12CDE&unit=N%20%26%20S&seen=2026-07-04T08:15:02Z&way=out"
    )
    parted = form(
        [
            (name, "", "", value)
            for name, value in (
                ("Plate", b"AB12CDE"),
                ("UNIT", b"N & S"),
                ("seen", b"2026-07-04T08:15:02Z"),
                ("way", b"out"),
            )
        ]
    )
    as_parts = own('format = "form"\n' + named).parse("gate", parted)
    asked = read(
        'format = "query"\n' + named,
        b"",
        query=b"plate=AB12CDE&unit=N+%26+S&seen=2026-07-04T08:15:02Z&way=out",
    )
    lines = read(
        'format = "csv"\nseparator = ";"\n' + named,
        "Unit;Way;Plate;Seen\r\nN & S;out;AB12CDE;2026-07-04T08:15:02Z\r\n",
    )
    bare = read(
        'format = "csv"\ncolumns = ["seen", "plate", "unit", "way"]\n' + named,
        "2026-07-04T08:15:02Z,AB12CDE,N & S,out\n",
    )
    for found in (xml, posted, as_parts, asked, lines, bare):
        (seen,) = found
        assert isinstance(seen, Observation), seen
        assert (seen.plate, seen.cameras, seen.direction) == ("AB12CDE", ("N & S",), "away")
        assert seen.captured_at.isoformat() == "2026-07-04T08:15:02+00:00"


def test_an_address_without_values_is_a_probe() -> None:
    text = 'format = "query"\nplate = "plate"\n[time]\npaths = "seen"\n'
    assert read(text, b"", query=b"camera=c0") == (Keepalive(),)
    (seen,) = read(text, b"", query=b"camera=c0&plate=AB12CDE")
    assert isinstance(seen, Unreadable)


def test_the_name_of_a_picture() -> None:
    text = (
        'format = "file-name"\nplate = "plate"\ncamera = "camera"\n'
        'file_name = "{camera}_{time:%Y%m%d%H%M%S}_{plate}_{*}.jpg"\n[time]\npaths = "time"\nzone = "UTC"\n'
    )
    (seen,) = own(text).parse(
        "gate", form([("image", "a/north_20260704071502_AB12CDE_1.JPG", "image/jpeg", PATCH)])
    )
    assert isinstance(seen, Observation)
    assert (seen.plate.upper(), seen.cameras, seen.images) == ("AB12CDE", ("north",), {"overview": PATCH})
    assert seen.captured_at.isoformat() == "2026-07-04T07:15:02+00:00"
    (other,) = own(text).parse("gate", form([("image", "AB12CDE.jpg", "image/jpeg", PATCH)]))
    assert isinstance(other, Unreadable)
    assert "AB12CDE.jpg" in other.kept["payload"]


def test_an_answer() -> None:
    text = PLAIN + '[answer]\ntype = "application/json"\nbody = \'{"Result": true}\'\n'
    assert own(text).answer("gate", Payload(content_type="", body=b""), "taken") == (
        200,
        "application/json",
        b'{"Result": true}',
    )
    assert own(PLAIN).answer("gate", Payload(content_type="", body=b""), "taken") is None


WRONG = {
    "no TOML": "format = ",
    "an unknown member": PLAIN + "[more]\na = 1\n",
    "no plate": PLAIN.replace('plate = "$.plate"', ""),
    "another format": PLAIN.replace('"json"', '"yaml"'),
    "a filter": PLAIN.replace("$.plate", "$[?@.a == 1]"),
    "two descents": PLAIN.replace("$.plate", "$..a..b"),
    "no JSONPath": PLAIN.replace("$.plate", "$.a["),
    "not from the root": PLAIN.replace("$.plate", "plate"),
    "a function": PLAIN.replace("json", "xml").replace('"$.plate"', '"count(//a)"').replace("$.", ""),
    "an axis": PLAIN.replace("json", "xml").replace('"$.plate"', '"following::a"').replace("$.", ""),
    "two descents in XPath": PLAIN.replace("json", "xml").replace('"$.plate"', '"//a//b"').replace("$.", ""),
    "a document of another's": PLAIN.replace("json", "xml")
    .replace('"$.plate"', '"document(a)"')
    .replace("$.", ""),
    "no such zone": PLAIN.replace("[time]", '[time]\nzone = "Europe/Nowhere"'),
    "a template and no file names": PLAIN.replace("[time]", 'file_name = "{plate}.jpg"\n[time]'),
    "file names and no template": PLAIN.replace('"json"', '"file-name"').replace("$.", ""),
    "a last message of nothing": PLAIN.replace("[time]", 'last = { paths = "$.a" }\n[time]'),
    "a scale of nothing": PLAIN + '[confidence]\npaths = "$.a"\nmost = 0\n',
    "a path of far too much": PLAIN.replace("$.plate", "$." + "a" * 300),
    "too large": PLAIN + "#" * MAX_FORM,
}


@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG)
def test_what_is_no_form(text: str) -> None:
    with pytest.raises(InputError):
        own(text)


def test_no_form_takes_the_name_of_an_adapter_that_there_is() -> None:
    with pytest.raises(InputError):
        Adapters({"axis": PLAIN})
    assert own(PLAIN).names == sorted([*ADAPTERS, "gate"])
    assert all(read_form(text).about for text in MADE.values())


TEMPLATES = {
    "{camera}_{plate}.jpg": ("north_AB12CDE.jpg", {"camera": "north", "plate": "AB12CDE"}),
    "{plate}-{time:%Y%m%d%H%M%S%f}.jpg": (
        "AB12CDE-20260704081502252.jpg",
        {"plate": "AB12CDE", "time": "2026-07-04T08:15:02.252"},
    ),
    "{time:%Y-%m-%d_%H.%M.%S%z} {plate} {lane}.png": (
        "2026-07-04_08.15.02+0100 AB12CDE 2.png",
        {"time": "2026-07-04T08:15:02+0100", "plate": "AB12CDE", "lane": "2"},
    ),
    "{time:%s}_{plate}": ("1783149302_AB12CDE", {"time": "1783149302", "plate": "AB12CDE"}),
}


@pytest.mark.parametrize(("template", "expected"), TEMPLATES.items(), ids=TEMPLATES)
def test_templates(template: str, expected: tuple[str, dict[str, str]]) -> None:
    name, values = expected
    assert FileNameTemplate(template).values(name) == values
    assert FileNameTemplate(template).values("x" + name + "/other") is None


@pytest.mark.parametrize(
    "template",
    [
        "",
        "{plate}{camera}.jpg",
        "{plate}_{plate}",
        "{owner}",
        "{plate",
        "{plate:%Y}",
        "{time:%Y%m}",
        "{time:%q}",
        "a" * 300,
    ],
)
def test_what_is_no_template(template: str) -> None:
    with pytest.raises(InputError):
        FileNameTemplate(template)


def test_what_is_looked_up_takes_no_longer_than_its_members() -> None:
    begun = time.process_time()
    deep = b'{"a":' * 20 + b"1" + b"}" * 20
    wide = b'{"seen":[%b]}' % b",".join([b'{"plate":"AB12CDE"}'] * 4000)
    for body in (deep, wide, b"[" * 20_000, b'{"plate":' + b"[" * 10_000):
        read(PLAIN.replace("$.plate", "$..plate"), body)
    many = b"<a>" + b"<b><plate>x</plate></b>" * 10_000 + b"</a>"
    for body in (many, b"<a>" * 30_000, b"<a " + b"b='' " * 10_000 + b"/>"):
        read('format = "xml"\nplate = "//plate[1]"\n[time]\npaths = "//seen"\n', body)
    template = FileNameTemplate("{camera}_{plate}_{lane}_{*}.jpg")
    assert template.values("_".join("a" * 200) + ".jpg") is None
    assert compiled("//a[@b='X']", "xml").text == "//a[@b='X']"
    assert time.process_time() - begun < 3
