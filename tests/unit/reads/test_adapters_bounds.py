"""What a device's payload may have of parts that cost a step each; whatever it is, no parser is long at it."""

from __future__ import annotations

import contextlib
import time
import tracemalloc

import pytest

from wicketgate.base.errors import InputError
from wicketgate.reads import adapters
from wicketgate.reads.adapters.json import read_json
from wicketgate.reads.adapters.xml import read_xml
from wicketgate.reads.observations import Payload

MOST = adapters.MAX_PAYLOAD - 1_000


def filled(before: bytes, part: bytes, behind: bytes) -> bytes:
    return before + part * (MOST // len(part)) + behind


FORM = b'--b\r\nContent-Disposition: form-data; name="json"\r\n\r\n'
ATTRIBUTES = b" ".join(b'a%d="1"' % n for n in range(600_000))
BODIES = {
    "attributes": (b"<EventNotificationAlert " + ATTRIBUTES + b"/>", "application/xml"),
    "elements": (filled(b"<config>", b"<a/>", b"</config>"), "application/xml"),
    "references": (filled(b"<config>", b"&#65;", b"</config>"), "application/xml"),
    "lines": (filled(b"<config>", b"\n", b"</config>"), "application/xml"),
    "lists": (filled(b'{"a":[', b"[],", b"1]}"), "application/json"),
    "members": (filled(b'{"z":1', b',"a":1', b"}"), "application/json"),
    "depth": (filled(b"", b'{"a":', b""), "application/json"),
    "lists in a form": (
        filled(FORM + b'{"a":[', b"[],", b"1]}\r\n--b--\r\n"),
        "multipart/form-data; boundary=b",
    ),
    "escapes": (filled(b"json=", b"%5B", b""), "application/x-www-form-urlencoded"),
    "commas": (filled(b"json=", b"[],", b""), "application/x-www-form-urlencoded"),
}


@pytest.mark.parametrize("name", adapters.ADAPTERS)
@pytest.mark.parametrize("body", BODIES)
def test_no_payload_is_long_to_parse(name: str, body: str) -> None:
    """On 0.3 each of these took from 0.3 to 5 s."""
    data, content_type = BODIES[body]
    times: list[float] = []
    for _ in range(3):
        begun = time.thread_time()
        with contextlib.suppress(InputError):
            adapters.parse(name, Payload(content_type=content_type, body=data))
        times.append(time.thread_time() - begun)
    assert min(times) < 0.1


def test_an_image_in_a_member_counts_for_nothing() -> None:
    assert read_json(b'{"image":"' + b"QUJD" * 1_500_000 + b'"}')["image"].startswith("QUJD")
    with pytest.raises(InputError):
        read_json(b"[" + b"1," * 20_000 + b"1]")


NAMESPACE = b"u" * 100_000
TAGS = b"".join(b"<e%d/>" % number for number in range(3_000))


@pytest.mark.parametrize(
    "document",
    [
        b'<r xmlns="' + NAMESPACE + b'">' + TAGS + b"</r>",
        b"<r xmlns:p = '" + NAMESPACE + b"'>" + TAGS.replace(b"<e", b"<p:e") + b"</r>",
        b'<r xmlns="' + b"xmlns=" * 10_000 + b'">' + TAGS + b"</r>",
        b"<r>" + b"".join(b'<e xmlns="urn:%d"/>' % number for number in range(3_000)) + b"</r>",
    ],
    ids=["one", "prefixed", "hidden in itself", "many"],
)
def test_no_namespace_is_put_before_thousands_of_names(document: bytes) -> None:
    """One such push of 123 kB took 570 MB: the parser writes the namespace before each name."""
    tracemalloc.start()
    try:
        with pytest.raises(InputError):
            read_xml(document)
        assert tracemalloc.get_traced_memory()[1] < 4 * len(document)
    finally:
        tracemalloc.stop()


def test_a_device_s_own_namespaces_are_taken() -> None:
    body = b'<a xmlns="http://www.isapi.org/ver20/XMLSchema" xmlns:xsi="urn:x"><b>xmlns</b></a>'
    assert read_xml(body) == ("a", {"b": "xmlns"})
