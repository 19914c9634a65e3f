"""File a source's list of cameras."""

from __future__ import annotations

import msgspec

from wicketgate.base.clock import rfc3339
from wicketgate.base.signing import canonical
from wicketgate.commits.transactions import CameraSet, CamerasRegistered, Transaction
from wicketgate.gateway.filing.facts import salted
from wicketgate.ledger.merkle import leaf_hash


def cameras_transaction(source: str, cameras: tuple[CameraSet, ...], entry: int, at_us: int) -> Transaction:
    """Return the transaction of a source's full list of cameras, which the ledger counts as entry `entry`."""
    groups: dict[str, int] = {}
    for camera in cameras:
        for group in camera.groups:
            groups[group] = groups.get(group, 0) + 1
    listed = salted("cameras", {"source": source, "cameras": msgspec.to_builtins(cameras)})
    body = {
        "kind": "cameras",
        "at": rfc3339(at_us),
        "source": source,
        "count": len(cameras),
        "groups": groups,
        "root": leaf_hash(listed).hex(),
    }
    return Transaction(
        at_us=at_us,
        first_entry=entry,
        entries=(canonical(body),),
        cameras=CamerasRegistered(source=source, cameras=cameras),
        facts=(listed,),
    )
