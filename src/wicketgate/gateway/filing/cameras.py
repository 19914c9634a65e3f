"""The filing of a source's list of cameras."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from wicketgate.base.clock import rfc3339
from wicketgate.base.errors import InputError
from wicketgate.base.signing import canonical
from wicketgate.commits.state import State
from wicketgate.commits.transactions import MAX_FACTS_BYTES, CameraSet, CamerasRegistered, Transaction
from wicketgate.gateway.filing.facts import cameras_fact
from wicketgate.ledger.merkle import leaf_hash

if TYPE_CHECKING:  # a reader loads no writer
    from wicketgate.commits.writer import Commits

MAX_CAMERAS = 20_000
"""Cameras of one source."""
MAX_LIST_BYTES = MAX_FACTS_BYTES - 64 * 1024
"""Bytes of a source's list as JSON with every member: the facts of one second hold no more."""


class CameraFiling:
    """The filing of sources' lists of cameras, over the commits of one gateway."""

    def __init__(self, commits: Commits) -> None:
        self._commits = commits

    def unchanged_since(self, source: str, cameras: tuple[CameraSet, ...]) -> int | None:
        """Return the ledger entry since which a source's list has been this one; None where it is another."""
        staged, committed = self._commits.staged, self._commits.committed
        # What is staged alone may be lost in a crash: it is no answer yet.
        if not (_is_list_of(staged, source, cameras) and _is_list_of(committed, source, cameras)):
            return None
        changes = (change for change in reversed(committed.camera_log) if change.camera.source == source)
        last = next(changes, None)
        return None if last is None else last.entries - 1

    async def register_cameras(self, source: str, cameras: tuple[CameraSet, ...]) -> int:
        """Take the full list of a source's cameras.

        Return the ledger entry that counts them.

        Raises
        ------
        InputError
            If a camera stands twice in the list, or the list is too large.
        """
        if len(cameras) > MAX_CAMERAS:
            raise InputError(f"more than {MAX_CAMERAS} cameras")
        if len({camera.id for camera in cameras}) != len(cameras):
            raise InputError("a camera stands twice in the list")
        # Its canonical form takes a hundred times as long as this one, which is as large.
        size = len(msgspec.json.encode(cameras))
        if size > MAX_LIST_BYTES:
            raise InputError(
                f"a list of {size} bytes with every member: the log holds {MAX_LIST_BYTES}", code="too-large"
            )
        listed = await asyncio.to_thread(cameras_fact, source, cameras)

        def build(state: State, at_us: int, sequence: int) -> Transaction:
            return cameras_transaction(source, cameras, state.entries, at_us, listed)

        _, transaction = await self._commits.commit(build)
        return transaction.first_entry


def cameras_transaction(
    source: str, cameras: tuple[CameraSet, ...], entry: int, at_us: int, listed: bytes | None = None
) -> Transaction:
    """Return the transaction of a source's full list of cameras.

    The ledger counts the cameras as entry `entry`.

    Parameters
    ----------
    listed : bytes, optional
        The list's fact, where it is made already: of 20,000 cameras it takes up to a second.
    """
    groups: dict[str, int] = {}
    for camera in cameras:
        for group in camera.groups:
            groups[group] = groups.get(group, 0) + 1
    if listed is None:
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


def _is_list_of(state: State, source: str, cameras: tuple[CameraSet, ...]) -> bool:
    known = {camera.id: camera for camera in state.cameras if camera.source == source and camera.active}
    if len(known) != len(cameras) or len({camera.id for camera in cameras}) != len(cameras):
        return False
    return all(
        (there := known.get(camera.id)) is not None
        and there.groups == camera.groups
        and there.latitude == camera.latitude
        and there.longitude == camera.longitude
        and there.heading == camera.heading
        and there.zone == camera.zone
        and there.aliases == camera.aliases
        and there.name == camera.name
        and there.ignore_offset == camera.ignore_offset
        and there.words == camera.words
        for camera in cameras
    )
