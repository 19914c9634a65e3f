"""Cameras that send, before a gateway of a few lines and before the real MQTT ingress."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
import stat
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wicketgate.base.errors import ConfigurationError, StreamError, WicketgateError
from wicketgate.base.settings import MqttSettings
from wicketgate.reads import adapters
from wicketgate.reads.mqtt.ingress import Ingress
from wicketgate.reads.mqtt.topics import Route
from wicketgate.reads.observations import Keepalive, Observation, Payload
from wicketgate_demo.cameras.devices import FORMATS, format_of
from wicketgate_demo.cameras.load import Cameras, Source, due, fetch_cameras
from wicketgate_demo.cameras.publishing import connect_packet
from wicketgate_demo.cameras.tally import Latencies
from wicketgate_demo.run.children import free_port
from wicketgate_demo.world import london

# --- pacing and latencies ---------------------------------------------------------------------------------


def test_reads_are_due_from_the_start_one_each_interval() -> None:
    assert due(-0.1, 10) == 0
    assert [due(n / 10, 10) for n in range(4)] == [1, 2, 3, 4]
    assert due(0.0999, 10) == 1


@given(st.floats(min_value=0, max_value=1e5), st.floats(min_value=0.01, max_value=5000))
def test_what_is_due_never_leads_or_lags_by_more_than_one(elapsed_s: float, rate: float) -> None:
    assert elapsed_s * rate - 1e-6 <= due(elapsed_s, rate) <= elapsed_s * rate + 1 + 1e-6


@given(st.lists(st.floats(min_value=1e-5, max_value=100), min_size=1, max_size=300))
def test_a_quantile_is_within_two_in_a_hundred_of_a_sorted_list(values: list[float]) -> None:
    latencies = Latencies()
    for value in values:
        latencies.add(value)
    for share in (0.5, 0.99, 1.0):
        exact = sorted(values)[max(0, -(-int(len(values) * share * 1000) // 1000) - 1)] * 1000
        found = latencies.quantile_ms(share)
        assert found is not None
        later = [value * 1000 for value in sorted(values) if value * 1000 >= exact * 0.999]
        assert exact * 0.97 - 0.01 <= found <= (later[1] if len(later) > 1 else later[0]) * 1.03 + 0.01
    assert latencies.summary()["max"] == round(max(values) * 1000, 2)


def test_no_latency_is_no_number() -> None:
    assert Latencies().summary() == {"p50": None, "p99": None, "max": None}


# --- load -------------------------------------------------------------------------------------------------

Answering = Callable[[dict[str, Any], int], tuple[int, bytes] | None]


@asynccontextmanager
async def gateway(answering: Answering) -> AsyncIterator[str]:
    """Serve posts of reads: `answering` gets the read and how many came before; None breaks the connection off."""
    count = 0
    served: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                match = re.search(rb"Content-Length: (\d+)", head)
                assert match is not None
                body = await reader.readexactly(int(match[1]))
                answer = answering(json.loads(body), count)
                count += 1
                if answer is None:
                    return
                text = b"HTTP/1.1 %d X\r\ncontent-type: application/json\r\nContent-Length: %d\r\n\r\n" % (
                    answer[0],
                    len(answer[1]),
                )
                writer.write(text + answer[1])
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(serve(reader, writer))
        served.add(task)
        task.add_done_callback(served.discard)

    server = await asyncio.start_server(begin, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in list(served):
            task.cancel()
        await asyncio.gather(*served, return_exceptions=True)


def answer(accepted: int = 0, repeated: int = 0, quarantined: int = 0) -> tuple[int, bytes]:
    refused = [{"index": 0, "code": "too-old", "detail": "x"}] * quarantined
    body = {"accepted": accepted, "repeated": repeated, "quarantined": refused}
    return 200, json.dumps(body).encode()


def cameras_at(url: str, record: Path | None = None, connections: int = 4) -> Cameras:
    sources = [Source("tfl", "t", london.cameras(30))]
    return Cameras(url, sources, formats=("native",), connections=connections, record=record)


async def test_every_read_is_counted_once_by_what_became_of_it(tmp_path: Path) -> None:
    answers = [answer(accepted=1), answer(accepted=1), answer(repeated=1), answer(quarantined=1)]
    record = tmp_path / "sent.ndjson"
    async with gateway(lambda read, number: answers[number % 4]) as url:
        tally = await cameras_at(url, record).run(200, 0.4, asyncio.Event())
    said = tally.to_json()
    assert (said["sent"], said["accepted"], said["repeated"], said["quarantined"]) == (80, 40, 20, 20)
    assert said["unacknowledged"] == said["retries"] == 0
    assert said["latency_ms"]["p50"] > 0
    assert stat.S_IMODE(record.stat().st_mode) == 0o600
    lines = [json.loads(line) for line in record.read_text().splitlines()]
    assert Counter(line["became"] for line in lines) == {"accepted": 40, "repeated": 20, "quarantined": 20}


async def test_a_post_is_tried_again_with_the_same_id_until_it_is_acknowledged() -> None:
    seen: Counter[str] = Counter()

    def answering(read: dict[str, Any], number: int) -> tuple[int, bytes] | None:
        seen[read["id"]] += 1
        if seen[read["id"]] == 1 and number % 3 == 0:
            return None if number % 2 else (503, b'{"code":"busy"}')
        return answer(accepted=1)

    async with gateway(answering) as url:
        tally = await cameras_at(url, connections=8).run(100, 0.3, asyncio.Event())
    assert tally.sent == tally.accepted == len(seen) == 30
    assert tally.retries == sum(seen.values()) - 30 > 0


async def test_a_gateway_that_is_away_is_waited_for() -> None:
    port = free_port(0)
    cameras = cameras_at(f"http://127.0.0.1:{port}")
    running = asyncio.create_task(cameras.run(50, 0.3, asyncio.Event()))
    await asyncio.sleep(0.5)
    assert cameras.tally.sent == 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                await reader.readexactly(int(head.split(b"Content-Length: ")[1].split(b"\r")[0]))
                body = answer(accepted=1)[1]
                writer.write(
                    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
                    % len(body)
                    + body
                )
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", port)
    tally = await running
    server.close()
    assert tally.accepted == 15
    assert tally.unacknowledged == 0


async def test_a_refusal_that_no_retry_can_mend_ends_the_run() -> None:
    async with gateway(lambda read, number: (401, b'{"code":"unauthorised"}')) as url:
        with pytest.raises(WicketgateError, match="401 unauthorised"):
            await cameras_at(url).run(100, 5, asyncio.Event())


@pytest.mark.parametrize(
    "body", [b"[]", b"{}", b'{"accepted":0,"repeated":0,"quarantined":[]}', b"\xff", b'"\xff"']
)
async def test_an_answer_that_is_none_ends_the_run(body: bytes) -> None:
    async with gateway(lambda read, number: (200, body)) as url:
        with pytest.raises(WicketgateError, match="answers a read with 200"):
            await cameras_at(url).run(100, 5, asyncio.Event())


async def test_what_was_never_answered_is_not_sent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("wicketgate_demo.cameras.load._PATIENCE_S", 0.1)
    stop = asyncio.Event()
    record = tmp_path / "sent.ndjson"
    async with gateway(lambda read, number: answer(accepted=1) if number < 10 else (503, b"{}")) as url:
        running = asyncio.create_task(cameras_at(url, record).run(100, None, stop))
        await asyncio.sleep(0.3)
        stop.set()
        tally = await running
    assert tally.sent == tally.accepted == 10
    assert tally.unacknowledged > 0
    lines = [json.loads(line)["became"] for line in record.read_text().splitlines()]
    assert Counter(lines) == {"accepted": 10, "unacknowledged": tally.unacknowledged}


# --- wire formats -----------------------------------------------------------------------------------------


@dataclass
class Desk:
    """What came over HTTP, path, headers and body; it answers as the gateway does."""

    posts: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""

    def answer(self, path: str, headers: dict[str, str], body: bytes) -> bytes:
        self.posts.append((path, headers, body))
        adapter = urlsplit(path).path.rpartition("/")[2]
        if adapter == "viewtron":
            return b"HTTP/1.1 200 OK\r\nContent-Type: application/xml; charset=utf-8\r\nContent-Length: 4\r\n\r\n<x/>"
        count = 1
        if adapter != "reads":
            parsed = adapters.parse(adapter, Payload(content_type=headers["content-type"], body=body))
            count = sum(isinstance(one, Observation) and one.final for one in parsed)
        text = json.dumps({"accepted": count, "repeated": 0, "quarantined": [], "held": 1 - count}).encode()
        return (
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(text)
            + text
        )


@asynccontextmanager
async def http_desk() -> AsyncIterator[Desk]:
    desk = Desk()
    served: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                first, *lines = head.strip().split("\r\n")
                headers = {n.lower(): v.strip() for n, _, v in (line.partition(":") for line in lines)}
                body = await reader.readexactly(int(headers["content-length"]))
                writer.write(desk.answer(first.split()[1], headers, body))
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(serve(reader, writer))
        served.add(task)
        task.add_done_callback(served.discard)

    server = await asyncio.start_server(begin, "127.0.0.1", 0)
    desk.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield desk
    finally:
        server.close()
        for task in list(served):
            task.cancel()
        await asyncio.gather(*served, return_exceptions=True)


def of(name: str, count: int = 20) -> list[dict[str, Any]]:
    """Return the cameras of a source of which each speaks what its number says."""
    return [{**camera, "id": f"{name}-{n}"} for n, camera in enumerate(london.cameras(count))]


@pytest.mark.parametrize("name", [name for name, form in FORMATS.items() if form.credential != "mqtt"])
async def test_each_format_is_sent_as_such_devices_do(name: str, tmp_path: Path) -> None:
    form, record = FORMATS[name], tmp_path / "sent.ndjson"
    async with http_desk() as desk:
        cameras = Cameras(
            desk.url,
            [Source("tfl", "to/ken", of("a"))],
            formats=(name,),
            imperfect=0.0,
            record=record,
        )
        tally = await cameras.run(200, 0.2, asyncio.Event())
    assert (tally.sent, tally.accepted, tally.quarantined) == (40, 40, 0)
    assert set(tally.formats) == {name}
    assert tally.formats[name].reads == 40
    assert tally.formats[name].messages == 40 * (3 if name == "axis" else 1)
    assert len(desk.posts) == tally.formats[name].messages + tally.keepalives
    for path, headers, _ in desk.posts:
        parts, query = urlsplit(path), parse_qs(urlsplit(path).query)
        if not form.adapter:
            assert (path, headers["authorization"]) == ("/v1/reads", "Bearer to/ken")
            continue
        assert parts.path == f"/v1/push/{form.adapter}"
        assert re.fullmatch(r"a-\d+", query["camera"][0])
        shown = {
            "bearer": "Bearer to/ken",
            "basic": f"Basic {base64.b64encode(b'tfl:to/ken').decode()}",
            "key": None,
        }
        assert headers.get("authorization") == shown[form.credential]
        assert query.get("key") == (["to/ken"] if form.credential == "key" else None)
    lines = [json.loads(line) for line in record.read_text().splitlines()]
    assert {line["format"] for line in lines} == {name}
    assert {line["source"] for line in lines} == {"tfl"}
    assert all(line["truth"] and line["became"] == "accepted" for line in lines)


async def test_every_camera_of_several_sources_speaks_its_own_format(tmp_path: Path) -> None:
    record = tmp_path / "sent.ndjson"
    async with http_desk() as desk:
        sources = [Source("tfl", "t", of("a", 40)), Source("eastholm", "e", of("b", 40))]
        cameras = Cameras(desk.url, sources, record=record, imperfect=0.1)
        tally = await cameras.run(1000, 0.4, asyncio.Event())
    assert tally.sent == 400
    known = [name for name in FORMATS if name != "frigate"]
    for line in map(json.loads, record.read_text().splitlines()):
        assert (
            line["format"] == format_of(int((line["camera"] or "a-0").split("-")[1]), known)
            or not line["camera"]
        )
    assert {line["source"] for line in map(json.loads, record.read_text().splitlines())} == {
        "tfl",
        "eastholm",
    }
    assert tally.quarantined > 0  # such as viewtron's, whose answer says nothing: what was wrong is known


async def test_signs_of_life_are_sent_and_are_no_reads() -> None:
    async with http_desk() as desk:
        cameras = Cameras(desk.url, [Source("tfl", "t", of("a"))], formats=("viewtron-ipc",), imperfect=0.0)
        tally = await cameras.run(10, 1.3, asyncio.Event())
    assert tally.keepalives >= 1
    assert tally.sent == tally.accepted == 13
    assert len([1 for _, _, body in desk.posts if b"DeviceInfo" in body]) == tally.keepalives


# --- MQTT, before the gateway's own ingress -----------------------------------------------------------------


@dataclass
class Taken:
    """What the ingress hands on; the first messages fail if told so."""

    messages: list[tuple[str, Route, bytes, str]] = field(default_factory=list)
    fail_first: int = 0

    async def take(self, source: str, route: Route, payload: bytes, topic: str) -> None:
        if self.fail_first:
            self.fail_first -= 1
            raise StreamError("not now", code="busy")
        self.messages.append((source, route, payload, topic))


@asynccontextmanager
async def mqtt_ingress(taken: Taken, known: str = "t") -> AsyncIterator[tuple[str, int]]:
    tokens = {hashlib.sha256(known.encode()).hexdigest(): "source:tfl"}
    ingress = Ingress(MqttSettings(host="127.0.0.1", port=0), taken.take, lambda: tokens)
    address = await ingress.start()
    try:
        yield "127.0.0.1", int(address.rpartition(":")[2])
    finally:
        await ingress.stop()


def vehicles(taken: Taken) -> Counter[str]:
    """Return how often each vehicle's last message came."""
    found: Counter[str] = Counter()
    for _, _, payload, topic in taken.messages:
        (said,) = adapters.parse("frigate", Payload(content_type="", body=payload, topic=topic))
        assert isinstance(said, Observation | Keepalive)
        if isinstance(said, Observation) and said.final:
            found[said.tracked or ""] += 1
    return found


