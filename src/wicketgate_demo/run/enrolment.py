"""The enrolment of a demonstration: tokens, cameras, authorities, hotlists.

Its people do it once the gateway answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import msgspec

from wicketgate.base.clock import SystemClock
from wicketgate.base.errors import WicketgateError
from wicketgate.base.settings import read_secret
from wicketgate.regime.standing import STOPPED
from wicketgate_demo.cameras.devices.makers import ZONE
from wicketgate_demo.judge.evidence import SentEntry
from wicketgate_demo.run.folder import Folder, write_whole
from wicketgate_demo.world import london
from wicketgate_demo.world.clean_air import one_glyph, staying
from wicketgate_demo.world.wanted import hotlist

CAMERAS = 1500

Groups = dict[str, dict[str, list[str]]]
"""For each source the groups of its cameras."""

_NDJSON = "application/x-ndjson"


def bearer(token: str) -> dict[str, str]:
    """Return the header with a token."""
    return {"Authorization": f"Bearer {token}"}


def need(answer: httpx.Response, status: int) -> Any:
    """Return the JSON of an answer.

    Raises
    ------
    WicketgateError
        Code `set-up-refused`, if its status is another one.
    """
    if answer.status_code != status:
        code = answer.json().get("code", "") if "json" in answer.headers.get("content-type", "") else ""
        raise WicketgateError(
            f"the gateway answers {answer.request.url.path} with {answer.status_code} {code}".rstrip(),
            code="set-up-refused",
        )
    return answer.json()


async def enrol(folder: Folder, client: httpx.AsyncClient, cameras: int | None) -> Groups:
    """Issue tokens, register cameras, and submit authorities.

    It does what is missing yet, and returns cameras with groups.

    Parameters
    ----------
    cameras : int or None
        Those of the road authority; None for those that there are, or else `CAMERAS`.
    """
    if not folder.token("admin").exists():
        _keep(folder.token("admin"), read_secret(folder.gateway / "keys" / "admin.token"))
    admin = bearer(read_secret(folder.token("admin")))
    for name in london.TOKENS:
        if not folder.token(name).exists():
            answer = await client.post("/v1/tokens", json={"name": name}, headers=admin)
            _keep(folder.token(name), need(answer, 201)["token"])
    groups: Groups = {}
    for source in london.SOURCES:
        groups[source] = await _register(folder, client, source, cameras)
    register = need(await client.get("/register.json"), 200)
    known = {version["name"] for version in register["authorities"]}
    for name, paper in london.PAPERS.items():
        if name not in known:
            content = folder.envelope(name).read_bytes()
            headers = bearer(read_secret(folder.token(f"source:{paper.sources[0]}")))
            need(await client.post("/v1/documents", content=content, headers=headers), 201)
    return groups


async def _register(
    folder: Folder, client: httpx.AsyncClient, source: str, cameras: int | None
) -> dict[str, list[str]]:
    headers = bearer(read_secret(folder.token(f"source:{source}")))
    there = await cameras_of(client, headers)
    if source == london.ROAD_AUTHORITY:
        wanted = cameras or (len(there) or CAMERAS)
        listed = london.cameras(wanted)
    else:
        wanted = london.COUNCIL_CAMERAS
        listed = london.council_cameras(source, wanted)
    # Some devices send times without a zone.
    listed = [{"zone": ZONE, **camera} for camera in listed]
    if len(there) != wanted:
        need(await client.put("/v1/cameras", json=listed, headers=headers), 200)
        there = await cameras_of(client, headers)
    return there


async def cameras_of(client: httpx.AsyncClient, headers: Mapping[str, str]) -> dict[str, list[str]]:
    """Return a source's cameras with their groups."""
    answer = await client.get("/v1/cameras", headers=headers)
    return {camera["id"]: camera["groups"] for camera in need(answer, 200)["cameras"]}


async def list_vehicles(folder: Folder, client: httpx.AsyncClient) -> dict[str, list[SentEntry]]:
    """Put each hotlist whole, and return the entries.

    The duty desk does so each morning.

    An authority that was stopped takes no list.
    """
    headers = bearer(read_secret(folder.token(london.DUTY_DESK)))
    feeds = need(await client.get("/v1/feeds", headers=headers), 200)["feeds"]
    stopped = {feed["authority"] for feed in feeds if feed["status"] in STOPPED}
    listed: dict[str, list[SentEntry]] = {}
    now_us = SystemClock().now_us()
    for name, paper in london.PAPERS.items():
        if paper.mode != "match" or name in stopped:
            continue
        entries = hotlist(paper.kinds, now_us)
        body = b"".join(msgspec.json.encode(entry) + b"\n" for entry in entries)
        answer = await client.put(
            f"/v1/hotlists/{name}", content=body, headers={**headers, "Content-Type": _NDJSON}
        )
        need(answer, 200)
        listed[name] = _listed(entries)
    return listed


async def list_stays(folder: Folder, client: httpx.AsyncClient) -> dict[str, frozenset[str]]:
    """Put the lists of what stays, and return their plates; an authority that is not there, or is stopped, has none."""
    stays: dict[str, frozenset[str]] = {}
    for name, paper in london.PAPERS.items():
        if paper.mode != "unlisted":
            continue
        headers = bearer(read_secret(folder.token(paper.reader)))
        feeds = need(await client.get("/v1/feeds", headers=headers), 200)["feeds"]
        if not any(feed["authority"] == name and feed["status"] not in STOPPED for feed in feeds):
            continue
        entries = staying(SystemClock().now_us())
        body = b"".join(msgspec.json.encode(entry) + b"\n" for entry in entries)
        answer = await client.put(
            f"/v1/hotlists/{name}", content=body, headers={**headers, "Content-Type": _NDJSON}
        )
        unfit = need(answer, 200)["unfit"]
        if unfit:
            raise WicketgateError(f"the lists of `{name}` cannot be relied on: {unfit}", code="no-answer")
        stays[name] = frozenset(one_glyph(entry["plate"]) for entry in entries)
    return stays


def _listed(entries: Sequence[Mapping[str, Any]]) -> list[SentEntry]:
    return [
        SentEntry(voi=one["id"], plate=one["plate"], kind=one["kind"], priority=one["priority"])
        for one in entries
    ]


def _keep(path: Path, secret: str) -> None:
    write_whole(path, secret.encode() + b"\n", mode=0o600)
