"""The MQTT server over real sockets, before a stand-in that answers when the test says so."""

from __future__ import annotations

import asyncio
import functools
import gc
import hashlib
import itertools
import socket
import ssl
import weakref
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import uvloop

from tests.certificates import certify
from wicketgate.base.errors import ConfigurationError, StreamError
from wicketgate.base.limits import PlaceLimits
from wicketgate.base.settings import MqttSettings
from wicketgate.base.turnstile import BURST
from wicketgate.reads.mqtt import connection as connection_module
from wicketgate.reads.mqtt import ingress as ingress_module
from wicketgate.reads.mqtt import packets
from wicketgate.reads.mqtt.connection import MqttLimits
from wicketgate.reads.mqtt.ingress import Ingress
from wicketgate.reads.mqtt.topics import Route

TOKEN = b"token-of-tfl"
UNIT = b"token-of-a-unit"


def on_uvloop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test on the loop that the gateway runs on."""

    @functools.wraps(test)
    def run(*arguments: Any, **named: Any) -> None:
        uvloop.run(test(*arguments, **named))

    return run


def digest(token: bytes) -> str:
    return hashlib.sha256(token).hexdigest()


@dataclass
class Desk:
    """What stands behind the ingress: each message is durable when the test says so."""

    tokens: dict[str, str] = field(
        default_factory=lambda: {digest(TOKEN): "source:tfl", digest(UNIT): "recipient:met/unit"}
    )
    taken: list[tuple[str, Route, bytes, str]] = field(default_factory=list)
    durable: list[asyncio.Future[None]] = field(default_factory=list)
    at_once: bool = False

    async def take(self, source: str, where: Route, body: bytes, topic: str) -> None:
        self.taken.append((source, where, body, topic))
        future = asyncio.get_running_loop().create_future()
        self.durable.append(future)
        if not self.at_once:
            await future

    async def began(self, count: int) -> None:
        await until(lambda: len(self.taken) >= count)
        assert len(self.taken) == count


async def until(condition: Callable[[], Any]) -> None:
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it did not come")


@asynccontextmanager
async def listening(
    desk: Desk, settings: MqttSettings | None = None, **limits: Any
) -> AsyncIterator[tuple[Ingress, int]]:
    """Run an ingress at a free port."""
    ingress = Ingress(
        settings or MqttSettings(host="127.0.0.1", port=0),
        desk.take,
        lambda: desk.tokens,
        limits=MqttLimits(**{"sweep_s": 0.01, **limits}),
    )
    address = await ingress.start()
    try:
        yield ingress, int(address.rpartition(":")[2])
    finally:
        desk.at_once = True
        for future in desk.durable:
            if not future.done():
                future.set_result(None)
        await ingress.stop()
        await until(lambda: ingress.connections == 0 and ingress.held_bytes == 0)


def places(**more: int) -> PlaceLimits:
    """Return bounds on connections that are no bounds, but for those given."""
    most = {"strangers_of_peer": 1000, "of_peer": 1000, "of_source": 1000, "of_name": 1000}
    return PlaceLimits(**{"known": 1000, "strangers": 1000, **most, **more})


class Client:
    """A client that writes its packets by hand."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def got(self, count: int) -> bytes:
        async with asyncio.timeout(10):
            return await self.reader.readexactly(count)

    async def silent(self) -> bool:
        """Whether nothing has come, after the server has had its turns."""
        for _ in range(20):
            await asyncio.sleep(0)
        await self.ping()
        return True

    async def ping(self) -> None:
        """Be answered, which shows that everything sent before was read."""
        self.send(b"\xc0\x00")
        assert await self.got(2) == packets.PINGRESP

    async def ended(self) -> bytes:
        """Return what came before the server closed the connection."""
        async with asyncio.timeout(10):
            try:
                return await self.reader.read()
            except ConnectionResetError:
                return b""

    async def close(self) -> None:
        self.writer.close()
        with suppress(ConnectionError, ssl.SSLError):
            await self.writer.wait_closed()


@asynccontextmanager
async def dialled(port: int, **more: Any) -> AsyncIterator[Client]:
    """Open a connection that has said nothing yet."""
    client = Client(*await asyncio.open_connection("127.0.0.1", port, **more))
    try:
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def connected(port: int, *, keep_alive_s: int = 0, **more: Any) -> AsyncIterator[Client]:
    """Open a connection as the source `tfl`."""
    async with dialled(port, **more) as client:
        client.send(connect(keep_alive_s=keep_alive_s))
        assert await client.got(4) == packets.connack(packets.ACCEPTED)
        yield client


