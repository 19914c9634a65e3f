"""From a message to the pipeline of pushes: the adapter and its camera, the quarantine, and further tries."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from wicketgate.base.errors import FencedError, StreamError
from wicketgate.reads.adapters import Adapters
from wicketgate.reads.mqtt.delivery import PAUSES_S, delivery
from wicketgate.reads.mqtt.topics import Route
from wicketgate.reads.observations import Keepalive, Observation, Unreadable

EVENT = json.dumps(
    {
        "type": "end",
        "after": {
            "id": "1607123955.475377-mxklsc",
            "camera": "front_door",
            "frame_time": 1607123961.837752,
            "label": "car",
            "recognized_license_plate": "AB12CDE",
            "recognized_license_plate_score": 0.93,
        },
    }
).encode()


@dataclass
class Pipeline:
    """Stands in for `pushes.Pushes`: fails as often as it is told, and keeps what it was given."""

    failures: list[BaseException] = field(default_factory=list)
    given: list[tuple[str, Any, str | None]] = field(default_factory=list)
    tries: int = 0

    async def take(self, source: str, parsed: Any, *, camera: str | None = None) -> None:
        self.tries += 1
        if self.failures:
            raise self.failures.pop(0)
        self.given.append((source, parsed, camera))

    async def deliver(self, where: Route, body: bytes, topic: str, pauses: int = 3) -> Any:
        take = delivery(self, Adapters(), [0.0] * pauses)  # type: ignore[arg-type]
        await take("tfl", where, body, topic)
        ((source, parsed, camera),) = self.given
        assert source == "tfl"
        return parsed, camera


async def test_a_message_of_frigate_is_read_by_its_adapter() -> None:
    (seen,), camera = await Pipeline().deliver(Route("frigate"), EVENT, "frigate/events")
    assert isinstance(seen, Observation)
    assert (seen.cameras, seen.plate, seen.tracked, seen.final) == (
        ("front_door",),
        "AB12CDE",
        "1607123955.475377-mxklsc",
        True,
    )
    assert camera is None


async def test_a_topic_of_ours_names_the_camera_and_nothing_else() -> None:
    # The adapter looks at Frigate's own topics; of this one it would take the camera for a topic without reads.
    (seen,), camera = await Pipeline().deliver(
        Route("frigate", "ccz-0001"), EVENT, "wicketgate/push/frigate/ccz-0001"
    )
    assert isinstance(seen, Observation)
    assert camera == "ccz-0001"


async def test_a_message_without_a_plate_is_a_sign_of_life() -> None:
    body = b'{"type": "new", "after": {"camera": "front_door", "id": "x"}}'
    parsed, _ = await Pipeline().deliver(Route("frigate"), body, "frigate/events")
    assert parsed == (Keepalive(cameras=("front_door",)),)


@pytest.mark.parametrize(
    ("where", "body"),
    [
        (Route("frigate"), b"{"),
        (Route("frigate"), b"x"),
        (Route("frigate", "ccz-0001"), b"\xff\xfe"),
        (Route("nobody"), EVENT),
        (Route("", ""), b"x"),
        (Route("hikvision"), b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"),
    ],
)
async def test_what_no_adapter_reads_goes_to_the_quarantine(where: Route, body: bytes) -> None:
    (item,), camera = await Pipeline().deliver(where, body, "frigate/events")
    assert isinstance(item, Unreadable)
    assert item.code == "malformed"
    assert camera == where.camera
    assert item.kept["topic"] == "frigate/events"
    assert item.kept["bytes"] == len(body)


async def test_what_is_kept_of_it_is_bounded() -> None:
    (item,), _ = await Pipeline().deliver(Route("x"), b"\xff" * 1_000_000, "t" * 9_999)
    assert item.kept["bytes"] == 1_000_000
    assert len(json.dumps(item.kept)) < 50_000


async def test_it_is_tried_again_while_the_streams_are_away() -> None:
    pipeline = Pipeline([StreamError("away"), StreamError("full", code="busy"), StreamError("away")])
    await pipeline.deliver(Route("frigate"), EVENT, "frigate/events")
    assert pipeline.tries == 4


async def test_it_is_not_tried_for_ever() -> None:
    pipeline = Pipeline([StreamError("away") for _ in range(9)])
    with pytest.raises(StreamError):
        await pipeline.deliver(Route("frigate"), EVENT, "frigate/events")
    assert pipeline.tries == 4
    assert sum(PAUSES_S) < 20


@pytest.mark.parametrize("error", [FencedError("another writer"), ValueError()])
async def test_it_is_not_tried_again_where_that_is_no_help(error: Exception) -> None:
    pipeline = Pipeline([error])
    with pytest.raises(type(error)):
        await pipeline.deliver(Route("frigate"), EVENT, "frigate/events")
    assert pipeline.tries == 1
