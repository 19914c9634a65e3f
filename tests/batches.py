"""Batches as they are delivered, but for their promise: header and rows agree."""

from __future__ import annotations

import hashlib
import json

from wicketgate.commits.transactions import FeedBatch


def plain_batch(feed: str, number: int, *, rows: int = 1, size: int = 20) -> FeedBatch:
    """Return a batch of a feed with rows of so many bytes."""
    body = (b"x" * (size - 1) + b"\n") * rows
    header = {
        "batch": number,
        "authority": f"{feed}@1",
        "rows": rows,
        "sha256": hashlib.sha256(body).hexdigest(),
    }
    data = json.dumps(header, separators=(",", ":")).encode() + b"\n" + body
    return FeedBatch(feed=feed, number=number, rows=rows, data=data)
