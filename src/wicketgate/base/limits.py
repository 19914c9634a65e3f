"""The bounds on connections, requests and bytes, as the operator may set them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from wicketgate.base.errors import ConfigurationError

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """The bounds of one gateway: `[limits]` in wicketgate.toml.

    A stranger is a connection that has shown no good credential. A name is that of a token: `source:tfl`,
    `recipient:met/unit`; `_of_source` is for each source, `_of_name` for each other name, `_of_peer` for each address
    (of IPv6 a /64).

    Attributes
    ----------
    connections, mqtt_connections : int
        In all, strangers too; fewer where the system allows fewer open files.
    strangers, strangers_of_peer : int
        Of HTTP and of MQTT each. One more drops the one that has been silent for longest.
    connections_of_peer, connections_of_source, connections_of_name : int
        Of those that have shown a credential.
    requests, requests_of_name : int
        Requests under way at once of those with a token; of sources those alone that send nothing.
    requests_of_strangers, requests_of_peer, requests_of_network : int
        Those without, of all, of one address, and of one IPv4 /24 or IPv6 /48. Where people come to be known there are
        as many places again.
    head_bytes, head_fields : int
        Of a request's head.
    head_s, idle_s : float
        Seconds for a head, and for a connection without a request.
    body_s, write_s, least_rate : float, float, int
        Seconds of grace for a body and for an answer's taking; from then on so many bytes a second.
    body_bytes, body_bytes_of_source, body_bytes_of_name, body_bytes_of_strangers, body_bytes_of_peer : int
        Of bodies that are being read or worked on.
    answer_bytes, answer_bytes_of_name, answer_bytes_of_strangers, answer_bytes_of_peer : int
        Of answers of more than 64 KiB that are made for one caller and not taken yet.
    mqtt_bytes, mqtt_bytes_of_source : int
        Of published messages that are being read or are not answered yet.
    mqtt_connect_s, mqtt_packet_s, mqtt_idle_s : float
        Seconds for TLS and CONNECT, for a packet that has begun, and without any packet.
    """

    connections: int = 8_192
    mqtt_connections: int = 20_000
    strangers: int = 4_096
    strangers_of_peer: int = 512
    connections_of_peer: int = 8_192
    connections_of_source: int = 8_192
    connections_of_name: int = 256
    requests: int = 1_024
    requests_of_name: int = 128
    requests_of_strangers: int = 512
    requests_of_peer: int = 64
    requests_of_network: int = 128
    head_bytes: int = 16 * 1024
    head_fields: int = 100
    head_s: float = 10.0
    idle_s: float = 75.0
    body_s: float = 20.0
    write_s: float = 30.0
    least_rate: int = 1024
    body_bytes: int = 256 * _MIB
    body_bytes_of_source: int = 128 * _MIB
    body_bytes_of_name: int = 96 * _MIB
    body_bytes_of_strangers: int = 64 * _MIB
    body_bytes_of_peer: int = _MIB
    answer_bytes: int = 256 * _MIB
    answer_bytes_of_name: int = 64 * _MIB
    answer_bytes_of_strangers: int = 96 * _MIB
    answer_bytes_of_peer: int = 24 * _MIB
    mqtt_bytes: int = 256 * _MIB
    mqtt_bytes_of_source: int = 96 * _MIB
    mqtt_connect_s: float = 10.0
    mqtt_packet_s: float = 60.0
    mqtt_idle_s: float = 7_200.0

    @classmethod
    def parse(cls, data: object) -> ConnectionLimits:
        """Return the bounds of a table `[limits]`; what it leaves out has its default.

        Raises
        ------
        ConfigurationError
            If a bound is unknown, of the wrong type or not positive.
        """
        if not isinstance(data, Mapping):
            raise ConfigurationError("`limits` must be a table")
        defaults = cls()
        known = {field.name: type(getattr(defaults, field.name)) for field in dataclasses.fields(cls)}
        for name, value in data.items():
            if name not in known:
                raise ConfigurationError(f"`{name}` in [limits] is not a setting")
            if not (type(value) is known[name] or (known[name] is float and type(value) is int)):
                raise ConfigurationError(f"`{name}` in [limits] must be of type `{known[name].__name__}`")
            if not value > 0:
                raise ConfigurationError(f"`{name}` in [limits] must be positive")
        return cls(**data)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceLimits:
    """The bounds on connections of one kind, HTTP or MQTT, as the open files allow them."""

    known: int
    strangers: int
    strangers_of_peer: int
    of_peer: int
    of_source: int
    of_name: int

    @classmethod
    def of(cls, limits: ConnectionLimits, connections: int) -> PlaceLimits:
        """Return the bounds for so many connections.

        Strangers have no more than a quarter of the places. Of the others no source has more than three quarters, and
        no peer more than seven eighths, so that even sources behind one address leave places.
        """
        strangers = max(2, min(limits.strangers, connections // 4))
        known = connections - strangers
        return cls(
            known=known,
            strangers=strangers,
            strangers_of_peer=max(1, min(limits.strangers_of_peer, strangers // 2)),
            of_peer=max(1, min(limits.connections_of_peer, known * 7 // 8)),
            of_source=max(1, min(limits.connections_of_source, known * 3 // 4)),
            of_name=max(1, min(limits.connections_of_name, known // 4)),
        )