def text(value: bytes) -> bytes:
    return len(value).to_bytes(2, "big") + value


def packet(first: int, rest: bytes) -> bytes:
    length, coded = len(rest), b""
    while True:
        coded += bytes([length & 0x7F | (0x80 if length > 0x7F else 0)])
        length >>= 7
        if not length:
            return bytes([first]) + coded + rest


def connect(
    username: bytes | None = b"tfl",
    password: bytes | None = TOKEN,
    *,
    client_id: bytes = b"camera",
    clean: bool = True,
    keep_alive_s: int = 0,
    level: int = 4,
) -> bytes:
    flags = 0x02 * clean | 0x80 * (username is not None) | 0x40 * (password is not None)
    body = text(b"MQTT") + bytes([level, flags]) + keep_alive_s.to_bytes(2, "big") + text(client_id)
    body += b"" if username is None else text(username)
    body += b"" if password is None else text(password)
    return packet(0x10, body)


def publish(number: int, qos: int = 1, topic: bytes = b"frigate/events", body: bytes | None = None) -> bytes:
    payload = b"%d" % number if body is None else body
    return packet(0x30 | qos << 1, text(topic) + (number.to_bytes(2, "big") if qos else b"") + payload)


# --- acknowledgements ---------------------------------------------------------------------------------------


@on_uvloop
async def test_no_puback_before_the_message_is_durable() -> None:
    desk = Desk()
    async with listening(desk) as (ingress, port), connected(port) as client:
        client.send(publish(7))
        await desk.began(1)
        assert desk.taken == [("tfl", Route("frigate"), b"7", "frigate/events")]
        assert await client.silent()
        desk.durable[0].set_result(None)
        assert await client.got(4) == packets.puback(7)
        assert ingress.counts.messages == {"taken": 1}


@on_uvloop
async def test_qos_2_is_durable_before_its_pubrec() -> None:
    desk = Desk()
    async with listening(desk) as (_, port), connected(port) as client:
        client.send(publish(7, 2))
        await desk.began(1)
        assert await client.silent()
        desk.durable[0].set_result(None)
        assert await client.got(4) == packets.pubrec(7)
        client.send(packet(0x62, b"\x00\x07"))
        assert await client.got(4) == packets.pubcomp(7)
        # A PUBREL of a message that nobody remembers, as after a break: it was durable before its PUBREC.
        client.send(packet(0x62, b"\x00\x63"))
        assert await client.got(4) == packets.pubcomp(99)
        assert len(desk.taken) == 1


@on_uvloop
async def test_qos_0_is_taken_and_not_acknowledged() -> None:
    desk = Desk()
    async with listening(desk) as (ingress, port), connected(port) as client:
        client.send(publish(0, 0) + publish(1))
        await desk.began(2)
        for future in desk.durable:
            future.set_result(None)
        assert await client.got(4) == packets.puback(1)
        assert await client.silent()
        assert ingress.counts.messages == {"taken": 2}


@on_uvloop
async def test_acknowledgements_come_in_the_order_of_the_messages() -> None:
    desk = Desk()
    async with listening(desk) as (_, port), connected(port) as client:
        client.send(b"".join(publish(n, 1 + n % 2) for n in range(1, 7)) + publish(7, topic=b"other"))
        await desk.began(6)
        assert [body for _, _, body, _ in desk.taken] == [b"%d" % n for n in range(1, 7)]
        for n in (5, 3, 1, 2):
            desk.durable[n].set_result(None)
            assert await client.silent()
        desk.durable[0].set_result(None)
        assert await client.got(16) == b"".join(
            packets.pubrec(n) if n % 2 else packets.puback(n) for n in range(1, 5)
        )
        desk.durable[4].set_result(None)
        assert await client.got(12) == packets.pubrec(5) + packets.puback(6) + packets.puback(7)


