"""The hot route beside the ordinary way: the same bytes get the same answers, however odd they are."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import shutil
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
import uvicorn

from tests.matching import SOURCE, UNIT, Desk, make
from wicketgate.base.clock import rfc3339
from wicketgate.base.descriptors import Descriptors
from wicketgate.base.limits import ConnectionLimits
from wicketgate.http.app import build_app
from wicketgate.http.connections import HotPost, HttpBounds
from wicketgate.http.fronts.door import Door
from wicketgate_demo.cameras.devices import FORMATS, Site
from wicketgate_demo.world.traffic import Read
from wicketgate_demo.world.vehicles import InventedVehicle

HOST = b"Host: gateway\r\n"
JSON = b"Content-Type: application/json\r\n"
_CHANGING = re.compile(rb"date: [^\r]*\r\n|later than [^:]*:[^:]*:[^:]*")
_Way = tuple[HttpBounds, int]


@asynccontextmanager
async def serving(desk: Desk, *, hot: bool) -> AsyncIterator[_Way]:
    """Serve the gateway, with or without the hot route."""
    bounds = HttpBounds(ConnectionLimits(), 400, Descriptors(1 << 20))
    app = build_app(desk.gateway, connections=bounds)
    if not hot:
        bounds.hot = None
    config = uvicorn.Config(
        app, http=bounds.protocol, ws="none", lifespan="off", log_level="critical", server_header=False
    )
    server = uvicorn.Server(config)
    listening = socket.create_server(("127.0.0.1", 0))
    task = asyncio.create_task(server._serve([listening]))
    while not server.started:
        await asyncio.sleep(0.01)
    yield bounds, listening.getsockname()[1]
    server.should_exit = True
    await task


class CountingDoor(Door):
    """A door that counts what its front gives away."""

    adopted = 0

    def _adopt(self, one: socket.socket, data: bytes) -> None:
        self.adopted += 1
        super()._adopt(one, data)


@asynccontextmanager
async def fronted(desk: Desk) -> AsyncIterator[tuple[int, CountingDoor]]:
    """Serve the gateway by a front, a process of its own; return the port and the door."""
    bounds = HttpBounds(ConnectionLimits(), 400, Descriptors(1 << 20))
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    settings = replace(desk.gateway.settings, fronts=1)
    app = build_app(desk.gateway, connections=bounds)
    door = CountingDoor(desk.gateway, settings, app, bounds, [listening])
    await door.open()
    yield port, door
    await door.close()


class Both:
    """One gateway behind several servers: one has the hot route, and counts what it takes; one is a front."""

    def __init__(self, desk: Desk, hot: _Way, ordinary: _Way, front: tuple[int, CountingDoor]) -> None:
        self.desk = desk
        self.ports = {"hot": hot[1], "ordinary": ordinary[1], "front": front[0]}
        self.door = front[1]
        self.taken = 0
        route = hot[0].hot
        assert route is not None
        begin = route.begin

        def counted(*arguments: object, **named: object) -> HotPost | None:
            post = begin(*arguments, **named)  # type: ignore[arg-type]
            self.taken += post is not None
            return post

        route.begin = counted  # type: ignore[method-assign]

    def bearer(self, name: str = SOURCE) -> bytes:
        return f"Authorization: Bearer {self.desk.tokens[name]}\r\n".encode()

    def read(self, plate: str = "@PLATE@", **more: object) -> bytes:
        """Return a read; its plate is another one on each way, so that neither repeats the other's."""
        at = rfc3339(self.desk.clock.now_us())
        return json.dumps(
            {"camera": "c0", "captured_at": at, "plate": plate, "confidence": 0.9} | more
        ).encode()

    def post(self, body: bytes, head: bytes = b"", path: bytes = b"/v1/reads") -> bytes:
        """Return a post as most cameras send it."""
        length = b"Content-Length: %d\r\n" % len(body)
        return b"POST %b HTTP/1.1\r\n%b%b\r\n%b" % (path, HOST, length + (head or JSON + self.bearer()), body)

    async def answers(
        self, way: str, some: asyncio.Semaphore, case: int, writes: Sequence[bytes], patience: float = 1
    ) -> tuple[list[bytes], bool]:
        """Return the answers to some bytes, and whether the connection was closed then."""
        async with some:
            return await self._answers(way, case, writes, patience)

    async def _answers(
        self, way: str, case: int, writes: Sequence[bytes], patience: float
    ) -> tuple[list[bytes], bool]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.ports[way])
        plate = f"A{list(self.ports).index(way)}{case:02d}CDE".encode()
        with suppress(ConnectionResetError, BrokenPipeError):  # it was closed before all was said
            for data in writes:
                writer.write(data.replace(b"@PLATE@", plate))
                await writer.drain()
                await asyncio.sleep(0.002)
        found: list[bytes] = []
        closed = False
        try:
            while True:
                async with asyncio.timeout(patience * (1.5 if not found else 0.4)):
                    head = await reader.readuntil(b"\r\n\r\n")
                    length = re.search(rb"content-length: (\d+)", head.lower())
                    body = await reader.readexactly(int(length[1]) if length else 0)
                found.append(_CHANGING.sub(b"", head + body))
        except TimeoutError:
            pass
        except (asyncio.IncompleteReadError, ConnectionResetError, BrokenPipeError):
            closed = True
        writer.close()
        return found, closed


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("hot") / "d")


