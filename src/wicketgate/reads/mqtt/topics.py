"""The topics of reads, their adapters and their kinds of content.

Pure.
"""

from __future__ import annotations

import re

import msgspec

PUSH = "wicketgate/push/"
_FRIGATE = ("/events", "/tracked_object_update")
_BOUNDARY = re.compile(rb"\s*--([\w'()+,./:=?-]{1,70}) *\r?\n", re.ASCII)


class Route(msgspec.Struct, frozen=True, gc=False):
    """The way of a message: its adapter, and its camera if named.

    The topic may name the camera.
    """

    adapter: str
    camera: str | None = None


_EVERY_FRIGATE = Route("frigate")


def route(topic: str) -> Route | None:
    """Return the way of a topic's messages.

    None for topics that hold no reads.

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
    """Return a payload's kind of content.

    MQTT 3.1.1 has no place to say it.
    """
    start = body[:200].lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if start in (b"{", b"["):
        return "application/json"
    if start == b"<":
        return "application/xml"
    boundary = _BOUNDARY.match(body)
    if boundary:
        return f'multipart/form-data; boundary="{boundary[1].decode()}"'
    return "application/octet-stream"