async def test_frigate_publishes_what_the_ingress_takes(tmp_path: Path) -> None:
    taken = Taken()
    async with mqtt_ingress(taken) as address:
        cameras = Cameras(
            "http://127.0.0.1:9",
            [Source("tfl", "t", of("a"))],
            formats=("frigate",),
            mqtt=address,
            imperfect=0.0,
            record=tmp_path / "sent.ndjson",
        )
        tally = await cameras.run(200, 0.3, asyncio.Event())
    assert (tally.sent, tally.accepted, tally.unacknowledged) == (60, 60, 0)
    assert {source for source, *_ in taken.messages} == {"tfl"}
    assert len(taken.messages) == 240
    assert vehicles(taken).total() == len(vehicles(taken)) == 60


async def test_what_was_not_acknowledged_is_published_again_and_nothing_is_lost() -> None:
    taken = Taken(fail_first=3)
    async with mqtt_ingress(taken) as address:
        cameras = Cameras(
            "http://127.0.0.1:9",
            [Source("tfl", "t", of("a"))],
            formats=("frigate",),
            mqtt=address,
            imperfect=0.0,
        )
        tally = await cameras.run(100, 0.3, asyncio.Event())
    assert (tally.accepted, tally.unacknowledged) == (30, 0)
    assert tally.retries > 0
    assert len(vehicles(taken)) == 30


