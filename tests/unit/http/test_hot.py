"""The hot route beside the ordinary way: the same bytes get the same answers, however odd they are."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import Callable
from contextlib import closing

import pytest

from tests.matching import SOURCE, UNIT
from tests.ways import HOST, JSON, Both
from wicketgate.base.limits import ConnectionLimits


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
        "again in pieces": (post(read), post(read)[:-20], post(read)[-20:], post(read)),
        "again, and behind it": (post(read), post(read) + post(read), post(read)),
        "again, and half of another": (post(read), post(read) + post(read)[:50], post(read)[50:]),
        "again, but junk": (post(read), post(b"x" * len(read)), post(read)),
        "again, by a token that is none": (
            post(read),
            post(read, JSON + b"Authorization: Bearer nobody\r\n"),
            post(read),
        ),
        "again, a question between": (post(read), get, post(read)),
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
        asked = (both.answers(way, some, case, writes, 2.5) for case, writes in enumerate(cases.values()))
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


@pytest.mark.parametrize("way", ["hot", "ordinary", "front"])
@pytest.mark.parametrize("url", [b"/v1/reads", b"/healthz"])
async def test_a_head_that_is_too_large_is_refused_though_it_comes_at_once(
    both: Both, way: str, url: bytes
) -> None:
    large = JSON + both.bearer() + b"X-Large: " + b"a" * 17 * 1024 + b"\r\n"
    answers, closed = await both.answers(way, asyncio.Semaphore(1), 0, (both.post(both.read(), large, url),))
    assert [answer[:12] for answer in answers] == [b"HTTP/1.1 431"]
    assert closed


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


def _padded_push(both: Both, size: int) -> bytes:
    """Return the head and body of a push of so many bytes."""
    body = json.dumps(
        {
            "packetCounter": "1",
            "capture_timestamp": str(both.desk.clock.now_us() // 1000),
            "plateUTF8": "CUT0FF",
            "plateConfidence": "0.9",
            "carState": "lost",
            "carID": "1",
            "camera_info": {"SerialNumber": "ACCC8E000000"},
        }
    ).encode()
    return both.post(body.ljust(size), both.bearer(), b"/v1/push/axis?camera=c0")


@pytest.mark.parametrize("way", ["hot", "ordinary", "front"])
async def test_what_is_cut_off_gives_back_its_share_of_bodies(both: Both, way: str) -> None:
    size = 256 * 1024
    half = _padded_push(both, size)[:2_000]
    assert 600 * size > ConnectionLimits().body_bytes_of_source
    for _ in range(600):
        _, writer = await asyncio.open_connection("127.0.0.1", both.ports[way])
        writer.write(half)
        await writer.drain()
        await asyncio.sleep(0.001)
        writer.close()
    reader, writer = await asyncio.open_connection("127.0.0.1", both.ports[way])
    with closing(writer):
        writer.write(_padded_push(both, size))
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head


async def test_what_is_refused_in_its_middle_gives_back_its_share_once(both: Both) -> None:
    held = both.bodies
    reader, writer = await asyncio.open_connection("127.0.0.1", both.ports["hot"])
    with closing(writer):
        writer.write(_padded_push(both, 100_000)[:2_000])
        await _until(lambda: held.taken == 100_000)
        both.connections[0].check(asyncio.get_running_loop().time() + 3_600)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 408")
        assert held.taken == 0
    await _until(lambda: not both.connections)
    assert held.taken == 0


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)


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