@on_uvloop
async def test_what_cannot_be_taken_ends_the_connection_and_nothing_behind_it_is_answered() -> None:
    desk = Desk()
    async with listening(desk) as (ingress, port), connected(port) as client:
        client.send(publish(1) + publish(2) + publish(3))
        await desk.began(3)
        desk.durable[2].set_result(None)
        desk.durable[1].set_exception(StreamError("away", code="busy"))
        assert await client.silent()
        desk.durable[0].set_result(None)
        assert await client.ended() == packets.puback(1)
        assert ingress.counts.ended == {"not-taken": 1}
        assert ingress.counts.messages == {"taken": 2, "unanswered": 1}
        # The client comes back and sends again what was not answered.
        async with connected(port) as again:
            again.send(packet(0x3A, text(b"frigate/events") + b"\x00\x02" + b"2"))
            await desk.began(4)
            assert desk.taken[3] == desk.taken[1]
            desk.durable[3].set_result(None)
            assert await again.got(4) == packets.puback(2)


@on_uvloop
async def test_what_cannot_be_taken_of_qos_0_is_counted_as_lost() -> None:
    desk = Desk()
    async with listening(desk) as (ingress, port), connected(port) as client:
        client.send(publish(0, 0) + publish(1))
        await desk.began(2)
        desk.durable[0].set_exception(StreamError("away"))
        desk.durable[1].set_result(None)
        assert await client.got(4) == packets.puback(1)
        assert ingress.counts.messages == {"lost": 1, "taken": 1}


@on_uvloop
async def test_a_fault_of_the_gateway_is_told_without_what_was_published(
    caplog: pytest.LogCaptureFixture,
) -> None:
    desk = Desk()
    async with listening(desk) as (_, port), connected(port) as client:
        client.send(publish(1))
        await desk.began(1)
        desk.durable[0].set_exception(ValueError("AB12CDE"))
        assert await client.ended() == b""
    assert "ValueError at " in caplog.text
    assert "AB12CDE" not in caplog.text


@on_uvloop
async def test_an_outage_is_told_once_and_not_for_each_message(caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk()
    async with listening(desk) as (_, port):
        for n in range(3):
            async with connected(port) as client:
                client.send(publish(1))
                await desk.began(n + 1)
                desk.durable[n].set_exception(StreamError("away"))
                assert await client.ended() == b""
    assert caplog.text.count("streams-unavailable") == 1


@on_uvloop
async def test_messages_of_a_client_that_is_gone_are_taken_all_the_same() -> None:
    desk = Desk()
    async with listening(desk) as (ingress, port):
        async with connected(port) as client:
            client.send(publish(1) + publish(0, 0) + b"\xe0\x00")
            assert await client.ended() == b""
        await desk.began(2)
        for future in desk.durable:
            future.set_result(None)
        await until(lambda: ingress.counts.messages["taken"] == 2)
        assert ingress.counts.ended == {"disconnected": 1}


# --- what else clients say ----------------------------------------------------------------------------------


@on_uvloop
async def test_other_topics_are_acknowledged_and_counted() -> None:
    desk = Desk()
    async with listening(desk) as (ingress, port), connected(port) as client:
        client.send(
            publish(1, topic=b"frigate/stats") + publish(2, 2, topic=b"a") + publish(0, 0, topic=b"b")
        )
        assert await client.got(8) == packets.puback(1) + packets.pubrec(2)
        assert await client.silent()
        assert not desk.taken
        assert ingress.counts.messages == {"ignored": 3}


@on_uvloop
async def test_subscriptions_are_granted_and_nothing_is_sent() -> None:
    desk = Desk(at_once=True)
    async with listening(desk) as (_, port), connected(port) as client:
        client.send(packet(0x82, b"\x00\x05" + text(b"frigate/#") + b"\x01" + text(b"a") + b"\x00"))
        assert await client.got(6) == packets.suback(5, b"\x01\x00")
        client.send(publish(1))
        assert await client.got(4) == packets.puback(1)
        client.send(packet(0xA2, b"\x00\x06" + text(b"frigate/#")))
        assert await client.got(4) == packets.unsuback(6)


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        pytest.param(connect(password=b"wrong"), packets.BAD_CREDENTIALS, id="wrong"),
        pytest.param(connect(password=None), packets.BAD_CREDENTIALS, id="no-password"),
        pytest.param(connect(None, None), packets.BAD_CREDENTIALS, id="nobody"),
        pytest.param(connect(password=digest(TOKEN).encode()), packets.BAD_CREDENTIALS, id="the-hash"),
        pytest.param(connect(password=b"x" * 513), packets.BAD_CREDENTIALS, id="too-long"),
        pytest.param(connect(password=b""), packets.BAD_CREDENTIALS, id="empty"),
        pytest.param(connect(b"lambeth"), packets.NOT_AUTHORISED, id="another-source"),
        pytest.param(connect(b""), packets.NOT_AUTHORISED, id="no-source"),
        pytest.param(connect(b"source:tfl"), packets.NOT_AUTHORISED, id="the-name-of-the-token"),
        pytest.param(connect(b"met/unit", UNIT), packets.NOT_AUTHORISED, id="a-recipient"),
        pytest.param(connect(b"recipient:met/unit", UNIT), packets.NOT_AUTHORISED, id="a-recipient-in-full"),
        pytest.param(connect(client_id=b"", clean=False), packets.BAD_CLIENT_ID, id="a-session-without-id"),
        pytest.param(connect(level=5), packets.BAD_VERSION, id="mqtt-5"),
    ],
)
@on_uvloop
async def test_who_is_refused_and_with_which_code(sent: bytes, code: int) -> None:
    desk = Desk()
    async with listening(desk) as (ingress, port), dialled(port) as client:
        client.send(sent + publish(1) + publish(0, 0))  # nothing is taken of what comes along
        assert await client.ended() == packets.connack(code)
        assert ingress.counts.refused == {code: 1}
    assert not desk.taken


