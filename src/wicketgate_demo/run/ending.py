"""Ends in a headless run: reads that come to their term in it, and an overseer who opens what was told of them."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import httpx

from wicketgate.base.clock import SystemClock
from wicketgate.base.files import write_durably
from wicketgate.base.settings import read_secret
from wicketgate.history.terms import LOOK_S
from wicketgate_demo.run.enrolment import Groups, bearer, need
from wicketgate_demo.run.folder import Folder
from wicketgate_demo.world import london
from wicketgate_demo.world.ending import ending_reads

_OPENED: Final = 3_600
"""Seconds that the overseer opens: the last hour."""
_PAGE: Final = 1_000
_ENDED_S: Final = 2 * LOOK_S + 5
"""So soon behind their post some of the reads have ended."""
_CLOSED_S: Final = 3.0


class OverseenEnds:
    """Reads that end in a run, and the openings that tell of it."""

    def __init__(self, folder: Folder, client: httpx.AsyncClient, cameras: Groups) -> None:
        self._folder, self._client, self._cameras = folder, client, cameras
        self._posted_s: float | None = None

    async def post(self) -> None:
        """Post reads of a month ago, of which some come to their term in each second from now on."""
        reads = list(ending_reads(self._cameras["tfl"], SystemClock().now_us()))
        headers = bearer(read_secret(self._folder.token("source:tfl")))
        need(await self._client.post("/v1/reads", json=reads, headers=headers), 200)
        self._posted_s = asyncio.get_running_loop().time()

    async def openings(self) -> Path:
        """Return a file of the last openings, once the ends of some reads can be among them."""
        now_s = asyncio.get_running_loop().time()
        if self._posted_s is not None:
            await asyncio.sleep(max(0.0, self._posted_s + _ENDED_S - now_s))
        await asyncio.sleep(_CLOSED_S)
        headers, kept = (
            bearer(read_secret(self._folder.token(f"overseer:{london.OVERSEER}"))),
            deque[bytes](maxlen=_OPENED),
        )
        after = 0
        while True:
            path = f"/v1/openings?after={after}&limit={_PAGE}"
            lines = (await self._client.get(path, headers=headers)).raise_for_status().content.splitlines()
            if not lines:
                break
            kept.extend(lines)
            after = int(json.loads(lines[-1])["number"])
        file = self._folder.log("openings.ndjson")
        write_durably(file, b"".join(line + b"\n" for line in kept), aside=file.with_suffix(".new"))
        return file

    @property
    def verifying(self) -> tuple[str, ...]:
        """The arguments with which a verification opens them, but for the file."""
        return ("--identity", str(self._folder.path / "overseers" / f"{london.OVERSEER}.age"))


def purged(report: Mapping[str, Any]) -> dict[str, int]:
    """Return how much of each kind an overseer's verification was told to have ended."""
    before = "purged_"
    return {
        name.removeprefix(before): int(number)
        for name, number in report.get("counts", {}).items()
        if name.startswith(before)
    }