async def test_a_token_that_mqtt_does_not_know_ends_the_run() -> None:
    async with mqtt_ingress(Taken(), known="another") as address:
        cameras = Cameras(
            "http://127.0.0.1:9", [Source("tfl", "t", of("a"))], formats=("frigate",), mqtt=address
        )
        with pytest.raises(WicketgateError, match="401"):
            await cameras.run(50, 5, asyncio.Event())


@pytest.mark.parametrize(("name", "mqtt"), [("", ("127.0.0.1", 1)), ("tfl", None)])
def test_without_a_name_or_an_address_nobody_speaks_mqtt(name: str, mqtt: tuple[str, int] | None) -> None:
    source = Source(name, "t", of("a"))
    with pytest.raises(ConfigurationError, match="over MQTT"):
        Cameras("http://x", [source], formats=("frigate",), mqtt=mqtt)
    cameras = Cameras("http://x", [source], mqtt=mqtt)
    assert "frigate" not in {place.format.name for place in cameras._places}


def test_a_connect_packet_says_who_it_is() -> None:
    packet = connect_packet("client", "tfl", "secret")
    assert packet[0] == 0x10
    assert packet[1] == len(packet) - 2
    assert packet.endswith(b"\0\x06client\0\x03tfl\0\x06secret")


# --- the list of cameras ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body"),
    [(403, b"{}"), (200, b"[]"), (200, b'{"cameras": 1}'), (200, b"\xff"), (200, b"{}")],
)
async def test_a_gateway_that_lists_no_cameras_is_named(status: int, body: bytes) -> None:
    async with listing(status, body) as url:
        with pytest.raises(WicketgateError, match="answer"):
            await asyncio.to_thread(fetch_cameras, url, "t")


async def test_a_source_without_cameras_is_told_so_and_one_with_them_is_known_by_name() -> None:
    async with listing(200, b'{"cameras": []}') as url:
        with pytest.raises(ConfigurationError, match="no cameras"):
            await asyncio.to_thread(fetch_cameras, url, "t")
    async with listing(200, b'{"source": "tfl", "cameras": [{"id": "a", "groups": []}]}') as url:
        assert (await asyncio.to_thread(fetch_cameras, url, "t")).name == "tfl"
        assert (await asyncio.to_thread(fetch_cameras, url, "t", "given")).name == "given"


@asynccontextmanager
async def listing(status: int, body: bytes) -> AsyncIterator[str]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (status, len(body)) + body)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