@on_uvloop
async def test_a_client_without_an_id_or_with_anothers_is_welcome() -> None:
    # Cameras leave the factory with one client id for all of them; they must not put one another out.
    async with listening(Desk()) as (ingress, port):
        async with connected(port) as first, connected(port) as second, dialled(port) as third:
            third.send(connect(client_id=b""))
            assert await third.got(4) == packets.connack(packets.ACCEPTED)
            await first.ping()
            await second.ping()
            assert ingress.connections == 3
        await until(lambda: ingress.connections == 0)


@on_uvloop
async def test_what_is_no_mqtt_ends_the_connection() -> None:
    async with listening(Desk()) as (ingress, port):
        for noise in (b"GET / HTTP/1.1\r\n\r\n", b"\x00" * 10, publish(1)):
            async with dialled(port) as client:
                client.send(noise)
                assert await client.ended() == b""
        async with connected(port) as client:
            client.send(b"\x36\x05\x00\x01a\x00\x01")
            assert await client.ended() == b""
        assert ingress.counts.ended == {"malformed": 4}


@on_uvloop
async def test_connections_in_clear_have_a_turn_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingress_module, "_OPEN_EVERY_S", 0.05)
    async with listening(Desk()) as (ingress, port):
        writers = [(await asyncio.open_connection("127.0.0.1", port))[1] for _ in range(BURST + 8)]
        began_s = asyncio.get_running_loop().time()
        await until(lambda: len(ingress._connections) == len(writers))
        assert sum(one.opening is not None for one in ingress._connections) >= 4, "they wait"
        async with connected(port, local_addr=("127.0.3.7", 0)):
            assert asyncio.get_running_loop().time() - began_s < 0.35, (
                "another address does not wait for them all"
            )
        for writer in writers:
            writer.close()
        await until(lambda: not ingress._connections)


@pytest.mark.parametrize("way", ["malformed", "silent", "claims", "dropped", "refused", "known"])
@on_uvloop
async def test_whoever_is_gone_leaves_nothing_behind(way: str) -> None:
    """A connection and its place held one another until the collector came: 13,000 of them kept 700 MB."""
    sent = {
        "malformed": b"\x10\xff\xff\xff\x7f" + b"a" * 60_000,
        "claims": b"\x10\xff\x3f" + b"a" * 4_000,
        "refused": connect(password=b"guess"),
        "known": connect() + publish(1)[:5],
    }.get(way, b"")
    gc.collect()
    gc.disable()
    try:
        bounds = places(strangers=5) if way == "dropped" else places()
        async with listening(Desk(), places=bounds, connect_s=0.2) as (ingress, port):
            kept: list[weakref.ref[Any]] = []
            staying: list[Client] = []
            for _ in range(20):
                client = Client(*await asyncio.open_connection("127.0.0.1", port))
                await until(lambda: ingress._connections)
                kept += [weakref.ref(one) for one in ingress._connections]
                kept += [weakref.ref(one._decoder) for one in ingress._connections]
                client.send(sent)
                if way in {"malformed", "refused"}:
                    await client.ended()
                if way == "dropped":
                    staying.append(client)
                else:
                    await client.close()
            for client in staying:
                await client.close()
            await until(lambda: not ingress._connections)
            await asyncio.sleep(0.05)
            assert [one for one in kept if one() is not None] == []
    finally:
        gc.enable()


