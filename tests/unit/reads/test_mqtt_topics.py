"""Which topics hold reads."""

from __future__ import annotations

import pytest

from wicketgate.reads.mqtt.topics import Route, content_type, route


@pytest.mark.parametrize(
    ("topic", "where"),
    [
        ("frigate/events", Route("frigate")),
        ("frigate/tracked_object_update", Route("frigate")),
        ("home/frigate/events", Route("frigate")),
        ("cctv/north/tracked_object_update", Route("frigate")),
        ("wicketgate/push/hikvision", Route("hikvision")),
        ("wicketgate/push/axis/ccz-0001", Route("axis", "ccz-0001")),
        ("wicketgate/push/axis/a/b", Route("axis", "a/b")),  # no camera has such a name: it is quarantined
        ("wicketgate/push/axis/", Route("axis", "")),
        ("wicketgate/push/", Route("")),
        ("wicketgate/push/frigate/events", Route("frigate", "events")),
        ("wicketgate/push", None),
        ("wicketgate/events", None),
        ("frigate/reviews", None),
        ("frigate/stats", None),
        ("frigate/available", None),
        ("frigate/front/license_plate/snapshot", None),
        ("frigate/events/x", None),
        ("frigate/Events", None),
        ("events", None),
        ("/events", None),
        ("$SYS/events", None),
        ("", None),
    ],
)
def test_where_a_message_goes(topic: str, where: Route | None) -> None:
    assert route(topic) == where


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"a": 1}', "application/json"),
        (b" \r\n [1]", "application/json"),
        (b"\xef\xbb\xbf{}", "application/json"),
        (b'<?xml version="1.0"?><a/>', "application/xml"),
        (b"--frame\r\nContent-Type: x\r\n", 'multipart/form-data; boundary="frame"'),
        (b"\r\n--a b\r\n", "application/octet-stream"),
        (b"--" + b"x" * 71 + b"\r\n", "application/octet-stream"),
        (b"--frame", "application/octet-stream"),
        (b"", "application/octet-stream"),
        (b"plate=1", "application/octet-stream"),
        (b" " * 300 + b"{}", "application/octet-stream"),
    ],
)
def test_what_kind_of_content_a_payload_is(body: bytes, kind: str) -> None:
    assert content_type(body) == kind
