"""The filing of a source's list of cameras."""

from __future__ import annotations

from wicketgate.base.clock import rfc3339
from wicketgate.base.errors import InputError
from wicketgate.base.signing import canonical
from wicketgate.commits.state import State
from wicketgate.commits.transactions import CameraSet, CamerasRegistered, Transaction
from wicketgate.commits.writer import Commits
from wicketgate.gateway.filing.facts import cameras_fact
from wicketgate.ledger.merkle import leaf_hash

MAX_CAMERAS = 20_000
"""Cameras of one source."""


class CameraFiling:
    """The filing of sources' lists of cameras, over the commits of one gateway."""

    def __init__(self, commits: Commits) -> None:
        self._commits = commits

    async def register_cameras(self, source: str, cameras: tuple[CameraSet, ...]) -> int:
        """Take the full list of a source's cameras.

        Return the ledger entry that counts them.
        """
        if len(cameras) > MAX_CAMERAS:
            raise InputError(f"more than {MAX_CAMERAS} cameras")
        if len({camera.id for camera in cameras}) != len(cameras):
            raise InputError("a camera stands twice in the list")

        def build(state: State, at_us: int, sequence: int) -> Transaction:
            return cameras_transaction(source, cameras, state.entries, at_us)

        _, transaction = await self._commits.commit(build)
        return transaction.first_entry


def cameras_transaction(source: str, cameras: tuple[CameraSet, ...], entry: int, at_us: int) -> Transaction:
    """Return the transaction of a source's full list of cameras.

    The ledger counts the cameras as entry `entry`.
    """
    groups: dict[str, int] = {}
    for camera in cameras:
        for group in camera.groups:
            groups[group] = groups.get(group, 0) + 1
    listed = cameras_fact(source, cameras)
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
