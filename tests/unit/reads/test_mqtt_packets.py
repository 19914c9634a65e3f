"""MQTT 3.1.1 on the wire: packets that must be refused, and answers byte by byte."""

from __future__ import annotations

import pytest

from wicketgate.base.errors import InputError
from wicketgate.reads.mqtt import packets
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
)

# Written out by hand from the standard, section 3.1: protocol MQTT, level 4, flags, keep-alive of 60 s.
CONNECT = bytes.fromhex("10 17 0004 4D515454 04 C2 003C 0001 63 0003 74666C 0003 6B6579")


def decode(data: bytes) -> list[Packet]:
    decoder = Decoder()
    decoder.feed(data)
    found = []
    while (packet := decoder.next()) is not None:
        found.append(packet)
    return found


def connect(flags: int, body: bytes = b"", *, head: bytes = b"\x00\x04MQTT\x04") -> bytes:
    """Return a CONNECT with these flags and what comes behind the keep-alive."""
    rest = head + bytes([flags]) + b"\x00\x3c" + body
    return bytes([0x10, len(rest)]) + rest


def test_a_connect_as_the_standard_writes_it() -> None:
    assert decode(CONNECT) == [
        Connect(supported=True, clean=True, keep_alive_s=60, client_id="c", username="tfl", password=b"key")
    ]


def test_a_will_is_passed_over() -> None:
    body = b"\x00\x01c" + b"\x00\x04gone" + b"\x00\x03bye" + b"\x00\x03tfl" + b"\x00\x03key"
    (packet,) = decode(connect(0xF6, body))
    assert isinstance(packet, Connect)
    assert (packet.client_id, packet.username, packet.password) == ("c", "tfl", b"key")


@pytest.mark.parametrize(
    ("data", "packet"),
    [
        ("31 08 0003 612F62 313233", Publish("a/b", b"123", 0, 0)),
        ("3B 09 0003 612F62 0007 3132", Publish("a/b", b"12", 1, 7)),
        ("34 07 0003 612F62 FFFF", Publish("a/b", b"", 2, 65_535)),
        ("62 02 0102", Pubrel(258)),
        ("82 0E 000A 0003 612F62 01 0003 632F64 02", Subscribe(10, b"\x01\x02")),
        ("A2 07 000A 0003 612F62", Unsubscribe(10)),
        ("C0 00", Ping()),
        ("E0 00", Disconnect()),
        ("30 8500 0003 612F62", Publish("a/b", b"", 0, 0)),  # a length with a byte too many
    ],
)
def test_packets_as_the_standard_writes_them(data: str, packet: Packet) -> None:
    assert decode(CONNECT + bytes.fromhex(data)) == [decode(CONNECT)[0], packet]


