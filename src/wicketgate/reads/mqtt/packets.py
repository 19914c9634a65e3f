"""MQTT 3.1.1 on the wire, for a server of nothing but answers.

Pure: bytes in, packets out. The numbers in brackets are the sections of the OASIS standard.
"""

from __future__ import annotations

from typing import NoReturn

import msgspec

from wicketgate.base.errors import InputError

MAX_PUBLISH = 4 * 1024 * 1024
"""Bytes of the longest PUBLISH, its header included."""

MAX_CONTROL = 16 * 1024
"""Bytes of the longest packet of any other type."""

LEVELS = {"MQTT": 4, "MQIsdp": 3}
"""The protocols that are spoken: 3.1.1, and 3.1 as its forerunner, which looks the same to a server like this."""

ACCEPTED, BAD_VERSION, BAD_CLIENT_ID, UNAVAILABLE, BAD_CREDENTIALS, NOT_AUTHORISED = range(6)
"""What a CONNACK says [3.2.2.3]."""

_CONNECT, _PUBLISH, _PUBACK, _PUBREC, _PUBREL, _PUBCOMP = 1, 3, 4, 5, 6, 7
_SUBSCRIBE, _UNSUBSCRIBE, _PINGREQ, _DISCONNECT = 8, 10, 12, 14
_FLAGS = {_CONNECT: 0, _PUBREL: 2, _SUBSCRIBE: 2, _UNSUBSCRIBE: 2, _PINGREQ: 0, _DISCONNECT: 0}

PINGRESP = b"\xd0\x00"


