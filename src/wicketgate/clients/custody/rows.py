"""Rows of a feed as the history takes them: what each says of its read, in columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from wicketgate.base.clock import parse_rfc3339
from wicketgate.clients.custody.values import KeptBatch, RowWay
from wicketgate.feeds.batches import Batch
from wicketgate.ledger.merkle import inclusion_ranges, leaf_hash, root
from wicketgate.reads.columns import SAID, encode_batch, filled
from wicketgate.reads.keys import CONTENT

CameraNumber = Callable[[int, dict[str, Any]], int]
"""Returns the number of the camera that a read names, by the version of the authority that released it."""

_UNSAID: Final = float("nan")


def history_batch(kept: KeptBatch, number: CameraNumber) -> bytes:
    """Return a batch of a feed as a history is handed it: a row each, whatever it is.

    What is no read of its own, what was erased, and what shows no plate has none there, and is found by nobody.
    """
    columns: dict[str, list[Any]] = {
        name: [] for name in ("camera", "captured_us", "plate", "confidence", *(one.name for one in SAID))
    }
    for row, line in enumerate(kept.batch.lines):
        said = msgspec.json.decode(line).get("read")
        read = said if isinstance(said, dict) and row not in kept.unnamed else {}
        plate = read.get("plate") or ""
        captured_at = read.get("captured_at")
        columns["plate"].append(plate)
        columns["camera"].append(number(kept.version, read) if plate else 0)
        columns["captured_us"].append(kept.released_us if captured_at is None else parse_rfc3339(captured_at))
        confidence = read.get("confidence")
        columns["confidence"].append(_UNSAID if confidence is None else confidence)
        for column in SAID:
            value = read.get(column.name)
            columns[column.name].append(None if value is None else msgspec.json.encode(value).decode())
    rows = len(kept.batch.lines)
    return encode_batch(
        filled(
            received_us=[kept.released_us] * rows,
            key=[kept.batch.number.to_bytes(CONTENT - 4) + row.to_bytes(4) for row in range(rows)],
            **columns,
        )
    )


def row_ways(batch: Batch, indexes: Sequence[int]) -> list[RowWay]:
    """Return rows of a batch with their ways to the batch's root. O(rows) hashes each."""
    leaves = [_leaf(line) for line in batch.lines]
    header = {name: value for name, value in batch.header.items() if name != "sha256"}
    return [
        RowWay(
            header=header,
            row=batch.lines[index].decode(),
            index=index,
            path=[root(leaves[first:end]).hex() for first, end in inclusion_ranges(index, len(leaves))],
        )
        for index in indexes
    ]


def _leaf(line: bytes) -> bytes:
    erased = msgspec.json.decode(line).get("erased") if b'"erased":' in line[:40] else None
    return leaf_hash(line) if erased is None else bytes.fromhex(erased)
