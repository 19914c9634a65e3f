"""Which topics hold reads, whose adapter reads them, and what kind of content it is. Pure."""

from __future__ import annotations

import re

import msgspec

PUSH = "wicketgate/push/"
_FRIGATE = ("/events", "/tracked_object_update")
_BOUNDARY = re.compile(rb"\s*--([\w'()+,./:=?-]{1,70}) *\r?\n", re.ASCII)


class Route(msgspec.Struct, frozen=True, gc=False):
    """Where a message goes: the adapter's name, and the camera if the topic names one."""

    adapter: str
    camera: str | None = None


_EVERY_FRIGATE = Route("frigate")


def route(topic: str) -> Route | None:
    """Return where a message of a topic goes; None for topics that hold no reads.

    >>> route("frigate/events"), route("wicketgate/push/hikvision/ccz-0001"), route("frigate/stats")
    (Route(adapter='frigate', camera=None), Route(adapter='hikvision', camera='ccz-0001'), None)
    """
    if topic.startswith(PUSH):
        adapter, slash, camera = topic[len(PUSH) :].partition("/")
        return Route(adapter, camera if slash else None)
    if topic.endswith(_FRIGATE) and not topic.startswith(("/", "$", "wicketgate/")):
        return _EVERY_FRIGATE
    return None


def content_type(body: bytes) -> str:
    """Return what kind of content a payload is, as MQTT 3.1.1 has no place to say it."""
    start = body[:200].lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if start in (b"{", b"["):
        return "application/json"
    if start == b"<":
        return "application/xml"
    boundary = _BOUNDARY.match(body)
    if boundary:
        return f'multipart/form-data; boundary="{boundary[1].decode()}"'
    return "application/octet-stream"