@pytest.mark.parametrize(
    ("name", "level", "supported"),
    [
        (b"MQTT", 4, True),
        (b"MQIsdp", 3, True),
        (b"MQTT", 0x84, True),  # a bridge of mosquitto
        (b"MQTT", 5, False),
        (b"MQTT", 3, False),
        (b"MQIsdp", 4, False),
        (b"HTTP", 4, False),
        (b"", 4, False),
    ],
)
def test_protocols(name: bytes, level: int, supported: bool) -> None:
    head = len(name).to_bytes(2, "big") + name + bytes([level])
    # What comes behind another protocol's level may have any form.
    (packet,) = decode(connect(0x02, b"\x00\x01c" if supported else b"?", head=head))
    assert isinstance(packet, Connect)
    assert packet.supported == supported


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("nothing before CONNECT", bytes.fromhex("C000")),
        ("no PUBLISH before CONNECT", bytes.fromhex("31 08 0003 612F62 313233")),
        ("HTTP", b"GET / HTTP/1.1\r\n"),
        ("TLS", bytes.fromhex("16030100")),
        ("a second CONNECT", CONNECT + CONNECT),
        ("CONNECT with flags", b"\x11" + CONNECT[1:]),
        ("CONNECT that is empty", bytes.fromhex("1000")),
        ("CONNECT without a level", b"\x10\x06\x00\x04MQTT"),
        ("CONNECT without flags", b"\x10\x07\x00\x04MQTT\x04"),
        ("CONNECT without a client id", connect(0x02)),
        ("CONNECT with the reserved flag", connect(0x03, b"\x00\x00")),
        ("CONNECT with a password and no name", connect(0x42, b"\x00\x00\x00\x01x")),
        ("CONNECT with a will's QoS and no will", connect(0x0A, b"\x00\x00")),
        ("CONNECT that retains no will", connect(0x22, b"\x00\x00")),
        ("CONNECT with a will of QoS 3", connect(0x1E, b"\x00\x00\x00\x01a\x00\x00")),
        ("CONNECT whose will is missing", connect(0x06, b"\x00\x00")),
        ("CONNECT whose name is missing", connect(0x82, b"\x00\x00")),
        ("CONNECT whose name breaks off", connect(0x82, b"\x00\x00\x00\x09tfl")),
        ("CONNECT that goes on", connect(0x02, b"\x00\x00x")),
        ("CONNECT that is too long", b"\x10\x80\x80\x01"),
        ("a type of 0", CONNECT + b"\x00\x00"),
        ("CONNACK", CONNECT + b"\x20\x02\x00\x00"),
        ("PUBACK", CONNECT + b"\x40\x02\x00\x01"),
        ("SUBACK", CONNECT + b"\x90\x03\x00\x01\x00"),
        ("AUTH", CONNECT + b"\xf0\x00"),
        ("PUBREL with other flags", CONNECT + b"\x60\x02\x00\x01"),
        ("PUBREL of 0", CONNECT + b"\x62\x02\x00\x00"),
        ("PUBREL that goes on", CONNECT + b"\x62\x03\x00\x01x"),
        ("PUBREL without an identifier", CONNECT + b"\x62\x00"),
        ("SUBSCRIBE with other flags", CONNECT + b"\x80\x06\x00\x01\x00\x01a\x00"),
        ("SUBSCRIBE to nothing", CONNECT + b"\x82\x02\x00\x01"),
        ("SUBSCRIBE without a QoS", CONNECT + b"\x82\x05\x00\x01\x00\x01a"),
        ("SUBSCRIBE with QoS 3", CONNECT + b"\x82\x06\x00\x01\x00\x01a\x03"),
        ("SUBSCRIBE of 0", CONNECT + b"\x82\x06\x00\x00\x00\x01a\x00"),
        ("SUBSCRIBE that breaks off", CONNECT + b"\x82\x06\x00\x01\x00\x09a\x00"),
        ("SUBSCRIBE that is too long", CONNECT + b"\x82\x80\x80\x01"),
        ("UNSUBSCRIBE from nothing", CONNECT + b"\xa2\x02\x00\x01"),
        ("PINGREQ with something in it", CONNECT + b"\xc0\x01x"),
        ("DISCONNECT with something in it", CONNECT + b"\xe0\x01\x00"),
        ("PUBLISH of QoS 3", CONNECT + b"\x36\x05\x00\x01a\x00\x01"),
        ("PUBLISH without a topic", CONNECT + b"\x30\x02\x00\x00"),
        ("PUBLISH whose topic breaks off", CONNECT + b"\x30\x03\x00\x09a"),
        ("PUBLISH that is empty", CONNECT + b"\x30\x00"),
        ("PUBLISH to a filter", CONNECT + b"\x30\x05\x00\x03a/#"),
        ("PUBLISH to another filter", CONNECT + b"\x30\x05\x00\x03a/+"),
        ("PUBLISH to what is not UTF-8", CONNECT + b"\x30\x03\x00\x01\xff"),
        ("PUBLISH to a surrogate", CONNECT + b"\x30\x05\x00\x03\xed\xa0\x80"),
        ("PUBLISH to U+0000", CONNECT + b"\x30\x03\x00\x01\x00"),
        ("PUBLISH without an identifier", CONNECT + b"\x32\x03\x00\x01a"),
        ("PUBLISH with the identifier 0", CONNECT + b"\x32\x05\x00\x01a\x00\x00"),
        ("a length of five bytes", CONNECT + b"\x30\xff\xff\xff\xff\x01"),
        ("a length beyond what may be", CONNECT + b"\x30\xff\xff\xff\x7f"),
    ],
)
def test_what_is_no_packet_of_a_client(name: str, data: bytes) -> None:
    with pytest.raises(InputError) as caught:
        decode(data)
    assert caught.value.code == "malformed"


