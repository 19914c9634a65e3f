"""A whole gateway in this process, with authorities of mode match, asked over HTTP without a socket."""

from __future__ import annotations

import asyncio
import io
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import httpx
from PIL import Image, ImageDraw

from tests.described import hold
from tests.simulator import OWN, OWN_SIGNERS, envelope, founding
from tests.vectors import make_documents as documents
from wicketgate.base.clock import SECOND_US, SystemClock, rfc3339
from wicketgate.base.settings import load_settings
from wicketgate.base.signing import dump_envelope
from wicketgate.commits.transactions import CameraSet
from wicketgate.gateway.deployment import Deployment, note_signer
from wicketgate.gateway.node import Gateway
from wicketgate.http.app import build_app
from wicketgate.ledger.writer import Ledger
from wicketgate.regime.documents.document import sign_document

ORIGIN = "tfl.example/wicketgate"
WANTED, NO_PLACE = "tfl-met-wanted", "tfl-met-no-place"
UNIT, OTHER_UNIT, CHARGING, SOURCE = (
    "recipient:met/serious-crime",
    "recipient:met/national-security-units",
    "recipient:tfl/charging",
    "source:tfl",
)
CAMERAS = (
    CameraSet(id="c0", groups=("ccz-boundary",), latitude=51.5033, longitude=-0.1276, heading=90.0),
    CameraSet(id="c1", groups=("ccz-boundary",), latitude=51.5150, longitude=-0.0720, heading=180.0),
    CameraSet(id="far", groups=("ccz-boundary",), latitude=52.5, longitude=-1.9, heading=0.0),
)
_T = TypeVar("_T")


# One for all: a deployment that was made by one clock is started by another, which must not be behind it.
_SHIFT_US = 1_783_512_000_000_000 - SystemClock().now_us()


class MovableClock(SystemClock):
    """The machine's clock, moved into the validity of the example documents, and ahead when a test says so."""

    def __init__(self) -> None:
        self.shift_us = _SHIFT_US

    def now_us(self) -> int:
        """Return the moved time."""
        return super().now_us() + self.shift_us


def match_document(name: str = WANTED, **puts: Any) -> dict[str, Any]:
    """Return the example authority of mode match under a name, with members changed (`__` stands for a dot)."""
    changes = [documents.put(path.replace("__", "."), value) for path, value in puts.items()]
    return documents.changed(
        documents.example("authority-match"), documents.put("authority.name", name), *changes
    )


def signed_match(name: str = WANTED, **puts: Any) -> bytes:
    """Return it signed."""
    return dump_envelope(
        sign_document(match_document(name, **puts), documents.keys_of(documents.MATCH_OFFICES))
    )


def make(folder: Path) -> Path:
    """Make a deployment, not started."""

    async def found() -> None:
        deployment = Deployment(folder)
        key = deployment.lay()
        Ledger.create(deployment.log, note_signer(key, ORIGIN), ORIGIN).close()
        await Gateway.found(load_settings(folder), founding(), MovableClock())

    asyncio.run(found())
    return folder


async def _hold(answer: httpx.Response) -> None:
    if not answer.headers.get("content-type", "").startswith("text/event-stream"):  # which has no end
        await answer.aread()
        hold(answer)


