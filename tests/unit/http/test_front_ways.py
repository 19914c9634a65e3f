"""A front beside the ordinary way: forms, images, makers' formats and Arrow bodies get the same answers."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pyarrow as pa

from tests.matching import UNIT
from tests.ways import HOST, Both
from wicketgate.base.clock import rfc3339
from wicketgate_demo.cameras.devices import FORMATS, Site
from wicketgate_demo.world.traffic import Read
from wicketgate_demo.world.vehicles import InventedVehicle


def form(*parts: tuple[str, str, bytes], end: bytes = b"--\r\n") -> bytes:
    """Return a form of parts: name, media type, content."""
    made = [
        f'--b\r\nContent-Disposition: form-data; name="{name}"; filename="f"\r\n'.encode()
        + f"Content-Type: {kind}\r\n\r\n".encode()
        + content
        + b"\r\n"
        for name, kind, content in parts
    ]
    return b"".join(made) + b"--b" + end


def with_images(both: Both) -> dict[str, tuple[bytes, ...]]:
    """Return forms, and images behind their reads, by what is odd about them."""
    bearer, post = both.bearer(), both.post
    jpeg, kind = b"\xff\xd8\xff" + bytes(60), "application/json"
    head = b"Content-Type: multipart/form-data; boundary=b\r\n" + bearer
    named = both.read(image="a.jpg")
    whole = form(("reads", kind, named), ("a.jpg", "image/jpeg", jpeg))

    def put(given: bytes, data: bytes = jpeg, which: bytes = b"patch", of: bytes = bearer) -> bytes:
        length = b"Content-Length: %d\r\n" % len(data)
        path = b"/v1/reads/" + given + b"/images/" + which
        return b"PUT %b HTTP/1.1\r\n%b%b\r\n%b" % (path, HOST, of + length, data)

    first = post(both.read(id="@PLATE@"))
    return {
        "a form": (post(whole, head),),
        "a form again": (post(whole, head), post(whole, head)),
        "a form without a token": (post(whole, head.replace(bearer, b"")),),
        "a form without a boundary": (post(whole, head.replace(b"; boundary=b", b"")),),
        "half a form": (post(whole[:-40], head),),
        "a form in pieces": (post(whole, head)[:200], post(whole, head)[200:]),
        "a form that is none": (post(b"{}", head),),
        "a form without reads": (post(form(("a.jpg", "image/jpeg", jpeg)), head),),
        "reads of another kind": (post(form(("reads", "text/plain", named)), head),),
        "an image that did not come": (post(form(("reads", kind, named)), head),),
        "an image that nobody names": (
            post(form(("reads", kind, both.read()), ("a.jpg", "image/jpeg", jpeg)), head),
        ),
        "an image twice": (
            post(form(("reads", kind, named), ("a.jpg", "image/jpeg", jpeg), ("a.jpg", "x/y", jpeg)), head),
        ),
        "an image that is none": (
            post(form(("reads", kind, named), ("a.jpg", "image/jpeg", b"junk")), head),
        ),
        "an image of no read that is none": (
            post(form(("reads", kind, both.read()), ("a.jpg", "image/jpeg", b"junk")), head),
        ),
        "a form of a refused read": (
            post(
                form(
                    ("reads", kind, both.read(camera="elsewhere", image="a.jpg")),
                    ("a.jpg", "image/jpeg", jpeg),
                ),
                head,
            ),
        ),
        "an image behind": (first, put(b"@PLATE@")),
        "an image behind, at once": (first + put(b"@PLATE@"),),
        "an image behind, again": (first, put(b"@PLATE@"), put(b"@PLATE@")),
        "another image behind": (first, put(b"@PLATE@"), put(b"@PLATE@", jpeg + b"x")),
        "the overview too": (first, put(b"@PLATE@"), put(b"@PLATE@", which=b"overview")),
        "an image of no read": (put(b"@PLATE@"),),
        "an image behind that is none": (first, put(b"@PLATE@", b"junk")),
        "an image of another kind": (first, put(b"@PLATE@", which=b"side")),
        "an image that is too large": (first, put(b"@PLATE@", jpeg + bytes(512 << 10))),
        "an image without a token": (put(b"@PLATE@", of=b""),),
        "an image by another": (put(b"@PLATE@", of=both.bearer(UNIT)),),
        "an escaped id": (first, put(b"%40" + b"PLATE@")),
        "an id that is too long": (put(b"x" * 65),),
        "a read between": (first, put(b"@PLATE@"), post(both.read("@PLATE@Q")), put(b"nobody")),
    }


async def test_images_come_through_both_ways_alike(both: Both) -> None:
    cases = with_images(both)
    found = {}
    for way in ("ordinary", "front"):
        some = asyncio.Semaphore(8)
        asked = (both.answers(way, some, case, writes, 5) for case, writes in enumerate(cases.values()))
        found[way] = dict(zip(cases, await asyncio.gather(*asked), strict=True))
    for name in cases:
        assert found["front"][name] == found["ordinary"][name], name
        assert found["front"][name][0], name
    told = [answer for answers, _ in found["front"].values() for answer in answers]
    assert sum(b'"accepted":1' in answer for answer in told) > 15
    assert sum(b'"sha256"' in answer for answer in told) >= 5
    # Its kind, its token and its id are looked at elsewhere; all others stay with the front.
    assert both.door.adopted == 6


async def test_makers_formats_come_through_both_ways_alike(both: Both) -> None:
    """With images and without, and of vehicles that are followed over several messages."""
    found: dict[str, list[tuple[list[bytes], bool]]] = {}
    made = 0
    for number, way in enumerate(both.ports):
        sent: list[list[bytes]] = []
        # The camera has no zone here: what Milesight sends, which has none either, is quarantined.
        for form_of in (one for one in FORMATS.values() if one.adapter and one.name != "milesight"):
            for images in (False, True):
                at = 100 * number + len(sent)
                plate = f"{at:03d}ABC"
                vehicle = InventedVehicle(at, plate, "Morris", "Minor", "green", "car", "")
                seen = Read(at, 0, both.desk.clock.now_us(), plate, vehicle, 0.9, 0.1)
                device = form_of.make(Site(at, "c0", images, f"run{way}"))
                path = f"/v1/push/{form_of.adapter}?camera=c0".encode()
                sent.append(
                    [
                        both.post(
                            message.body,
                            f"Content-Type: {message.content_type}\r\n".encode() + both.bearer(),
                            path,
                        )
                        for message in device.messages(seen)
                    ]
                )
        some = asyncio.Semaphore(8)
        asked = (both.answers(way, some, case, writes, 5) for case, writes in enumerate(sent))
        found[way] = await asyncio.gather(*asked)
        made += len(sent)
        assert max(map(len, sent)) > 1
    assert found["hot"] == found["ordinary"]
    assert found["front"] == found["ordinary"]
    assert both.desk.gateway.intake.accepted == made
    assert both.desk.gateway.intake.quarantined == 0
    assert both.door.adopted == 0


async def test_arrow_bodies_come_through_both_ways_alike(both: Both) -> None:
    """A front has no library for them: a child of its has."""

    def body(way: int, *, bad: bool = False) -> bytes:
        table = pa.table(
            {
                "camera": ["c0", "c0", "elsewhere"],
                "captured_at": [rfc3339(both.desk.clock.now_us())] * 2 + ["yesterday" if bad else ""],
                "plate": [f"AR{way}{n}XYZ" for n in range(3)],
                "confidence": [0.9] * 3,
            }
        )
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
        return sink.getvalue().to_pybytes()

    kind = b"Content-Type: application/vnd.apache.arrow.stream\r\n" + both.bearer()
    found = {}
    for number, way in enumerate(("ordinary", "front")):
        writes = [both.post(body(number), kind), both.post(body(number, bad=True), kind)]
        writes += [both.post(b"junk", kind), both.post(body(number)[:-30], kind)]
        found[way] = await both.answers(way, asyncio.Semaphore(1), number, writes, 8)
    assert len(found["ordinary"][0]) == 4
    assert found["front"] == found["ordinary"]
    assert both.door.adopted == 0
    assert both.door.fleet is not None
    (front,) = both.door.fleet._members.values()
    assert front.process is not None
    maps = Path(f"/proc/{front.process.pid}/maps")
    assert "pyarrow" not in await asyncio.to_thread(maps.read_text)
