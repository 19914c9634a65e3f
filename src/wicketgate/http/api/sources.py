"""Handlers of `/v1/cameras` and `/v1/quarantine`, for sources.

Beside reads, sources hand in cameras. The quarantine has what could not be taken.
"""

from __future__ import annotations

import asyncio

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wicketgate.base.clock import SECOND_US, Clock, rfc3339
from wicketgate.base.errors import InputError
from wicketgate.commits.durable import Durable
from wicketgate.commits.transactions import CameraSet, QuarantinedRead
from wicketgate.gateway.filing.cameras import MAX_CAMERAS, CameraFiling
from wicketgate.gateway.filing.looks import LookFiling
from wicketgate.gateway.quarantine import Quarantine
from wicketgate.http.answers import CameraShown, CamerasShown, Quarantined, Registered
from wicketgate.http.gatekeeper import require
from wicketgate.http.parameters import AFTER, QUARANTINED
from wicketgate.http.problems import problem
from wicketgate.http.rates import Rate, TokenAllowance
from wicketgate.http.requests import decoded, json_answer, read_body
from wicketgate.http.roles import SOURCE
from wicketgate.reads.cameras import check_cameras
from wicketgate.reads.cuts import array_pieces
from wicketgate.reads.parse import MAX_POST_BYTES, NDJSON
from wicketgate.reads.signs import LifeSigns

LISTS = Rate(burst=12, every_us=300 * SECOND_US)
"""How many other lists of cameras one source may send, whatever becomes of them."""

_decoder = msgspec.json.Decoder(list[CameraSet])


class SourcesApi:
    """The handlers of cameras and the quarantine.

    They stand over the committed state, the lists of cameras and the quarantine.

    Parameters
    ----------
    lists : Rate
        For one source: each change of a camera is kept as long as the log is.
    """

    def __init__(
        self,
        commits: Durable,
        camera_lists: CameraFiling,
        quarantine: Quarantine,
        clock: Clock,
        looks: LookFiling,
        signs: LifeSigns,
        *,
        lists: Rate = LISTS,
    ) -> None:
        self._allowance = TokenAllowance(clock.now_us, lists)
        self._commits = commits
        self._camera_lists = camera_lists
        self._quarantine = quarantine
        self._looks = looks
        self._signs = signs

    def routes(self) -> list[Route]:
        """Return the routes of `/v1/cameras` and `/v1/quarantine`."""
        return [
            Route("/v1/cameras", self.put_cameras, methods=["PUT"]),
            Route("/v1/cameras", self.get_cameras, methods=["GET"]),
            Route("/v1/quarantine", self.get_quarantine, methods=["GET"]),
        ]

    async def put_cameras(self, request: Request) -> Response:
        """`PUT /v1/cameras`: the source's cameras, in full.

        The list that the source has already is answered with the entry that it has, and not counted.
        """
        source = require(request, "source").name
        body = await read_body(request, MAX_POST_BYTES)
        cameras = tuple(await _cameras_of(body))
        entry = self._camera_lists.unchanged_since(source, cameras)
        if entry is None:
            wait_s = self._allowance.take(source)
            if wait_s:
                detail = f"this source may send one other list in five minutes after its first {LISTS.burst}"
                return problem("too-many-lists", detail, retry_s=wait_s)
            await asyncio.to_thread(check_cameras, cameras)
            entry = await self._camera_lists.register_cameras(source, cameras)
        return json_answer(Registered(entry=entry, cameras=len(cameras)))

    async def get_cameras(self, request: Request) -> Response:
        """`GET /v1/cameras`: the source's cameras, with the counts of their reads.

        The counts tell what became of the reads; `judged` moves with the published figures of targeting alone, so that
        no source learns which passage was a hit.
        """
        source = require(request, "source", *SOURCE).name
        state = self._commits.committed
        judged = state.judged
        return json_answer(
            CamerasShown(
                cameras=[
                    CameraShown(
                        id=camera.id,
                        name=camera.name,
                        groups=camera.groups,
                        latitude=camera.latitude,
                        longitude=camera.longitude,
                        heading=camera.heading,
                        zone=camera.zone,
                        aliases=camera.aliases,
                        ignore_offset=camera.ignore_offset,
                        words=camera.words,
                        signs=seen.count,
                        sign_at=rfc3339(seen.last_us) if seen.count else None,
                        counts=state.camera_counts.get(f"{source}/{camera.id}", {}),
                        judged=judged.of_camera(f"{source}/{camera.id}"),
                    )
                    for camera in state.cameras
                    if camera.source == source and camera.active
                    for seen in (self._signs.of(source, camera.id),)
                ],
                source=source,
                unknown_signs=self._signs.of(source, "").count,
                judged_from=rfc3339(judged.from_us) if judged.until_us else None,
                judged_until=rfc3339(judged.until_us) if judged.until_us else None,
                unknown=state.camera_counts.get(f"{source}/", {}),
                unkept=state.unkept.get(source, 0),
            )
        )

    async def get_quarantine(self, request: Request) -> Response:
        """`GET /v1/quarantine?after=N&limit=N`: the source's own quarantine.

        It has what of the source's own could not be taken.
        """
        who = require(request, "source", *SOURCE)
        source = who.name
        after, limit = AFTER.read(request), QUARANTINED.read(request)
        found, behind = await self._quarantine.of_source(source, after, limit)
        if found:
            seen = {"from": found[0][0], "to": found[-1][0]}
            await self._looks.look(who.by, "quarantine", source, **seen)
            require(request, "source", *SOURCE)
        lines = [_line(number, item) for number, item in found]
        answer = Response(b"".join(lines), media_type=NDJSON)
        if behind is not None:
            answer.headers["Link"] = f'</v1/quarantine?after={behind}&limit={limit}>; rel="next"'
        return answer


async def _cameras_of(body: bytes) -> list[CameraSet]:
    """Return a list of cameras, read in pieces between which others have their turn."""
    wrong = "not a list of cameras"
    cameras: list[CameraSet] = []
    for piece in array_pieces(body):
        some = decoded(_decoder, piece, wrong)
        cameras += some
        if len(cameras) > MAX_CAMERAS:
            raise InputError(f"more than {MAX_CAMERAS} cameras")
        await asyncio.sleep(0)
    return cameras


def _line(number: int, item: QuarantinedRead) -> bytes:
    shown = Quarantined(
        number=number,
        at=rfc3339(item.at_us),
        camera=item.camera or None,
        code=item.code,
        detail=item.detail,
        read=msgspec.Raw(item.read),
    )
    return msgspec.json.encode(shown) + b"\n"
