"""What holds for any bytes and any pieces: packets as paho-mqtt writes them are read as they were meant."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import paho.mqtt.client as paho
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion

from wicketgate.base.errors import InputError
from wicketgate.reads.mqtt.packets import (
    MAX_CONTROL,
    MAX_PUBLISH,
    Connect,
    Decoder,
    Disconnect,
    Packet,
    Ping,
    Publish,
    Pubrel,
    Subscribe,
    Unsubscribe,
    suback,
)
from wicketgate.reads.mqtt.topics import PUSH, content_type, route

CONNECT = b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00"

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
topics = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0+#"), min_size=1, max_size=40)
ids = st.integers(1, 65_535)
payloads = st.binary(max_size=300) | st.integers(0, 20_000).map(lambda n: b"x" * n)


class Recorder(paho.Client):
    """A client of paho-mqtt whose packets are kept instead of sent."""

    def __init__(self, protocol: MQTTProtocolVersion = MQTTProtocolVersion.MQTTv311, **more: Any) -> None:
        super().__init__(CallbackAPIVersion.VERSION2, protocol=protocol, **more)
        self.wire = b""
        self._sock = self  # anything but None: it is never used

    def _packet_queue(self, command: int, packet: Any, *more: Any) -> MQTTErrorCode:
        self.wire += bytes(packet)
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    def __del__(self) -> None:
        self._sock = None
        super().__del__()


def decode(data: bytes, cuts: list[int] | None = None) -> list[Packet]:
    """Return the packets of `data`, fed in pieces that end at `cuts`."""
    decoder, found, at = Decoder(), [], 0
    for cut in [*sorted(cut for cut in cuts or () if cut < len(data)), len(data)]:
        decoder.feed(data[at:cut])
        at = cut
        while (packet := decoder.next()) is not None:
            found.append(packet)
    return found


def outcome(data: bytes, cuts: list[int]) -> tuple[list[Packet], bool]:
    """Return the packets up to the first fault, and whether there was one; nothing comes behind a fault."""
    decoder, found, at = Decoder(), [], 0
    for cut in [*sorted(cut for cut in cuts if cut < len(data)), len(data)]:
        decoder.feed(data[at:cut])
        at = cut
        try:
            assert 0 <= decoder.size <= MAX_PUBLISH
            while (packet := decoder.next()) is not None:
                found.append(packet)
                assert 0 <= decoder.size <= MAX_PUBLISH
        except InputError:
            for _ in range(2):
                with pytest.raises(InputError):
                    decoder.next()
            return found, True
    return found, False


@st.composite
def conversations(draw: st.DrawFn) -> tuple[bytes, list[Packet]]:
    """Draw what a client of paho-mqtt sends, and what it means."""
    client_id, clean = draw(texts), draw(st.booleans())
    protocol = draw(st.sampled_from([MQTTProtocolVersion.MQTTv311, MQTTProtocolVersion.MQTTv31]))
    client = Recorder(protocol, client_id=client_id or "x", clean_session=clean)
    username, password = draw(st.none() | texts), draw(st.none() | texts)
    if username is not None:
        client.username_pw_set(username, password)
    if draw(st.booleans()):
        client.will_set(draw(topics), draw(payloads)[:4000], draw(st.integers(0, 2)), draw(st.booleans()))
    keep_alive_s = draw(st.integers(0, 65_535))
    client._send_connect(keep_alive_s)
    meant: list[Packet] = [
        Connect(
            supported=True,
            clean=clean,
            keep_alive_s=keep_alive_s,
            client_id=client_id or "x",
            username=username,
            password=password.encode() if username is not None and password is not None else None,
        )
    ]
    for what in draw(st.lists(st.sampled_from(["publish", "release", "on", "off", "ping"]), max_size=8)):
        if what == "publish":
            topic, payload, qos, number = draw(topics), draw(payloads), draw(st.integers(0, 2)), draw(ids)
            client._send_publish(
                number, topic.encode(), payload, qos, draw(st.booleans()), bool(qos) and draw(st.booleans())
            )
            meant.append(Publish(topic, payload, qos, number if qos else 0))
        elif what == "release":
            number = draw(ids)
            client._send_pubrel(number)
            meant.append(Pubrel(number))
        elif what == "on":
            asked = draw(st.lists(st.tuples(texts, st.integers(0, 2)), min_size=1, max_size=5))
            _, number = client._send_subscribe(0, [(text.encode(), qos) for text, qos in asked])
            meant.append(Subscribe(number, bytes(qos for _, qos in asked)))
        elif what == "off":
            _, number = client._send_unsubscribe(
                0, [text.encode() for text in draw(st.lists(texts, min_size=1))]
            )
            meant.append(Unsubscribe(number))
        else:
            client._send_pingreq()
            meant.append(Ping())
    client._send_disconnect()
    return client.wire, [*meant, Disconnect()]


@given(conversations(), st.lists(st.integers(1, 30_000), max_size=20))
def test_what_paho_writes_is_read_as_it_was_meant_in_any_pieces(
    conversation: tuple[bytes, list[Packet]], cuts: list[int]
) -> None:
    wire, meant = conversation
    assert decode(wire, cuts) == meant


@given(conversations())
def test_nothing_is_read_of_a_packet_that_is_not_all_there(conversation: tuple[bytes, list[Packet]]) -> None:
    wire, meant = conversation
    assert decode(wire[:-1]) == meant[:-1]


@given(st.binary(max_size=400), st.booleans(), st.lists(st.integers(1, 400), max_size=20))
def test_any_bytes_give_packets_and_at_most_one_fault_in_any_pieces(
    noise: bytes, connected: bool, cuts: list[int]
) -> None:
    data = CONNECT + noise if connected else noise
    assert outcome(data, cuts) == outcome(data, [])


@given(
    conversations(),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=4),
)
def test_a_conversation_with_a_few_bytes_changed_gives_packets_or_a_fault(
    conversation: tuple[bytes, list[Packet]], changes: list[tuple[float, int]]
) -> None:
    wire = bytearray(conversation[0])
    for where, byte in changes:
        wire[int(where * len(wire))] = byte
    packets, _ = outcome(bytes(wire), [len(wire) // 2])
    for packet in packets:
        if isinstance(packet, Publish):
            assert packet.topic
            assert (packet.qos == 0) == (packet.packet_id == 0)


@given(st.binary(max_size=40))
def test_nothing_is_held_for_whoever_has_not_sent_a_connect(noise: bytes) -> None:
    decoder = Decoder()
    decoder.feed(noise)
    with suppress(InputError):
        assert decoder.size <= MAX_CONTROL


@given(ids, st.binary(max_size=300))
def test_a_suback_has_its_length_before_it(number: int, asked: bytes) -> None:
    data = suback(number, asked)
    length, shift, at = 0, 0, 1
    while True:
        length |= (data[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if data[at - 1] < 0x80:
            break
    assert data[at:] == number.to_bytes(2, "big") + asked
    assert length == len(data) - at


@given(texts)
def test_any_topic_has_one_place_or_none(topic: str) -> None:
    where = route(topic)
    if where is None:
        assert not topic.startswith(PUSH)
    elif where.adapter == "frigate" and not topic.startswith(PUSH):
        assert topic.rpartition("/")[2] in ("events", "tracked_object_update")


@given(st.binary(max_size=200))
def test_any_payload_has_a_kind(body: bytes) -> None:
    assert content_type(body).partition(";")[0] in (
        "application/json",
        "application/xml",
        "multipart/form-data",
        "application/octet-stream",
    )
