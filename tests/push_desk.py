"""The way of a push over streams in memory: intake, images, joining, followed vehicles, and a clock set by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from tests.simulator import HandClock, MemoryGate, MemoryStream, MemoryWriter
from wicketgate.base.clock import DAY_US, SECOND_US, parse_rfc3339, to_datetime
from wicketgate.commits.cameras import Camera
from wicketgate.commits.state import State
from wicketgate.reads.cameras import CameraNames
from wicketgate.reads.checks import ClockLimits
from wicketgate.reads.columns import ReadBatch, decode_batch
from wicketgate.reads.following import Pushes
from wicketgate.reads.images.joining import Joining
from wicketgate.reads.images.store import Images
from wicketgate.reads.intake import Intake
from wicketgate.reads.messages import ReadsMessage, decode_reads, seen_keys
from wicketgate.reads.observations import Observation, Parsed
from wicketgate.reads.repeats import Seen
from wicketgate.reads.takers import PostAnswer
from wicketgate.reads.tracking import Vehicles

NOW_US = parse_rfc3339("2026-07-08T12:00:00Z")
SECRET = b"k" * 32
LIMITS = ClockLimits(clock_ahead_us=60 * SECOND_US, too_old_us=7 * DAY_US)
JPEG = b"\xff\xd8\xff\xe0"
PNG = b"\x89PNG\r\n\x1a\n"
CAMERAS = [
    Camera(source="tfl", id="c0", groups=(), active=True, aliases=("SN-0", "Gate 0")),
    Camera(source="tfl", id="c1", groups=(), active=True, zone="Europe/London"),
    Camera(source="tfl", id="gone", groups=(), active=False),
    Camera(source="hackney", id="h0", groups=(), active=True, aliases=("SN-0",)),
]

_T = TypeVar("_T")


def seen(plate: str = "AB12CDE", *, ago_s: float = 0.0, **more: Any) -> Observation:
    """Return what a device observed."""
    values: dict[str, Any] = {
        "cameras": ("c0",),
        "captured_at": to_datetime(NOW_US) - timedelta(seconds=ago_s),
        "plate": plate,
        "confidence": 0.9,
    }
    return Observation(**(values | more))


class Desk:
    """A gateway's side of the pushes; `reborn` gives what a kill leaves."""

    def __init__(
        self, folder: Path, stream: MemoryStream | None = None, clock: HandClock | None = None
    ) -> None:
        self.folder = folder
        self.clock = clock or HandClock(NOW_US)
        self.stream = stream or MemoryStream()
        self.seen = Seen(folder / "index", SECRET)
        self.vehicles = Vehicles()
        for number in range(self.seen.position, len(self.stream.messages)):
            message = decode_reads(self.stream.messages[number])
            self.seen.stored(*seen_keys(message), number + 1)
            self.vehicles.learn(message.held, message.emitted, number + 1)
        self.writer = MemoryWriter(self.stream)
        self.images = Images(folder / "images", SECRET, folder / "image-keys")
        last = len(self.stream.messages)
        self.gate = MemoryGate(self.writer)
        self.intake = Intake(self.gate, self.seen, self.clock, last, vehicles=self.vehicles)
        self.work = asyncio.create_task(self.intake.run())
        self.state = State(cameras=list(CAMERAS), revision=1)
        self.cameras = CameraNames(lambda: self.state)
        self.joining = Joining(self.images, self.intake, self.seen, self.clock, self._message)
        self.pushes = Pushes(
            self.cameras, self.intake, self.joining, self.vehicles, self.clock, lambda: LIMITS
        )

    async def _message(self, sequence: int) -> bytes | None:
        return self.stream.messages[sequence - 1]

    async def refuse(self) -> None:
        """Store nothing of what waits, and then again what comes, as a gateway's next life does."""
        self.writer.refuse()
        await asyncio.sleep(0.005)
        self.gate.begin()

    async def done(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Return what work gives, with everything stored and acknowledged as it comes."""
        task = asyncio.create_task(work)
        while not task.done():
            await asyncio.sleep(0.0005)
            self.writer.store(9)
            self.writer.acknowledge(9)
        return task.result()

    async def push(self, *parsed: Any, camera: str | None = None, source: str = "tfl") -> PostAnswer:
        """Push a payload."""
        items: Parsed = tuple(parsed)
        return await self.done(self.pushes.take(source, items, camera=camera))

    async def due(self) -> None:
        """Emit what is due."""
        await self.done(self.pushes.emit_due())

    def flush(self) -> None:
        """Write the index of repeats, as the gateway does."""
        self.seen.flush(self.seen.begin_flush(self.vehicles.needed_from), 0)
        self.seen.end_flush()

    async def end(self) -> None:
        """Stop, as a kill does: nothing is written."""
        await self.images.close()
        self.work.cancel()
        await asyncio.gather(self.work, return_exceptions=True)
        self.intake.close()
        self.seen.close()

    async def reborn(self) -> Desk:
        """Be killed, and start again."""
        await self.end()
        return Desk(self.folder, self.stream, self.clock)

    @property
    def messages(self) -> list[ReadsMessage]:
        """What is stored."""
        return [decode_reads(data) for data in self.stream.messages]

    @property
    def reads(self) -> list[ReadBatch]:
        """The batches of reads that are stored."""
        return [decode_batch(message.rows) for message in self.messages if message.rows]

    @property
    def rows(self) -> list[tuple[str, str]]:
        """Camera and plate of each read that is stored, not counting those that come again."""
        return [
            (CAMERAS[camera].id, plate)
            for batch in self.reads
            for camera, plate, again in zip(
                batch.camera.tolist(), batch.plate, batch.again.tolist(), strict=True
            )
            if not again
        ]

    @property
    def codes(self) -> list[str]:
        """The codes of all that is in the quarantine."""
        return [read.code for message in self.messages for read in message.quarantined]


def marks_of(batch: ReadBatch, row: int = 0) -> list[str]:
    """Return the marks of a row."""
    text = batch.marks[row]
    return [] if text is None else msgspec.json.decode(text, type=list[str])
