"""Payloads of vendors for reuse: those of tests/vectors/adapters, their edits, forms with parts, and mutations.

The payloads were written for these tests, in the shapes that devices send.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from pathlib import Path

from hypothesis import strategies as st

from wicketgate.reads.adapters import ADAPTERS
from wicketgate.reads.observations import Parsed, Payload

VECTORS = Path(__file__).parent / "vectors" / "adapters"
PATCH = b"\xff\xd8\xff\xe0 a small picture\r\n--not-a-boundary\r\n\xff\xd9"
OVERVIEW = b"\xff\xd8\xff\xe0 a large picture" + bytes(range(256)) * 8 + b"\xff\xd9"

Edits = dict[str, str]
Form = Iterable[tuple[str, str, str, bytes]]


def read(name: str, payload: Payload) -> Parsed:
    """Return what an adapter itself makes of a payload, or let it raise: nothing is kept of one that it cannot read."""
    return ADAPTERS[name].read(payload)


def vector(name: str, edits: Edits | None = None) -> bytes:
    """Return a payload of tests/vectors/adapters with texts replaced; each must stand in it once at least."""
    text = (VECTORS / name).read_text(encoding="utf-8")
    for old, new in (edits or {}).items():
        assert old in text, old
        text = text.replace(old, new)
    return text.encode()


def with_images(body: bytes) -> bytes:
    """Return a payload whose marks PATCH and OVERVIEW are the two pictures in base64."""
    return body.replace(b"PATCH", base64.b64encode(PATCH)).replace(b"OVERVIEW", base64.b64encode(OVERVIEW))


def form(parts: Form, boundary: str = "boundary", eol: bytes = b"\r\n") -> Payload:
    """Return a form of (name, file name, media type, data), as devices write it."""
    body = b""
    for name, file, media_type, data in parts:
        file_name = f'; filename="{file}"' if file else ""
        head = (
            f"--{boundary}",
            f'Content-Disposition: form-data; name="{name}"{file_name}',
            f"Content-Type: {media_type}",
            f"Content-Length: {len(data)}",
            "",
            "",
        )
        body += eol.join(line.encode() for line in head) + data + eol
    body += f"--{boundary}--".encode() + eol
    return Payload(content_type=f"multipart/form-data; boundary={boundary}", body=body)


def all_vectors() -> list[tuple[str, Payload]]:
    """Return each payload of tests/vectors/adapters with its adapter's name."""
    kinds = {".xml": "application/xml", ".json": "application/json"}
    return [
        (path.name.partition("_")[0], Payload(content_type=kinds[path.suffix], body=path.read_bytes()))
        for path in sorted(VECTORS.iterdir())
    ]


@st.composite
def mutated(draw: st.DrawFn) -> tuple[str, Payload]:
    """Draw a payload in which bytes were cut out, put in or changed about, or whose type or adapter is another's."""
    name, payload = draw(st.sampled_from(all_vectors()))
    body = payload.body
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(body)))
        end = min(len(body), start + draw(st.integers(0, 40)))
        pool = st.binary(max_size=12) | st.sampled_from(
            [
                b"",
                b"<",
                b"</",
                b"]]>",
                b"&amp;",
                b"&x;",
                b"[",
                b"{",
                b'"',
                b"null",
                b"1e999",
                b"-1",
                b"\xff",
                b"\0",
            ]
        )
        body = body[:start] + draw(pool) + body[draw(st.sampled_from([start, end])) :]
    kinds = [payload.content_type, "", "multipart/form-data; boundary=b", "application/x-www-form-urlencoded"]
    content_type = draw(st.sampled_from(kinds))
    if draw(st.booleans()):
        body = b"--b\r\nContent-Type: text/xml\r\n\r\n" + body + b"\r\n--b--\r\n"
    name = draw(
        st.sampled_from([name, name, "axis", "bof2", "frigate", "hikvision", "platerecognizer", "viewtron"])
    )
    topic = draw(st.sampled_from(["", "frigate/events", "frigate/tracked_object_update"]))
    return name, Payload(content_type=content_type, body=body, topic=topic)