class Connect(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """CONNECT.

    Where `supported` is False the protocol is another, and nothing else of the packet was read.
    """

    supported: bool
    clean: bool = True
    keep_alive_s: int = 0
    client_id: str = ""
    username: str | None = None
    password: bytes | None = None


class Publish(msgspec.Struct, frozen=True, gc=False):
    """PUBLISH.

    `packet_id` is 0 with QoS 0. Whether it is retained, or sent again, makes no difference here.
    """

    topic: str
    payload: bytes
    qos: int
    packet_id: int


class Pubrel(msgspec.Struct, frozen=True, gc=False):
    """PUBREL, the third step of QoS 2."""

    packet_id: int


class Subscribe(msgspec.Struct, frozen=True, gc=False):
    """SUBSCRIBE: the QoS asked for, one for each filter."""

    packet_id: int
    qos: bytes


class Unsubscribe(msgspec.Struct, frozen=True, gc=False):
    """UNSUBSCRIBE."""

    packet_id: int


class Ping(msgspec.Struct, frozen=True, gc=False):
    """PINGREQ."""


class Disconnect(msgspec.Struct, frozen=True, gc=False):
    """DISCONNECT."""


Packet = Connect | Publish | Pubrel | Subscribe | Unsubscribe | Ping | Disconnect


class Decoder:
    """The decoder of packets, from bytes in pieces of any size.

    Notes
    -----
    Any bytes give packets and then at most one fault: after an InputError nothing more can be read, as it is not
    known where the next packet begins. A packet longer than may be, and anything before the CONNECT, is a fault as
    soon as its header is there: whoever has not shown a token cannot make the server hold more than `MAX_CONTROL`
    and what one read of the socket brings.
    """

    def __init__(self) -> None:
        self._held = bytearray()
        self._at = 0  # where the packet in front begins
        self._body = 0  # where its variable header begins; 0 while its length is not known
        self._end = 0
        self._connected = False
        self._broken = False

    def feed(self, data: bytes) -> None:
        """Take bytes off the wire."""
        if self._at:
            del self._held[: self._at]
            self._body -= self._at if self._body else 0
            self._end -= self._at if self._end else 0
            self._at = 0
        self._held += data

    @property
    def begun(self) -> bool:
        """Whether a part of a packet is held."""
        return self._at < len(self._held)

    @property
    def held(self) -> int:
        """The bytes held of what was not taken yet."""
        return len(self._held) - self._at

    @property
    def size(self) -> int:
        """The bytes of the packet in front.

        0 while its length is not known.

        Raises
        ------
        InputError
            If it can be no packet.
        """
        if not self._body:
            self._head()
        return self._end - self._at if self._body else 0

    def next(self) -> Packet | None:
        """Return the packet in front, or None.

        None until all of it is there.

        Raises
        ------
        InputError
            If it is malformed, too long, or none that a client sends.
        """
        if not self._body:
            self._head()
        if not self._body or len(self._held) < self._end:
            return None
        first, start, end = self._held[self._at], self._body, self._end
        try:
            packet = _parse(first >> 4, first & 15, self._held, start, end)
        except InputError:
            self._broken = True
            raise
        self._at, self._body, self._end, self._connected = end, 0, 0, True
        if self._at == len(self._held):
            self._held.clear()
            self._at = 0
        return packet

    def forget(self) -> None:
        """Let go of all bytes; nothing more can be read."""
        self._held = bytearray()
        self._at = self._body = self._end = 0
        self._broken = True

    def _head(self) -> None:
        """Read the fixed header in front, if all of it is there [2.2]."""
        if self._broken:
            self._fail("nothing can be read behind a packet that is malformed")
        held, at = self._held, self._at
        there = len(held) - at
        if there == 0:
            return
        first = held[at]
        kind = first >> 4
        if kind != _PUBLISH and _FLAGS.get(kind, -1) != first & 15:
            self._fail("a packet of a type that no client sends, or with flags that it has not")
        if (kind == _CONNECT) == self._connected:
            self._fail("the first packet, and no other, is a CONNECT")
        length = 0
        for n in range(1, 5):
            if there <= n:
                return
            byte = held[at + n]
            length |= (byte & 0x7F) << 7 * (n - 1)
            if byte < 0x80:
                most = MAX_PUBLISH if kind == _PUBLISH else MAX_CONTROL
                if n + 1 + length > most:
                    self._fail(f"a packet of more than {most} bytes")
                self._body = at + n + 1
                self._end = self._body + length
                return
        self._fail("a length of more than four bytes")

    def _fail(self, detail: str) -> NoReturn:
        self._broken = True
        raise InputError(detail)


def _parse(kind: int, flags: int, held: bytearray, at: int, end: int) -> Packet:
    """Return the packet in `held` from `at` to `end`.

    Its variable header and payload lie there.
    """
    if kind == _PUBLISH:
        topic, at = _text(held, at, end)
        if not topic or "+" in topic or "#" in topic:
            raise InputError("a topic that nothing can be published to")
        qos = flags >> 1 & 3
        packet_id = 0
        if qos == 3:
            raise InputError("a PUBLISH of QoS 3")
        if qos:
            packet_id, at = _packet_id(held, at, end)
        return Publish(topic, bytes(held[at:end]), qos, packet_id)
    if kind == _CONNECT:
        return _connect(held, at, end)
    if kind in (_PINGREQ, _DISCONNECT):
        _no_more(at, end)
        return Ping() if kind == _PINGREQ else Disconnect()
    packet_id, at = _packet_id(held, at, end)
    if kind == _PUBREL:
        _no_more(at, end)
        return Pubrel(packet_id)
    asked = bytearray()
    if at == end:
        raise InputError("a subscription to nothing")
    while at < end:
        _, at = _text(held, at, end)
        if kind == _SUBSCRIBE:
            if at == end or held[at] > 2:
                raise InputError("a subscription without a QoS from 0 to 2")
            asked.append(held[at])
            at += 1
    return Subscribe(packet_id, bytes(asked)) if kind == _SUBSCRIBE else Unsubscribe(packet_id)


def _connect(held: bytearray, at: int, end: int) -> Connect:
    """Return a CONNECT [3.1]."""
    protocol, at = _text(held, at, end)
    if at == end:
        raise InputError("a CONNECT that breaks off")
    level, at = held[at], at + 1
    if LEVELS.get(protocol) != level & 0x7F:  # the highest bit: a bridge between brokers
        return Connect(supported=False)
    if end - at < 3:
        raise InputError("a CONNECT that breaks off")
    flags = held[at]
    keep_alive_s = held[at + 1] << 8 | held[at + 2]
    will, named, secret = flags & 0x04, flags & 0x80, flags & 0x40
    if flags & 0x01 or flags & 0x18 == 0x18 or (flags & 0x38 and not will) or (secret and not named):
        raise InputError("a CONNECT whose flags contradict one another")
    client_id, at = _text(held, at + 3, end)
    if will:
        _, at = _text(held, at, end)
        _, at = _bytes(held, at, end)
    username: str | None = None
    password: bytes | None = None
    if named:
        username, at = _text(held, at, end)
    if secret:
        password, at = _bytes(held, at, end)
    _no_more(at, end)
    return Connect(
        supported=True,
        clean=bool(flags & 0x02),
        keep_alive_s=keep_alive_s,
        client_id=client_id,
        username=username,
        password=password,
    )


def _packet_id(held: bytearray, at: int, end: int) -> tuple[int, int]:
    if end - at < 2:
        raise InputError("a packet that breaks off before its identifier")
    packet_id = held[at] << 8 | held[at + 1]
    if not packet_id:
        raise InputError("a packet whose identifier is 0")
    return packet_id, at + 2


def _bytes(held: bytearray, at: int, end: int) -> tuple[bytes, int]:
    start = at + 2
    if start > end:
        raise InputError("a packet that breaks off")
    stop = start + (held[at] << 8 | held[at + 1])
    if stop > end:
        raise InputError("a packet that breaks off")
    return bytes(held[start:stop]), stop


def _text(held: bytearray, at: int, end: int) -> tuple[str, int]:
    data, at = _bytes(held, at, end)
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise InputError("a text that is not UTF-8") from error
    if "\0" in text:
        raise InputError("a text with the character U+0000")
    return text, at


def _no_more(at: int, end: int) -> None:
    if at != end:
        raise InputError("a packet that goes on behind its end")


# --- what the server answers --------------------------------------------------------------------------------------


def connack(code: int) -> bytes:
    """Return a CONNACK.

    There is never a session from before.
    """
    return bytes((0x20, 2, 0, code))


def puback(packet_id: int) -> bytes:
    """Return the PUBACK of a message of QoS 1."""
    return bytes((0x40, 2, packet_id >> 8, packet_id & 255))


def pubrec(packet_id: int) -> bytes:
    """Return the PUBREC of a message of QoS 2."""
    return bytes((0x50, 2, packet_id >> 8, packet_id & 255))


def pubcomp(packet_id: int) -> bytes:
    """Return the PUBCOMP that ends a message of QoS 2."""
    return bytes((0x70, 2, packet_id >> 8, packet_id & 255))


def suback(packet_id: int, qos: bytes) -> bytes:
    """Return a SUBACK that grants each filter the QoS in `qos`."""
    return b"\x90" + _length(2 + len(qos)) + packet_id.to_bytes(2, "big") + qos


def unsuback(packet_id: int) -> bytes:
    """Return an UNSUBACK."""
    return bytes((0xB0, 2, packet_id >> 8, packet_id & 255))


def _length(value: int) -> bytes:
    coded = bytearray()
    while value >= 0x80:
        coded.append(value & 0x7F | 0x80)
        value >>= 7
    coded.append(value)
    return bytes(coded)