@on_uvloop
async def test_whoever_is_ended_holds_no_bytes_while_it_stays() -> None:
    async with listening(Desk(), close_s=60.0) as (ingress, port), dialled(port) as client:
        client.send(b"\x10\xff\xff\xff\x7f" + b"a" * 60_000)
        assert await client.ended() == b""
        assert [one._decoder.held for one in ingress._connections] == [0]


# --- tokens -------------------------------------------------------------------------------------------------


@on_uvloop
async def test_a_withdrawn_token_ends_a_connection_that_is_idle() -> None:
    desk = Desk()
    async with listening(desk) as (ingress, port), connected(port) as client:
        desk.tokens = {}
        assert await client.ended() == b""
        assert ingress.counts.ended == {"token-withdrawn": 1}


@on_uvloop
async def test_nothing_is_taken_once_a_token_is_withdrawn() -> None:
    desk = Desk()
    async with listening(desk, sweep_s=1000) as (_, port), connected(port) as client:
        client.send(publish(1))
        await desk.began(1)
        desk.tokens = {digest(TOKEN): "source:lambeth"}
        client.send(publish(2))
        assert await client.ended() == b""
        assert len(desk.taken) == 1


# --- limits -------------------------------------------------------------------------------------------------


@on_uvloop
async def test_whoever_says_nothing_is_dropped() -> None:
    async with listening(Desk(), connect_s=0.05) as (ingress, port):
        async with dialled(port) as silent, dialled(port) as slow:
            slow.send(connect()[:-1])
            assert await silent.ended() == b""
            assert await slow.ended() == b""
        assert ingress.counts.ended == {"connect-timeout": 2}


@on_uvloop
async def test_the_keep_alive_and_half_of_it() -> None:
    async with listening(Desk()) as (ingress, port):
        async with connected(port, keep_alive_s=1) as quiet, connected(port, keep_alive_s=0) as never:
            assert await quiet.ended() == b""
            await never.ping()
        assert ingress.counts.ended["keep-alive"] == 1


@on_uvloop
async def test_a_packet_that_does_not_come_to_its_end() -> None:
    async with listening(Desk(), packet_s=0.05) as (ingress, port), connected(port) as client:
        await client.ping()
        client.send(publish(1)[:-1])
        assert await client.ended() == b""
        assert ingress.counts.ended == {"packet-timeout": 1}


@on_uvloop
async def test_no_more_connections_than_may_be() -> None:
    async with listening(Desk(), places=places(known=2)) as (ingress, port):
        async with connected(port), connected(port):
            async with dialled(port) as third:
                third.send(connect())
                assert await third.ended() == packets.connack(packets.UNAVAILABLE)
            assert ingress.connections == 2
        await until(lambda: ingress.connections == 0)
        async with connected(port):
            pass


@on_uvloop
async def test_no_more_strangers_than_may_be() -> None:
    async with (
        listening(Desk(), places=places(strangers=2)) as (ingress, port),
        connected(port),
        dialled(port) as first,
        dialled(port) as second,
    ):
        await until(lambda: ingress.strangers == 2)
        # Whoever says who it is finds a place: the one that has been silent for longest makes room.
        async with connected(port):
            assert await first.ended() == b""
            assert ingress.counts.ended["too-many"] == 1
            assert (ingress.connections, ingress.strangers) == (2, 1)
            second.send(connect())
            assert await second.got(4) == packets.connack(packets.ACCEPTED)


@on_uvloop
async def test_no_more_messages_are_under_way_than_may_be() -> None:
    desk = Desk()
    async with listening(desk, under_way=3) as (_, port), connected(port) as client:
        client.send(b"".join(publish(n) for n in range(1, 11)))
        await desk.began(3)
        for n in range(10):
            await desk.began(min(n + 3, 10))
            desk.durable[n].set_result(None)
            assert await client.got(4) == packets.puback(n + 1)
        await client.ping()


@on_uvloop
async def test_a_connection_that_must_wait_for_us_does_not_time_out() -> None:
    desk = Desk()
    async with listening(desk, under_way=1, packet_s=0.03) as (_, port), connected(port) as client:
        client.send(publish(1) + publish(2)[:-1])
        await desk.began(1)
        await asyncio.sleep(0.1)
        desk.durable[0].set_result(None)
        assert await client.got(4) == packets.puback(1)
        client.send(publish(2)[-1:])
        await desk.began(2)


