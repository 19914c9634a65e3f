"""Nothing vanishes: kinds of payloads that were once answered as signs of life, lost, or taken for what they are not.

Each is a table of its own writing, in the shapes that public reports of such devices have.
"""

from __future__ import annotations

import gzip
import zlib
from datetime import datetime
from typing import Any

import pytest

from tests.adapter_strategies import PATCH, all_vectors, form, vector
from wicketgate.base.errors import InputError
from wicketgate.reads.adapters import ADAPTERS, MAX_PAYLOAD, parse
from wicketgate.reads.adapters.moments import moment
from wicketgate.reads.adapters.net import holds_plate
from wicketgate.reads.observations import Keepalive, Observation, Payload, Unreadable


def sent(body: bytes, content_type: str = "", query: bytes = b"") -> Payload:
    return Payload(content_type=content_type, body=body, query=query)


# --- a plate answered as a sign of life ---------------------------------------------------------------------------

EVENT = "<EventNotificationAlert><macAddress>02:00:5e:10:00:01</macAddress>{}</EventNotificationAlert>"
HIDDEN = {
    "a plate under another event": (
        "hikvision",
        EVENT.format("<eventType>motion</eventType><a><vrm>AB12CDE</vrm></a>"),
    ),
    "another maker's results": ("platerecognizer", '{"results": [], "best_plate_number": "AB12CDE"}'),
    "a plate beside a heartbeat": ("axis", '{"type": "heartbeat", "licensePlate": "AB12 CDE"}'),
    "a plate in a state": (
        "viewtron",
        "<config><deviceInfo><sn>1</sn></deviceInfo><PlateNo>AB12CDE</PlateNo></config>",
    ),
    "a plate in a face": ("frigate", '{"type": "face", "camera": "yard", "id": "1", "plate": "AB12CDE"}'),
    "a heartbeat of another's": ("rekor", '{"data_type": "heartbeat", "vehicle": {"plate": "AB12CDE"}}'),
    "a registration": ("dahua", '{"Active": "keepAlive", "DeviceID": "x", "PlateNumber": "AB12CDE"}'),
}


@pytest.mark.parametrize(("name", "body"), HIDDEN.values(), ids=HIDDEN)
def test_no_sign_of_life_hides_a_plate(name: str, body: str) -> None:
    (seen,) = parse(name, sent(body.encode()))
    assert isinstance(seen, Unreadable)
    assert "AB12" in seen.kept["payload"]
    assert "AB12" not in seen.detail


@pytest.mark.parametrize("name", sorted(ADAPTERS))
def test_each_payload_posted_to_another_maker_leaves_a_trace(name: str) -> None:
    for other, payload in all_vectors():
        if other == name or isinstance(parse(other, payload)[0], Keepalive):
            continue
        assert not any(isinstance(one, Keepalive) for one in parse(name, payload)), other


@pytest.mark.parametrize("name", sorted(ADAPTERS))
@pytest.mark.parametrize(
    "body",
    [
        b"hello",
        b"\xff\xd8\xff",
        b"\0\1\2",
        b"{",
        b"<a>",
        b"--b\r\n",
        b"{}",
        b"[1]",
        b"\x1f\x8b\x08junk",
        b"a=b",
    ],
)
def test_what_cannot_be_read_is_kept_with_its_beginning(name: str, body: bytes) -> None:
    found = parse(name, sent(body, "x/y", b"camera=c0"))
    assert len(found) == 1
    assert isinstance(found[0], Unreadable)
    kept = found[0].kept
    assert (kept["bytes"], kept["type"], kept["query"]) == (len(body), "x/y", "camera=c0")
    assert kept["payload"] == body.decode("utf-8", "backslashreplace")


@pytest.mark.parametrize("name", sorted(ADAPTERS))
@pytest.mark.parametrize("query", [b"", b"camera=c0"])
def test_a_body_with_nothing_in_it_is_a_sign_of_life(name: str, query: bytes) -> None:
    assert parse(name, sent(b" \r\n", "text/xml", query)) == (Keepalive(),)


# --- what is not as it should be, and says the same all the same --------------------------------------------------

