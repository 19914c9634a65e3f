"""One client's connection: packets in, answers out, in order.

No answer goes out before it is true.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Protocol, cast

from wicketgate.base.errors import InputError
from wicketgate.base.limits import ConnectionLimits, PlaceLimits
from wicketgate.base.places import Place, Places
from wicketgate.reads.mqtt import packets
from wicketgate.reads.mqtt.packets import Connect, Disconnect, Ping, Publish, Pubrel, Subscribe, Unsubscribe
from wicketgate.reads.mqtt.room import Room
from wicketgate.reads.mqtt.topics import Route, route

log = logging.getLogger(__name__)

_AT_ONCE = 100
"""Packets of one connection that are taken without a break."""

_LONGEST_TOKEN = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class MqttLimits:
    """The bounds of a server.

    Attributes
    ----------
    places : PlaceLimits
        Connections: of clients that have shown a token, and of strangers.
    connect_s : float
        Seconds for TLS and a CONNECT.
    packet_s, grace_s, least_rate : float, float, int
        Seconds for a packet that has begun; after some grace it comes at so many bytes a second at least.
    write_s, close_s : float
        Seconds for a client to take answers, and its last ones.
    idle_s : float
        Seconds without a packet, whatever keep-alive the client asked for.
    under_way : int
        Messages of one connection that are not answered yet; the socket is not read meanwhile.
    held_bytes, held_bytes_of_source : int
        Of messages that are being read or are not answered yet.
    sweep_s : float
        How often timeouts and withdrawn tokens are looked for.
    """

    places: PlaceLimits = field(
        default_factory=lambda: PlaceLimits.of(ConnectionLimits(), ConnectionLimits().mqtt_connections)
    )
    connect_s: float = 10.0
    packet_s: float = 60.0
    grace_s: float = 20.0
    least_rate: int = 1024
    write_s: float = 30.0
    close_s: float = 10.0
    idle_s: float = 7_200.0
    under_way: int = 256
    held_bytes: int = 256 * 1024 * 1024
    held_bytes_of_source: int = 96 * 1024 * 1024
    sweep_s: float = 1.0

    @classmethod
    def of(cls, limits: ConnectionLimits, connections: int) -> MqttLimits:
        """Return the bounds of a deployment, for so many connections."""
        return cls(
            places=PlaceLimits.of(limits, connections),
            connect_s=limits.mqtt_connect_s,
            packet_s=limits.mqtt_packet_s,
            grace_s=limits.body_s,
            least_rate=limits.least_rate,
            write_s=limits.write_s,
            idle_s=limits.mqtt_idle_s,
            held_bytes=limits.mqtt_bytes,
            held_bytes_of_source=limits.mqtt_bytes_of_source,
        )


@dataclass(slots=True)
class MqttCounts:
    """The counts of messages and connections.

    Messages are `taken`, `ignored`, `unanswered` or `lost`.
    """

    messages: Counter[str] = field(default_factory=Counter)
    refused: Counter[int] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)


class MqttServer(Protocol):
    """The server as its connections see it (`ingress.Ingress`)."""

    loop: asyncio.AbstractEventLoop
    limits: MqttLimits
    counts: MqttCounts
    places: Places
    room: Room
    is_stopping: bool

    def lost(self, connection: Connection) -> None:
        """Count a connection no longer."""

    def welcomed(self, peer: str) -> None:
        """Keep in mind that a good token came from a peer."""

    def name_of(self, digest: str) -> str | None:
        """Return the name of a token by its hash."""

    def entitled(self, digest: str, source: str) -> bool:
        """Return whether a token is still good.

        It has not been withdrawn.
        """

    def begin(self, source: str, where: Route, packet: Publish) -> asyncio.Task[None]:
        """Begin to make a message durable."""

    def failed(self, error: BaseException) -> None:
        """Log a failure to take a message."""


class Connection(asyncio.Protocol):
    """The event loop's callbacks for one client.

    Notes
    -----
    Messages are begun in the order of their arrival and answered in that order, each once it is durable; many may be
    under way. When one cannot be taken nothing behind it is answered and the connection ends: the client sends
    everything that was not answered again, and what had been stored of it is found to be repeated.

    QoS 2 needs no memory here: a message is durable before its PUBREC, so a PUBLISH that comes again after a break
    is a repeat, and a PUBREL is answered whether or not it is known.
    """

    def __init__(self, server: MqttServer) -> None:
        self._server = server
        self._loop = server.loop
        self._decoder = packets.Decoder()
        self._transport: asyncio.Transport | None = None  # None once it ends
        self._ending: asyncio.Transport | None = None
        self._waiting: deque[tuple[asyncio.Task[None] | None, bytes, int]] = deque()
        self._reading = True
        self._write_paused = False
        self._stopped = False
        self._reserved = 0
        self._queued = False
        self._resting = False
        self.digest = ""
        self._keep_alive_s = 0.0
        self._since = 0.0  # of the last packet
        self._begun_at = 0.0  # when bytes came that are not a packet yet
        self.source = ""
        self.place: Place | None = None
        self.opening: asyncio.Task[None] | None = None

    # --- what the event loop says -------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, secured where it is to be."""
        self._transport = cast(asyncio.Transport, transport)
        self._since = self._begun_at = self._loop.time()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection.

        What is under way goes on, and is not answered.
        """
        if self._transport is not None:
            self._server.counts.ended["lost"] += 1
        self._transport = self._ending = None
        self._give_back()
        self._server.lost(self)

    def data_received(self, data: bytes) -> None:
        """Take bytes off the wire."""
        if self._transport is None:
            return
        if not self._decoder.begun:
            self._begun_at = self._loop.time()
        self._decoder.feed(data)
        self.go_on()

    def pause_writing(self) -> None:
        """Stop reading from a client with unread answers."""
        self._write_paused = True
        self._set_reading()

    def resume_writing(self) -> None:
        """Read again."""
        self._write_paused = False
        self.go_on()

    # --- what the server says -----------------------------------------------------------------------------------

    def go_on(self) -> None:
        """Take packets for as long as there is room for them."""
        taken = 0
        try:
            while self._transport is not None and not self._held_up() and self._reserve():
                if taken == _AT_ONCE:  # one read of the socket may bring a hundred thousand packets
                    self._resting = True
                    self._loop.call_soon(self._rested)
                    break
                taken += 1
                packet = self._decoder.next()
                if packet is None:
                    break
                self._since = self._loop.time()
                size, self._reserved = self._reserved, 0
                self._answer(packet, size)
        except InputError as error:
            self.end("malformed", str(error))
        self._set_reading()

    def _rested(self) -> None:
        self._resting = False
        self.go_on()

    def end(self, why: str, detail: str = "") -> None:
        """Close the connection, once its answers are sent."""
        if self._transport is None:
            return
        self._server.counts.ended[why] += 1
        if detail:
            log.debug("a connection of `%s` ends: %s", self.source, detail)
        self._ending, self._transport = self._transport, None
        self._since = self._loop.time()
        self._give_back()
        if self._ending.is_closing() or not self._ending.can_write_eof():
            self._ending.close()
            return
        # Closed while something is unread the kernel would reset the connection, and what was answered last could be
        # lost on its way: what comes is thrown away until the client closes too.
        try:
            self._ending.write_eof()
        except OSError:  # the client is gone already
            self._ending.abort()
            return
        if not self._reading:
            self._ending.resume_reading()

    def abort(self) -> None:
        """Close the connection at once."""
        transport = self._ending or self._transport
        if transport is not None:
            transport.abort()
        elif self.opening is not None:
            self.opening.cancel()

    def drop(self) -> None:
        """Close the connection at once, because its place is needed."""
        self._server.counts.ended["too-many"] += 1
        if self._transport is not None:
            self._ending, self._transport = self._transport, None
            self._give_back()
        self.abort()

    def stop_reading(self) -> None:
        """Take nothing more.

        What is under way is still answered.
        """
        self._stopped = True
        self._set_reading()

    def given(self, size: int) -> bool:
        """Take the awaited room.

        False if it is needed no longer.
        """
        self._queued = False
        if self._transport is None:
            return False
        self._reserved = size
        self._loop.call_soon(self.go_on)
        return True

    def check(self, now: float) -> None:
        """End the connection if it may not, or need not, stay."""
        limits = self._server.limits
        if self._transport is None:
            if self._ending is not None and now - self._since >= limits.close_s:
                self.abort()
        elif not self.source:
            if now - self._since >= limits.connect_s:
                self.end("connect-timeout")
        elif not self._server.entitled(self.digest, self.source):
            self.end("token-withdrawn")
        elif self._write_paused:
            if now - self._since >= limits.write_s:
                self.end("answers-not-taken")
        elif not self._reading:
            self._since = self._begun_at = now  # it is we who do not read
        elif self._keep_alive_s and now - self._since >= self._keep_alive_s:
            self.end("keep-alive")
        elif now - self._since >= limits.idle_s:
            self.end("idle")
        elif self._decoder.begun:
            waited = now - max(self._since, self._begun_at)
            if (
                waited >= limits.packet_s
                or self._decoder.held < (waited - limits.grace_s) * limits.least_rate
            ):
                self.end("packet-timeout")

    # --- packets ------------------------------------------------------------------------------------------------

    def _answer(self, packet: packets.Packet, size: int) -> None:
        if type(packet) is Publish:
            self._publish(packet, size)
            return
        self._server.room.give(self.source, size)
        match packet:
            case Pubrel():
                self._write(packets.pubcomp(packet.packet_id))
            case Ping():
                self._write(packets.PINGRESP)
            case Subscribe():
                # Granted, and nothing is ever sent: a client that cannot subscribe may give up altogether.
                self._write(packets.suback(packet.packet_id, packet.qos))
            case Unsubscribe():
                self._write(packets.unsuback(packet.packet_id))
            case Disconnect():
                self.end("disconnected")
            case Connect():
                self._connect(packet)

    def _connect(self, packet: Connect) -> None:
        digest = hashlib.sha256(packet.password or b"").hexdigest()
        known = len(packet.password or b"") <= _LONGEST_TOKEN and self._server.name_of(digest)
        if not packet.supported:
            code = packets.BAD_VERSION
        elif not packet.client_id and not packet.clean:
            code = packets.BAD_CLIENT_ID
        elif not known:
            code = packets.BAD_CREDENTIALS
        elif not packet.username or known != f"source:{packet.username}":
            code = packets.NOT_AUTHORISED
        elif self._server.is_stopping or not self._is_welcome(known):
            code = packets.UNAVAILABLE
        else:
            code = packets.ACCEPTED
            self.source, self.digest = packet.username, digest
            self._keep_alive_s = packet.keep_alive_s * 1.5
        self._write(packets.connack(code))
        if code != packets.ACCEPTED:
            self._server.counts.refused[code] += 1
            self.end("refused")

    def _is_welcome(self, name: str) -> bool:
        if self.place is None or self._server.places.know(self.place, name) is not None:
            return False
        self._server.welcomed(self.place.peer)
        return True

    def _publish(self, packet: Publish, size: int) -> None:
        server = self._server
        if not server.entitled(self.digest, self.source):
            server.room.give(self.source, size)
            self.end("token-withdrawn")
            return
        answer = (b"", packets.puback(packet.packet_id), packets.pubrec(packet.packet_id))[packet.qos]
        where = route(packet.topic)
        if where is not None:
            task = server.begin(self.source, where, packet)
            self._waiting.append((task, answer, size))
            task.add_done_callback(self._settle)
            return
        server.counts.messages["ignored"] += 1
        if self._waiting:
            self._waiting.append((None, answer, size))
        else:
            server.room.give(self.source, size)
            self._write(answer)

    def _settle(self, done: asyncio.Task[None]) -> None:
        """Answer the durable messages, up to the first that is not."""
        answers: list[bytes] = []
        server, waiting = self._server, self._waiting
        while waiting and ((task := waiting[0][0]) is None or task.done()):
            _, answer, size = waiting.popleft()
            server.room.give(self.source, size)
            if task is None:
                answers.append(answer)
                continue
            error = asyncio.CancelledError() if task.cancelled() else task.exception()
            if error is None:
                server.counts.messages["taken"] += 1
                answers.append(answer)
                continue
            server.counts.messages["unanswered" if answer else "lost"] += 1
            server.failed(error)
            if answer and self._transport is not None:
                self._write(b"".join(answers))
                answers.clear()
                self.end("not-taken")
        self._write(b"".join(answers))
        if not self._reading:
            self.go_on()

    # --- room ---------------------------------------------------------------------------------------------------

    def _held_up(self) -> bool:
        return (
            self._write_paused
            or self._stopped
            or self._queued
            or self._resting
            or len(self._waiting) >= self._server.limits.under_way
        )

    def _reserve(self) -> bool:
        """Return whether the packet in front has its room.

        If there is none, the server calls `given` when there is.
        """
        size = self._decoder.size
        if self._reserved or not size or not self.source:
            return True
        if self._server.room.take(self, self.source, size):
            self._reserved = size
            return True
        self._queued = True
        return False

    def _set_reading(self) -> None:
        transport, wanted = self._transport, not self._held_up()
        if transport is None or wanted == self._reading or transport.is_closing():
            return
        self._reading = wanted
        if wanted:
            self._since = self._begun_at = self._loop.time()
            transport.resume_reading()
        else:
            transport.pause_reading()

    def _give_back(self) -> None:
        """Give back the room, and the bytes themselves: an ended connection may stay for a while."""
        self._decoder.forget()
        size, self._reserved = self._reserved, 0
        self._server.room.give(self.source, size)

    def _write(self, data: bytes) -> None:
        if data and self._transport is not None:
            self._transport.write(data)