@on_uvloop
async def test_the_bytes_of_all_connections_are_bounded_and_each_has_its_turn() -> None:
    desk = Desk()
    body = b"x" * 600
    async with (
        listening(desk, held_bytes=1500) as (ingress, port),
        connected(port) as a,
        connected(port) as b,
        connected(port) as c,
    ):
        a.send(publish(1, body=body) + publish(2, body=body))
        await desk.began(2)
        b.send(publish(3, body=body))
        c.send(publish(4, body=body))
        await until(lambda: ingress.room.waiting == 2)
        assert ingress.held_bytes <= 1500
        desk.durable[0].set_result(None)
        await desk.began(3)
        desk.durable[1].set_result(None)
        await desk.began(4)
        assert sorted(body_[:1] for _, _, body_, _ in desk.taken) == [b"x"] * 4
        for future in desk.durable[2:]:
            future.set_result(None)
        assert await a.got(8) == packets.puback(1) + packets.puback(2)
        assert await b.got(4) == packets.puback(3)
        assert await c.got(4) == packets.puback(4)


@on_uvloop
async def test_a_message_greater_than_all_room_is_taken_alone() -> None:
    desk = Desk(at_once=True)
    async with listening(desk, held_bytes=100) as (_, port), connected(port) as client:
        client.send(publish(1, body=b"x" * 5000) + publish(2, body=b"y" * 5000))
        assert await client.got(8) == packets.puback(1) + packets.puback(2)


@on_uvloop
async def test_whoever_waits_for_room_and_goes_holds_nobody_up() -> None:
    desk = Desk()
    async with listening(desk, held_bytes=1000) as (ingress, port), connected(port) as first:
        first.send(publish(1, body=b"x" * 900))
        await desk.began(1)
        async with connected(port) as second, connected(port) as third:
            second.send(publish(2, body=b"x" * 500))
            await until(lambda: ingress.room.waiting == 1)
            third.send(publish(3, body=b"x" * 500))
            await until(lambda: ingress.room.waiting == 2)
            transport: asyncio.Transport = second.writer.transport  # type: ignore[assignment]
            transport.abort()
            desk.at_once = True
            desk.durable[0].set_result(None)
            assert await third.got(4) == packets.puback(3)
            await until(lambda: ingress.connections == 2)


@on_uvloop
async def test_a_client_that_does_not_take_its_answers_is_ended() -> None:
    desk = Desk(at_once=True)
    async with listening(desk, write_s=0.2, close_s=0.1) as (ingress, port):
        # Small buffers, which are soon full.
        assert ingress.listening is not None
        ingress.listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(connection, ("127.0.0.1", port))

        async def flood() -> None:
            await loop.sock_sendall(connection, connect())
            while True:
                await loop.sock_sendall(connection, b"\xc0\x00" * 50_000)

        flooding = asyncio.create_task(flood())
        await until(lambda: ingress.counts.ended["answers-not-taken"] == 1)
        flooding.cancel()
        await asyncio.gather(flooding, return_exceptions=True)
        await until(lambda: ingress.connections == 0)  # aborted, as it never reads what is left
        connection.close()


# --- life ---------------------------------------------------------------------------------------------------


@on_uvloop
async def test_a_stop_answers_what_becomes_durable_and_takes_nothing_more() -> None:
    desk = Desk()
    async with listening(desk) as (ingress, port), connected(port) as client, connected(port) as idle:
        client.send(publish(1) + publish(2))
        await desk.began(2)
        stopping = asyncio.create_task(ingress.stop())
        await asyncio.sleep(0.02)
        client.send(publish(3))
        for future in desk.durable:
            future.set_result(None)
        assert await client.ended() == packets.puback(1) + packets.puback(2)
        assert await idle.ended() == b""
        await stopping
        assert len(desk.taken) == 2
        with pytest.raises(OSError):
            await asyncio.open_connection("127.0.0.1", port)
        await ingress.stop()  # twice does no harm


@on_uvloop
async def test_a_stop_does_not_wait_for_ever() -> None:
    desk = Desk()
    async with listening(desk) as (ingress, port), connected(port) as client:
        client.send(publish(1))
        await desk.began(1)
        await ingress.stop(settle_s=0.05)
        assert await client.ended() == b""


