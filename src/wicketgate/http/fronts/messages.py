"""Messages between the gateway and a front."""

from __future__ import annotations

import dataclasses
import ipaddress
import socket
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec
import numpy as np

from wicketgate.base.errors import InputError, NotEntitled, StreamError, WicketgateError
from wicketgate.base.limits import ConnectionLimits
from wicketgate.base.settings import MqttSettings, Network
from wicketgate.commits.cameras import Camera
from wicketgate.commits.transactions import QuarantinedRead
from wicketgate.reads.checks import Checked
from wicketgate.reads.columns import DTYPES, Gathered
from wicketgate.reads.excluded import NOWHERE, ExcludedTimes
from wicketgate.reads.images.takers import Joined
from wicketgate.reads.mqtt.connection import MqttLimits
from wicketgate.reads.mqtt.ingress import Ingress
from wicketgate.reads.observations import ImageKind
from wicketgate.reads.pushes import FollowedSighting
from wicketgate.reads.signs import SignsSeen
from wicketgate.reads.takers import PostAnswer

_ERRORS: Final[dict[str, type[WicketgateError]]] = {
    kind.__name__: kind for kind in (StreamError, InputError, NotEntitled)
}


class View(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What a front sees of the committed state; never a row.

    Attributes
    ----------
    number : int
        A later view has a higher one.
    at_us : int
        The gateway's clock, which a front has no other way to know.
    tokens : mapping of str to str
        Names of sources' tokens by their hashes.
    others : list of str
        Hashes of all other tokens: whoever shows one is handed over before strangers.
    cameras : list of Camera
        As in the state: a camera's place is its number.
    excluded : ExcludedTimes
        When which camera may capture nothing.
    adapters : mapping of str to str
        The texts of the operator's own adapters by their names, as they are for a gateway's life.
    """

    number: int
    at_us: int
    tokens: dict[str, str]
    others: list[str]
    cameras: list[Camera]
    clock_ahead_us: int
    too_old_us: int
    excluded: ExcludedTimes = NOWHERE
    adapters: dict[str, str] = {}


class MqttBegin(msgspec.Struct, frozen=True, kw_only=True):
    """Where a front takes what is published by MQTT.

    Attributes
    ----------
    listening : int
        The descriptor of what listens; fronts share it.
    connections, bytes, bytes_of_source : int
        Its part of what all fronts may have and hold.
    """

    listening: int
    host: str
    port: int
    certificate: str | None
    key: str | None
    connections: int
    bytes: int
    bytes_of_source: int

    @classmethod
    def divided(
        cls, settings: MqttSettings, limits: MqttLimits, listening: socket.socket, fronts: int
    ) -> MqttBegin:
        """Return the part of each of some fronts, in what all of them may have and hold together."""
        return cls(
            listening=listening.fileno(),
            host=settings.host,
            port=settings.port,
            certificate=None if settings.certificate is None else str(settings.certificate),
            key=None if settings.key is None else str(settings.key),
            connections=max(1, (limits.places.known + limits.places.strangers) // fronts),
            bytes=max(1, limits.held_bytes // fronts),
            bytes_of_source=max(1, limits.held_bytes_of_source // fronts),
        )

    def settings(self) -> MqttSettings:
        """Return them as the settings of an ingress."""
        return MqttSettings(
            host=self.host,
            port=self.port,
            certificate=None if self.certificate is None else Path(self.certificate),
            key=None if self.key is None else Path(self.key),
        )

    def limits(self, limits: ConnectionLimits) -> MqttLimits:
        """Return the bounds of its ingress."""
        return dataclasses.replace(
            MqttLimits.of(limits, self.connections),
            held_bytes=self.bytes,
            held_bytes_of_source=self.bytes_of_source,
        )


class Begin(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The gateway's first word: what a front has to keep to.

    Attributes
    ----------
    connections : int
        As many as it may have.
    elsewhere : str or None
        Where the gateway is reached, or nothing where that is not known, for a front on another host: it gives no
        connection away.
    """

    limits: ConnectionLimits
    connections: int
    proxies: tuple[str, ...]
    view: View
    mqtt: MqttBegin | None = None
    readers: list[str] = []
    elsewhere: str | None = None

    def networks(self) -> list[Network]:
        """Return the proxies that are believed."""
        return [ipaddress.ip_network(one) for one in self.proxies]


class Readers(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Where readers take connections (`passing.address_of`)."""

    addresses: list[str]


class FrontReady(msgspec.Struct, frozen=True, tag=True):
    """A front's first word: it accepts connections."""


class MqttCounted(msgspec.Struct, frozen=True, kw_only=True):
    """What a front counts of MQTT; `codes` are those of connections refused, and `ended` is by why."""

    known: int = 0
    strangers: int = 0
    is_short: bool = False
    refused: dict[str, int] = {}
    messages: dict[str, int] = {}
    codes: dict[int, int] = {}
    ended: dict[str, int] = {}

    @classmethod
    def of(cls, ingress: Ingress) -> MqttCounted:
        """Return what an ingress counts."""
        places, counts = ingress.places, ingress.counts
        return cls(
            known=places.known,
            strangers=places.strangers,
            is_short=places.is_short,
            refused=dict(places.refused),
            messages=dict(counts.messages),
            codes=dict(counts.refused),
            ended=dict(counts.ended),
        )

    def plus(self, other: MqttCounted) -> MqttCounted:
        """Return both together."""

        def both(one: dict[Any, int], two: dict[Any, int]) -> dict[Any, int]:
            return {name: one.get(name, 0) + two.get(name, 0) for name in one | two}

        return MqttCounted(
            known=self.known + other.known,
            strangers=self.strangers + other.strangers,
            is_short=self.is_short or other.is_short,
            refused=both(self.refused, other.refused),
            messages=both(self.messages, other.messages),
            codes=both(self.codes, other.codes),
            ended=both(self.ended, other.ended),
        )

    def past(self) -> MqttCounted:
        """Return what of it still counts once its front has ended."""
        return msgspec.structs.replace(self, known=0, strangers=0, is_short=False)


class Counted(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A front's connections as it counts them, once a second; `refused` and `closed` since it began, by why.

    Attributes
    ----------
    body_bytes : int
        Of bodies under way.
    signs : mapping of str to SignsSeen
        LifeSigns of life since it counted last, by camera (`reads.signs`).
    """

    known: int
    strangers: int
    body_bytes: int
    is_short: bool
    refused: dict[str, int]
    closed: dict[str, int]
    mqtt: MqttCounted = MqttCounted()
    signs: dict[str, SignsSeen] = {}


class Leave(msgspec.Struct, frozen=True, tag=True):
    """The gateway's last word: accept nothing more, answer what is under way, and end."""


class Take(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Checked reads of one source, to be taken.

    Attributes
    ----------
    view : int
        The view by which they were checked.
    columns : mapping
        Of `Gathered`: numbers as bytes where they are arrays.
    """

    number: int
    view: int
    source: str
    columns: dict[str, Any]
    camera_id: list[str]
    read_id: list[str | None] | None
    index: list[int] | None
    quarantined: list[tuple[int, QuarantinedRead]]
    plate_key: bytes | None


class TakeImaged(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Checked reads, to be taken with their images.

    Attributes
    ----------
    bodies : list
        Images: the index of their read, their kind, their number in the post, and their bytes.
    left : list
        Those that no read of the post can be given: their number in the post, and their bytes.
    """

    take: Take
    bodies: list[tuple[int, ImageKind, int, bytes]]
    left: list[tuple[int, bytes]]


class TakeFollowed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Checked observations of vehicles that devices follow, to be taken where such are known, in their order."""

    number: int
    view: int
    source: str
    sightings: list[FollowedSighting]


class FollowedTaken(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What became of observations of followed vehicles: an answer to each, or, by its place, why it was not taken."""

    number: int
    answers: list[PostAnswer | None]
    errors: dict[int, NotTaken]


class FollowRead(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """An image behind its read, which is named by the id that its source gave it."""

    number: int
    view: int
    source: str
    given: str
    kind: ImageKind
    body: bytes


class ReadFollowed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What became of an image behind its read."""

    number: int
    answer: Joined


class TakeAnswered(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What became of reads that were to be taken."""

    number: int
    answer: PostAnswer


class NotTaken(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Why nothing of them was taken: an error, as it is raised."""

    number: int
    error: str
    detail: str
    code: str

    @classmethod
    def of(cls, number: int, error: WicketgateError) -> NotTaken:
        """Return what tells a front of an error."""
        kinds = [kind.__name__ for kind in type(error).__mro__ if kind.__name__ in _ERRORS]
        name = kinds[0] if kinds else StreamError.__name__
        return cls(number=number, error=name, detail=error.detail, code=error.code)

    def raised(self) -> WicketgateError:
        """Return the error."""
        return _ERRORS[self.error](self.detail, code=self.code)


class Now(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The gateway's clock, once a second."""

    at_us: int


class FrontWordAsked(msgspec.Struct, frozen=True, kw_only=True):
    """What a host of fronts asks the sequencer all the time.

    Attributes
    ----------
    view : int
        The number of the view that it has: the answer comes once there is another, or after a moment without.
    signs : mapping of str to SignsSeen
        LifeSigns of life since it asked last, by camera.
    """

    view: int
    signs: dict[str, SignsSeen] = {}


class FrontWordTold(msgspec.Struct, frozen=True, kw_only=True):
    """The sequencer's word to a host of fronts: its clock, and its view where the host has another."""

    at_us: int
    view: View | None


class _NumberedTake(msgspec.Struct, frozen=True, tag="Take"):
    number: int


class _NumberedFollowed(msgspec.Struct, frozen=True, tag="TakeFollowed"):
    number: int


class _NumberedRead(msgspec.Struct, frozen=True, tag="FollowRead"):
    number: int


class _NumberedImaged(msgspec.Struct, frozen=True, tag="TakeImaged"):
    take: _NumberedTake

    @property
    def number(self) -> int:
        return self.take.number


Numbered: TypeAlias = _NumberedTake | _NumberedFollowed | _NumberedRead | _NumberedImaged
"""What wants an answer, as far as whoever passes it on must know it."""
Taken: TypeAlias = Take | TakeImaged | TakeFollowed | FollowRead
_Told: TypeAlias = TakeAnswered | FollowedTaken | ReadFollowed | NotTaken
ToFront: TypeAlias = Begin | View | Leave | _Told | Now | Readers
ToGateway: TypeAlias = FrontReady | Counted | Taken
encode = msgspec.msgpack.Encoder().encode
decode_at_front = msgspec.msgpack.Decoder(ToFront).decode
decode_at_gateway = msgspec.msgpack.Decoder(ToGateway).decode
decode_taken = msgspec.msgpack.Decoder(Taken).decode
decode_at_host = msgspec.msgpack.Decoder(FrontReady | Counted | Numbered).decode


def take_of(checked: Checked, number: int, view: int, source: str) -> Take:
    """Return the message that hands checked reads over."""
    n = len(checked.camera_id)
    return Take(
        number=number,
        view=view,
        source=source,
        columns={
            name: values.tobytes() if isinstance(values, np.ndarray) else values
            for name, values in checked.reads.columns.items()
            if isinstance(values, np.ndarray) or values.count(None) < n
        },
        camera_id=checked.camera_id,
        read_id=None if checked.read_id.count(None) == n else checked.read_id,
        index=None if checked.index == list(range(n)) else checked.index,
        quarantined=checked.quarantined,
        plate_key=None if checked.plate_key is None else checked.plate_key.tobytes(),
    )


def checked_of(take: Take) -> Checked:
    """Return the checked reads that a message hands over."""
    n = len(take.camera_id)
    columns = {
        name: np.frombuffer(values, DTYPES[name]) if isinstance(values, bytes) else values
        for name, values in take.columns.items()
    }
    return Checked(
        reads=Gathered(plate=columns.pop("plate", []), **columns),
        camera_id=take.camera_id,
        read_id=[None] * n if take.read_id is None else take.read_id,
        index=list(range(n)) if take.index is None else take.index,
        quarantined=take.quarantined,
        plate_key=None if take.plate_key is None else np.frombuffer(take.plate_key, np.uint64),
    )
