"""The load of many cameras.

Each sends in its own format, all at a rate together, until every read is acknowledged.
"""

from __future__ import annotations

import asyncio
import base64
import json
import math
import os
import resource
import ssl
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote, urlsplit

import httpx
import msgspec

from wicketgate.base.clock import rfc3339
from wicketgate.base.errors import ConfigurationError, InputError, NotEntitled, Unreachable, WicketgateError
from wicketgate_demo.cameras.devices import FORMATS, Device, Format, Message, Site, format_of, sends_images
from wicketgate_demo.cameras.posting import Post, PostConnection
from wicketgate_demo.cameras.publishing import MqttConnection
from wicketgate_demo.cameras.tally import Latencies, Tally
from wicketgate_demo.world.traffic import Read, Traffic

__all__ = ["CONNECTIONS", "Cameras", "Latencies", "Source", "Tally", "due", "fetch_cameras"]

CONNECTIONS = 200
"""Connections of HTTP at most; cameras share them, each always the same one."""

_PATIENCE_S = 30.0
_MOST_WAITING = 20_000
_CAMERAS_BYTES = 64 * 1024 * 1024
_STEP_S = 0.002
_KEEPALIVE_S = 0.5
_CAMERAS_A_RECORDER = 8
_CONTENT_LENGTH = "Content-Length: "
# What a camera that says nothing of what became of a read must have been told, by what is wrong with the read.
_SUPPOSED = {"": 0, "repeat": 1}
_BECAME = ("accepted", "repeated", "quarantined")


def due(elapsed_s: float, rate: float) -> int:
    """Return the number of reads due `elapsed_s` after the start.

    The first is due at once, and then one each 1/rate s.
    """
    return max(0, math.floor(elapsed_s * rate + 1e-9) + 1) if elapsed_s >= 0 else 0


class Source(msgspec.Struct, frozen=True):
    """A source with sending cameras.

    It has its id (empty if not known), its token, and its cameras as the gateway has them.
    """

    name: str
    token: str
    cameras: Sequence[Mapping[str, Any]]


class _Place(msgspec.Struct):
    """One camera: its source, its format and its connection."""

    source: Source
    camera: str
    format: Format
    device: Device
    connection: PostConnection | MqttConnection