@pytest.fixture
async def both(template: Path, tmp_path: Path, swept: None) -> AsyncIterator[Both]:
    desk = await Desk.start(Path(shutil.copytree(template, tmp_path / "d")))
    async with (
        serving(desk, hot=True) as hot,
        serving(desk, hot=False) as ordinary,
        fronted(desk) as front,
    ):
        yield Both(desk, hot, ordinary, front)
    await desk.stop()


def odd(both: Both) -> dict[str, tuple[bytes, ...]]:
    """Return bytes by what is odd about them."""
    read, post, bearer = both.read(), both.post, both.bearer()
    length = b"Content-Length: %d\r\n" % len(read)
    size = b"%x" % len(read)
    chunked = size + b"\r\n" + read + b"\r\n0\r\n\r\n"
    get = b"GET /healthz HTTP/1.1\r\n" + HOST + bearer + b"\r\n"
    start = b"POST /v1/reads HTTP/1.1\r\n" + HOST
    usual = JSON + bearer
    source_token = both.desk.tokens[SOURCE].encode()
    basic = base64.b64encode(b"tfl:" + source_token)
    pushed = json.dumps(
        {
            "packetCounter": "1",
            "capture_timestamp": str(both.desk.clock.now_us() // 1000),
            "plateUTF8": "@PLATE@",
            "plateConfidence": "0.9",
            "carState": "lost",
            "carID": "@PLATE@",
            "camera_info": {"SerialNumber": "ACCC8E000000"},
        }
    ).encode()
    return {
        "plain": (post(read),),
        "again": (post(read), post(read)),
        "a charset": (post(read, b"content-type: Application/JSON; charset=utf-8\r\n" + bearer),),
        "no type": (post(read, bearer),),
        "two types": (post(read, JSON + JSON + bearer),),
        "no token": (post(read, JSON),),
        "a wrong token": (post(read, JSON + b"Authorization: Bearer nobody\r\n"),),
        "another's token": (post(read, JSON + both.bearer(UNIT)),),
        "two tokens": (post(read, usual + b"Authorization: Bearer nobody\r\n"),),
        "basic": (post(read, JSON + b"Authorization: Basic " + basic + b"\r\n"),),
        "bytes one by one": tuple(bytes([byte]) for byte in post(read)),
        "head and body apart": (post(read)[: -len(read)], read),
        "two at once": (post(read) + post(both.read("@PLATE@X")),),
        "nine at once": (b"".join(post(both.read(f"@PLATE@{n}")) for n in range(9)),),
        "a question behind": (post(read) + get,),
        "a question before": (get + post(read),),
        "half of another behind": (post(read) + b"POST /v1/rea", b"ds HTTP/1.1\r\n\r\n"),
        "chunked": (start + usual + b"Transfer-Encoding: chunked\r\n\r\n" + chunked,),
        "chunked, one behind": (
            start + usual + b"Transfer-Encoding: chunked\r\n\r\n" + chunked + post(read),
        ),
        "both framings": (start + usual + length + b"Transfer-Encoding: chunked\r\n\r\n" + chunked,),
        "framings the other way": (
            start + b"Transfer-Encoding: chunked\r\n" + length + usual + b"\r\n" + chunked,
        ),
        "two lengths": (start + usual + length + length + b"\r\n" + read,),
        "two different lengths": (start + usual + length + b"Content-Length: 5\r\n\r\n" + read,),
        "a length with a sign": (start + usual + b"Content-Length: +%d\r\n\r\n" % len(read) + read,),
        "a length in hexadecimal": (start + usual + b"Content-Length: 0x10\r\n\r\n" + read,),
        "a list of lengths": (start + usual + b"Content-Length: %d, %d\r\n\r\n" % ((len(read),) * 2) + read,),
        "a length with zeros": (start + usual + b"Content-Length: 000%d\r\n\r\n" % len(read) + read,),
        "a longer length": (start + usual + b"Content-Length: %d\r\n\r\n" % (len(read) + 1) + read, b" "),
        "a shorter length": (start + usual + b"Content-Length: %d\r\n\r\n" % (len(read) - 1) + read,),
        "no length": (start + usual + b"\r\n" + read,),
        "length zero": (start + usual + b"Content-Length: 0\r\n\r\n",),
        "a blank before the colon": (start + usual + b"Content-Length : 5\r\n\r\n" + read,),
        "a folded field": (start + usual + b"X-Odd: a\r\n b\r\n" + length + b"\r\n" + read,),
        "bare line feeds": (post(read).replace(b"\r\n", b"\n"),),
        "a null in a field": (start + usual + b"X-Odd: a\0b\r\n" + length + b"\r\n" + read,),
        "expectation": (start + usual + b"Expect: 100-continue\r\n" + length + b"\r\n", read),
        "an upgrade": (start + usual + b"Connection: upgrade\r\nUpgrade: h2c\r\n" + length + b"\r\n" + read,),
        "the end of it": (start + usual + b"Connection: close\r\n" + length + b"\r\n" + read + post(read),),
        "HTTP/1.0": (post(read).replace(b"HTTP/1.1", b"HTTP/1.0"),),
        "HTTP/1.0 kept": (post(read).replace(b"HTTP/1.1\r\n", b"HTTP/1.0\r\nConnection: keep-alive\r\n"),),
        "a query": (post(read, path=b"/v1/reads?a=b"),),
        "a fragment": (post(read, path=b"/v1/reads#a"),),
        "a slash behind": (post(read, path=b"/v1/reads/"),),
        "an escaped path": (post(read, path=b"/v1/%72eads"),),
        "a whole URL": (post(read, path=b"http://gateway/v1/reads"),),
        "two slashes": (post(read, path=b"//v1/reads"),),
        "another method": (post(read).replace(b"POST", b"PUT", 1),),
        "a small method": (post(read).replace(b"POST", b"post", 1),),
        "an array": (post(b"[" + read + b"]"),),
        "an empty array": (post(b"[]"),),
        "two reads in a line each": (post(read + b"\n" + both.read("@PLATE@Y")),),
        "a comma between": (post(read + b"," + read),),
        "half a read": (post(read[:-5]),),
        "nothing but blanks": (post(b"   "),),
        "not UTF-8": (post(read.replace(b"c0", b"\xff\xfe")),),
        "deep": (post(b"[" * 3_000),),
        "another member": (post(both.read(more=1)),),
        "no camera": (post(read.replace(b'"camera"', b'"kamera"')),),
        "an unknown camera": (post(both.read(camera="elsewhere")),),
        "no plate": (post(both.read("")),),
        "an image": (post(both.read(image="a.jpg")),),
        "no confidence": (post(both.read(confidence=2)),),
        "a time without a zone": (post(both.read(captured_at="2026-07-08T12:00:00")),),
        "no time": (post(both.read(captured_at="yesterday")),),
        "a time ahead": (post(both.read(captured_at="2099-01-01T00:00:00Z")),),
        "an id twice": (post(both.read(id="@PLATE@")), post(both.read("@PLATE@Z", id="@PLATE@"))),
        "just small enough": (post(read + b" " * (4096 - len(read))),),
        "too large": (post(read + b" " * (4097 - len(read))),),
        "a push": (post(pushed, bearer, b"/v1/push/axis?camera=c0"),),
        "a push by Basic": (
            post(pushed, b"Authorization: Basic " + basic + b"\r\n", b"/v1/push/axis?camera=c0"),
        ),
        "a push by key": (post(pushed, b"X: y\r\n", b"/v1/push/axis?camera=c0&key=" + source_token),),
        "a push by two keys": (post(pushed, b"X: y\r\n", b"/v1/push/axis?key=a&key=" + source_token),),
        "a push by a wrong key": (post(pushed, b"X: y\r\n", b"/v1/push/axis?key=nobody"),),
        "a push for nobody": (post(pushed, bearer, b"/v1/push/nobody"),),
        "a push to a fragment": (post(pushed, bearer, b"/v1/push/axis#a"),),
        "an escaped push": (post(pushed, bearer, b"/v1/push/a%78is"),),
        "a push of junk": (post(b"\0\1\2", JSON + bearer, b"/v1/push/axis?camera=c0"),),
    }


async def test_both_ways_answer_alike(both: Both) -> None:
    cases = odd(both)
    found = {}
    for way in both.ports:
        # So many at once that no stranger loses its place to another.
        some = asyncio.Semaphore(16)
        asked = (both.answers(way, some, case, writes) for case, writes in enumerate(cases.values()))
        found[way] = dict(zip(cases, await asyncio.gather(*asked), strict=True))
    for name in cases:
        assert found["hot"][name] == found["ordinary"][name], name
        if name != "a shorter length":
            assert found["front"][name] == found["ordinary"][name], name
    # A front looks at what is behind a request once that is answered: here the last byte of a body.
    answers, closed = found["front"]["a shorter length"]
    assert [answer[:12] for answer in answers] == [b"HTTP/1.1 400"] * 2
    assert closed
    told = [answer for answers, _ in found["hot"].values() for answer in answers]
    assert sum(b'"accepted":1' in answer for answer in told) > 25
    assert both.taken > 30


async def test_one_bad_body_fails_nobody_else(both: Both) -> None:
    bodies = [both.read(f"B{n:02d}CDE") for n in range(30)]
    bodies[7] = b"{"
    bodies[11] = both.read("B11CDE", captured_at="yesterday")
    bodies[19] = bodies[18]
    bodies[23] = both.read("B23CDE", camera="elsewhere")
    bodies[29] = b"[" + bodies[29] + b"," + both.read("C29CDE") + b"]"
    connections = [await asyncio.open_connection("127.0.0.1", both.ports["hot"]) for _ in bodies]
    for (_, writer), body in zip(connections, bodies, strict=True):
        writer.write(both.post(body))
    told = []
    for reader, writer in connections:
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        assert length is not None
        told.append(json.loads(await reader.readexactly(int(length[1]))))
        writer.close()
    assert [answer.get("code") for answer in told] == [None] * 7 + ["malformed"] + [None] * 22
    codes = {
        n: answer["quarantined"][0]["code"] for n, answer in enumerate(told) if answer.get("quarantined")
    }
    assert codes == {11: "malformed", 23: "unknown-camera"}
    accepted = [answer.get("accepted") for answer in told]
    assert accepted == [1] * 7 + [None] + [1] * 3 + [0] + [1] * 7 + [0] + [1] * 3 + [0] + [1] * 5 + [2]
    assert told[19]["repeated"] == 1
    assert both.taken == len(bodies)


async def test_a_read_counts_though_its_camera_does_not_wait_for_the_answer(both: Both) -> None:
    before = both.desk.gateway.intake.accepted
    _, writer = await asyncio.open_connection("127.0.0.1", both.ports["hot"])
    writer.write(both.post(both.read("GONE1")))
    await writer.drain()
    writer.close()
    async with asyncio.timeout(5):
        while both.desk.gateway.intake.accepted == before:
            await asyncio.sleep(0.01)
    assert both.taken == 1


async def test_what_waits_when_a_token_is_withdrawn_is_not_taken(both: Both) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", both.ports["hot"])
    data = both.post(both.read("LATE1"))
    writer.write(data[:-1])
    async with asyncio.timeout(5):
        while not both.taken:
            await asyncio.sleep(0.01)
    await both.desk.gateway.tokens.withdraw_tokens(SOURCE)
    writer.write(data[-1:])
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 401")
    writer.close()


# --- images, forms and makers' formats ------------------------------------------------------------------------


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
        for form_of in (one for one in FORMATS.values() if one.adapter):
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