@on_uvloop
async def test_a_port_that_is_taken() -> None:
    async with listening(Desk()) as (_, port):
        ingress = Ingress(MqttSettings(host="127.0.0.1", port=port), Desk().take, dict)
        with pytest.raises(ConfigurationError, match=str(port)):
            await ingress.start()


@on_uvloop
async def test_with_a_certificate_it_speaks_tls_alone(tmp_path: Path) -> None:
    certificate, key = certify(tmp_path)
    settings = MqttSettings(host="127.0.0.1", port=0, certificate=certificate, key=key)
    desk = Desk(at_once=True)
    async with listening(desk, settings) as (ingress, port):
        context = ssl.create_default_context(cafile=str(certificate))
        async with connected(port, ssl=context, server_hostname="localhost") as client:
            client.send(publish(1, body=b"x" * 100_000))
            assert await client.got(4) == packets.puback(1)
        async with dialled(port) as plain:
            plain.send(connect())
            assert b"\x20" not in (await plain.ended())[:1]
        assert ingress.counts.messages == {"taken": 1}


@asynccontextmanager
async def crowd(port: int, said: bytes) -> AsyncIterator[None]:
    """Have strangers of 250 addresses connect, and say no more than this."""
    strangers = []
    for n in range(500):
        one = socket.socket()
        one.bind((f"127.0.41.{1 + n % 250}", 0))
        one.connect(("127.0.0.1", port))
        one.sendall(said)
        strangers.append(one)
    try:
        await asyncio.sleep(0.2)
        yield
    finally:
        for one in strangers:
            one.close()


@on_uvloop
async def test_strangers_who_say_nothing_over_tls_and_those_who_do_hold_up_no_other(tmp_path: Path) -> None:
    certificate, key = certify(tmp_path)
    settings = MqttSettings(host="127.0.0.1", port=0, certificate=certificate, key=key)
    context = ssl.create_default_context(cafile=str(certificate))
    async with listening(Desk(), settings) as (_, port):
        for said in (b"", b"\x16"):  # beside the first crowd 127.0.0.1 is new, beside the second it is not
            async with (
                crowd(port, said),
                asyncio.timeout(2),
                connected(port, ssl=context, server_hostname="localhost") as client,
            ):
                await client.ping()


@on_uvloop
async def test_a_certificate_that_cannot_be_used(tmp_path: Path) -> None:
    certificate, key = certify(tmp_path, password=b"secret")
    for chain, private in ((certificate, key), (key, key), (tmp_path / "missing", key)):
        settings = MqttSettings(host="127.0.0.1", port=0, certificate=chain, key=private)
        with pytest.raises(ConfigurationError, match="pass phrase"):
            await Ingress(settings, Desk().take, dict).start()


@pytest.mark.parametrize(("host", "told"), [("127.0.0.1", False), ("0.0.0.0", True)])  # noqa: S104
@on_uvloop
async def test_what_crosses_the_network_in_clear_is_told(
    host: str, told: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async with listening(Desk(), MqttSettings(host=host, port=0)):
        assert ("in clear" in caplog.text) == told


@on_uvloop
async def test_an_address_of_ipv6() -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6")
    ingress = Ingress(MqttSettings(host="::1", port=0), Desk().take, dict)
    try:
        address = await ingress.start()
    except ConfigurationError:
        pytest.skip("no IPv6 on the loopback")
    assert address.startswith("mqtt://[::1]:")
    await ingress.stop()


@on_uvloop
async def test_many_packets_at_once_leave_others_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """One read of the socket may bring a hundred thousand packets: they were answered without a break."""
    rounds: list[int] = []
    answered = 0
    write = connection_module.Connection._write

    def counted(self: Any, data: bytes) -> None:
        nonlocal answered
        answered += data == packets.PINGRESP
        write(self, data)

    monkeypatch.setattr(connection_module.Connection, "_write", counted)
    loop = asyncio.get_running_loop()

    def each_round() -> None:
        rounds.append(answered)
        if answered < 20_000:
            loop.call_soon(each_round)

    async with listening(Desk()) as (_, port), connected(port) as client:
        each_round()
        client.send(b"\xc0\x00" * 20_000)
        assert await client.got(40_000) == packets.PINGRESP * 20_000
    assert max(after - before for before, after in itertools.pairwise(rounds)) <= 500