class Cameras:
    """The cameras of one or several sources, sending.

    Parameters
    ----------
    url : str
        The gateway.
    sources : sequence of Source
        Whose cameras send.
    seed, imperfect, at_hour
        As for `Traffic`.
    run : str
        Goes before every id: two runs on one gateway must differ in it.
    formats : collection of str
        What may be spoken, of `FORMATS`.
    mqtt : tuple of str and int, optional
        Where the MQTT ingress listens; without it nobody speaks over MQTT.
    record : Path, optional
        Where each read and what became of it is written, a JSON object a line, mode 0600.
    """

    def __init__(
        self,
        url: str,
        sources: Sequence[Source],
        *,
        run: str = "0",
        seed: int = 2007,
        imperfect: float = 0.01,
        at_hour: float | None = None,
        formats: Collection[str] = FORMATS,
        mqtt: tuple[str, int] | None = None,
        connections: int = CONNECTIONS,
        record: Path | None = None,
    ) -> None:
        parts = urlsplit(url)
        tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._address = (parts.hostname or "127.0.0.1", parts.port or (443 if tls else 80), tls)
        self._path = parts.path.rstrip("/")
        self._host = parts.netloc
        self._heads: dict[tuple[str, str], tuple[str, str]] = {}
        self._http = [
            PostConnection(self)
            for _ in range(max(1, min(connections, sum(len(s.cameras) for s in sources))))
        ]
        self._mqtt: dict[tuple[str, int], MqttConnection] = {}
        self._places = self._hang(sources, run, formats, mqtt)
        cameras = [{**camera, "source": source.name} for source in sources for camera in source.cameras]
        clumsy = [number for number, place in enumerate(self._places) if place.format.clumsy]
        self._traffic = Traffic(cameras, seed=seed, imperfect=imperfect, clumsy=clumsy, at_hour=at_hour)
        self._waiting = 0
        self._kept_alive = 0
        self._fault: WicketgateError | None = None
        self._record: BinaryIO | None = None
        if record is not None:
            handle = os.open(record, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            self._record = os.fdopen(handle, "wb", buffering=64 * 1024)
        self.tally = Tally()
        self.going = True

    def _hang(
        self, sources: Sequence[Source], run: str, formats: Collection[str], mqtt: tuple[str, int] | None
    ) -> list[_Place]:
        """Return the cameras in their order.

        Which format each speaks depends on its number within its source.
        """
        places: list[_Place] = []
        for source in sources:
            recorded = 0
            known = [name for name in formats if FORMATS[name].credential != "mqtt" or (mqtt and source.name)]
            if not known:
                raise ConfigurationError("over MQTT: give the source's name and where the gateway listens")
            for number, camera in enumerate(source.cameras):
                form = FORMATS[format_of(number, known)]
                name = str(camera["id"])
                site = Site(number, name, sends_images(number), f"{run}{source.name[:8]}")
                connection: PostConnection | MqttConnection
                if form.credential == "mqtt" and mqtt is not None:
                    connection = self._recorder(source, recorded // _CAMERAS_A_RECORDER, run, mqtt)
                    recorded += 1
                else:
                    connection = self._http[len(places) % len(self._http)]
                places.append(_Place(source, name, form, form.make(site), connection))
        return places

    def _recorder(self, source: Source, number: int, run: str, mqtt: tuple[str, int]) -> MqttConnection:
        found = self._mqtt.get((source.name, number))
        if found is None:
            client = f"frigate-{run}-{source.name}-{number}"
            found = MqttConnection(self, mqtt, client, source.name, source.token)
            self._mqtt[source.name, number] = found
        return found

    # --- what connections ask and tell ------------------------------------------------------------------------

    def address_of(self, post: Post) -> tuple[str, int, ssl.SSLContext | None]:
        """Return host, port and TLS context."""
        return self._address

    def request(self, post: Post, message: Message) -> bytes:
        """Return a whole HTTP request.

        The source's token stands in it as such devices show it.
        """
        place = self._places[post.device]
        before, behind = self._head(place.source, place.format)
        camera = f"camera={message.camera}" if message.camera else ""
        head = (
            f"{before}{camera}{behind}{message.content_type}\r\n{_CONTENT_LENGTH}{len(message.body)}\r\n\r\n"
        )
        return head.encode() + message.body

    def _head(self, source: Source, form: Format) -> tuple[str, str]:
        key = (source.token, form.name)
        found = self._heads.get(key)
        if found is None:
            path = f"{self._path}/v1/push/{form.adapter}?" if form.adapter else f"{self._path}/v1/reads"
            shown = f"Authorization: Bearer {source.token}\r\n"
            if form.credential == "basic" and source.name:
                pair = base64.b64encode(f"{source.name}:{source.token}".encode()).decode()
                shown = f"Authorization: Basic {pair}\r\n"
            elif form.credential == "key":
                path, shown = f"{path}key={quote(source.token)}&", ""
            behind = f" HTTP/1.1\r\nHost: {self._host}\r\n{shown}Content-Type: "
            found = self._heads[key] = (f"POST {path}", behind)
        return found

    def answered(self, post: Post) -> None:
        """Count the outcome of a read."""
        tally, read = self.tally, post.read
        if read is None:
            tally.keepalives += 1
            return
        place = self._places[post.device]
        accepted, repeated, quarantined = post.became
        if not place.format.answers:
            became = _SUPPOSED.get(read.flaw, 2)
        elif accepted + repeated + quarantined == 0:
            self.refused(200, b"")
            return
        else:
            # Several messages of one vehicle are one read.
            became = 0 if accepted else 2 if quarantined else 1
        if became == 0:
            tally.accepted += 1
        elif became == 1:
            tally.repeated += 1
        else:
            tally.quarantined += 1
        tally.misread += not read.flaw and read.plate != read.vehicle.plate
        spent_s = time.monotonic() - post.due_s
        tally.latencies.add(spent_s)
        part = tally.of(place.format.name)
        part.reads += 1
        part.latencies.add(spent_s)
        self._waiting -= 1
        if became != 2:
            self._traffic.acknowledged(read)
        if self._record is not None:
            self._write(post, _BECAME[became])

    def refused(self, status: int, body: bytes) -> None:
        """Stop.

        What the gateway answers will not get better by asking again.
        """
        try:
            code = json.loads(body).get("code", "")
        except (ValueError, AttributeError):
            code = ""
        if self._fault is None:
            self._fault = WicketgateError(
                f"the gateway answers a read with {status} {code}".rstrip(), code="post-refused"
            )
        self.going = False

    def retried(self) -> None:
        """Count a repeated message."""
        self.tally.retries += 1

    def _write(self, post: Post, became: str) -> None:
        read = post.read
        if read is None or self._record is None:
            return
        place = self._places[post.device]
        form = place.format
        line = {
            "source": place.source.name,
            "camera": place.camera if read.flaw != "unknown-camera" else None,
            "captured_at": rfc3339(read.at_us - read.at_us % form.step_us),
            "plate": read.plate,
            "became": became,
            "at": time.time_ns() // 1000,
            "truth": read.vehicle.plate,
            "role": read.vehicle.role,
            "format": form.name,
            "others": place.device.texts(read),
            "slack_us": form.slack_us,
            "passed_us": read.at_us,
        }
        self._record.write(msgspec.json.encode(line) + b"\n")

    # --- the run ----------------------------------------------------------------------------------------------

    async def run(self, rate: float, seconds: float | None, stop: asyncio.Event) -> Tally:
        """Send `rate` reads a second, then wait for the answers.

        It sends until `seconds` are over or `stop` is set.

        A camera's read that cannot be sent waits; when 20,000 wait, no more are captured until some are taken.
        What is not acknowledged within 30 s of the end counts as `unacknowledged`.

        Raises
        ------
        WicketgateError
            Code `post-refused`, if the gateway answers what no retry can mend.
        """
        began_s, cpu_s = time.monotonic(), _cpu_s()
        try:
            await self._send_all(rate, seconds, stop)
            sent_s = time.monotonic()
            while self._waiting and self.going and time.monotonic() - sent_s < _PATIENCE_S:
                await asyncio.sleep(0.01)
                self._look()
        finally:
            self.going = False
            connections: list[PostConnection | MqttConnection] = [*self._http, *self._mqtt.values()]
            await asyncio.gather(*(connection.end() for connection in connections))
            left = [p for connection in connections for p in connection.unanswered if p.read is not None]
            self.tally.unacknowledged = len(left)
            self.tally.seconds = time.monotonic() - began_s
            self.tally.cpu_s = _cpu_s() - cpu_s
            if self._record is not None:
                for post in left:
                    self._write(post, "unacknowledged")
                self._record.close()
        if self._fault is not None:
            raise self._fault
        return self.tally

    async def _send_all(self, rate: float, seconds: float | None, stop: asyncio.Event) -> None:
        start_s, start_us = time.monotonic(), time.time_ns() // 1000
        made = 0
        looked_s = alive_s = start_s
        while self.going and not stop.is_set():
            now_s = time.monotonic()
            if now_s - looked_s > 1.0:
                looked_s = now_s
                self._look()
            if now_s - alive_s > _KEEPALIVE_S:
                alive_s = now_s
                self._keep_alive()
            elapsed_s = now_s - start_s
            if seconds is not None and elapsed_s >= seconds and made >= round(seconds * rate):
                return
            until = due(elapsed_s, rate)
            if seconds is not None:
                until = min(until, round(seconds * rate))
            if self._waiting > _MOST_WAITING:
                # Nothing is captured meanwhile, and the schedule moves on: what was not captured is not caught up.
                await asyncio.sleep(0.05)
                pause_s = time.monotonic() - now_s
                start_s += pause_s
                start_us += round(pause_s * 1e6)
                if seconds is not None:
                    seconds = max(0.0, seconds - pause_s)
                continue
            while made < until:
                offset_s = made / rate
                made += 1
                self._send(self._traffic.next(start_us + round(offset_s * 1e6)), start_s + offset_s)
            wait_s = start_s + made / rate - time.monotonic()
            if seconds is not None:
                wait_s = min(wait_s, max(start_s + seconds - time.monotonic(), 0.0))
            await asyncio.sleep(min(max(wait_s, _STEP_S), 0.25))

    def _send(self, read: Read, due_s: float) -> None:
        place = self._places[read.camera]
        began_s = time.perf_counter()
        messages = place.device.messages(read)
        part = self.tally.of(place.format.name)
        part.encode_s += time.perf_counter() - began_s
        part.messages += len(messages)
        part.bytes += sum(len(message.body) for message in messages)
        self._waiting += 1
        place.connection.add(Post(read, read.camera, messages, due_s, 0, [0, 0, 0]))

    def _keep_alive(self) -> None:
        """Let the next device give its sign of life."""
        for _ in range(len(self._places)):
            number = self._kept_alive % len(self._places)
            self._kept_alive += 1
            place = self._places[number]
            message = place.device.keepalive(time.time_ns() // 1000)
            if message is not None:
                place.connection.add(Post(None, number, (message,), time.monotonic(), 0, [0, 0, 0]))
                return

    def _look(self) -> None:
        now_s = time.monotonic()
        connections: list[PostConnection | MqttConnection] = [*self._http, *self._mqtt.values()]
        for connection in connections:
            connection.look(now_s)
        if self._record is not None:
            self._record.flush()


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def fetch_cameras(url: str, token: str, name: str = "") -> Source:
    """Return a source with its cameras as the gateway has them.

    Parameters
    ----------
    name : str
        The source's id, where it is known; else the gateway may say it.

    Raises
    ------
    Unreachable
        If it does not answer.
    NotEntitled
        If the token is not a source's.
    InputError
        If it answers with anything else.
    ConfigurationError
        If it has none.
    """
    try:
        answer = httpx.get(
            f"{url.rstrip('/')}/v1/cameras", headers={"Authorization": f"Bearer {token}"}, timeout=30
        )
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Unreachable(f"`{url}` does not answer: {type(error).__name__}") from error
    if answer.status_code in (401, 403):
        raise NotEntitled(f"`{url}` answers {answer.status_code}: its cameras are for the source's token")
    if answer.status_code != 200 or len(answer.content) > _CAMERAS_BYTES:
        raise Unreachable(f"`{url}` answers {answer.status_code} when asked for cameras")
    try:
        said: dict[str, Any] = answer.json()
        cameras: list[dict[str, Any]] = [dict(camera) for camera in said["cameras"]]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"`{url}` answers with no list of cameras") from error
    if not cameras:
        raise ConfigurationError("this source has no cameras: register them with `PUT /v1/cameras`")
    return Source(name or str(said.get("source") or ""), token, cameras)
