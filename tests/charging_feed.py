"""A feed for a charging folder: rows as the gateway writes them, in batches with their roots, and no gateway."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests import charging_oracle as oracle
from wicketgate.base.clock import SystemClock, from_datetime, rfc3339
from wicketgate.clients.charging.sink import ChargingSink
from wicketgate.clients.charging.store import open_store
from wicketgate.clients.charging.taking import RowTaker
from wicketgate.clients.charging.terms import ChargingTerms
from wicketgate.clients.recipient.receive import Received
from wicketgate.feeds.batches import build, read_batches
from wicketgate.regime.documents.document import parse_toml
from wicketgate.regime.documents.scheme import parse_scheme
from wicketgate.regime.documents.scheme_terms import Scheme

ROOT = Path(__file__).parents[1]
PATHS = (ROOT / "docs/spec/examples/scheme.toml", *sorted((ROOT / "tests/schemes").glob("*.toml")))
SCHEMES: dict[str, Scheme] = {path.stem: parse_scheme(parse_toml(path.read_bytes())) for path in PATHS}
BEGIN = datetime(2026, 8, 3, tzinfo=UTC)
PROMISE = {
    "salt": "00" * 16,
    "second": "2026-08-03T00:00:00Z",
    "merge_by": "2026-08-03T00:00:06Z",
    "signature": "",
}


def groups_of(scheme: Scheme, cameras: Iterable[str]) -> dict[tuple[str, str], frozenset[str]]:
    """Return cameras by turns of the zones of a scheme, `c0` of the first; `gN` are at the gates of the first zone."""
    found = {}
    for camera in cameras:
        zone = scheme.zones[int(camera[1:]) % len(scheme.zones)]
        if camera[0] == "g":
            found["tfl", camera] = frozenset(scheme.zones[0].through[int(camera[1:]) :][:1])
        else:
            found["tfl", camera] = zone.boundary or zone.inside
    return found


def read_of(plate: str, at: datetime, camera: str, sure: int) -> dict[str, Any]:
    """Return what a row says of a read."""
    return {
        "plate": plate,
        "confidence": sure / 100,
        "captured_at": rfc3339(from_datetime(at)),
        "source": "tfl",
        "camera": camera,
        "camera_name": f"Camera {camera}",
    }


class MadeFeed:
    """A feed that grows by batches."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.seq = 0

    def add(self, said: Sequence[dict[str, Any]]) -> None:
        """Add a batch with a row for each of what rows say; each gets its number."""
        lines = []
        for one in said:
            self.seq += 1
            if "erased" in one:
                lines.append(json.dumps({"seq": self.seq, **one}, separators=(",", ":")).encode())
            else:
                row = {"seq": self.seq, "salt": "00" * 16, "authority": "charging@1", **one}
                lines.append(json.dumps(row, separators=(",", ":")).encode())
        number = len(self.received) + 1
        released_us = from_datetime(BEGIN) + number * 1_000_000
        _, data = build(
            reference="charging@1",
            number=number,
            commit=number,
            released_us=released_us,
            lines=lines,
            promise=lambda _: PROMISE,
        )
        [batch] = read_batches(io.BytesIO(data))
        self.received.append(Received(batch=batch, data=data))


class ChargingFolder:
    """A charging folder without a program: what comes is reduced into it."""

    def __init__(self, folder: Path, terms: ChargingTerms, cameras: Iterable[str]) -> None:
        self.folder = folder
        self.terms = terms
        self.clock = SystemClock()
        self._taker = RowTaker(terms, groups_of(terms.newest, cameras))
        self.open()

    def open(self) -> None:
        """Open it as a program does that starts."""
        self.connection = open_store(self.folder)
        self.sink = ChargingSink(self.connection, lambda: (self.terms, self._taker), self.clock)

    def take(self, feed: MadeFeed, portions: Sequence[int] = ()) -> None:
        """Take what of a feed is not taken yet, in portions of so many batches."""
        left = feed.received[0 if self.sink.last is None else self.sink.last.batch :]
        for portion in (*portions, len(left)):
            if left[:portion]:
                self.sink.write(left[:portion])
                left = left[portion:]

    def dump(self) -> list[tuple[Any, ...]]:
        """Return all of what is kept of vehicles, but for what counts rows and portions."""
        found = []
        for table in ("passages", "gates", "evidence", "withdrawn", "held"):
            rows = self.connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2")  # noqa: S608
            found += [(table, *row) for row in rows]
        return found


def oracle_reads(scheme: Scheme, seen: Iterable[tuple[datetime, str, int]]) -> list[oracle.Read]:
    """Return reads as the oracle takes them."""
    return [
        (at, camera, sure, scheme.zones[int(camera[1:]) % len(scheme.zones)].id) for at, camera, sure in seen
    ]
