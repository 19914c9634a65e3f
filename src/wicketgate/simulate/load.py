"""Cameras that post: single reads over kept-alive connections, at a rate, until each is acknowledged."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import os
import resource
import secrets
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, cast
from urllib.parse import urlsplit

import httpx
import msgspec

from wicketgate.errors import ConfigurationError, WicketgateError
from wicketgate.simulate.traffic import Read, Traffic

log = logging.getLogger(__name__)

CONNECTIONS = 200
"""Connections at most; cameras share them, each always the same one."""

_ANSWER_S = 30.0
_PAUSES_S = (0.1, 0.3, 1.0, 2.0)
_PATIENCE_S = 30.0
_MOST_WAITING = 20_000
_CAMERAS_BYTES = 64 * 1024 * 1024
_STEP = math.log(1.02)
_STEP_S = 0.002


class _Answer(msgspec.Struct):
    accepted: int
    repeated: int
    quarantined: list[msgspec.Raw]


_decode = msgspec.json.Decoder(_Answer).decode


def due(elapsed_s: float, rate: float) -> int:
    """Return how many reads are due `elapsed_s` after the start: the first at once, one each 1/rate s."""
    return max(0, math.floor(elapsed_s * rate + 1e-9) + 1) if elapsed_s >= 0 else 0


class Latencies:
    """Times to acknowledgement, in steps of two in a hundred, in bounded memory."""

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self._total = 0
        self._most = 0.0

    def add(self, seconds: float) -> None:
        """Count one."""
        step = math.ceil(math.log(max(seconds, 1e-6)) / _STEP)
        self._counts[step] = self._counts.get(step, 0) + 1
        self._total += 1
        self._most = max(self._most, seconds)

    def quantile_ms(self, share: float) -> float | None:
        """Return the time that `share` of all did not exceed, or None if there are none."""
        left = math.ceil(self._total * share)
        for step in sorted(self._counts):
            left -= self._counts[step]
            if left <= 0:
                return round(min(math.exp(step * _STEP), self._most) * 1000, 2)
        return None

    def summary(self) -> dict[str, float | None]:
        """Return `p50`, `p99` and `max`, milliseconds."""
        most = round(self._most * 1000, 2) if self._total else None
        return {"p50": self.quantile_ms(0.5), "p99": self.quantile_ms(0.99), "max": most}


@dataclass(slots=True)
class Tally:
    """What became of the reads. A read counts as sent once the gateway has said what became of it."""

    accepted: int = 0
    repeated: int = 0
    quarantined: int = 0
    unacknowledged: int = 0
    retries: int = 0
    seconds: float = 0.0
    cpu_s: float = 0.0
    latencies: Latencies = field(default_factory=Latencies)

    @property
    def sent(self) -> int:
        """Reads that were acknowledged one way or another."""
        return self.accepted + self.repeated + self.quarantined

    def to_json(self) -> dict[str, Any]:
        """Return the line that `wicketgate simulate` ends with."""
        return {
            "sent": self.sent,
            "accepted": self.accepted,
            "repeated": self.repeated,
            "quarantined": self.quarantined,
            "unacknowledged": self.unacknowledged,
            "retries": self.retries,
            "seconds": round(self.seconds, 3),
            "latency_ms": self.latencies.summary(),
            "cpu_us_per_post": round(self.cpu_s / self.sent * 1e6) if self.sent else None,
        }


@dataclass(slots=True)
class _Post:
    read: Read
    due_s: float
    tries: int = 0


class _Connection(asyncio.Protocol):
    """One kept-alive HTTP/1.1 connection with one request under way, and the posts that wait for it."""

    def __init__(self, cameras: Cameras) -> None:
        self._cameras = cameras
        self._transport: asyncio.Transport | None = None
        self._opening: asyncio.Task[None] | None = None
        self._received = b""
        self._post: _Post | None = None
        self._asked_s = 0.0
        self._pauses = 0
        self.waiting: deque[_Post] = deque()

    # --- asyncio.Protocol ---------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Uvloop's transports are not of asyncio's class.
        self._transport, self._received = cast(asyncio.Transport, transport), b""
        self.next()

    def data_received(self, data: bytes) -> None:
        received = self._received = self._received + data if self._received else data
        end = received.find(b"\r\n\r\n")
        if end < 0:
            return
        head = received[:end].lower()
        at = head.find(b"content-length:")
        stop = head.find(b"\r", at)
        try:
            status, length = int(head[9:12]), int(head[at + 15 : stop if stop > 0 else None])
        except ValueError:
            status, length = 0, -1
        if at < 0 or length < 0:
            # Whatever this is, it is no answer of a gateway.
            self._again(0)
            self.close()
            return
        if len(received) < end + 4 + length:
            return
        body = received[end + 4 : end + 4 + length]
        self._received = b""
        self._answered(status, body)

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        if self._post is not None:
            self._again(0)
        else:
            self.next()  # an idle connection that was closed is no fault

    # --- posts --------------------------------------------------------------------------------------------

    def next(self) -> None:
        """Send what waits, if nothing is under way; connect first if need be."""
        if self._post is not None or not self.waiting:
            return
        if self._transport is None or self._transport.is_closing():
            if self._opening is None:
                self._opening = asyncio.create_task(self._open())
            return
        self._post = self.waiting.popleft()
        self._post.tries += 1
        self._asked_s = time.monotonic()
        body = self._post.read.body
        self._transport.write(self._cameras.head + str(len(body)).encode() + b"\r\n\r\n" + body)

    async def _open(self) -> None:
        try:
            if self._pauses:
                pause_s = _PAUSES_S[min(self._pauses, len(_PAUSES_S)) - 1]
                await asyncio.sleep(pause_s * (0.75 + secrets.randbelow(500) / 1000))
            loop = asyncio.get_running_loop()
            address = self._cameras.address
            await asyncio.wait_for(
                loop.create_connection(lambda: self, *address, ssl=self._cameras.tls), _ANSWER_S
            )
        except (OSError, TimeoutError):
            self._pauses += 1
        finally:
            self._opening = None
        self.next()

    def _answered(self, status: int, body: bytes) -> None:
        post = self._post
        if post is None:
            return  # nothing was asked: the connection is of no use
        if status == 200:
            self._post, self._pauses = None, 0
            self._cameras.answered(post, body)
            self.next()
        elif status == 429 or status >= 500:
            self._again(status)
            self.close()
        else:
            self._post = None
            self._cameras.refused(status, body)

    def _again(self, status: int) -> None:
        """Put the post that was under way back in front: the same `id` makes a repeat known."""
        post, self._post = self._post, None
        self._pauses += 1
        if post is not None:
            self._cameras.tally.retries += 1
            self.waiting.appendleft(post)
        if self.waiting and self._cameras.going:
            loop = asyncio.get_running_loop()
            loop.call_soon(self.next)

    def look(self, now_s: float) -> None:
        """Give up on an answer that does not come."""
        if self._post is not None and now_s - self._asked_s > _ANSWER_S and self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        """Disconnect."""
        if self._transport is not None:
            self._transport.close()

    async def end(self) -> None:
        """Disconnect for good."""
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.gather(self._opening, return_exceptions=True)
        self.close()

    @property
    def unanswered(self) -> list[_Post]:
        """What was posted or waits and was not acknowledged."""
        return [*([self._post] if self._post else []), *self.waiting]


class Cameras:
    """The cameras of one source, posting.

    Parameters
    ----------
    url, token : str
        The gateway, and the source's token.
    cameras : sequence of mapping
        As `fetch_cameras` returns them.
    record : Path, optional
        Where each read and what became of it is written, a JSON object a line, mode 0600.
    """

    def __init__(
        self,
        url: str,
        token: str,
        cameras: Sequence[Mapping[str, Any]],
        traffic: Traffic,
        *,
        connections: int = CONNECTIONS,
        record: Path | None = None,
    ) -> None:
        parts = urlsplit(url)
        self.tls = parts.scheme == "https" or None
        self.address = (parts.hostname or "127.0.0.1", parts.port or (443 if self.tls else 80))
        self.head = (
            f"POST {parts.path.rstrip('/')}/v1/reads HTTP/1.1\r\nHost: {parts.netloc}\r\n"
            f"Authorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: "
        ).encode()
        self._names = [str(camera["id"]) for camera in cameras]
        self._traffic = traffic
        count = max(1, min(connections, len(cameras)))
        self._connections = [_Connection(self) for _ in range(count)]
        self._waiting = 0
        self._fault: WicketgateError | None = None
        self._record: BinaryIO | None = None
        if record is not None:
            handle = os.open(record, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            self._record = os.fdopen(handle, "wb", buffering=64 * 1024)
        self.tally = Tally()
        self.going = True

    def answered(self, post: _Post, body: bytes) -> None:
        """Count what became of a read."""
        tally = self.tally
        try:
            answer = _decode(body)
        except msgspec.DecodeError:
            answer = _Answer(accepted=0, repeated=0, quarantined=[])
        became = (answer.accepted, answer.repeated, len(answer.quarantined))
        if sum(became) != 1:
            self.refused(200, body)
            return
        tally.accepted += became[0]
        tally.repeated += became[1]
        tally.quarantined += became[2]
        tally.latencies.add(time.monotonic() - post.due_s)
        self._waiting -= 1
        if not became[2]:
            self._traffic.acknowledged(post.read)
        if self._record is not None:
            self._write(post.read, ("accepted", "repeated", "quarantined")[became.index(1)])

    def refused(self, status: int, body: bytes) -> None:
        """Stop: what the gateway answers will not get better by asking again."""
        try:
            code = json.loads(body).get("code", "")
        except (ValueError, AttributeError):
            code = ""
        if self._fault is None:
            self._fault = WicketgateError(
                f"the gateway answers a read with {status} {code}".rstrip(), code="post-refused"
            )
        self.going = False

    def _write(self, read: Read, became: str) -> None:
        assert self._record is not None
        line = {
            "camera": self._names[read.camera] if read.camera >= 0 else None,
            "captured_at": read.captured_at,
            "plate": read.plate.replace(" ", ""),
            "became": became,
            "at": time.time_ns() // 1000,
        }
        self._record.write(msgspec.json.encode(line) + b"\n")

    async def run(self, rate: float, seconds: float | None, stop: asyncio.Event) -> Tally:
        """Post `rate` reads a second until `seconds` are over or `stop` is set, then wait for the answers.

        A camera's read that cannot be posted waits; when 20,000 wait, no more are captured until some are taken.
        What is not acknowledged within 30 s of the end counts as `unacknowledged`.

        Raises
        ------
        WicketgateError
            Code `post-refused`, if the gateway answers what no retry can mend.
        """
        began_s, cpu_s = time.monotonic(), _cpu_s()
        try:
            await self._post_all(rate, seconds, stop)
            posted_s = time.monotonic()
            while self._waiting and self.going and time.monotonic() - posted_s < _PATIENCE_S:
                await asyncio.sleep(0.01)
                self._look()
        finally:
            self.going = False
            await asyncio.gather(*(connection.end() for connection in self._connections))
            left = [post for connection in self._connections for post in connection.unanswered]
            self.tally.unacknowledged = len(left)
            self.tally.seconds = time.monotonic() - began_s
            self.tally.cpu_s = _cpu_s() - cpu_s
            if self._record is not None:
                for post in left:
                    self._write(post.read, "unacknowledged")
                self._record.close()
        if self._fault is not None:
            raise self._fault
        return self.tally

    async def _post_all(self, rate: float, seconds: float | None, stop: asyncio.Event) -> None:
        traffic, connections = self._traffic, self._connections
        start_s, start_us = time.monotonic(), time.time_ns() // 1000
        made = 0
        looked_s = start_s
        while self.going and not stop.is_set():
            now_s = time.monotonic()
            if now_s - looked_s > 1.0:
                looked_s = now_s
                self._look()
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
                read = traffic.next(start_us + round(offset_s * 1e6))
                made += 1
                self._waiting += 1
                connection = connections[read.camera % len(connections)]
                connection.waiting.append(_Post(read, start_s + offset_s))
                connection.next()
            wait_s = start_s + made / rate - time.monotonic()
            if seconds is not None:
                wait_s = min(wait_s, max(start_s + seconds - time.monotonic(), 0.0))
            await asyncio.sleep(min(max(wait_s, _STEP_S), 0.25))

    def _look(self) -> None:
        now_s = time.monotonic()
        for connection in self._connections:
            connection.look(now_s)
        if self._record is not None:
            self._record.flush()


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def fetch_cameras(url: str, token: str) -> list[dict[str, Any]]:
    """Return the source's cameras as the gateway has them.

    Raises
    ------
    WicketgateError
        Code `no-answer`, if it does not answer or refuses.
    ConfigurationError
        If it has none.
    """
    try:
        answer = httpx.get(
            f"{url.rstrip('/')}/v1/cameras", headers={"Authorization": f"Bearer {token}"}, timeout=30
        )
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise WicketgateError(f"`{url}` does not answer: {type(error).__name__}", code="no-answer") from error
    if answer.status_code != 200 or len(answer.content) > _CAMERAS_BYTES:
        raise WicketgateError(
            f"`{url}` answers {answer.status_code} when asked for cameras", code="no-answer"
        )
    cameras: list[dict[str, Any]] = answer.json()["cameras"]
    if not cameras:
        raise ConfigurationError("this source has no cameras: register them with `PUT /v1/cameras`")
    return cameras