class Desk:
    """A running gateway with cameras, two authorities of mode match, one of mode bulk, and tokens by name."""

    def __init__(self, gateway: Gateway, clock: MovableClock) -> None:
        self.gateway = gateway
        self.clock = clock
        self.app = build_app(gateway)
        self.tokens: dict[str, str] = {}
        self._reads = 0

    @classmethod
    async def start(cls, folder: Path) -> Desk:
        clock = MovableClock()
        desk = cls(await Gateway.start(load_settings(folder), clock), clock)
        gateway = desk.gateway
        await gateway.camera_lists.register_cameras("tfl", CAMERAS)
        await gateway.filing.submit(envelope("authority-own-use", OWN_SIGNERS))
        await gateway.filing.submit(signed_match())
        await gateway.filing.submit(signed_match(NO_PLACE, scope__fields=["plate"]))
        for name in (UNIT, OTHER_UNIT, CHARGING, SOURCE):
            desk.tokens[name] = await gateway.tokens.issue_token(name)
        return desk

    async def stop(self) -> None:
        await self.gateway.stop()

    def what_waits(self) -> str:
        """Say where the gateway stands, for a test in which it does not go on."""
        commits = self.gateway.commits
        tasks = [
            f"{task.get_coro()!r} at {[f'{one.f_code.co_filename}:{one.f_lineno}' for one in task.get_stack()]}"
            for task in asyncio.all_tasks()
        ]
        return "\n".join(
            [
                f"now {self.clock.now_us()}, second {commits.staged.second_us}, at {commits.staged.at_us}",
                f"staged {commits.staged.sequence}, committed {commits.committed.sequence}",
                f"under way {commits.under_way}",
                *tasks,
            ]
        )

    def client(self, name: str | None = None) -> httpx.AsyncClient:
        """Return a client, with the token of a name if one is given."""
        headers = {} if name is None else {"Authorization": f"Bearer {self.tokens[name]}"}
        transport = httpx.ASGITransport(app=self.app)
        return httpx.AsyncClient(
            transport=transport,
            base_url="http://gateway.example",
            headers=headers,
            event_hooks={"response": [_hold]},
        )

    async def call(self, name: str | None, method: str, path: str, **more: Any) -> httpx.Response:
        async with self.client(name) as client:
            return await client.request(method, path, **more)

    async def list_vehicles(self, *entries: dict[str, Any], authority: str = WANTED) -> None:
        """Put a whole hotlist."""
        lines = "\n".join(json.dumps(one) for one in entries)
        answer = await self.call(
            UNIT,
            "PUT",
            f"/v1/hotlists/{authority}",
            content=lines,
            headers={"Content-Type": "application/x-ndjson"},
        )
        assert answer.status_code == 200, answer.text

    async def read(
        self, plate: str, camera: str = "c0", *, patch: bytes | None = None, ago_s: float = 0, **more: Any
    ) -> None:
        """Post a read, with an image of its plate if one is given."""
        self._reads += 1
        body = {
            "id": f"r{self._reads}",
            "camera": camera,
            "captured_at": rfc3339(self.clock.now_us() - round(ago_s * SECOND_US)),
            "plate": plate,
            "confidence": 0.9,
            **more,
        }
        if patch is None:
            answer = await self.call(SOURCE, "POST", "/v1/reads", json=body)
        else:
            files = {
                "reads": ("reads", json.dumps({**body, "image": "plate"}), "application/json"),
                "plate": ("plate.png", patch, "image/png"),
            }
            answer = await self.call(SOURCE, "POST", "/v1/reads", files=files)
        assert answer.status_code == 200, answer.text
        assert answer.json()["accepted"] == 1, answer.text

    async def hits(self, count: int, authority: str = WANTED) -> list[dict[str, Any]]:
        """Return the queue once it holds so many hits."""

        async def look() -> list[dict[str, Any]] | None:
            answer = await self.call(UNIT, "GET", f"/v1/hits?authority={authority}")
            assert answer.status_code == 200, answer.text
            found: list[dict[str, Any]] = answer.json()["hits"]
            return found if len(found) >= count else None

        found = await until(look)
        assert len(found) == count
        return found


async def until(condition: Callable[[], Awaitable[_T | None]], patience_s: float = 15.0) -> _T:
    """Return what `condition` gives once it gives something."""
    ends = time.monotonic() + patience_s
    while (found := await condition()) is None:
        assert time.monotonic() < ends, "it does not come about"
        await asyncio.sleep(0.01)
    return found


def vehicle(plate: str, **more: Any) -> dict[str, Any]:
    """Return an entry of a hotlist."""
    return {"plate": plate, "kind": "robbery", "priority": 1, "reason": "seen at two robberies", **more}


def plate_image(text: str) -> bytes:
    """Return an invented image of a plate, PNG."""
    picture = Image.new("RGB", (120, 60), (38, 42, 46))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((6, 16, 114, 44), fill=(240, 200, 40))
    draw.text((24, 22), text, fill=(10, 10, 10), font_size=16)
    data = io.BytesIO()
    picture.save(data, "PNG")
    return data.getvalue()


__all__ = [
    "CAMERAS",
    "OWN",
    "Desk",
    "MovableClock",
    "make",
    "plate_image",
    "signed_match",
    "until",
    "vehicle",
]