PLAIN = vector("hikvision_alert.xml").decode()
ODD: dict[str, bytes] = {
    "a bare ampersand": PLAIN.replace("Network Camera", "Gate A & B").encode(),
    "an entity of HTML": PLAIN.replace("Network Camera", "Gate&nbsp;B").encode(),
    "a control character": PLAIN.replace("Network Camera", "Gate\x02\x1b").encode(),
    "a reference to one": PLAIN.replace("Network Camera", "Gate&#0;").encode(),
    "UTF-16 that is UTF-8": PLAIN.replace("UTF-8", "utf-16").encode(),
    "GB2312 that is UTF-8": PLAIN.replace("UTF-8", "GB2312").replace("Network", "北").encode(),
    "an encoding that nobody knows": PLAIN.replace("UTF-8", "x-device").encode(),
    "UTF-16": PLAIN.replace("UTF-8", "UTF-16").encode("utf-16"),
    "Windows' letters as UTF-8": PLAIN.replace("Network", "Pförtner").encode("cp1252"),
    "packed by gzip": gzip.compress(PLAIN.encode()),
    "packed by deflate": zlib.compress(PLAIN.encode()),
    "an unbound prefix": PLAIN.replace("<channelName>", '<channelName xsi:type="x">').encode(),
    "NULs behind it": PLAIN.encode() + b"\0" * 8,
    "junk behind it": PLAIN.encode() + b"\r\n--boundary--",
}


@pytest.mark.parametrize("body", ODD.values(), ids=ODD)
def test_a_document_that_is_not_well_formed_loses_no_read(body: bytes) -> None:
    (plain,) = parse("hikvision", sent(PLAIN.encode()))
    (seen,) = parse("hikvision", sent(body))
    assert isinstance(plain, Observation)
    assert isinstance(seen, Observation)
    assert (seen.plate, seen.captured_at, seen.id) == (plain.plate, plain.captured_at, plain.id)


@pytest.mark.parametrize("name", ["Pf\xf6rtner".encode("latin-1"), b"\x02Gate\x1b"])
def test_json_with_a_name_that_is_none_loses_no_read(name: bytes) -> None:
    body = vector("milesight_plate.json").replace(b"Van", name)
    (seen,) = parse("milesight", sent(body))
    assert isinstance(seen, Observation)
    assert seen.plate == "AB12CDE"


@pytest.mark.parametrize("cut", [1, 40, 400, 900])
def test_what_is_cut_off_is_not_mended(cut: int) -> None:
    (seen,) = parse("hikvision", sent(PLAIN.encode().rstrip()[:-cut]))
    assert isinstance(seen, Unreadable)


@pytest.mark.parametrize(
    "body",
    [
        gzip.compress(b"<a>" + b" " * (MAX_PAYLOAD + 1), mtime=0),
        gzip.compress(b" " * 1_000_000, mtime=0),
        gzip.compress(b"<a/>", mtime=0)[:-9],
    ],
)
def test_what_grows_without_end_is_not_unpacked(body: bytes) -> None:
    (seen,) = parse("hikvision", sent(body))
    assert isinstance(seen, Unreadable)


def test_one_vehicle_and_its_device_without_a_block_of_their_own() -> None:
    body = EVENT.format(
        "<deviceSerial>GATE 0001</deviceSerial><eventType>ANPR</eventType>"
        "<dateTime>2026-07-04T08:15:02+1:00</dateTime><licensePlateNumber>AB12-CDE</licensePlateNumber>"
    )
    (seen,) = parse("hikvision", sent(body.encode()))
    assert isinstance(seen, Observation)
    assert (seen.plate, "GATE 0001" in seen.cameras) == ("AB12-CDE", True)


# --- values elsewhere ---------------------------------------------------------------------------------------------


def test_values_in_an_address_leave_a_trace() -> None:
    (seen,) = parse("axis", sent(b"", query=b"camera=c0&plate=AB12CDE&time=1783149302"))
    assert isinstance(seen, Unreadable)
    assert seen.kept["query"] == "camera=c0&plate=AB12CDE&time=1783149302"


def test_values_in_the_names_of_images_leave_a_trace() -> None:
    pictures = form([("image", "20260704081502_AB12CDE.jpg", "image/jpeg", PATCH)])
    for name in ADAPTERS:
        (seen,) = parse(name, pictures)
        assert isinstance(seen, Unreadable)
        assert "20260704081502_AB12CDE.jpg" in seen.kept["payload"]


# --- times --------------------------------------------------------------------------------------------------------