def test_the_longest_publish_and_one_byte_more() -> None:
    length = MAX_PUBLISH - 5  # four bytes of length from 2 MiB on
    topic = b"\x00\x01a"
    head = b"\x30" + bytes((length >> 7 * n & 0x7F) | (0x80 if n < 3 else 0) for n in range(4))
    found = decode(CONNECT + head + topic + b"x" * (length - 3))
    assert isinstance(found[1], Publish)
    assert len(found[1].payload) == length - 3
    longer = bytearray(CONNECT + head)
    longer[len(CONNECT) + 1] += 1
    with pytest.raises(InputError, match=str(MAX_PUBLISH)):
        decode(bytes(longer))  # refused before any of it is there


def test_the_longest_packet_of_another_type() -> None:
    body = connect(0x02, b"\x00\x00")[2:]
    filters = b"\x00\x01" + b"\x00\x05abcde\x01" * 2047
    length = len(filters)
    assert length < MAX_CONTROL
    data = b"\x82" + bytes((length & 0x7F | 0x80, length >> 7)) + filters
    found = decode(bytes([0x10, len(body)]) + body + data)
    assert found[1] == Subscribe(1, b"\x01" * 2047)


def test_the_size_of_a_packet_is_known_before_its_body() -> None:
    decoder = Decoder()
    decoder.feed(CONNECT)
    assert decoder.size == len(CONNECT)
    assert decoder.begun
    decoder.next()
    assert (decoder.size, decoder.begun) == (0, False)
    decoder.feed(b"\x30")
    assert (decoder.size, decoder.begun) == (0, True)
    decoder.feed(b"\x05")
    assert decoder.size == 7
    decoder.feed(b"\x00\x03a/bxyz"[:5] + b"\xc0")
    assert decoder.next() == Publish("a/b", b"", 0, 0)
    assert decoder.size == 0


def test_a_fault_names_nothing_that_was_sent() -> None:
    for data in (b"\x30\x08\x00\x06AB12+#", b"\x30\x09\x00\x07AB12CD\x00", b"\x30\x09\x00\x07AB12CD\xff"):
        with pytest.raises(InputError) as caught:
            decode(CONNECT + data)
        assert "AB12" not in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "wire"),
    [
        (packets.connack(packets.ACCEPTED), "20020000"),
        (packets.connack(packets.BAD_VERSION), "20020001"),
        (packets.connack(packets.BAD_CLIENT_ID), "20020002"),
        (packets.connack(packets.UNAVAILABLE), "20020003"),
        (packets.connack(packets.BAD_CREDENTIALS), "20020004"),
        (packets.connack(packets.NOT_AUTHORISED), "20020005"),
        (packets.puback(258), "40020102"),
        (packets.pubrec(65_535), "5002FFFF"),
        (packets.pubcomp(1), "70020001"),
        (packets.suback(7, b"\x00\x01\x02"), "90050007000102"),
        (packets.unsuback(7), "B0020007"),
        (packets.PINGRESP, "D000"),
    ],
)
def test_answers(answer: bytes, wire: str) -> None:
    assert answer == bytes.fromhex(wire)