WRITTEN = {
    "2026-07-04T08:15:02+1:00": "2026-07-04T08:15:02+01:00",
    "2026-07-04T08:15:02+1": "2026-07-04T08:15:02+01:00",
    "2026-07-04T08:15:02-3:30": "2026-07-04T08:15:02-03:30",
    "2026-07-04T08:15:02+01:00[Europe/London]": "2026-07-04T08:15:02+01:00",
    "2026-07-04T08:15:02[Europe/London]": "2026-07-04T08:15:02+01:00",
    "2026-07-04T08:15:02Z[UTC]": "2026-07-04T08:15:02+00:00",
    "2026-07-04 08:15:02 GMT": "2026-07-04T08:15:02+00:00",
    "2026-07-04 08:15:02 UTC": "2026-07-04T08:15:02+00:00",
    "2026-07-04 08:15:02 GMT+1": "2026-07-04T08:15:02+01:00",
    "2026-07-04 08:15:02 UTC+01:00": "2026-07-04T08:15:02+01:00",
    "Sat, 04 Jul 2026 08:15:02 GMT": "2026-07-04T08:15:02+00:00",
    "Sat Jul 4 08:15:02 2026": "2026-07-04T08:15:02",
    "Sat Jul 04 2026 08:15:02 GMT+0100 (British Summer Time)": "2026-07-04T08:15:02+01:00",
    "4 July 2026 08:15:02": "2026-07-04T08:15:02",
    "2026-7-4 8:5:2": "2026-07-04T08:05:02",
    "2026-07-04_08-15-02-252": "2026-07-04T08:15:02.252000",
    "2026-07-04 08:15:02:252": "2026-07-04T08:15:02.252000",
    "14.07.2026, 08:15:02": "2026-07-14T08:15:02",
    "2026-07-04 08:15:02 a.m.": "2026-07-04T08:15:02",
}


@pytest.mark.parametrize(("text", "expected"), WRITTEN.items())
def test_times(text: str, expected: str) -> None:
    assert moment(text).isoformat() == datetime.fromisoformat(expected).isoformat()


@pytest.mark.parametrize(
    "text",
    [
        *("2026-07-04T08:15:02+15:00", "2026-07-04T08:15:02+100", "2026-07-04T08:15:02 BST"),
        *(
            "2026-07-04T08:15:02[Europe/Nowhere]",
            "2026-07-04T08:15:02[AB12CDE]",
            "Sat Jul 4 2026",
            "4 July 2026 soon",
        ),
        *(
            "2026-03-29T01:30:00[Europe/London]",
            "2026-10-25T01:30:00[Europe/London]",
            "x" * 500,
            "04/07/2026 08:15:02",
        ),
    ],
)
def test_times_that_are_none_or_two(text: str) -> None:
    with pytest.raises(InputError) as caught:
        moment(text)
    assert "AB12" not in caught.value.detail


def test_the_order_of_a_date_that_its_maker_documents() -> None:
    assert moment("04/07/2026 08:15:02", "day-first").month == 7
    assert moment("04/07/2026 08:15:02", "month-first").month == 4
    with pytest.raises(InputError):
        moment("14/07/2026 08:15:02", "month-first")


# --- the net ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "query", "found"),
    [
        (b'{"plate": "AB12 CDE"}', b"", True),
        (b'{"License_Plate_Number" : "AB12CDE"}', b"", True),
        (b"<ns:plateNumber x='1'><![CDATA[AB12CDE]]></ns:plateNumber>", b"", True),
        (b"a=1&vrm=AB12CDE", b"", True),
        (b'--b\r\nContent-Disposition: form-data; name="plate"\r\n\r\nAB12CDE\r\n--b--', b"", True),
        (b"", b"plate=AB12CDE", True),
        (b'{"plate": "unknown"}', b"", False),
        (b'{"plateColor": "92wex"}', b"", False),
        (b'{"plate": 0.81, "attributes": {"license_plate": 0.8}}', b"", False),
        (b'{"label": "license_plate", "id": "1.5-ab"}', b"", False),
        (b"<plateType>92wex</plateType>", b"camera=ab12", False),
    ],
)
def test_what_the_net_catches(body: bytes, query: bytes, found: Any) -> None:
    assert holds_plate(sent(body, query=query)) is found
